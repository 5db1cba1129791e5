/**
 * One shard of the group coordinator: the groups whose ids fall into one partition of `__consumer_offsets`, of whatever protocol, and their committed offsets.
 *
 * Every request of a group comes in here and is handed to the part that knows the group's kind. Methods that return a `CoordinatorResult` are operations for
 * `CoordinatorRuntime.write`; the others look at committed state and are for `read`.
 */

import type { ByteReader } from '../../protocol/byte-reader.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import type { HeartbeatRequest } from '../../protocol/messages/heartbeat.ts'
import type { LeaveGroupRequest } from '../../protocol/messages/leave-group.ts'
import type { Logger } from '../../std/logger.ts'
import { respond } from '../runtime/coordinator.ts'
import type {
  CoordinatorResult,
  CoordinatorShard,
  RecordPlace,
  ShardContext,
  TopicsChange,
  TransactionResult,
} from '../runtime/coordinator.ts'
import { TimelineMap } from '../runtime/timeline.ts'
import { nothing } from './classic/classic-context.ts'
import type { ClassicResult } from './classic/classic-context.ts'
import { ClassicGroup } from './classic/classic-group.ts'
import { ClassicGroups } from './classic/classic-groups.ts'
import type { DescribedGroup } from './classic/classic-groups.ts'
import { loadOf } from './classic/classic-member.ts'
import { refusal } from './classic/join.ts'
import type { Join } from './classic/join.ts'
import type { LeaveAnswer } from './classic/leave.ts'
import type { Sync } from './classic/sync.ts'
import type { GroupConfig } from './group-config.ts'
import type { GroupCounts, GroupLoad } from './group-load.ts'
import type { GroupRecord } from './group-records.ts'
import type { Group, ListedGroup, View } from './group.ts'
import type { NewerGroups } from './newer-groups.ts'
import { OffsetCommits } from './offsets/offset-commits.ts'
import type { CommitOutcome, OffsetCommit, OffsetDelete } from './offsets/offset-commits.ts'
import { excessOf } from '../counted-limit.ts'
import { expireGroup, forgetTopics } from './offsets/offset-expiry.ts'
import { fetchOffsets } from './offsets/offset-fetches.ts'
import type { FetchedTopic, OffsetFetch } from './offsets/offset-fetches.ts'
import { isOffsetKey, readCommittedOffset } from './offsets/offset-bytes.ts'
import { OffsetStore } from './offsets/offset-store.ts'
import type { TopicOffsets } from './offsets/offset-table.ts'

export type GroupShardContext = ShardContext<GroupRecord, never>

export interface GroupShardOptions {
  readonly config: () => GroupConfig
  readonly logger: Logger
  /** What all shards hold together; left out: no limit. */
  readonly load?: GroupLoad | undefined
  /** The parts for groups of newer protocols. */
  readonly newerGroups?: (parts: GroupShardParts) => NewerGroups
}

/** What a part of the shard shares with the others. */
export interface GroupShardParts {
  readonly context: GroupShardContext
  /** Every group by its id, whatever its kind. */
  readonly groups: TimelineMap<string, Group>
  readonly classic: ClassicGroups
  readonly config: () => GroupConfig
  readonly logger: Logger
}

interface Filling {
  readonly groupId: string
  readonly topic: string
  readonly partitions: TopicOffsets
}

const expiryKey = 'expiry'
/** Groups that one turn looks through for expired offsets. */
const expirySliceGroups = 200

export class GroupShard implements CoordinatorShard<GroupRecord>, GroupCounts {
  readonly #context: GroupShardContext
  readonly #config: () => GroupConfig
  readonly #groups: TimelineMap<string, Group>
  readonly #classic: ClassicGroups
  readonly #offsets: OffsetStore
  readonly #commits: OffsetCommits
  readonly #newer: NewerGroups | undefined
  readonly #load: GroupLoad | undefined
  /** While loading: what the last record was about. Any other record may take it away. */
  #filling: Filling | undefined

  constructor(context: GroupShardContext, options: GroupShardOptions) {
    const { config, logger } = options
    this.#context = context
    this.#config = config
    this.#load = options.load
    this.#groups = new TimelineMap(context.timeline)
    this.#classic = new ClassicGroups({ shard: context, groups: this.#groups, config, logger })
    this.#offsets = new OffsetStore(context.timeline)
    this.#commits = new OffsetCommits(this.#offsets, config, () => context.nowMs())
    this.#newer = options.newerGroups?.({ context, groups: this.#groups, classic: this.#classic, config, logger })
  }

  /** What was given as `newerGroups`, for requests of its protocol. */
  get newerGroups(): NewerGroups | undefined {
    return this.#newer
  }

