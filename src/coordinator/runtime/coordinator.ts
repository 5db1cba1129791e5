/**
 * The vocabulary between a coordinator (groups, transactions, share groups) and the runtime that runs it. Read this first.
 *
 * A coordinator is a replicated state machine. Its state lives in the partitions of an internal topic (`__consumer_offsets`, `__transaction_state`); whoever
 * leads such a partition runs one *shard* of the coordinator: plain values in memory, which are what replaying the partition gives.
 *
 *     write:  operation(shard) → { records, response, effects }       sees all that was written, committed or not; changes nothing itself
 *             records are encoded into the open batch, and replay(record) changes the state at once, so that the next operation sees it
 *             the batch is appended at the end of the turn, so that writes that arrive together share it
 *             high watermark past them → effects are performed, then `response` goes out
 *             append refused → the changes are undone (timeline.ts), the writes fail with an error name
 *     read:   operation(shard) → response, from what is *committed* only (`getCommitted`, `committedEntries` of timeline.ts)
 *     later:  an operation may keep its caller's callback (a join waits for others) and call it whenever it likes; on `onUnloaded` it has to
 *     timer:  context.timers.schedule(key, delayMs, operation): the operation runs as a write of its own when it is due
 *     load:   every record of the partition is replayed, in slices; meanwhile reads and writes fail with COORDINATOR_LOAD_IN_PROGRESS
 *             what cannot be decoded or replayed was written by somebody else: the partition is refused with NOT_COORDINATOR until it is led anew
 *     transactions: records written for a producer carry its id to `replay`; `replayEndTransaction` says later what became of them
 *
 * What a coordinator must keep to:
 * - State that follows from records is in `TimelineMap`s and `TimelineValue`s made from `context.timeline`, with values that are never changed in place, and is
 *   changed in `replay` only. Then a failed append undoes it and readers see only what is committed, with nothing else to do.
 * - State that no record holds (members of a classic group that waits, timers) may be anything, is changed by operations, and is gone with the shard. Records that
 *   say what such state says already are given with `isApplied`, and are replayed only at load.
 * - Expected failures are responses. An operation that throws is a bug; what it changed in timelines is undone and the throw goes to its caller.
 * - Everything is synchronous: no promise, no Io. Time is `context.nowMs()`, randomness `context.randomUuid()`.
 *
 * `runtime.ts` is the runtime, `shard-runner.ts` one shard in it. The broker's side of it (partitions, leadership, sockets) is `src/broker/coordinators/`.
 */

import type { ByteReader } from '../../protocol/byte-reader.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import type { Uuid } from '../../protocol/uuid.ts'
import type { CoordinatorTimers } from './timers.ts'
import type { Timeline } from './timeline.ts'

/** How a coordinator's records become bytes and come back. `R` is usually a union told apart by a `type`. */
export interface RecordFormat<R> {
  /** A null value is a tombstone. */
  encode(record: R): EncodedRecord
  /**
   * Undefined: of a type that this version does not know, to be passed over. Throws where the bytes are not what they should be. The readers are at the start of key and
   * value, and serve for the next record again.
   */
  decode(key: ByteReader, value: ByteReader | null): R | undefined
  /** For people, in a line: what kind of record it is, and of what. */
  nameOf(record: R): string
}

export interface EncodedRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** Where a record stands, for `replay`. It may say something else afterwards. */
export interface RecordPlace {
  readonly offset: number
  /** Of the transaction that the record belongs to; −1: of none. */
  readonly producerId: number
  readonly producerEpoch: number
}

/** One partition's share of a coordinator. The runtime calls these; everything else are methods of its own, which operations call. */
export interface CoordinatorShard<R> {
  /**
   * Applies one record: at append, and of all records there are at load. May throw at what no coordinator writes. At append that is a bug; at load somebody else has written it, and the partition is
   * refused.
   */
  replay(record: R, place: RecordPlace): void
  /**
   * At load, before `decode` and `replay`, where a coordinator has records of one kind by the hundred thousand: applies the record straight from its bytes. False: it is none of those, nothing has been
   * changed, and it is to be decoded.
   */
  replayBytes?(key: ByteReader, value: ByteReader | null, place: RecordPlace): boolean
  /** The transaction of this producer in this partition has ended. Needed where `write` is ever given a `producer`. */
  replayEndTransaction?(producerId: number, producerEpoch: number, result: TransactionResult, offset: number): void
  /** All that the partition holds has been replayed; operations come from here on. Timers are started here. */
  onLoaded?(): void
  /** The end: who waits is to be answered with `error`. No operation and no timer comes after it. */
  onUnloaded?(error: ErrorName): void
  /** Topics were made, changed or deleted. `context.topics` shows them as they are now. */
  onTopicsChanged?(change: TopicsChange): void
}

export type TransactionResult = 'COMMIT' | 'ABORT'

