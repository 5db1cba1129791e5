/**
 * A shard of the group coordinator in a test: the real runtime over a log in memory, with time and topics that the test moves. Everything is done when a
 * call returns. Commits happen at once unless `commits` is off, and appends can be made to fail.
 */

import { ErrorCode, errorOf } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import type { ConsumerGroupHeartbeatRequest } from '../../../protocol/messages/consumer-group-heartbeat.ts'
import type { JoinGroupRequest } from '../../../protocol/messages/join-group.ts'
import { uuidOf } from '../../../protocol/uuid.ts'
import type { Uuid } from '../../../protocol/uuid.ts'
import { Logging } from '../../../std/logger.ts'
import type {
  CoordinatorClock,
  CoordinatorLog,
  CoordinatorResult,
  LogAppendOutcome,
  LogReadOutcome,
  TopicsView,
  TopicView,
} from '../../runtime/coordinator.ts'
import { CoordinatorRuntime } from '../../runtime/runtime.ts'
import { rangeAssignor } from '../assignors/range.ts'
import { uniformAssignor } from '../assignors/uniform.ts'
import type { JoinAnswer, SyncAnswer } from '../classic/classic-member.ts'
import type { GroupConfig } from '../group-config.ts'
import { groupRecordFormat } from '../group-records.ts'
import type { GroupRecord } from '../group-records.ts'
import { GroupShard } from '../group-shard.ts'
import type { ConsumerGroupConfig } from './consumer-group-context.ts'
import { ConsumerGroups } from './consumer-groups.ts'
import type { DescribedConsumerGroup } from './describe.ts'
import type { HeartbeatAnswer } from './heartbeats.ts'

export const requester = { apiVersion: 1, clientId: 'client', clientHost: '/127.0.0.1' }

const baseOffsetAt = 0
const lastOffsetDeltaAt = 23

class MemoryLog implements CoordinatorLog {
  readonly startOffset = 0
  endOffset = 0
  highWatermark = 0
  readonly batchBytesMax = 1_000_000
  readonly batches: Buffer[] = []
  failure: ErrorName | undefined

  append(batch: Uint8Array): LogAppendOutcome {
    if (this.failure !== undefined) return { kind: 'rejected', error: this.failure, message: 'as the test wants it' }
    const bytes = Buffer.from(batch)
    const firstOffset = this.endOffset
    bytes.writeBigInt64BE(BigInt(firstOffset), baseOffsetAt)
    this.batches.push(bytes)
    this.endOffset += bytes.readInt32BE(lastOffsetDeltaAt) + 1
    return { kind: 'appended', firstOffset, lastOffset: this.endOffset - 1 }
  }

  read(offset: number, _maxBytes: number, done: (outcome: LogReadOutcome) => void): void {
    const batch = this.batches.find(each => Number(each.readBigInt64BE(baseOffsetAt)) >= offset)
    if (batch === undefined) {
      done({ kind: 'ok', batches: [], nextOffset: offset })
      return
    }
    const first = Number(batch.readBigInt64BE(baseOffsetAt))
    done({ kind: 'ok', batches: [batch], nextOffset: first + batch.readInt32BE(lastOffsetDeltaAt) + 1 })
  }
}

interface Pending {
  readonly atMs: number
  readonly callback: () => void
}

class ManualClock implements CoordinatorClock {
  #nowMs = 1_000_000
  #pending: Pending[] = []
  /** By how much the wall clock was set back. */
  setBackMs = 0

