/**
 * The one member of a group that lasts for longer than offsets are kept: those of topics that it subscribes to have to stay all the same, others have to go (KIP-211). Of a member that is no
 * consumer nobody knows what it reads: all of its offsets have to stay.
 */

import { apis } from '../../protocol/apis.ts'
import { encodeVersioned } from '../../protocol/codec.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { ConsumerProtocolSubscription } from '../../protocol/internal/consumer-protocol.ts'
import { assert } from '../../std/assert.ts'
import { insist } from './insist.ts'
import type { SimClient } from './sim-client.ts'
import { cleanupIntervalMs, errorName, heartbeatMs, rebalanceTimeoutMs } from './story.ts'

/** It reads `in`, and has committed offsets of both. */
const commits = ['in', 'out'].map((name, index) => ({
  name,
  partitions: [{ partitionIndex: 0, committedOffset: 7 + index, committedMetadata: null }],
}))
/** How members speak: as consumers of either protocol, or as something else that comes together in groups, such as workers of Connect. */
export type Kind = 'classic' | 'consumer' | 'workers'

const expected: Readonly<Record<Kind, ReadonlyMap<string, number>>> = {
  classic: keepsOfIn(-1),
  consumer: keepsOfIn(-1),
  workers: keepsOfIn(8),
}

const nothing: ReadonlyMap<string, number> = new Map([
  ['in', -1],
  ['out', -1],
])

function keepsOfIn(ofOut: number): ReadonlyMap<string, number> {
  return new Map([
    ['in', 7],
    ['out', ofOut],
  ])
}

export class Keeper {
  readonly groupId: string
  readonly #client: SimClient
  readonly #kind: Kind

  constructor(client: SimClient, kind: Kind) {
    this.groupId = client.name
    this.#client = client
    this.#kind = kind
  }

