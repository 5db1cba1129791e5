/**
 * The one member of a group that lasts for longer than offsets are kept: those of topics that it subscribes to have to stay all the same, others have to go (KIP-211).
 */

import { apis } from '../../protocol/apis.ts'
import { encodeVersioned } from '../../protocol/codec.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { ConsumerProtocolSubscription } from '../../protocol/internal/consumer-protocol.ts'
import { assert } from '../../std/assert.ts'
import type { Membership } from './group-reader.ts'
import { insist } from './insist.ts'
import type { SimClient } from './sim-client.ts'
import { errorName, heartbeatMs, rebalanceTimeoutMs } from './story.ts'

/** It reads `in`, and has committed offsets of both. */
const commits = ['in', 'out'].map((name, index) => ({
  name,
  partitions: [{ partitionIndex: 0, committedOffset: 7 + index, committedMetadata: null }],
}))
const expected = new Map([
  ['in', 7],
  ['out', -1],
])

export class Keeper {
  readonly groupId: string
  readonly #client: SimClient
  readonly #protocol: Membership['protocol']

  constructor(client: SimClient, protocol: Membership['protocol']) {
    this.groupId = client.name
    this.#client = client
    this.#protocol = protocol
  }

  /** Joins, commits, sends heartbeats for so long, and looks what is left. */
  async keep(durationMs: number): Promise<void> {
    const endMs = this.#client.nowMs + durationMs
    const beat = this.#protocol === 'classic' ? await this.#joinClassic() : await this.#joinConsumer()
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
    await this.#look()
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
    const { errorCode } = answer.topics[0]!.partitions[0]!
    assert(
      errorCode === ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC,
      () => `G3: ${groupId} reads a topic, and deleting its offset was answered ${errorName(errorCode)}`,
    )
  }

  async #look(): Promise<void> {
    const { groupId } = this
    const asked = [...expected.keys()].map(name => ({ name, partitionIndexes: [0] }))
    const groups = [{ groupId, topics: asked }]
    const answer = await insist(this.#client, apis.OffsetFetch, 9, { groups }, told => told.groups[0]!.errorCode)
    for (const { name, partitions } of answer.groups[0]!.topics) {
      const { committedOffset } = partitions[0]!
      assert(
        committedOffset === expected.get(name),
        () => `G3: ${groupId}, which reads one topic, is told that it is at ${committedOffset} of ${name}`,
      )
    }
  }

  async #joinClassic(): Promise<() => Promise<{ memberId: string; generation: number }>> {
    const { groupId } = this
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
          protocolType: 'consumer',
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
    const named = { protocolType: 'consumer', protocolName: 'range', assignments }
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
