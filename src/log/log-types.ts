/**
 * What goes into a log and what comes out of it, as values: the vocabulary between `Log` and those who use it.
 */
import type { Uuid } from '../protocol/uuid.ts'
import type { PooledMemory } from '../std/memory-pool.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** Kafka's names of the errors that a log answers with (a part of those in `protocol/errors.ts`). */
export type LogErrorName =
  | 'CORRUPT_MESSAGE'
  | 'INVALID_RECORD'
  | 'INVALID_TIMESTAMP'
  | 'MESSAGE_TOO_LARGE'
  | 'RECORD_LIST_TOO_LARGE'
  | 'UNSUPPORTED_FOR_MESSAGE_FORMAT'
  | 'UNSUPPORTED_COMPRESSION_TYPE'
  | 'OUT_OF_ORDER_SEQUENCE_NUMBER'
  | 'INVALID_PRODUCER_EPOCH'
  | 'INVALID_TXN_STATE'
  | 'TRANSACTION_COORDINATOR_FENCED'
  | 'OFFSET_OUT_OF_RANGE'
  | 'KAFKA_STORAGE_ERROR'

/** Who appends: a client through Produce, or a coordinator (of groups or transactions), which alone may write control batches. */
export type AppendOrigin = 'client' | 'coordinator'

/** Given out by `Log.startVerification`; an append of a transaction that the coordinator has been asked about carries it (KIP-890). */
export interface VerificationGuard {
  readonly producerId: number
}

export interface LeaderAppendOptions {
  /** Stamped on the batch. Must not be below that of any earlier append (L3). */
  readonly leaderEpoch: number
  readonly origin: AppendOrigin
  readonly verificationGuard?: VerificationGuard | undefined
  /**
   * What the records are in. Memory of the pool is retained for as long as the log needs it; of memory that is only lent, the log copies what it keeps. When it is
   * not given, the memory is the log's from now on.
   */
  readonly memory?: PooledMemory | 'lent' | undefined
  /** What Produce answers to a fenced producer differs: transaction version 2 has strict epochs on markers. Default 0. */
  readonly transactionVersion?: 0 | 1 | 2 | undefined
}

/** Why one record was refused; `batchIndex` counts records within the batch, from 0. */
export interface RecordError {
  readonly batchIndex: number
  readonly message: string
}

export interface AppendAccepted {
  /** `duplicate`: the producer sent it before, and these are the offsets that it got then. */
  readonly kind: 'appended' | 'duplicate'
  readonly firstOffset: number
  /** Inclusive. Acknowledge when `writtenEndOffset` (acks=1) or the high watermark (acks=all) is above it. */
  readonly lastOffset: number
  /** The timestamp that all records of the batch got, or −1 on a topic with CreateTime. */
  readonly logAppendTimeMs: number
  readonly logStartOffset: number
}

export interface AppendRejected {
  readonly kind: 'rejected'
  readonly error: LogErrorName
  readonly message: string
  readonly recordErrors: readonly RecordError[]
  readonly logStartOffset: number
}

export type AppendOutcome = AppendAccepted | AppendRejected

export interface ReadOptions {
  /** The first offset wanted; what is returned begins with the whole batch that holds it (or, after compaction, the next one). */
  readonly offset: number
  readonly maxBytes: number
  /** Return the first batch even when it is larger than `maxBytes` (KIP-74). */
  readonly minOneBatch: boolean
  /** Exclusive bound: only batches that end below it are returned. High watermark, last stable offset, or log end offset. */
  readonly upTo: number
}

export interface ReadOk {
  readonly kind: 'ok'
  /** Whole batches, in order; views of memory that nobody changes. Empty when nothing fits. */
  readonly slices: readonly Uint8Array[]
  readonly sizeBytes: number
  /** Base offset of the first batch; the offset that was asked for when there is none. */
  readonly firstOffset: number
  /** The offset behind the last batch; the offset that was asked for when there is none. */
  readonly nextOffset: number
  /** Gives the memory back early. To be called once, after the last use of the slices, or never. */
  readonly release: () => void
}

export interface ReadFailed {
  readonly kind: 'failed'
  readonly error: 'CORRUPT_MESSAGE' | 'KAFKA_STORAGE_ERROR'
  readonly message: string
}

/** The offset is below the log start offset or above the log end offset. */
export interface ReadOutOfRange {
  readonly kind: 'out-of-range'
}

export type ReadOutcome = ReadOk | ReadOutOfRange | ReadFailed

export interface TimestampAndOffset {
  readonly timestampMs: number
  readonly offset: number
  /** Epoch of the leader that appended it. */
  readonly leaderEpoch: number
}

/** An aborted transaction that a reader of committed records must skip. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** Offset of the marker that aborted it. */
  readonly lastOffset: number
}

/** One producer that a partition remembers, as DescribeProducers shows it. −1 where there is nothing. */
export interface ActiveProducer {
  readonly producerId: number
  readonly producerEpoch: number
  readonly lastSequence: number
  readonly lastTimestampMs: number
  readonly coordinatorEpoch: number
  readonly currentTransactionStartOffset: number
}

export interface LogDescription extends TopicPartition {
  readonly topicId: Uuid | undefined
  readonly sizeBytes: number
  readonly logEndOffset: number
  /** A copy that is on its way to another directory. */
  readonly isFuture: boolean
}
