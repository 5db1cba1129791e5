/** One shard of groups over a log in memory, and members that ask it: every answer can be looked at, commits and time come when the test wants them. */

import { ErrorCode, errorOf } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { encodeVersioned } from '../../protocol/codec.ts'
import { ConsumerProtocolSubscription } from '../../protocol/internal/consumer-protocol.ts'
import { ZERO_UUID } from '../../protocol/uuid.ts'
import { assert } from '../../std/assert.ts'
import { Logging } from '../../std/logger.ts'
import type { CoordinatorResult, TransactionalProducer } from '../runtime/coordinator.ts'
import { countingUuids, noTopics, TestClock, TestLog } from '../runtime/runtime.fixture.ts'
import { CoordinatorRuntime } from '../runtime/runtime.ts'
import type { JoinAnswer, SyncAnswer } from './classic/classic-member.ts'
import type { LeaveAnswer } from './classic/leave.ts'
import type { GroupConfig } from './group-config.ts'
import { groupRecordFormat } from './group-records.ts'
import type { GroupRecord } from './group-records.ts'
import { GroupShard } from './group-shard.ts'
import type { CommitOutcome, OffsetCommit } from './offsets/offset-commits.ts'
import type { FetchedTopic } from './offsets/offset-fetches.ts'

export const defaultGroupConfig: GroupConfig = {
  minSessionTimeoutMs: 6000,
  maxSessionTimeoutMs: 1_800_000,
  initialRebalanceDelayMs: 3000,
  maxSize: 2_147_483_647,
  groupsMax: 100_000,
  membersMax: 100_000,
  offsetsMax: 100_000,
  offsetMetadataMaxBytes: 4096,
  offsetsRetentionMs: 10_080 * 60_000,
  offsetsRetentionCheckIntervalMs: 600_000,
}

const partition = 0
const quiet = new Logging({ level: 'fatal', sink: () => {}, nowMs: () => 0 }).logger('groups')

export interface JoinOptions {
  readonly group?: string
  readonly memberId?: string
  readonly instance?: string | null
  readonly apiVersion?: number
  readonly protocolType?: string
  /** Names, each with the member's topics as metadata. */
  readonly protocols?: readonly string[]
  readonly topics?: readonly string[]
  readonly sessionTimeoutMs?: number
  readonly rebalanceTimeoutMs?: number
  readonly clientId?: string
}

/** An answer that may not have come yet. */
export interface Pending<T> {
  answer: T | undefined
}

export class TestGroups {
  readonly clock = new TestClock()
  log = new TestLog()
  config: GroupConfig
  /** Whether appends are committed as soon as they are made. */
  commitsAtOnce = true
  shard!: GroupShard
  readonly runtime: CoordinatorRuntime<GroupShard, GroupRecord>
  #epoch = 0

  constructor(config: Partial<GroupConfig> = {}) {
    this.config = { ...defaultGroupConfig, ...config }
    this.runtime = new CoordinatorRuntime<GroupShard, GroupRecord>(
      {
        name: 'group',
        format: groupRecordFormat,
        createShard: context => (this.shard = new GroupShard(context, { config: () => this.config, logger: quiet })),
        performEffect: () => {},
      },
      {
        clock: this.clock,
        topics: noTopics,
        randomUuid: countingUuids(),
        compression: 'none',
        appendLingerMs: -1,
        writeTimeoutMs: 5000,
        loadBufferBytes: 65_536,
        onLoaded: (_partition, result) => assert(!(result instanceof Error), 'the shard is loaded'),
        onDiverged: () => assert(false, 'nobody else appends'),
      },
    )
    this.restart()
  }