  /** Joins, commits, sends heartbeats for so long, and looks what is left. */
  async keep(durationMs: number): Promise<void> {
    const endMs = this.#client.nowMs + durationMs
    const beat = this.#kind === 'consumer' ? await this.#joinConsumer() : await this.#joinClassic()
    const { memberId, generation } = await beat()
    const { groupId } = this
    const body = { groupId, memberId, generationIdOrMemberEpoch: generation, topics: commits }
    const committed = await insist(this.#client, apis.OffsetCommit, 9, body, errorOf)
    assert(errorOf(committed) === 0, () => `a commit of ${groupId} was answered ${errorName(errorOf(committed))}`)
    while (this.#client.nowMs < endMs) {
      await this.#client.sleep(heartbeatMs)
      await beat()
    }
    await this.#interfere()
    await this.#look(expected[this.#kind])
    await this.#leave(memberId)
    await this.#client.sleep(3 * cleanupIntervalMs)
    // Classic groups keep their offsets for so long after the last member has gone; in others each goes by itself.
    await this.#look(this.#kind === 'consumer' ? nothing : expected[this.#kind])
  }

  async #leave(memberId: string): Promise<void> {
    const { groupId } = this
    if (this.#kind === 'consumer') {
      const body = { groupId, memberId, memberEpoch: -1 }
      const left = await insist(this.#client, apis.ConsumerGroupHeartbeat, 1, body, answer => answer.errorCode)
      assert(left.errorCode === 0, () => `G5: a member left ${groupId}, and was answered ${errorName(left.errorCode)}`)
      return
    }
    const body = { groupId, members: [{ memberId }] }
    const left = await insist(this.#client, apis.LeaveGroup, 5, body, answer => answer.errorCode)
    const errorCode = left.errorCode || left.members[0]!.errorCode
    assert(errorCode === 0, () => `G5: a member left ${groupId}, and was answered ${errorName(errorCode)}`)
  }

  /** What strangers, and administrators, cannot do to a group that somebody is in (G2, G3). */
  async #interfere(): Promise<void> {
    const { groupId } = this
    const body = { groupId, memberId: '', generationIdOrMemberEpoch: -1, topics: commits }
    const committed = await insist(this.#client, apis.OffsetCommit, 9, body, errorOf)
    assert(errorOf(committed) !== 0, () => `G2: ${groupId} has a member, and took a commit of somebody who is none`)
    const groups = { groupsNames: [groupId] }
    const { results } = await insist(this.#client, apis.DeleteGroups, 2, groups, answer => answer.results[0]!.errorCode)
    const [{ errorCode: deleted }] = results as [(typeof results)[0]]
    assert(deleted === ErrorCode.NON_EMPTY_GROUP, () => `G3: ${groupId} has a member, and was deleted: ${deleted}`)
    const topics = [{ name: 'in', partitions: [{ partitionIndex: 0 }] }]
    const answer = await insist(this.#client, apis.OffsetDelete, 0, { groupId, topics }, ({ errorCode }) => errorCode)
    const wanted = this.#kind === 'workers' ? ErrorCode.NON_EMPTY_GROUP : ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC
    const errorCode = answer.errorCode || answer.topics[0]!.partitions[0]!.errorCode
    assert(
      errorCode === wanted,
      () => `G3: ${groupId} reads a topic, and deleting its offset was answered ${errorName(errorCode)}`,
    )
  }

  async #look(wanted: ReadonlyMap<string, number>): Promise<void> {
    const { groupId } = this
    const asked = [...wanted.keys()].map(name => ({ name, partitionIndexes: [0] }))
    const groups = [{ groupId, topics: asked }]
    const answer = await insist(this.#client, apis.OffsetFetch, 9, { groups }, told => told.groups[0]!.errorCode)
    for (const { name, partitions } of answer.groups[0]!.topics) {
      const { committedOffset } = partitions[0]!
      assert(
        committedOffset === wanted.get(name),
        () => `G3: ${groupId}, whose member read one topic, is told that it is at ${committedOffset} of ${name}`,
      )
    }
  }

  async #joinClassic(): Promise<() => Promise<{ memberId: string; generation: number }>> {
    const { groupId } = this
    const protocolType = this.#kind === 'workers' ? 'connect' : 'consumer'
    const metadata = encodeVersioned(ConsumerProtocolSubscription, 3, { topics: ['in'], ownedPartitions: [] })
    const join = (memberId: string) =>
      insist(
        this.#client,
        apis.JoinGroup,
        9,
        {
          groupId,
          sessionTimeoutMs: 4 * heartbeatMs,
          rebalanceTimeoutMs,
          memberId,
          protocolType,
          protocols: [{ name: 'range', metadata }],
        },
        ({ errorCode }) => errorCode,
      )
    let joined = await join('')
    // Its id is forgotten when the group is removed, which nobody is in yet, before it comes back with that.
    while (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED || joined.errorCode === ErrorCode.UNKNOWN_MEMBER_ID)
      joined = await join(joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED ? joined.memberId : '')
    const { memberId, errorCode, generationId } = joined
    assert(errorCode === 0, () => `${groupId} was joined with ${errorName(errorCode)}`)
    const member = { groupId, generationId, memberId }
    const assignments = [{ memberId, assignment: new Uint8Array(0) }]
    const named = { protocolType, protocolName: 'range', assignments }
    const synced = await insist(this.#client, apis.SyncGroup, 5, { ...member, ...named }, answer => answer.errorCode)
    assert(synced.errorCode === 0, () => `SyncGroup of ${groupId} was answered ${errorName(synced.errorCode)}`)
    return async () => {
      const { errorCode: error } = await insist(this.#client, apis.Heartbeat, 4, member, answer => answer.errorCode)
      assert(error === 0, () => `G5: a heartbeat of the only member of ${groupId} was answered ${errorName(error)}`)
      return { memberId, generation: generationId }
    }
  }

  async #joinConsumer(): Promise<() => Promise<{ memberId: string; generation: number }>> {
    const { groupId } = this
    const memberId = `${groupId}-member`
    const told = { memberEpoch: 0 }
    const beat = async (more: object): Promise<{ memberId: string; generation: number }> => {
      const body = { groupId, memberId, memberEpoch: told.memberEpoch, ...more }
      const answer = await insist(this.#client, apis.ConsumerGroupHeartbeat, 1, body, ({ errorCode }) => errorCode)
      assert(
        answer.errorCode === 0,
        () => `G5: a heartbeat of the only member of ${groupId} was answered ${errorName(answer.errorCode)}`,
      )
      told.memberEpoch = answer.memberEpoch
      return { memberId, generation: answer.memberEpoch }
    }
    await beat({ rebalanceTimeoutMs, subscribedTopicNames: ['in'], topicPartitions: [] })
    return () => beat({ topicPartitions: null })
  }
}

function errorOf(answer: {
  readonly topics: readonly { readonly partitions: readonly { readonly errorCode: number }[] }[]
}): number {
  return answer.topics.find(({ partitions }) => partitions[0]!.errorCode !== 0)?.partitions[0]!.errorCode ?? 0
}
