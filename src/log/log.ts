/**
 * One partition's log: the API that the layers above program against.
 */
import type { DiskError } from '../io/io.ts'
import type { Uuid } from '../protocol/uuid.ts'
import type { LogConfig } from './log-config.ts'
import type {
  AbortedTransaction,
  ActiveProducer,
  AppendOutcome,
  AppendRejected,
  LeaderAppendOptions,
  ReadOptions,
  ReadOutcome,
  TimestampAndOffset,
  VerificationGuard,
} from './log-types.ts'

/** Called when `writtenEndOffset` has grown or the log has failed. */
export type AdvanceListener = () => void

export declare class Log {
  readonly topic: string
  readonly partition: number
  /** Set when a topic id is known (`partition.metadata`). */
  readonly topicId: Uuid | undefined
  /** The log directory (one of `log.dirs`) that holds it now. */
  readonly directory: string
  readonly config: LogConfig

  get logStartOffset(): number
  /** The next offset to be assigned. */
  get logEndOffset(): number
  /** Everything below is in the file (and synced, where the topic asks for it) and readable. */
  get writtenEndOffset(): number
  get highWatermark(): number
  /** Only forward (L7), at most to `writtenEndOffset`. */
  updateHighWatermark(offset: number): void
  /** Everything below is decided: the first offset of the oldest open transaction, at most the high watermark (P4). */
  get lastStableOffset(): number
  get firstUnstableOffset(): number | undefined
  /** Of the newest batch; undefined for a log that has none. */
  get latestEpoch(): number | undefined
  get sizeBytes(): number
  get segmentCount(): number
  /** Set once, when the disk failed under this log: appends and reads answer KAFKA_STORAGE_ERROR. */
  get failure(): DiskError | undefined

  /** Returns the function that ends it. */
  onAdvance(listener: AdvanceListener): () => void

  /**
   * Validates, stamps and queues one batch; offsets are assigned when this returns. The bytes may be changed in place by it and must not be changed
   * by the caller afterwards.
   */
  appendAsLeader(records: Uint8Array, options: LeaderAppendOptions): AppendOutcome
  /** Queues batches exactly as another replica has them; offsets must follow the log's end. */
  appendAsFollower(records: Uint8Array): AppendRejected | undefined

  /** From memory at once, from disk as a promise. Never rejects. */
  read(options: ReadOptions): ReadOutcome | Promise<ReadOutcome>
  /** About how many bytes lie in [from, upTo): for the minimum bytes of a fetch. Cheap and never below the truth by a whole batch in the tail. */
  bytesAvailable(from: number, upTo: number): number
  /** The aborted transactions that touch [from, to), sorted by last offset. */
  abortedTransactions(from: number, to: number): Promise<AbortedTransaction[]>

  /** The first record whose timestamp is at least `timestampMs`, below `upTo`. */
  lookupTimestamp(timestampMs: number, upTo?: number): Promise<TimestampAndOffset | undefined>
  /** The record with the largest timestamp (the earliest such), below `upTo`. */
  maxTimestamp(upTo?: number): Promise<TimestampAndOffset | undefined>
  /** The largest epoch ≤ the one asked, and its end offset (KIP-101, KIP-279); undefined when no such epoch is known. */
  endOffsetForEpoch(leaderEpoch: number): { leaderEpoch: number; endOffset: number } | undefined
  /** Epoch of the leader that wrote the batch at `offset`. */
  epochForOffset(offset: number): number | undefined
  /** A new leader epoch begins at the log end offset. */
  assignLeaderEpochStart(leaderEpoch: number): void

  /** Moves the log start offset forward, at most to the high watermark; `undefined` when done, else why not. */
  deleteRecordsBefore(offset: number): Promise<AppendRejected | undefined>
  /** Drops everything at and above `offset`. Nothing may be appended until it settles. */
  truncateTo(offset: number): Promise<void>
  /** Drops everything; the next batch gets `offset`. */
  truncateFullyAndStartAt(offset: number): Promise<void>
  roll(): Promise<void>
  /** Removes segments that retention allows to; returns how many. Nothing at or above the high watermark goes (L9). */
  applyRetention(nowMs: number): Promise<number>

  activeProducers(): ActiveProducer[]
  /** For a transactional append whose transaction the log does not know yet: the guard to append with after the coordinator said that it is ongoing. */
  startVerification(producerId: number, sequence: number, producerEpoch: number): VerificationGuard | undefined

  updateConfig(config: LogConfig): void
  /** Syncs everything written so far and moves the recovery point. */
  flush(): Promise<void>
  /** Writes out, flushes, takes a producer snapshot and closes the files. */
  close(): Promise<void>
}
