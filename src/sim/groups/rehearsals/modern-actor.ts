/** One member of a consumer group (KIP-848) as a scene has it: it does what the scene says, and nothing by itself. */

import { apis } from '../../../protocol/apis.ts'
import type { ConsumerGroupHeartbeatResponse } from '../../../protocol/messages/consumer-group-heartbeat.ts'
import type { OffsetCommitResponse } from '../../../protocol/messages/offset-commit.ts'
import type { OffsetFetchResponse } from '../../../protocol/messages/offset-fetch.ts'
import { insist } from '../insist.ts'
import type { SimClient } from '../sim-client.ts'
import { topic, saidWith, type Rehearsal } from './rehearsal.ts'

export interface ModernActorOptions {
  readonly groupId: string
  readonly rebalanceTimeoutMs: number
  readonly instanceId?: string
  readonly serverAssignor?: 'uniform' | 'range'
}

/** What a member says of itself in one heartbeat. */
export interface Said {
  readonly memberEpoch?: number
  /** Partitions of the rehearsed topic; left out: nothing is said of them. */
  readonly owned?: readonly number[]
  readonly subscribedTopicNames?: readonly string[]
}

export const joinEpoch = 0
export const leaveEpoch = -1
export const leaveStaticEpoch = -2

export class ModernActor {
  readonly options: ModernActorOptions
  readonly memberId: string
  readonly #client: SimClient
  readonly #topicId: string
  epoch = joinEpoch
  joinedMs = 0
  /** What it was told last that it is to have: of the rehearsed topic, in order. */
  assigned: readonly number[] = []

  constructor(rehearsal: Rehearsal, options: ModernActorOptions) {
    this.options = options
    this.#client = rehearsal.actor(options.groupId)
    this.memberId = `${this.#client.name}-member`
    this.#topicId = rehearsal.topicId
  }

  /** With nothing, and to everything of the rehearsed topic. */
  join(subscribedTopicNames: readonly string[] = [topic]): Promise<ConsumerGroupHeartbeatResponse> {
    return this.beat({ memberEpoch: joinEpoch, owned: [], subscribedTopicNames })
  }

  /** Without anything: only that it is alive. */
  async beat({
    memberEpoch = this.epoch,
    owned,
    subscribedTopicNames,
  }: Said = {}): Promise<ConsumerGroupHeartbeatResponse> {
    const { groupId, rebalanceTimeoutMs, instanceId = null, serverAssignor = null } = this.options
    const joins = memberEpoch === joinEpoch
    const answer = await insist(
      this.#client,
      apis.ConsumerGroupHeartbeat,
      1,
      {
        groupId,
        memberId: this.memberId,
        memberEpoch,
        instanceId,
        ...(joins ? { rebalanceTimeoutMs, serverAssignor } : {}),
        ...(subscribedTopicNames === undefined ? {} : { subscribedTopicNames: [...subscribedTopicNames] }),
        topicPartitions: owned && (owned.length === 0 ? [] : [{ topicId: this.#topicId, partitions: [...owned] }]),
      },
      ({ errorCode }) => errorCode,
    )
    if (answer.errorCode !== 0 || memberEpoch < joinEpoch) return answer
    if (joins) this.joinedMs = this.#client.nowMs
    this.epoch = answer.memberEpoch
    if (answer.assignment !== null)
      this.assigned = answer.assignment.topicPartitions
        .flatMap(({ topicId, partitions }) => (topicId === this.#topicId ? partitions : []))
        .toSorted((a, b) => a - b)
    return answer
  }

  /** It has given up, and taken over, what it was told to. */
  report(): Promise<ConsumerGroupHeartbeatResponse> {
    return this.beat({ owned: this.assigned })
  }

  async leave(memberEpoch = leaveEpoch): Promise<number> {
    return (await this.beat({ memberEpoch })).errorCode
  }

  /** Its error. */
  async commit(partitionIndex: number, committedOffset: number, memberEpoch = this.epoch): Promise<number> {
    const { groupId, instanceId: groupInstanceId = null } = this.options
    const topics = [{ name: topic, partitions: [{ partitionIndex, committedOffset, ...saidWith }] }]
    const identity = { groupId, memberId: this.memberId, groupInstanceId, generationIdOrMemberEpoch: memberEpoch }
    const errorOf = (answer: OffsetCommitResponse): number => answer.topics[0]!.partitions[0]!.errorCode
    return errorOf(await insist(this.#client, apis.OffsetCommit, 9, { ...identity, topics }, errorOf))
  }

  /** Its error. */
  async fetchOffset(memberEpoch = this.epoch): Promise<number> {
    const { groupId } = this.options
    const topics = [{ name: topic, partitionIndexes: [0] }]
    const groups = [{ groupId, memberId: this.memberId, memberEpoch, topics }]
    const errorOf = (answer: OffsetFetchResponse): number => answer.groups[0]!.errorCode
    return errorOf(await insist(this.#client, apis.OffsetFetch, 9, { requireStable: true, groups }, errorOf))
  }
}
