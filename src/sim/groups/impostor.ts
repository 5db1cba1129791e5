/**
 * Somebody who comes to the groups of a story with memberships that are over, or that nobody ever had: whatever it asks for has to be refused, and must change nothing (G1, G2). What it commits
 * is of a topic that no group reads.
 */

import { apis } from '../../protocol/apis.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { assert } from '../../std/assert.ts'
import type { Membership } from './group-reader.ts'
import { insist } from './insist.ts'
import type { SimClient } from './sim-client.ts'
import { errorName } from './story.ts'
import type { GroupStory } from './story.ts'

/** Of the topic that groups do not read. */
const commit = [
  { name: 'out', partitions: [{ partitionIndex: 0, committedOffset: 1_000_000, committedMetadata: null }] },
]

const transactionalId = 'impostor'

const loadAttempts = 20

export class Impostor {
  readonly #client: SimClient
  readonly #story: GroupStory

  constructor(client: SimClient) {
    this.#client = client
    this.#story = client.story
  }

  /** Until the faults are over. */
  async run(): Promise<void> {
    const { random } = this.#story
    while (!this.#story.isHealed) {
      await this.#client.sleep(random.exponential(120))
      const stale = this.#story.memberships.stale(random)
      if (stale === undefined) continue
      const isFirstLife = this.#story.lives.isInFirstLife(stale.groupId)
      const member = isFirstLife && random.chance(0.8) ? stale : { ...stale, memberId: 'nobody' }
      const [what, errorCode] = await this.#ask(member)
      // The group came to an end meanwhile, and began anew: there its generations come again.
      if (isFirstLife && !this.#story.lives.isInFirstLife(stale.groupId)) continue
      this.#story.count('impostor refused')
      const { groupId, memberId, groupInstanceId, generation } = member
      assert(
        errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.REBALANCE_IN_PROGRESS,
        () =>
          `G2: ${what} of ${memberId} (${groupInstanceId ?? 'dynamic'}) in ${groupId}, generation ${generation}, which is over, was answered ${errorName(errorCode)}`,
      )
    }
  }

  #ask(member: Membership): Promise<readonly [what: string, errorCode: number]> {
    const { random } = this.#story
    const step = random.below(10)
    if (step < 4) return this.#commit(member)
    if (step < 5) return this.#commitInTransaction(member)
    // A group that has gone back to the classic protocol asks nobody who only looks.
    const isModern = member.protocol === 'consumer'
    if (isModern && step >= 8 && !this.#story.migratingGroups.has(member.groupId)) return this.#fetch(member)
    if (isModern) return this.#beatAsConsumer(member)
    if (step < 8) return this.#beat(member)
    return this.#sync(member)
  }

  async #commit({ groupId, memberId, groupInstanceId, generation }: Membership): Promise<[string, number]> {
    const body = { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch: generation, topics: commit }
    const answer = await insist(this.#client, apis.OffsetCommit, 9, body, committedError)
    return ['OffsetCommit', committedError(answer)]
  }

  /** The transaction comes to nothing, whatever the answer. */
  async #commitInTransaction({
    groupId,
    memberId,
    groupInstanceId,
    generation: generationId,
  }: Membership): Promise<[string, number]> {
    const client = this.#client
    const begin = { transactionalId, transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 }
    const { producerId, producerEpoch } = await insist(
      client,
      apis.InitProducerId,
      4,
      begin,
      answer => answer.errorCode,
    )
    this.#story.issued(client.name, transactionalId, producerId, producerEpoch)
    const producer = { transactionalId, producerId, producerEpoch }
    await insist(client, apis.AddOffsetsToTxn, 3, { ...producer, groupId }, answer => answer.errorCode)
    const body = { ...producer, groupId, memberId, groupInstanceId, generationId, topics: commit }
    const answer = await insist(client, apis.TxnOffsetCommit, 3, body, committedError)
    await insist(client, apis.EndTxn, 4, { ...producer, committed: false }, ended => ended.errorCode)
    return ['TxnOffsetCommit', committedError(answer)]
  }

  async #beat({ groupId, memberId, groupInstanceId, generation: generationId }: Membership): Promise<[string, number]> {
    const body = { groupId, generationId, memberId, groupInstanceId }
    for (let attempt = 0; ; attempt++) {
      const { errorCode } = await insist(this.#client, apis.Heartbeat, 4, body, answer => answer.errorCode)
      // While a coordinator is loaded all is well, for all that it knows.
      if (errorCode !== 0 || attempt === loadAttempts) return ['Heartbeat', errorCode]
      await this.#client.sleep(300)
    }
  }

  async #sync({ groupId, memberId, groupInstanceId, generation: generationId }: Membership): Promise<[string, number]> {
    const body = { groupId, generationId, memberId, groupInstanceId, assignments: [] }
    const { errorCode } = await insist(this.#client, apis.SyncGroup, 4, body, answer => answer.errorCode)
    return ['SyncGroup', errorCode]
  }

  /** It does not say what it has, so that it cannot be one that has only missed the last answer. */
  async #beatAsConsumer({
    groupId,
    memberId,
    groupInstanceId: instanceId,
    generation: memberEpoch,
  }: Membership): Promise<[string, number]> {
    const body = { groupId, memberId, memberEpoch, instanceId, topicPartitions: null }
    const { errorCode } = await insist(this.#client, apis.ConsumerGroupHeartbeat, 1, body, answer => answer.errorCode)
    return ['ConsumerGroupHeartbeat', errorCode]
  }

  async #fetch({ groupId, memberId, generation: memberEpoch }: Membership): Promise<[string, number]> {
    const groups = [{ groupId, memberId, memberEpoch, topics: [{ name: 'out', partitionIndexes: [0] }] }]
    const answer = await insist(this.#client, apis.OffsetFetch, 9, { requireStable: false, groups }, fetchError)
    return ['OffsetFetch', fetchError(answer)]
  }
}

function committedError(answer: {
  readonly topics: readonly { readonly partitions: readonly { readonly errorCode: number }[] }[]
}): number {
  return answer.topics[0]!.partitions[0]!.errorCode
}

function fetchError({ groups }: { readonly groups: readonly { readonly errorCode: number }[] }): number {
  return groups[0]!.errorCode
}
