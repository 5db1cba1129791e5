/** What the transaction coordinator is asked, what it answers, and what it wants done, as values. */

import type { ErrorName } from '../../protocol/errors.ts'
import type { TransactionResult } from '../runtime/coordinator.ts'
import type { ProducerIdAndEpoch, TransactionPartitions, TransactionVersion } from './transaction-metadata.ts'

export interface TransactionSettings {
  /** `transaction.version` of the cluster. */
  readonly transactionVersion: TransactionVersion
  /** `transactional.id.expiration.ms` */
  readonly transactionalIdExpirationMs: number
  /** `transaction.abort.timed.out.transaction.cleanup.interval.ms` */
  readonly abortTimedOutIntervalMs: number
  /** `transaction.remove.expired.transaction.cleanup.interval.ms` */
  readonly removeExpiredIntervalMs: number
  /** As many transactional ids are known as may be. */
  readonly isFull: () => boolean
  /** Whether there may be an id with so many kibibytes beyond the first. */
  readonly admitsLongId: (kibibytes: number) => boolean
  /** Whether open transactions may have so many partitions more. */
  readonly admitsPartitions: (count: number) => boolean
  /** What a shard has was not admitted: it was there already. */
  readonly loaded: () => void
}

/** Markers for all partitions of a transaction that has been decided. `markersWritten` is to be called when all are there. */
export interface WriteMarkers extends ProducerIdAndEpoch {
  readonly type: 'write-markers'
  readonly transactionalId: string
  readonly result: TransactionResult
  readonly coordinatorEpoch: number
  readonly transactionVersion: TransactionVersion
  readonly partitions: TransactionPartitions
}

/** `abortTimedOut` is to be called again with a producer id. */
export interface AbortNeedsProducerId {
  readonly type: 'abort-needs-producer-id'
  readonly transactionalId: string
}

export type TransactionEffect = WriteMarkers | AbortNeedsProducerId

export interface InitProducerId {
  readonly transactionalId: string
  readonly timeoutMs: number
  /** What the producer has already (KIP-360). */
  readonly expected: ProducerIdAndEpoch | undefined
}

export interface EndTransaction extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly result: TransactionResult
  readonly clientTransactionVersion: TransactionVersion
}

export interface AddPartitions extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly partitions: TransactionPartitions
}

/** The producer id and epoch to go on with, or why not. */
export type ProducerAnswer = ProducerIdAndEpoch | ErrorName

/** Nothing was done: to be asked again with an id that nobody has had (P7). */
export const NEEDS_PRODUCER_ID = Symbol('needs a producer id')
export type NeedsProducerId = typeof NEEDS_PRODUCER_ID