/** What a shard is made with. */
export interface ShardContext<R = unknown, E = unknown> {
  readonly partition: number
  /** Of this broker as the partition's leader: the coordinator epoch. */
  readonly leaderEpoch: number
  readonly timeline: Timeline
  readonly timers: CoordinatorTimers<R, E>
  readonly topics: TopicsView
  /** Wall clock. */
  nowMs(): number
  /** In the text form of RFC 9562 (`8-4-4-4-12`). */
  randomUuid(): string
  /**
   * Runs a write of the shard's own, at once or, when it is called out of an operation, behind it. `onFailed` hears when its records did not become
   * durable.
   */
  write(operation: () => CoordinatorResult<R, void, E>, onFailed?: (error: ErrorName) => void): void
}

/** What an operation gives. */
export interface CoordinatorResult<R, T, E = never> {
  /** All are appended in one batch, or none is; unless the result `isDivisible`. */
  readonly records: readonly R[]
  /** Goes out when the records, and everything that was written before, are committed. */
  readonly response: T
  /** Performed by the broker once the records are committed: requests to send, as values. */
  readonly effects?: readonly E[]
  /** The records stand each for itself and may be more than fit into a batch. Those before one that cannot be written stay written. */
  readonly isDivisible?: boolean
  /** The state says already what the records say: they are not replayed. */
  readonly isApplied?: boolean
  /** Called before the response goes out: without an error when all is committed, with one when it will not be. */
  readonly onCompleted?: (error: ErrorName | undefined) => void
}

/** For writes on behalf of a transactional producer (TxnOffsetCommit): their batch carries its id. */
export interface TransactionalProducer {
  readonly producerId: number
  readonly producerEpoch: number
  /** Given out when the coordinator of the transaction was asked (KIP-890), handed to the partition as it is. */
  readonly verificationGuard?: unknown
  /** `transaction.version` of the client's request. */
  readonly transactionVersion?: 0 | 1 | 2
}

/** An end-transaction marker (WriteTxnMarkers) for one coordinator partition. */
export interface TransactionMarker {
  readonly producerId: number
  readonly producerEpoch: number
  /** Of the transaction coordinator that sends it. */
  readonly coordinatorEpoch: number
  readonly result: TransactionResult
  readonly transactionVersion: 0 | 1 | 2
}

/** What coordinators may know of topics. Always the newest. */
export interface TopicsView {
  /** Of the metadata that is shown; grows with every change, the same on all brokers. */
  readonly version: number
  byName(name: string): TopicView | undefined
  byId(id: Uuid): TopicView | undefined
  names(): Iterable<string>
}

export interface TopicView {
  readonly name: string
  readonly id: Uuid
  readonly partitionCount: number
  /** The racks of the partition's replicas, of those that have one, in the order of the replicas. */
  racksOf(partition: number): readonly string[]
}

export interface TopicsChange {
  /** Whether topics were made. */
  readonly hasNew: boolean
  /** Names of topics that were made or that changed. */
  readonly changed: ReadonlySet<string>
  /** Topics that are gone, with the ids that they had. There may be another under the same name already. */
  readonly deleted: ReadonlyMap<string, Uuid>
}

/** The partition that a shard keeps its records in, as the runtime needs it. The broker implements it over `replication/partition.ts`. */
export interface CoordinatorLog {
  /** The next offset that an append will get. */
  readonly endOffset: number
  readonly startOffset: number
  readonly highWatermark: number
  /** Largest batch that may be appended (`max.message.bytes`). */
  readonly batchBytesMax: number
  /** Appends one batch, whose bytes are the log's from now on. Whether it is committed, `CoordinatorRuntime.highWatermarkAdvanced` and `appendsFailed` tell. */
  append(batch: Uint8Array, options: LogAppendOptions): LogAppendOutcome
  /** Whole batches from the one that holds `offset` on; nothing at the end. For loading. */
  read(offset: number, maxBytes: number, done: (outcome: LogReadOutcome) => void): void
}

export interface LogAppendOptions {
  readonly verificationGuard: unknown
  readonly transactionVersion: 0 | 1 | 2
}

export type LogAppendOutcome =
  | { readonly kind: 'appended'; readonly firstOffset: number; readonly lastOffset: number }
  | { readonly kind: 'rejected'; readonly error: ErrorName; readonly message: string }

export type LogReadOutcome =
  | { readonly kind: 'ok'; readonly batches: readonly Uint8Array[]; readonly nextOffset: number }
  | { readonly kind: 'failed'; readonly message: string }

/** Time as coordinators know it; a test's is a few lines. */
export interface CoordinatorClock {
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Never goes back. */
  monotonicMs(): number
  setTimer(delayMs: number, callback: () => void): { cancel(): void }
  /** After the events of this turn. */
  defer(callback: () => void): void
}

/** What a coordinator of one kind is, to the runtime. */
export interface CoordinatorDefinition<S extends CoordinatorShard<R>, R, E> {
  /** For the logs. */
  readonly name: string
  readonly format: RecordFormat<R>
  createShard(context: ShardContext<R, E>): S
  /** Performs what an operation asked for, after its records are committed. */
  performEffect(effect: E, partition: number): void
}

/** Nothing to write: an answer only. */
export function respond<T>(response: T): CoordinatorResult<never, T> {
  return { records: noRecords, response }
}

const noRecords: readonly never[] = []
