/** One member of a classic group as a scene has it: it does what the scene says, and nothing by itself. */

import { apis } from '../../../protocol/apis.ts'
import { encodeVersioned } from '../../../protocol/codec.ts'
import { ErrorCode } from '../../../protocol/errors.ts'
import { ConsumerProtocolSubscription } from '../../../protocol/internal/consumer-protocol.ts'
import type { JoinGroupResponse } from '../../../protocol/messages/join-group.ts'
import type { OffsetCommitResponse } from '../../../protocol/messages/offset-commit.ts'
import type { SyncGroupResponse } from '../../../protocol/messages/sync-group.ts'
import { insist } from '../insist.ts'
import type { SimClient } from '../sim-client.ts'
import { topic, saidWith, type Rehearsal } from './rehearsal.ts'

export interface ClassicActorOptions {
  readonly groupId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly instanceId?: string
}

export const protocolName = 'range'
export class ClassicActor {
  readonly options: ClassicActorOptions
  readonly #client: SimClient
  memberId = ''
  generation = -1

  constructor(rehearsal: Rehearsal, options: ClassicActorOptions) {
    this.options = options
    this.#client = rehearsal.actor(options.groupId)
  }

  get #identity() {
    return { groupId: this.options.groupId, groupInstanceId: this.options.instanceId ?? null }
  }

  /** Comes again with the id that it is given, where it is told to. */
  async join(): Promise<JoinGroupResponse> {
    let answer = await this.joinOnce(this.memberId)
    while (answer.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      answer = await this.joinOnce(answer.memberId)
      // A group that nobody is in yet may be removed before it comes, and with it the id.
      if (answer.errorCode === ErrorCode.UNKNOWN_MEMBER_ID) answer = await this.joinOnce('')
    }
    if (answer.errorCode !== 0) return answer
    this.memberId = answer.memberId
    this.generation = answer.generationId
    return answer
  }

  joinOnce(memberId: string): Promise<JoinGroupResponse> {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.options
    const metadata = encodeVersioned(ConsumerProtocolSubscription, 1, { topics: [topic], ownedPartitions: [] })
    const protocols = [{ name: protocolName, metadata }]
    const said = { sessionTimeoutMs, rebalanceTimeoutMs, memberId, protocolType: 'consumer', protocols }
    return insist(this.#client, apis.JoinGroup, 9, { ...this.#identity, ...said }, errorOf)
  }

  async sync(
    assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[] = [],
    generationId = this.generation,
  ): Promise<SyncGroupResponse> {
    const body = { ...this.#identity, memberId: this.memberId, generationId, assignments: [...assignments] }
    return insist(this.#client, apis.SyncGroup, 5, { ...body, protocolType: 'consumer', protocolName }, errorOf)
  }

  /** Its error. */
  async beat(generationId = this.generation, memberId = this.memberId): Promise<number> {
    const body = { ...this.#identity, memberId, generationId }
    return errorOf(await insist(this.#client, apis.Heartbeat, 4, body, errorOf))
  }

  /** Its error. */
  async commit(committedOffset: number, generation = this.generation, memberId = this.memberId): Promise<number> {
    const partitions = [{ partitionIndex: 0, committedOffset, ...saidWith }]
    const topics = [{ name: topic, partitions }]
    const body = { ...this.#identity, memberId, generationIdOrMemberEpoch: generation, topics }
    const errorOfOne = (told: OffsetCommitResponse): number => told.topics[0]!.partitions[0]!.errorCode
    return errorOfOne(await insist(this.#client, apis.OffsetCommit, 9, body, errorOfOne))
  }

  /** Its error. */
  async leave(memberId = this.memberId): Promise<number> {
    const { groupId, groupInstanceId } = this.#identity
    const members = [{ memberId, groupInstanceId, reason: 'the scene is over' }]
    const { errorCode, members: told } = await insist(this.#client, apis.LeaveGroup, 5, { groupId, members }, errorOf)
    return errorCode || told[0]!.errorCode
  }
}

function errorOf({ errorCode }: { readonly errorCode: number }): number {
  return errorCode
}
