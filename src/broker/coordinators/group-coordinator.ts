/**
 * The broker's side of the group coordinator: finds the shard of a group, asks it, and says what its absence means to each request.
 *
 * Lifecycle: made with the broker, `start` when the partitions are open, `close` before they are closed; whoever waits for others to join is answered then.
 */

import type { GroupRequester } from '../../coordinator/group/classic/classic-context.ts'
import type { DescribedGroup } from '../../coordinator/group/classic/classic-groups.ts'
import { refusal } from '../../coordinator/group/classic/join.ts'
import type { JoinAnswer, SyncAnswer } from '../../coordinator/group/classic/classic-member.ts'
import type { LeaveAnswer } from '../../coordinator/group/classic/leave.ts'
import { ConsumerGroups } from '../../coordinator/group/consumer/consumer-groups.ts'
import type { DescribedConsumerGroup } from '../../coordinator/group/consumer/describe.ts'
import type { HeartbeatAnswer } from '../../coordinator/group/consumer/heartbeats.ts'
import { subscriptionLoad } from '../../coordinator/group/consumer/consumer-group.ts'
import { JOIN_EPOCH } from '../../coordinator/group/consumer/member.ts'
import type { GroupConfig } from '../../coordinator/group/group-config.ts'
import { GroupLoad } from '../../coordinator/group/group-load.ts'
import { groupRecordFormat } from '../../coordinator/group/group-records.ts'
import type { GroupRecord } from '../../coordinator/group/group-records.ts'
import { GroupShard } from '../../coordinator/group/group-shard.ts'
import type { GroupShardOptions } from '../../coordinator/group/group-shard.ts'
import type { ListedGroup } from '../../coordinator/group/group.ts'
import type { CommitOutcome, OffsetCommit, OffsetDelete } from '../../coordinator/group/offsets/offset-commits.ts'
import type { FetchedTopic, OffsetFetch } from '../../coordinator/group/offsets/offset-fetches.ts'
import { respond } from '../../coordinator/runtime/coordinator.ts'
import type {
  CoordinatorResult,
  TransactionalProducer,
  TransactionMarker,
} from '../../coordinator/runtime/coordinator.ts'
import type { CoordinatorRuntime } from '../../coordinator/runtime/runtime.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import type { ConsumerGroupHeartbeatRequest } from '../../protocol/messages/consumer-group-heartbeat.ts'
import type { HeartbeatRequest } from '../../protocol/messages/heartbeat.ts'
import type { JoinGroupRequest } from '../../protocol/messages/join-group.ts'
import type { LeaveGroupRequest } from '../../protocol/messages/leave-group.ts'
import type { SyncGroupRequest } from '../../protocol/messages/sync-group.ts'
import { assert } from '../../std/assert.ts'
import { answered, AnsweredWrite } from './answered.ts'
import { CoordinatorHost } from './coordinator-host.ts'
import type { CoordinatorHostOptions } from './coordinator-host.ts'
import { GROUP_TOPIC } from '../../metadata/internal-topics.ts'

export interface GroupCoordinatorOptions extends Omit<
  CoordinatorHostOptions<GroupShard, GroupRecord, never>,
  'definition' | 'topic'
> {
  readonly config: () => GroupConfig
  readonly newerGroups?: GroupShardOptions['newerGroups']
}

type Answer<T> = T | Promise<T>
type Operation<T> = (shard: GroupShard) => CoordinatorResult<GroupRecord, T>