  /** Another leader with what was committed: as after a crash. */
  restart(): void {
    this.log = this.log.committedCopy()
    this.runtime.load(partition, this.#epoch, this.log)
    this.#epoch += 1
    this.clock.turn()
  }

  /** Everything of this turn happens. */
  turn(): void {
    do this.clock.turn()
    while (this.commitsAtOnce && this.commit())
  }

  /** False: there was nothing to commit. */
  commit(): boolean {
    if (this.log.highWatermark === this.log.endOffset) return false
    this.log.highWatermark = this.log.endOffset
    this.runtime.highWatermarkAdvanced(partition)
    return true
  }

  pass(durationMs: number): void {
    // Step by step, so that what a timer writes is committed before the next.
    for (let rest = durationMs; rest > 0; rest -= 100) {
      this.clock.pass(Math.min(rest, 100))
      this.turn()
    }
  }

  write<T>(
    operation: (shard: GroupShard) => CoordinatorResult<GroupRecord, T>,
    failed: (error: ErrorName) => T,
    producer?: TransactionalProducer,
  ): Pending<T> {
    const pending: Pending<T> = { answer: undefined }
    this.runtime.write(partition, { operation, failed, reply: answer => (pending.answer = answer), producer })
    this.turn()
    return pending
  }

  join(options: JoinOptions = {}): Pending<JoinAnswer> {
    const { group = 'g', memberId = '', instance = null, apiVersion = 9, protocolType = 'consumer' } = options
    const { protocols = ['range'], topics = ['t'], sessionTimeoutMs = 10_000, clientId = 'client' } = options
    const pending: Pending<JoinAnswer> = { answer: undefined }
    const answer = (value: JoinAnswer): void => {
      pending.answer ??= value
    }
    const metadata = encodeVersioned(ConsumerProtocolSubscription, 0, { topics })
    const request = {
      groupId: group,
      sessionTimeoutMs,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 60_000,
      memberId,
      groupInstanceId: instance,
      protocolType,
      protocols: protocols.map(name => ({ name, metadata })),
      reason: null,
    }
    this.write<void>(
      shard => shard.joinGroup({ requester: { apiVersion, clientId, clientHost: '/127.0.0.1' }, request, answer }),
      error => answer({ errorCode: ErrorCode[error] }),
    )
    return pending
  }

  /** Joins the way clients do: once for an id, then with it. */
  joinTwice(options: JoinOptions = {}): { readonly memberId: string; readonly pending: Pending<JoinAnswer> } {
    const memberId = this.join(options).answer!.memberId!
    return { memberId, pending: this.join({ ...options, memberId }) }
  }

  sync(
    memberId: string,
    generationId: number,
    assignments: Readonly<Record<string, string>> = {},
    extra: { readonly group?: string; readonly instance?: string | null; readonly protocolName?: string } = {},
  ): Pending<SyncAnswer> {
    const pending: Pending<SyncAnswer> = { answer: undefined }
    const answer = (value: SyncAnswer): void => {
      pending.answer ??= value
    }
    const request = {
      groupId: extra.group ?? 'g',
      generationId,
      memberId,
      groupInstanceId: extra.instance ?? null,
      protocolType: null,
      protocolName: extra.protocolName ?? null,
      assignments: Object.entries(assignments).map(([id, text]) => ({ memberId: id, assignment: Buffer.from(text) })),
    }
    this.write<void>(
      shard => shard.syncGroup({ request, answer }),
      error => answer({ errorCode: ErrorCode[error] }),
    )
    return pending
  }

  heartbeat(
    memberId: string,
    generationId: number,
    instance: string | null = null,
    group = 'g',
  ): ErrorName | undefined {
    return this.write<ErrorName>(
      shard => shard.heartbeat({ groupId: group, generationId, memberId, groupInstanceId: instance }),
      error => error,
    ).answer
  }

  leave(memberId: string, instance: string | null = null, group = 'g'): LeaveAnswer | undefined {
    return this.write<LeaveAnswer>(
      shard => shard.leaveGroup(group, [{ memberId, groupInstanceId: instance, reason: null }]),
      error => ({ errorCode: ErrorCode[error] }),
    ).answer
  }

  commitOffset(offset: number, options: Partial<Omit<OffsetCommit, 'topics'>> & CommitOptions = {}): Pending<string> {
    const { topic = 't', partitionIndex = 0, metadata = '', producer, topicId = ZERO_UUID, ...rest } = options
    const partitions = [
      { partitionIndex, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: metadata },
    ]
    const request: OffsetCommit = {
      groupId: 'g',
      memberId: '',
      groupInstanceId: null,
      generationIdOrMemberEpoch: -1,
      isTransactional: producer !== undefined,
      apiVersion: 9,
      retentionTimeMs: -1,
      ...rest,
      topics: [{ name: topic, topicId, partitions }],
    }
    const pending: Pending<string> = { answer: undefined }
    const answer = (outcome: CommitOutcome): void => {
      pending.answer = typeof outcome === 'string' ? outcome : errorOf(outcome[0]!.partitions[0]!.errorCode).name
    }
    this.runtime.write<CommitOutcome>(partition, {
      operation: shard => shard.commitOffsets(request),
      failed: error => error,
      reply: answer,
      producer: producer === undefined ? undefined : { producerId: producer, producerEpoch: 0 },
    })
    this.turn()
    return pending
  }

  endTransaction(producerId: number, result: 'COMMIT' | 'ABORT'): void {
    const marker = { producerId, producerEpoch: 0, coordinatorEpoch: 0, result, transactionVersion: 2 } as const
    this.runtime.completeTransaction(partition, marker, () => {})
    this.turn()
  }

  /** The committed offset as readers see it; an error's name where there is one. */
  offset(
    options: {
      readonly group?: string
      readonly topic?: string
      readonly partitionIndex?: number
      readonly stable?: boolean
    } = {},
  ): number | string {
    const { group = 'g', topic = 't', partitionIndex = 0, stable = false } = options
    const request = {
      groupId: group,
      memberId: null,
      memberEpoch: -1,
      topics: [{ name: topic, topicId: ZERO_UUID, partitionIndexes: [partitionIndex] }],
    }
    const outcome = stable
      ? this.write<ErrorName | readonly FetchedTopic[]>(
          shard => ({ records: [], response: shard.fetchOffsets(request, 'latest') }),
          error => error,
        ).answer!
      : this.runtime.read<ErrorName | readonly FetchedTopic[]>(
          partition,
          shard => shard.fetchOffsets(request, 'committed'),
          error => error,
        )
    if (typeof outcome === 'string') return outcome
    const { committedOffset, errorCode } = outcome[0]!.partitions[0]!
    return errorCode === ErrorCode.NONE ? committedOffset : errorOf(errorCode).name
  }

  state(group = 'g'): string | undefined {
    return this.shard.listGroups(new Set(), new Set()).find(({ groupId }) => groupId === group)?.groupState
  }

  members(group = 'g'): string[] {
    return (this.shard.describeGroup(group, 5).members ?? []).map(member => member.memberId!)
  }
}

export interface CommitOptions {
  readonly topic?: string
  readonly partitionIndex?: number
  readonly metadata?: string | null
  readonly topicId?: string
  /** Within this producer's transaction. */
  readonly producer?: number
}

export const nameOf = (answer: { readonly errorCode?: number | undefined } | undefined): string =>
  answer === undefined ? 'waits' : errorOf(answer.errorCode ?? 0).name

export const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString()
