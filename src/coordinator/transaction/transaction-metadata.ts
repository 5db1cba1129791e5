/**
 * What a coordinator knows of one transactional id, and the steps that it may take: functions from one value to the next. No step is taken in place.
 *
 * Every step goes through `next`, which holds what must be true of any two values that follow one another: the order of states (P6), and that epochs of a producer
 * id only grow (P2).
 */

import { assert, assertSafeInteger } from '../../std/assert.ts'
import { canFollow } from './transaction-state.ts'
import type { TransactionState } from './transaction-state.ts'

/** `transaction.version`, of the cluster or of a client: 1 has flexible records, 2 bumps the epoch at the end of each transaction (KIP-890). */
export type TransactionVersion = 0 | 1 | 2

/** Partition numbers by topic name. */
export type TransactionPartitions = ReadonlyMap<string, ReadonlySet<number>>

export interface ProducerIdAndEpoch {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface TransactionMetadata extends ProducerIdAndEpoch {
  readonly transactionalId: string
  /** The producer id before the last step: differs from the present one right after the epochs of that were used up. −1: not known. */
  readonly previousProducerId: number
  /** Which producer id comes next, once the epochs of the present one are used up by the transaction that is being ended; −1: the same. */
  readonly nextProducerId: number
  /** The epoch that was replaced by the present one for the same producer, which may ask again (KIP-360); −1: none. Not logged. */
  readonly lastProducerEpoch: number
  readonly timeoutMs: number
  readonly state: TransactionState
  readonly partitions: TransactionPartitions
  /** −1 while no transaction has begun. */
  readonly startTimestampMs: number
  readonly lastUpdateTimestampMs: number
  /** How its client does transactions: 0 or 2. */
  readonly clientTransactionVersion: TransactionVersion
}

export const NO_PRODUCER_ID = -1
export const NO_PRODUCER_EPOCH = -1

/** Only a coordinator that fences a producer may use this one. */
export const PRODUCER_EPOCH_MAX = 0x7fff

export const noPartitions: TransactionPartitions = new Map()

/** No producer may be given a higher epoch of this producer id: one is kept to fence it with. */
export function isEpochExhausted(producerEpoch: number): boolean {
  return producerEpoch >= PRODUCER_EPOCH_MAX - 1
}

/** A transactional id that nobody has used, before its first epoch. */
export function createdTransaction(
  transactionalId: string,
  producerId: number,
  timeoutMs: number,
  nowMs: number,
): TransactionMetadata {
  return {
    transactionalId,
    producerId,
    producerEpoch: NO_PRODUCER_EPOCH,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: NO_PRODUCER_ID,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs,
    state: 'Empty',
    partitions: noPartitions,
    startTimestampMs: -1,
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion: 0,
  }
}

/**
 * A producer begins, or begins anew, under the next epoch. With an `expectedEpoch` it is the producer of before (KIP-360): if that is the last epoch, this is the
 * same request again, and gets the same answer.
 */
export function initialized(
  before: TransactionMetadata,
  expectedEpoch: number | undefined,
  timeoutMs: number,
  nowMs: number,
): TransactionMetadata | 'PRODUCER_FENCED' {
  const { producerEpoch, lastProducerEpoch } = before
  const isKnown = expectedEpoch === undefined || producerEpoch === NO_PRODUCER_EPOCH || expectedEpoch === producerEpoch
  if (!isKnown && expectedEpoch !== lastProducerEpoch) return 'PRODUCER_FENCED'
  assert(
    !isKnown || !isEpochExhausted(producerEpoch),
    () => `P2: no epoch is left after ${producerEpoch} of ${before.producerId}`,
  )
  // A new producer has had no epoch before: whoever names the last one later is somebody else.
  const replacedEpoch = expectedEpoch === undefined ? NO_PRODUCER_EPOCH : producerEpoch
  return next(before, {
    state: 'Empty',
    producerEpoch: isKnown ? producerEpoch + 1 : producerEpoch,
    lastProducerEpoch: isKnown ? replacedEpoch : lastProducerEpoch,
    timeoutMs,
    partitions: noPartitions,
    startTimestampMs: -1,
    lastUpdateTimestampMs: nowMs,
  })
}

/** The same when the epochs of the producer id are used up: the first epoch of another one. */
export function rotated(
  before: TransactionMetadata,
  newProducerId: number,
  isSameProducer: boolean,
  timeoutMs: number,
  nowMs: number,
): TransactionMetadata {
  return next(before, {
    state: 'Empty',
    producerId: newProducerId,
    producerEpoch: 0,
    lastProducerEpoch: isSameProducer ? before.producerEpoch : NO_PRODUCER_EPOCH,
    timeoutMs,
    partitions: noPartitions,
    startTimestampMs: -1,
    lastUpdateTimestampMs: nowMs,
  })
}

/** Takes in partitions; the first ones begin a transaction. */
export function withPartitions(
  before: TransactionMetadata,
  added: TransactionPartitions,
  clientTransactionVersion: TransactionVersion,
  nowMs: number,
): TransactionMetadata {
  return next(before, {
    state: 'Ongoing',
    partitions: union(before.partitions, added),
    startTimestampMs: before.state === 'Ongoing' ? before.startTimestampMs : nowMs,
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion,
  })
}

/**
 * The decision. Under version 2 the producer goes on under the next epoch, so that nothing it sent before belongs to its next transaction (KIP-890), or, where there is
 * none, under `nextProducerId`.
 */
export function prepared(
  before: TransactionMetadata,
  state: 'PrepareCommit' | 'PrepareAbort',
  clientTransactionVersion: TransactionVersion,
  nextProducerId: number,
  nowMs: number,
): TransactionMetadata {
  const bumpsEpoch = clientTransactionVersion >= 2
  return next(before, {
    state,
    // At the largest epoch there is none above; nobody but a coordinator that fenced can have got there.
    producerEpoch: bumpsEpoch ? Math.min(before.producerEpoch + 1, PRODUCER_EPOCH_MAX) : before.producerEpoch,
    lastProducerEpoch: bumpsEpoch ? before.producerEpoch : before.lastProducerEpoch,
    nextProducerId,
    startTimestampMs: before.state === 'Ongoing' ? before.startTimestampMs : nowMs,
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion,
  })
}

/** The decision to abort, taken over the head of the producer, which is fenced by a higher epoch: it has let its time pass, or another one has come. */
export function fenced(
  before: TransactionMetadata,
  clusterVersion: TransactionVersion,
  nextProducerId: number,
  nowMs: number,
): TransactionMetadata {
  if (clusterVersion >= 2) return prepared(before, 'PrepareAbort', 2, nextProducerId, nowMs)
  return next(before, {
    state: 'PrepareAbort',
    producerEpoch: Math.min(before.producerEpoch + 1, PRODUCER_EPOCH_MAX),
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    nextProducerId: NO_PRODUCER_ID,
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion: 0,
  })
}

/** Every partition has its marker. */
export function completed(before: TransactionMetadata, nowMs: number): TransactionMetadata {
  const changesProducerId = before.clientTransactionVersion >= 2 && before.nextProducerId !== NO_PRODUCER_ID
  return next(before, {
    state: before.state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
    producerId: changesProducerId ? before.nextProducerId : before.producerId,
    producerEpoch: changesProducerId ? 0 : before.producerEpoch,
    nextProducerId: NO_PRODUCER_ID,
    partitions: noPartitions,
    lastUpdateTimestampMs: nowMs,
  })
}

export function holdsAll(partitions: TransactionPartitions, wanted: TransactionPartitions): boolean {
  for (const [topic, numbers] of wanted) {
    const held = partitions.get(topic)
    for (const number of numbers) if (held?.has(number) !== true) return false
  }
  return true
}

function union(first: TransactionPartitions, second: TransactionPartitions): TransactionPartitions {
  const all = new Map(first)
  for (const [topic, numbers] of second) all.set(topic, new Set([...(all.get(topic) ?? []), ...numbers]))
  return all
}

function next(before: TransactionMetadata, change: Partial<TransactionMetadata>): TransactionMetadata {
  const after: TransactionMetadata = { ...before, previousProducerId: before.producerId, ...change }
  assert(
    canFollow(before.state, after.state),
    () => `P6: ${before.transactionalId} went from ${before.state} to ${after.state}`,
  )
  assertSafeInteger(after.producerId, 'producer id')
  assert(
    after.producerId !== before.producerId || after.producerEpoch >= before.producerEpoch,
    () => `P2: ${before.transactionalId} went from epoch ${before.producerEpoch} to ${after.producerEpoch}`,
  )
  assert(
    after.producerEpoch >= 0 && after.producerEpoch <= PRODUCER_EPOCH_MAX,
    () => `P2: ${before.transactionalId} has epoch ${after.producerEpoch}`,
  )
  return after
}