export class GroupCoordinator {
  readonly #options: GroupCoordinatorOptions
  readonly #host: CoordinatorHost<GroupShard, GroupRecord, never>

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options
    const { config, logger, newerGroups } = options
    const load = new GroupLoad({ config, nowMs: () => options.clock.nowMs(), shards: () => this.#shards() })
    this.#host = new CoordinatorHost({
      ...options,
      topic: GROUP_TOPIC,
      definition: {
        name: 'group',
        format: groupRecordFormat,
        createShard: context =>
          new GroupShard(context, { config, logger, load, ...(newerGroups === undefined ? {} : { newerGroups }) }),
        performEffect: () => {},
      },
    })
  }

  /** For whoever asks shards for more than what is below. */
  get runtime(): CoordinatorRuntime<GroupShard, GroupRecord> {
    return this.#host.runtime
  }

  start(): void {
    this.#host.start()
  }

  close(): void {
    this.#host.close()
  }

  /** Of `__consumer_offsets`. */
  partitionFor(groupId: string): number {
    return this.#host.partitionFor(groupId)
  }

  joinGroup(requester: GroupRequester, request: JoinGroupRequest): Answer<JoinAnswer> {
    const { groupId, memberId, sessionTimeoutMs } = request
    if (groupId === '') return refusal(memberId, 'INVALID_GROUP_ID')
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.#options.config()
    if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs)
      return refusal(memberId, 'INVALID_SESSION_TIMEOUT')
    return answered(answer =>
      this.#begin(
        groupId,
        shard => shard.joinGroup({ requester, request, answer }),
        error => answer(refusal('', error)),
      ),
    )
  }

  syncGroup(request: SyncGroupRequest): Answer<SyncAnswer> {
    const { groupId } = request
    if (groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID }
    return answered(answer =>
      this.#begin(
        groupId,
        shard => shard.syncGroup({ request, answer }),
        error => answer({ errorCode: ErrorCode[error] }),
      ),
    )
  }

  heartbeat(request: HeartbeatRequest): Answer<ErrorName> {
    const { groupId } = request
    if (groupId === '') return 'INVALID_GROUP_ID'
    return this.#write(groupId, shard => shard.heartbeat(request), heartbeatFailed)
  }

  leaveGroup(groupId: string, members: LeaveGroupRequest['members']): Answer<LeaveAnswer> {
    if (groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID }
    return this.#write<LeaveAnswer>(
      groupId,
      shard => shard.leaveGroup(groupId, members),
      error => ({ errorCode: ErrorCode[error] }),
    )
  }

  consumerGroupHeartbeat(requester: GroupRequester, request: ConsumerGroupHeartbeatRequest): Answer<HeartbeatAnswer> {
    const { groupId, memberId, memberEpoch, subscribedTopicNames } = request
    const load = subscriptionLoad(subscribedTopicNames?.length ?? 0)
    const mayNeedRoom = memberEpoch === JOIN_EPOCH || load > 1
    return this.#write<HeartbeatAnswer>(
      groupId,
      shard =>
        mayNeedRoom && !shard.hasRoomFor(groupId, memberId, load)
          ? respond({ errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE })
          : consumerGroupsOf(shard).consumerGroupHeartbeat(request, requester),
      error => ({ errorCode: ErrorCode[error] }),
    )
  }

  describeConsumerGroup(groupId: string): DescribedConsumerGroup {
    return this.runtime.read<DescribedConsumerGroup>(
      this.partitionFor(groupId),
      shard => consumerGroupsOf(shard).describe(groupId),
      error => ({ groupId, errorCode: ErrorCode[error] }),
    )
  }

  commitOffsets(request: OffsetCommit, producer?: TransactionalProducer): Answer<CommitOutcome> {
    return this.#write<CommitOutcome>(
      request.groupId,
      shard => shard.commitOffsets(request),
      error => error,
      producer,
    )
  }

  deleteOffsets(request: OffsetDelete): Answer<CommitOutcome> {
    if (request.groupId === '') return 'INVALID_GROUP_ID'
    return this.#write<CommitOutcome>(
      request.groupId,
      shard => shard.deleteOffsets(request),
      error => error,
    )
  }

  /** `requireStable`: no offset that an open transaction is about to change. */
  fetchOffsets(request: OffsetFetch, requireStable: boolean): Answer<ErrorName | readonly FetchedTopic[]> {
    const { groupId } = request
    if (!requireStable) {
      return this.runtime.read<ErrorName | readonly FetchedTopic[]>(
        this.partitionFor(groupId),
        shard => shard.fetchOffsets(request, 'committed'),
        error => error,
      )
    }
    return this.#write<ErrorName | readonly FetchedTopic[]>(
      groupId,
      shard => ({ records: [], response: shard.fetchOffsets(request, 'latest') }),
      // What old consumers do not try again after; with this they look for the coordinator and do.
      error => (error === 'COORDINATOR_NOT_AVAILABLE' ? 'NOT_COORDINATOR' : error),
    )
  }

  /** By id, in no particular order. */
  async deleteGroups(groupIds: Iterable<string>): Promise<ReadonlyMap<string, ErrorName>> {
    const results = new Map<string, ErrorName>()
    const byPartition = Map.groupBy(groupIds, groupId => this.partitionFor(groupId))
    const deleting = [...byPartition].map(async ([partition, ids]) => {
      const errors = await answered<readonly ErrorName[]>(reply =>
        this.runtime.write(partition, {
          operation: shard => shard.deleteGroups(ids),
          failed: error => ids.map(() => error),
          reply,
        }),
      )
      for (const [index, id] of ids.entries()) results.set(id, errors[index]!)
    })
    await Promise.all(deleting)
    return results
  }

  describeGroup(groupId: string, apiVersion: number): DescribedGroup {
    return this.runtime.read<DescribedGroup>(
      this.partitionFor(groupId),
      shard => shard.describeGroup(groupId, apiVersion),
      error => ({ groupId, errorCode: ErrorCode[error] }),
    )
  }

  /** Of all partitions that this broker coordinates. A name: some of them are still being loaded. */
  listGroups(states: ReadonlySet<string>, types: ReadonlySet<string>): ErrorName | readonly ListedGroup[] {
    if (this.runtime.isLoading) return 'COORDINATOR_LOAD_IN_PROGRESS'
    return this.runtime.activePartitions().flatMap(partition =>
      this.runtime.read<ListedGroup[]>(
        partition,
        shard => shard.listGroups(states, types),
        () => [],
      ),
    )
  }

  /** An end-transaction marker for a partition of `__consumer_offsets`. */
  completeTransaction(
    partition: number,
    marker: TransactionMarker,
    reply: (error: ErrorName | undefined) => void,
  ): void {
    this.runtime.completeTransaction(partition, marker, reply)
  }

  *#shards(): Generator<GroupShard> {
    for (const partition of this.runtime.activePartitions()) {
      const shard = this.runtime.read<GroupShard | undefined>(
        partition,
        each => each,
        () => undefined,
      )
      if (shard !== undefined) yield shard
    }
  }

  /** An operation that answers by itself, unless it fails. */
  #begin(groupId: string, operation: Operation<void>, onFailed: (error: ErrorName) => void): void {
    this.runtime.write<ErrorName | undefined>(this.partitionFor(groupId), {
      operation: shard => ({ ...operation(shard), response: undefined }),
      failed: error => error,
      reply: error => {
        if (error !== undefined) onFailed(error)
      },
    })
  }

  #write<T>(
    groupId: string,
    operation: Operation<T>,
    failed: (error: ErrorName) => T,
    producer?: TransactionalProducer,
  ): Answer<T> {
    const write = new AnsweredWrite<GroupShard, GroupRecord, T, never>(operation, failed, producer)
    this.runtime.write(this.partitionFor(groupId), write)
    return write.answer()
  }
}

/** A member that has just been told to ask here would be confused by an error; its session begins when the group is loaded. */
function heartbeatFailed(error: ErrorName): ErrorName {
  return error === 'COORDINATOR_LOAD_IN_PROGRESS' ? 'NONE' : error
}

function consumerGroupsOf({ newerGroups }: GroupShard): ConsumerGroups {
  assert(newerGroups instanceof ConsumerGroups, 'a shard without consumer groups')
  return newerGroups
}
