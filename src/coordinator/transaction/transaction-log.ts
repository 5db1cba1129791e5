/**
 * The records of `__transaction_state`, as Kafka writes them: by transactional id the whole of what is known of it, in version 0 or, from `transaction.version` 1 on,
 * version 1.
 */

import type { ByteReader } from '../../protocol/byte-reader.ts'
import { codecOf, encodeVersioned } from '../../protocol/codec.ts'
import { TransactionLogKey, TransactionLogValue } from '../../protocol/internal/transaction-records.ts'
import type { EncodedRecord, RecordFormat } from '../runtime/coordinator.ts'
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID, noPartitions, PRODUCER_EPOCH_MAX } from './transaction-metadata.ts'
import type { TransactionMetadata, TransactionPartitions, TransactionVersion } from './transaction-metadata.ts'
import { transactionStates } from './transaction-state.ts'

export interface TransactionRecord {
  readonly transactionalId: string
  /** Undefined: the transactional id has expired. */
  readonly metadata: TransactionMetadata | undefined
  /** Of the value: 0, or 1 with the fields that version 2 of transactions needs. */
  readonly valueVersion: 0 | 1
}

const keyVersion = 0
const newestValueVersion = 1

export const transactionLogFormat: RecordFormat<TransactionRecord> = { encode, decode, nameOf }

function encode({ transactionalId, metadata, valueVersion }: TransactionRecord): EncodedRecord {
  const key = encodeVersioned(TransactionLogKey, keyVersion, { transactionalId })
  if (metadata === undefined) return { key, value: null }
  const value = encodeVersioned(TransactionLogValue, valueVersion, {
    producerId: metadata.producerId,
    producerEpoch: metadata.producerEpoch,
    transactionTimeoutMs: metadata.timeoutMs,
    transactionStatus: transactionStates.indexOf(metadata.state),
    transactionPartitions: metadata.state === 'Empty' ? null : topicsOf(metadata.partitions),
    transactionLastUpdateTimestampMs: metadata.lastUpdateTimestampMs,
    transactionStartTimestampMs: metadata.startTimestampMs,
    ...(valueVersion === 0 ? {} : versionOneFields(metadata)),
  })
  return { key, value }
}

/** The last epoch is not in the log. Where each transaction has its epoch it follows from the present one, and a request that is repeated after a failover is known. */
function decode(key: ByteReader, value: ByteReader | null): TransactionRecord | undefined {
  if (key.int16() !== keyVersion) return undefined
  const { transactionalId } = codecOf(TransactionLogKey, keyVersion).decode(key)
  if (value === null) return { transactionalId, metadata: undefined, valueVersion: newestValueVersion }
  const valueVersion = value.int16()
  // As for keys: left over from a newer version. What was known before remains.
  if (valueVersion > newestValueVersion) return undefined
  const logged = codecOf(TransactionLogValue, valueVersion).decode(value)
  const state = transactionStates[logged.transactionStatus]
  if (state === undefined) throw new Error(`${transactionalId} is in the state ${logged.transactionStatus}`)
  checkProducer(logged)
  const metadata: TransactionMetadata = {
    transactionalId,
    producerId: logged.producerId,
    producerEpoch: logged.producerEpoch,
    previousProducerId: logged.previousProducerId,
    nextProducerId: logged.nextProducerId,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: logged.transactionTimeoutMs,
    state,
    partitions: state === 'Empty' ? noPartitions : partitionsOf(logged.transactionPartitions ?? []),
    startTimestampMs: logged.transactionStartTimestampMs,
    lastUpdateTimestampMs: logged.transactionLastUpdateTimestampMs,
    clientTransactionVersion: transactionVersionOf(logged.clientTransactionVersion),
  }
  return {
    transactionalId,
    metadata: { ...metadata, lastProducerEpoch: lastProducerEpochOf(metadata) },
    valueVersion: newestValueVersion,
  }
}

/** No step can follow one of these, so that a transaction could never be decided; nobody is given them. */
function checkProducer({ producerId, producerEpoch, nextProducerId }: TransactionLogValue): void {
  if (!isProducerId(producerId)) throw new Error(`${producerId} is no producer id`)
  if (producerEpoch < 0) throw new Error(`${producerEpoch} is no epoch of a producer`)
  if (nextProducerId !== NO_PRODUCER_ID && !isProducerId(nextProducerId))
    throw new Error(`${nextProducerId} is no next producer id`)
}

function isProducerId(id: number): boolean {
  return id >= 0 && Number.isSafeInteger(id)
}

function nameOf({ transactionalId, metadata }: TransactionRecord): string {
  const what = JSON.stringify(transactionalId).slice(0, namedCharsMax)
  return metadata === undefined ? `a tombstone of transactional id ${what}` : `of transactional id ${what}`
}

/** Ids may be as long as their sender likes. */
const namedCharsMax = 200

function versionOneFields(metadata: TransactionMetadata) {
  const { previousProducerId, nextProducerId, clientTransactionVersion } = metadata
  return { previousProducerId, nextProducerId, clientTransactionVersion }
}

function topicsOf(partitions: TransactionPartitions): { topic: string; partitionIds: number[] }[] {
  return [...partitions].map(([topic, numbers]) => ({ topic, partitionIds: [...numbers] }))
}

function partitionsOf(topics: TransactionLogValue['transactionPartitions'] & {}): TransactionPartitions {
  return new Map(topics.map(({ topic, partitionIds }) => [topic, new Set(partitionIds)]))
}

function transactionVersionOf(level: number): TransactionVersion {
  if (level !== 0 && level !== 1 && level !== 2) throw new Error(`transaction.version ${level} of a client`)
  return level
}

/** What `prepared` and `completed` have made of it. */
function lastProducerEpochOf(metadata: TransactionMetadata): number {
  const { state, clientTransactionVersion, producerEpoch, producerId, previousProducerId } = metadata
  if (state === 'Empty' || state === 'Ongoing' || clientTransactionVersion < 2) return NO_PRODUCER_EPOCH
  if (producerEpoch > 0) return producerEpoch - 1
  const hasChangedId = previousProducerId !== NO_PRODUCER_ID && previousProducerId !== producerId
  return hasChangedId ? PRODUCER_EPOCH_MAX - 1 : NO_PRODUCER_EPOCH
}