  nowMs(): number {
    return this.#nowMs - this.setBackMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  setTimer(delayMs: number, callback: () => void): { cancel(): void } {
    const pending = { atMs: this.#nowMs + delayMs, callback }
    this.#pending.push(pending)
    return {
      cancel: () => {
        this.#pending = this.#pending.filter(each => each !== pending)
      },
    }
  }

  defer(callback: () => void): void {
    this.setTimer(0, callback)
  }

  /** Runs what is due until then, in order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const next = this.#pending.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      this.#pending = this.#pending.filter(each => each !== next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.callback()
    }
    this.#nowMs = untilMs
  }
}

interface TestTopic extends TopicView {
  partitionCount: number
  racks: string[][]
}

export class TestTopics implements TopicsView {
  version = 1
  readonly #topics = new Map<string, TestTopic>()
  #made = 0

  byName(name: string): TopicView | undefined {
    return this.#topics.get(name)
  }

  byId(id: Uuid): TopicView | undefined {
    return [...this.#topics.values()].find(topic => topic.id === id)
  }

  names(): Iterable<string> {
    return this.#topics.keys()
  }

  idOf(name: string): Uuid {
    return this.#topics.get(name)!.id
  }

  put(name: string, partitionCount: number): void {
    const known = this.#topics.get(name)
    this.version++
    if (known !== undefined) {
      known.partitionCount = partitionCount
      return
    }
    this.#made++
    const id = uuidOf(new Uint8Array(16).fill(this.#made))
    const topic: TestTopic = { name, id, partitionCount, racks: [], racksOf: partition => topic.racks[partition] ?? [] }
    this.#topics.set(name, topic)
  }

  delete(name: string): void {
    this.version++
    this.#topics.delete(name)
  }
}

const groupConfig: GroupConfig = {
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  initialRebalanceDelayMs: 0,
  maxSize: 2 ** 31 - 1,
  groupsMax: 100_000,
  membersMax: 100_000,
  offsetsMax: 100_000,
  offsetMetadataMaxBytes: 4_096,
  offsetsRetentionMs: 7 * 24 * 3_600_000,
  offsetsRetentionCheckIntervalMs: 600_000,
}

export type Settings = { -readonly [K in keyof ConsumerGroupConfig]: ConsumerGroupConfig[K] }

/** Kafka's defaults, but no wait between assignments. */
export function settings(): Settings {
  return {
    assignors: [uniformAssignor, rangeAssignor],
    maxSize: 2 ** 31 - 1,
    classicMaxSize: 2 ** 31 - 1,
    migrationPolicy: 'bidirectional',
    regexRefreshIntervalMs: 600_000,
    sessionTimeoutMs: () => 45_000,
    heartbeatIntervalMs: () => 5_000,
    assignmentIntervalMs: () => 0,
  }
}

type Heartbeat = Partial<ConsumerGroupHeartbeatRequest>

export class TestShard {
  readonly clock = new ManualClock()
  readonly topics = new TestTopics()
  readonly log = new MemoryLog()
  readonly settings = settings()
  readonly classicSettings: { -readonly [K in keyof GroupConfig]: GroupConfig[K] } = { ...groupConfig }
  /** Whether what is appended is committed at once. */
  commits = true
  #runtime: CoordinatorRuntime<GroupShard, GroupRecord>
  #leaderEpoch = 0
  #uuids = 0

  constructor() {
    this.#runtime = this.#start()
  }

  /** Another broker takes over: all that is not in the log is gone. */
  failOver(): void {
    this.#runtime.unload(0)
    this.#runtime = this.#start()
  }

  #start(): CoordinatorRuntime<GroupShard, GroupRecord> {
    const logger = new Logging({ level: 'off', sink: () => {}, nowMs: () => 0 }).logger('test')
    const runtime = new CoordinatorRuntime<GroupShard, GroupRecord>(
      {
        name: 'test',
        format: groupRecordFormat,
        createShard: context =>
          new GroupShard(context, {
            config: () => this.classicSettings,
            logger,
            newerGroups: parts => new ConsumerGroups(parts, this.settings),
          }),
        performEffect: () => {},
      },
      {
        clock: this.clock,
        topics: this.topics,
        randomUuid: () => `uuid-${++this.#uuids}`,
        compression: 'none',
        appendLingerMs: -1,
        writeTimeoutMs: 5_000,
        loadBufferBytes: 1_000_000,
        onLoaded: (_partition, result) => {
          if (result instanceof Error) throw result
        },
        onDiverged: () => {
          throw new Error('diverged')
        },
      },
    )
    this.#leaderEpoch++
    runtime.load(0, this.#leaderEpoch, this.log)
    this.clock.advance(0)
    return runtime
  }

  heartbeat(groupId: string, request: Heartbeat, apiVersion = 1): HeartbeatAnswer {
    return this.write(
      shard =>
        consumerGroups(shard).consumerGroupHeartbeat(heartbeatRequest(groupId, request), { ...requester, apiVersion }),
      error => ({ errorCode: ErrorCode[error] }),
    )!
  }

  describe(groupId: string): DescribedConsumerGroup {
    return this.read(shard => consumerGroups(shard).describe(groupId))
  }

  /** The answer, if it came at once; `answers` gets it whenever it comes. */
  join(
    request: Partial<JoinGroupRequest> & { groupId: string },
    answers: JoinAnswer[] = [],
    apiVersion = 9,
  ): JoinAnswer | undefined {
    const full = { ...joinDefaults, ...request }
    this.write(
      shard =>
        shard.joinGroup({
          request: full,
          requester: { ...requester, apiVersion },
          answer: answer => answers.push(answer),
        }),
      error => void answers.push({ errorCode: ErrorCode[error] }),
    )
    return answers.at(-1)
  }

  sync(
    groupId: string,
    memberId: string,
    generationId: number,
    assignments: { memberId: string; assignment: Uint8Array }[] = [],
  ) {
    const answers: SyncAnswer[] = []
    const request = {
      groupId,
      generationId,
      memberId,
      groupInstanceId: null,
      protocolType: 'consumer',
      protocolName: null,
      assignments,
    }
    this.write(
      shard => shard.syncGroup({ request, answer: answer => answers.push(answer) }),
      error => void answers.push({ errorCode: ErrorCode[error] }),
    )
    return answers[0]
  }

  classicHeartbeat(groupId: string, memberId: string, generationId: number): ErrorName {
    return this.write(
      shard => shard.heartbeat({ groupId, generationId, memberId, groupInstanceId: null }),
      error => error,
    )!
  }

  leave(groupId: string, memberId: string) {
    return this.write(
      shard => shard.leaveGroup(groupId, [{ memberId, groupInstanceId: null, reason: null }]),
      error => ({ errorCode: ErrorCode[error] }),
    )
  }

  /** Undefined: no answer yet. */
  write<T>(
    operation: (shard: GroupShard) => CoordinatorResult<GroupRecord, T>,
    failed: (error: ErrorName) => T,
  ): T | undefined {
    let response: T | undefined
    this.#runtime.write(0, { operation, failed, reply: answer => (response = answer) })
    this.advance(0)
    return response
  }

  read<T>(operation: (shard: GroupShard) => T): T {
    return this.#runtime.read(0, operation, error => {
      throw new Error(error)
    })
  }

