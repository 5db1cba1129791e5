/**
 * A scene of topics that come, grow and go while a member subscribes to them by a regular expression (KIP-848): it is given all that there is, and nothing is left of the offsets of what has
 * gone (G1, G3).
 */

import { apis } from '../../../protocol/apis.ts'
import type { OffsetCommitResponse } from '../../../protocol/messages/offset-commit.ts'
import { insist } from '../insist.ts'
import type { SimClient } from '../sim-client.ts'
import { expectEqual, expectError, saidWith, type Rehearsal } from './rehearsal.ts'

/** An expression is not looked up again within ten seconds, and an assignment may be as old as `group.consumer.assignment.interval.ms`. */
const noticedMs = 13_000

type Owned = readonly { readonly topicId: string; readonly partitions: readonly number[] }[]

/** A member that takes over, and gives up, whatever it is told to. */
class Subscriber {
  readonly #client: SimClient
  readonly #groupId: string
  readonly #regex: string
  #epoch = 0
  #owned: Owned = []

  constructor(rehearsal: Rehearsal, groupId: string, regex: string) {
    this.#client = rehearsal.actor(groupId)
    this.#groupId = groupId
    this.#regex = regex
  }

  async beat(memberEpoch = this.#epoch, regex = this.#regex): Promise<number> {
    const joins = memberEpoch === 0
    const body = {
      groupId: this.#groupId,
      memberId: this.#client.name,
      memberEpoch,
      ...(joins ? { rebalanceTimeoutMs: 60_000, subscribedTopicRegex: regex } : {}),
      topicPartitions: this.#owned.map(({ topicId, partitions }) => ({ topicId, partitions: [...partitions] })),
    }
    const answer = await insist(this.#client, apis.ConsumerGroupHeartbeat, 1, body, ({ errorCode }) => errorCode)
    if (answer.errorCode !== 0 || memberEpoch < 0) return answer.errorCode
    this.#epoch = answer.memberEpoch
    if (answer.assignment !== null) this.#owned = answer.assignment.topicPartitions
    return 0
  }

  /** Its error. */
  async commit(name: string): Promise<number> {
    const topics = [{ name, partitions: [{ partitionIndex: 0, committedOffset: 4, ...saidWith }] }]
    const identity = { memberId: this.#client.name, generationIdOrMemberEpoch: this.#epoch }
    const body = { groupId: this.#groupId, ...identity, topics }
    return errorOf(await insist(this.#client, apis.OffsetCommit, 9, body, errorOf))
  }

  /** How many partitions it has of each of these topics, and of others. */
  counts(...topicIds: readonly string[]): number[] {
    const of = (ids: readonly string[], isIn: boolean): number =>
      this.#owned.reduce(
        (sum, { topicId, partitions }) => sum + (ids.includes(topicId) === isIn ? partitions.length : 0),
        0,
      )
    return [...topicIds.map(id => of([id], true)), of(topicIds, false)]
  }
}

export async function rehearseTopics(rehearsal: Rehearsal): Promise<void> {
  const groupId = rehearsal.name('subscribed')
  const [name, other] = [rehearsal.name('topic'), rehearsal.name('topic')]
  const topicId = await create(rehearsal, name, 1)
  const member = new Subscriber(rehearsal, groupId, `(${name}|${other})`)
  expectError('a subscription to what is no expression', await member.beat(0, '(['), 'INVALID_REGULAR_EXPRESSION')
  const has = async (what: string, wanted: readonly number[], ...topicIds: readonly string[]): Promise<void> => {
    const bounds = { fromMs: rehearsal.nowMs, toMs: rehearsal.nowMs + noticedMs }
    await rehearsal.awaitBetween(
      `G1: ${what}`,
      bounds,
      async () => {
        expectError('G5: a heartbeat', await member.beat(), 'NONE')
        return member.counts(...topicIds).join() === wanted.join() ? true : undefined
      },
      400,
    )
  }
  await has('a topic that is there', [1, 0], topicId)
  const otherId = await create(rehearsal, other, 2)
  await has('a topic that comes', [1, 2, 0], topicId, otherId)
  await rehearsal.maybeInterrupt()
  await grow(rehearsal, name, 3)
  await has('partitions that come', [3, 2, 0], topicId, otherId)
  await commit(rehearsal, groupId, member, other)
  await remove(rehearsal, other)
  await has('what is left when a topic goes', [3, 0], topicId)
  await expectForgotten(rehearsal, groupId, other)
  const anotherId = await create(rehearsal, other, 1)
  await has('a topic that comes back', [3, 1, 0], topicId, anotherId)
  await expectForgotten(rehearsal, groupId, other)
  expectError('G5: a leave', await member.beat(-1), 'NONE')
  expectError('G3: a commit of somebody without a group', await put(rehearsal, groupId, name), 'NONE')
  for (const each of [name, other]) await remove(rehearsal, each)
  await expectForgotten(rehearsal, groupId, name)
}

async function create(rehearsal: Rehearsal, name: string, numPartitions: number): Promise<string> {
  const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }]
  const body = { topics, timeoutMs: 10_000 }
  const answer = await rehearsal.ask(apis.CreateTopics, 7, body, told => told.topics[0]!.errorCode)
  expectError(`creating ${name}`, answer.topics[0]!.errorCode, 'NONE')
  return answer.topics[0]!.topicId
}

async function grow(rehearsal: Rehearsal, name: string, count: number): Promise<void> {
  const body = { topics: [{ name, count, assignments: null }], timeoutMs: 10_000, validateOnly: false }
  const answer = await rehearsal.ask(apis.CreatePartitions, 3, body, told => told.results[0]!.errorCode)
  expectError(`more partitions of ${name}`, answer.results[0]!.errorCode, 'NONE')
}

async function remove(rehearsal: Rehearsal, name: string): Promise<void> {
  const body = { topics: [{ name }], timeoutMs: 10_000 }
  const answer = await rehearsal.ask(apis.DeleteTopics, 6, body, told => told.responses[0]!.errorCode)
  expectError(`deleting ${name}`, answer.responses[0]!.errorCode, 'NONE')
}

/** Of an administrator, which is refused as long as there are members. */
async function put(rehearsal: Rehearsal, groupId: string, name: string): Promise<number> {
  const topics = [{ name, partitions: [{ partitionIndex: 0, committedOffset: 4, ...saidWith }] }]
  const body = { groupId, memberId: '', topics }
  return errorOf(await rehearsal.ask(apis.OffsetCommit, 9, body, errorOf))
}

function errorOf({ topics }: OffsetCommitResponse): number {
  return topics[0]!.partitions[0]!.errorCode
}

async function commit(rehearsal: Rehearsal, groupId: string, member: Subscriber, name: string): Promise<void> {
  expectError('G2: a commit of somebody who is no member', await put(rehearsal, groupId, name), 'UNKNOWN_MEMBER_ID')
  expectError('G3: a commit of a member', await member.commit(name), 'NONE')
  expectEqual('G3: what is committed', await committed(rehearsal, groupId, name), 4)
}

async function committed(rehearsal: Rehearsal, groupId: string, name: string): Promise<number> {
  const groups = [{ groupId, topics: [{ name, partitionIndexes: [0] }] }]
  const answer = await rehearsal.ask(apis.OffsetFetch, 9, { groups }, told => told.groups[0]!.errorCode)
  return answer.groups[0]!.topics[0]!.partitions[0]!.committedOffset
}

async function expectForgotten(rehearsal: Rehearsal, groupId: string, name: string): Promise<void> {
  await rehearsal.sleep(50)
  expectEqual('G3: what is committed of a topic that has gone', await committed(rehearsal, groupId, name), -1)
}