  replay(record: GroupRecord, place: RecordPlace): void {
    this.#filling = undefined
    if (record.type === 'offset-commit') {
      // Somebody who assigns its partitions by itself commits without being a member: that makes a simple group, of which no record tells.
      if (record.value !== null && !this.#groups.has(record.key.group)) this.#addSimpleGroup(record.key.group)
      this.#offsets.replay(record, place)
    } else if (record.type === 'group-metadata') {
      this.#classic.replay(record)
    } else {
      this.#newer?.replay(record, place)
    }
  }

  /** Offsets outside of transactions. Those of a request lie beside each other, and are of the same topic. */
  replayBytes(key: ByteReader, value: ByteReader | null, { offset, producerId }: RecordPlace): boolean {
    if (value === null || producerId !== -1 || !isOffsetKey(key)) return false
    const groupId = key.string()
    const topic = key.string()
    const partition = key.int32()
    const committed = readCommittedOffset(value, offset)
    if (committed === undefined) return false
    let filling = this.#filling
    if (filling?.groupId !== groupId || filling.topic !== topic) {
      if (!this.#groups.has(groupId)) this.#addSimpleGroup(groupId)
      filling = { groupId, topic, partitions: this.#offsets.partitions(groupId, topic) }
      this.#filling = filling
    }
    filling.partitions.set(partition, committed)
    return true
  }

  replayEndTransaction(producerId: number, _producerEpoch: number, result: TransactionResult): void {
    this.#filling = undefined
    this.#offsets.replayEndTransaction(producerId, result)
  }

  onLoaded(): void {
    this.#filling = undefined
    this.#classic.onLoaded()
    this.#newer?.onLoaded()
    this.#load?.shardLoaded()
    this.#scheduleExpiry()
  }

  onUnloaded(error: ErrorName): void {
    this.#classic.onUnloaded(error)
    this.#newer?.onUnloaded(error)
  }

  onTopicsChanged(change: TopicsChange): void {
    this.#newer?.onTopicsChanged(change)
    if (change.deleted.size === 0) return
    this.#context.write(() => {
      const records: GroupRecord[] = []
      for (const groupId of this.#offsets.groupIds())
        records.push(...forgetTopics(this.#offsets, groupId, change.deleted))
      return { records, response: undefined, isDivisible: true }
    })
  }

  get groupCount(): number {
    return this.#groups.size
  }

  countMembers(): number {
    let count = 0
    for (const { memberCount } of this.#groups.values()) count += memberCount
    return count
  }

  countLongIds(): number {
    let count = 0
    for (const groupId of this.#groups.keys()) count += excessOf(groupId)
    return count
  }

  countOffsets(): number {
    return this.#offsets.weight()
  }

  /** Whether there is room for somebody who joins and counts as `load` members, and for its group where that is new. */
  hasRoomFor(groupId: string, memberId: string, load: number): boolean {
    const group = this.#groups.get(groupId)
    // Who is there may say the usual things again; with more it takes more.
    if (this.#load === undefined || (load <= 1 && group?.hasMember(memberId) === true)) return true
    return (group !== undefined || this.#load.admitsGroup(groupId)) && this.#load.admitsMember(load)
  }

  joinGroup(join: Join): ClassicResult {
    const { groupId, memberId, protocols } = join.request
    const group = this.#groups.get(groupId)
    const load = loadOf(protocols)
    if ((memberId === '' || load > 1) && !this.hasRoomFor(groupId, memberId, load)) {
      join.answer(refusal(memberId, 'COORDINATOR_NOT_AVAILABLE'))
      return nothing
    }
    if (group === undefined || group instanceof ClassicGroup) return this.#classic.join(join)
    if (this.#newer === undefined || !this.#newer.takesClassicMembers(group)) {
      join.answer(refusal('', 'INCONSISTENT_GROUP_PROTOCOL'))
      return nothing
    }
    if (!group.isEmpty()) return this.#newer.join(group, join)
    if (memberId === '') return this.#classic.join(join)
    join.answer(refusal(memberId, 'UNKNOWN_MEMBER_ID'))
    return nothing
  }

  syncGroup(sync: Sync): ClassicResult {
    const group = this.#groups.get(sync.request.groupId)
    if (group instanceof ClassicGroup) return this.#classic.sync(group, sync)
    if (group !== undefined && !group.isEmpty() && this.#newer !== undefined) return this.#newer.sync(group, sync)
    sync.answer({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID })
    return nothing
  }

  /** NONE: all is well. */
  heartbeat(request: HeartbeatRequest): CoordinatorResult<GroupRecord, ErrorName> {
    const group = this.#groups.get(request.groupId)
    if (group instanceof ClassicGroup) return respond(this.#classic.heartbeat(group, request))
    if (group !== undefined && this.#newer !== undefined) return this.#newer.heartbeat(group, request)
    return respond('UNKNOWN_MEMBER_ID')
  }

  leaveGroup(groupId: string, members: LeaveGroupRequest['members']): CoordinatorResult<GroupRecord, LeaveAnswer> {
    const group = this.#groups.get(groupId)
    if (group instanceof ClassicGroup) return this.#classic.leave(group, members)
    if (group !== undefined && this.#newer !== undefined) return this.#newer.leave(group, members)
    const errorCode = ErrorCode.UNKNOWN_MEMBER_ID
    return respond({
      members: members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId, errorCode })),
    })
  }

  /** OffsetCommit, and TxnOffsetCommit where it `isTransactional`. */
  commitOffsets(request: OffsetCommit): CoordinatorResult<GroupRecord, CommitOutcome> {
    const group = this.#groups.get(request.groupId)
    if (!this.#hasRoomForOffsets(group, request)) return respond('COORDINATOR_NOT_AVAILABLE')
    const result = this.#commits.commit(group, request)
    // With any error the response is a name.
    if (group instanceof ClassicGroup && !request.isTransactional && typeof result.response !== 'string')
      this.#classic.committed(group, request.memberId)
    return result
  }

  deleteOffsets(request: OffsetDelete): CoordinatorResult<GroupRecord, CommitOutcome> {
    return this.#commits.delete(this.#groups.get(request.groupId), request)
  }

  /** With `committed` for `read`; with `latest` the response of a write, which waits until what it saw is committed. */
  fetchOffsets(request: OffsetFetch, view: View): ErrorName | readonly FetchedTopic[] {
    const { groupId } = request
    const group = view === 'latest' ? this.#groups.get(groupId) : this.#groups.getCommitted(groupId)
    return fetchOffsets(this.#offsets, group, request, view)
  }

  /** An error for each group, NONE where it was deleted. */
  deleteGroups(groupIds: readonly string[]): CoordinatorResult<GroupRecord, readonly ErrorName[]> {
    const records: GroupRecord[] = []
    const errors = groupIds.map((groupId): ErrorName => {
      const group = this.#groups.get(groupId)
      if (group === undefined) return 'GROUP_ID_NOT_FOUND'
      const error = group.validateDelete()
      if (error !== undefined) return error
      records.push(...this.#commits.tombstonesOf(groupId), ...group.tombstones())
      return 'NONE'
    })
    // One with tens of thousands of offsets has more to say than a batch can hold, and in Kafka cannot be deleted.
    return { records, response: errors, isDivisible: true }
  }

  describeGroup(groupId: string, apiVersion: number): DescribedGroup {
    return this.#classic.describe(groupId, apiVersion)
  }

  /** States and types in lower case; an empty set lets all through. */
  listGroups(states: ReadonlySet<string>, types: ReadonlySet<string>): ListedGroup[] {
    const listed: ListedGroup[] = []
    for (const [, group] of this.#groups.committedEntries()) {
      if (types.size > 0 && !types.has(group.type)) continue
      if (states.size > 0 && !states.has(group.state('committed').toLowerCase())) continue
      listed.push(group.listed('committed'))
    }
    return listed
  }

  #hasRoomForOffsets(group: Group | undefined, request: OffsetCommit): boolean {
    if (this.#load === undefined) return true
    if (group === undefined && !this.#load.admitsGroup(request.groupId)) return false
    return this.#load.admitsOffsets(this.#offsets.weightAdded(request))
  }

  #addSimpleGroup(groupId: string): void {
    this.#groups.set(
      groupId,
      ClassicGroup.empty(groupId, () => this.#context.nowMs()),
    )
  }

  #scheduleExpiry(): void {
    const { offsetsRetentionCheckIntervalMs } = this.#config()
    this.#context.timers.schedule(expiryKey, offsetsRetentionCheckIntervalMs, () =>
      this.#expire([...this.#groups.keys()], 0),
    )
  }

  /** Looks through some of the groups, then leaves the rest to a later turn. */
  #expire(groupIds: readonly string[], from: number): ClassicResult {
    const nowMs = this.#context.nowMs()
    const { offsetsRetentionMs } = this.#config()
    const records: GroupRecord[] = []
    const to = from + expirySliceGroups
    for (const groupId of groupIds.slice(from, to)) {
      const group = this.#groups.get(groupId)
      if (group !== undefined) records.push(...expireGroup(this.#offsets, group, nowMs, offsetsRetentionMs))
    }
    if (to < groupIds.length) this.#context.timers.schedule(expiryKey, 0, () => this.#expire(groupIds, to))
    else this.#scheduleExpiry()
    return { records, response: undefined, isDivisible: true }
  }
}