  /** Time goes by; what was written by then is committed. */
  advance(ms: number): void {
    this.clock.advance(ms)
    if (this.commits) this.commit()
  }

  commit(): void {
    // Whatever is committed may let something else be written.
    while (this.log.highWatermark < this.log.endOffset) {
      this.log.highWatermark = this.log.endOffset
      this.#runtime.highWatermarkAdvanced(0)
      this.clock.advance(0)
    }
  }

  putTopic(name: string, partitionCount: number): void {
    const hasNew = this.topics.byName(name) === undefined
    this.topics.put(name, partitionCount)
    this.#runtime.topicsChanged({ hasNew, changed: new Set([name]), deleted: new Map() })
    this.advance(0)
  }

  deleteTopic(name: string): void {
    const id = this.topics.idOf(name)
    this.topics.delete(name)
    this.#runtime.topicsChanged({ hasNew: false, changed: new Set(), deleted: new Map([[name, id]]) })
    this.advance(0)
  }
}

function consumerGroups(shard: GroupShard): ConsumerGroups {
  return shard.newerGroups as ConsumerGroups
}

export function heartbeatRequest(groupId: string, request: Heartbeat): ConsumerGroupHeartbeatRequest {
  return {
    groupId,
    memberId: '',
    memberEpoch: 0,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: -1,
    subscribedTopicNames: null,
    subscribedTopicRegex: null,
    serverAssignor: null,
    topicPartitions: null,
    ...request,
  }
}

const joinDefaults = {
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 30_000,
  memberId: '',
  groupInstanceId: null,
  protocolType: 'consumer',
  protocols: [],
  reason: null,
}

/** The name of the error in an answer. */
export function errorIn(answer: { readonly errorCode?: number | undefined } | undefined): ErrorName {
  return errorOf(answer?.errorCode ?? 0).name
}

/** What a member that joins says. */
export function joining(memberId: string, topics: readonly string[], more: Heartbeat = {}): Heartbeat {
  return {
    memberId,
    memberEpoch: 0,
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames: [...topics],
    topicPartitions: [],
    ...more,
  }
}

/** Topic names with partitions, as in `a:0,1 b:2`. */
export function readable(
  topics: TestTopics,
  assignment:
    | readonly { readonly topicId?: Uuid | undefined; readonly partitions?: readonly number[] | undefined }[]
    | undefined,
): string {
  return (assignment ?? [])
    .map(
      ({ topicId = '', partitions = [] }) =>
        `${topics.byId(topicId)?.name ?? topicId}:${partitions.toSorted((a, b) => a - b).join()}`,
    )
    .sort()
    .join(' ')
}
