/**
 * The transaction coordinator for the transactional ids of one partition of `__transaction_state`.
 *
 * All that it knows follows from the log: one value for each transactional id. An operation looks at it, decides, and gives the value that is to be logged; what follows from a
 * decision, markers in every partition of the transaction, is an effect, performed when the decision is committed. Whoever loads the partition later finds the
 * decisions that are not complete and has their markers written again, until they are (P6).
 *
 * Kafka refuses requests with CONCURRENT_TRANSACTIONS while an earlier one is being logged. Here they are decided on what it will have left, and answered
 * after it, so that only a transaction that is being ended makes a client ask again.
 *
 * Producer ids come from the controller, which takes a while. An operation that needs one says so, and is called again with a spare one.
 */

import type { ErrorName } from '../../protocol/errors.ts'
import { respond } from '../runtime/coordinator.ts'
import type { CoordinatorResult, CoordinatorShard, ShardContext } from '../runtime/coordinator.ts'
import { TimelineMap } from '../runtime/timeline.ts'
import { excessOf } from '../counted-limit.ts'
import { endOf } from './end-transaction.ts'
import type { TransactionRecord } from './transaction-log.ts'
import {
  completed,
  createdTransaction,
  fenced,
  holdsAll,
  initialized,
  isEpochExhausted,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  prepared,
  rotated,
  withPartitions,
} from './transaction-metadata.ts'
import type {
  ProducerIdAndEpoch,
  TransactionMetadata,
  TransactionPartitions,
  TransactionVersion,
} from './transaction-metadata.ts'
import { NEEDS_PRODUCER_ID } from './transaction-requests.ts'
import type {
  AddPartitions,
  EndTransaction,
  InitProducerId,
  NeedsProducerId,
  ProducerAnswer,
  TransactionEffect,
  TransactionSettings,
  WriteMarkers,
} from './transaction-requests.ts'
import { isIdle, isPrepared } from './transaction-state.ts'

type Result<T> = CoordinatorResult<TransactionRecord, T, TransactionEffect>

/** So many are looked at for the one that has not been used for the longest. */
const candidates = 32

export class TransactionShard implements CoordinatorShard<TransactionRecord> {
  readonly #context: ShardContext<TransactionRecord, TransactionEffect>
  readonly #settings: () => TransactionSettings
  readonly #transactions: TimelineMap<string, TransactionMetadata>
  /** Whom to look at next for a place to be given up. */
  #candidates: Iterator<TransactionMetadata> | undefined

  constructor(context: ShardContext<TransactionRecord, TransactionEffect>, settings: () => TransactionSettings) {
    this.#context = context
    this.#settings = settings
    this.#transactions = new TimelineMap(context.timeline)
  }

  /** How many transactional ids are known. */
  get size(): number {
    return this.#transactions.size
  }

  /** Kibibytes of all ids beyond the first of each. Looks at all. */
  countLongIds(): number {
    let count = 0
    for (const transactionalId of this.#transactions.keys()) count += excessOf(transactionalId)
    return count
  }

  /** Partitions of all transactions. Looks at all. */
  countPartitions(): number {
    let count = 0
    for (const { partitions } of this.#transactions.values())
      for (const numbers of partitions.values()) count += numbers.size
    return count
  }

  replay({ transactionalId, metadata }: TransactionRecord): void {
    if (metadata === undefined) this.#transactions.delete(transactionalId)
    else this.#transactions.set(transactionalId, metadata)
  }

  onLoaded(): void {
    this.#settings().loaded()
    for (const transaction of this.#transactions.values()) {
      if (!isPrepared(transaction.state)) continue
      const effects = [this.#markersOf(transaction)]
      this.#context.write(() => ({ records: [], response: undefined, effects }))
    }
    this.#scheduleAborts()
    this.#scheduleRemovals()
  }

  /** As all operations, whatever the runtime does with it, without a partition to ask: for tests and checks. */
  get(transactionalId: string): TransactionMetadata | undefined {
    return this.#transactions.get(transactionalId)
  }

  /**
   * A producer begins, and every earlier one of its transactional id is fenced (P2). A transaction that is still open is aborted first: the producer has to ask again
   * when that is done.
   */
  initProducerId(request: InitProducerId, spareProducerId?: number): Result<ProducerAnswer | NeedsProducerId> {
    const { transactionalId, timeoutMs, expected } = request
    const nowMs = this.#context.nowMs()
    const known = this.#transactions.get(transactionalId)
    if (known === undefined && spareProducerId === undefined) return respond(NEEDS_PRODUCER_ID)
    if (known === undefined && !this.#admitsLongId(transactionalId)) return respond('COORDINATOR_NOT_AVAILABLE')
    if (known === undefined && this.#settings().isFull()) {
      const replaced = this.#makeRoom()
      if (replaced === undefined) return respond('COORDINATOR_NOT_AVAILABLE')
      const created = createdTransaction(transactionalId, spareProducerId!, timeoutMs, nowMs)
      const begun = initialized(created, expected?.producerEpoch, timeoutMs, nowMs)
      return begun === 'PRODUCER_FENCED' ? respond(begun) : this.#begin(begun, replaced)
    }
    const current = known ?? createdTransaction(transactionalId, spareProducerId!, timeoutMs, nowMs)
    // Before anything is said of who asks: to Kafka the completion is under way from the decision on, and it looks for that first.
    if (isPrepared(current.state)) return respond('CONCURRENT_TRANSACTIONS')
    if (expected !== undefined && !mayBe(expected, current)) return respond('PRODUCER_FENCED')
    if (current.state === 'Ongoing') return this.#fence(current, 'CONCURRENT_TRANSACTIONS' as const, spareProducerId)
    const isLastEpoch = expected === undefined || expected.producerEpoch === current.producerEpoch
    if (isEpochExhausted(current.producerEpoch) && isLastEpoch) {
      if (spareProducerId === undefined) return respond(NEEDS_PRODUCER_ID)
      return this.#begin(rotated(current, spareProducerId, expected !== undefined, timeoutMs, nowMs))
    }
    const begun = initialized(current, expected?.producerEpoch, timeoutMs, nowMs)
    return begun === 'PRODUCER_FENCED' ? respond(begun) : this.#begin(begun)
  }

  /** `clientTransactionVersion` 2 where the partitions come with the first record for each (KIP-890), 0 where the client adds them beforehand. */
  addPartitions(request: AddPartitions, clientTransactionVersion: TransactionVersion): Result<ErrorName> {
    const current = this.#transactions.get(request.transactionalId)
    // A client that goes on under the next epoch comes before the markers are written: whose it is shows when they are.
    if (current !== undefined && isPrepared(current.state)) return respond('CONCURRENT_TRANSACTIONS')
    const problem = problemOf(current, request)
    if (problem !== undefined) return respond(problem)
    if (current!.state === 'Ongoing' && holdsAll(current!.partitions, request.partitions)) return respond('NONE')
    if (!this.#canLog(clientTransactionVersion)) return respond('UNSUPPORTED_VERSION')
    if (!this.#settings().admitsPartitions(addedCount(current!.partitions, request.partitions)))
      return respond('COORDINATOR_NOT_AVAILABLE')
    const begun = withPartitions(current!, request.partitions, clientTransactionVersion, this.#context.nowMs())
    return { records: [this.#record(begun)], response: 'NONE' }
  }

  /** Whether these partitions belong to the producer's transaction: an error for all of them, or for each whether it does. */
  verifyPartitions(request: AddPartitions): ErrorName | ((topic: string, partition: number) => boolean) {
    const current = this.#transactions.getCommitted(request.transactionalId)
    const problem = problemOf(current, request)
    return problem ?? ((topic, partition) => current!.partitions.get(topic)?.has(partition) === true)
  }

  /** The decision (P6). The answer goes out when it is committed; the markers are written meanwhile. */
  endTransaction(request: EndTransaction, spareProducerId?: number): Result<ProducerAnswer | NeedsProducerId> {
    const current = this.#transactions.get(request.transactionalId)
    if (current === undefined) return respond('INVALID_PRODUCER_ID_MAPPING')
    const step = endOf(current, request)
    if (step.kind === 'refused') return respond(step.error)
    if (step.kind === 'done') return respond(producerOf(current))
    const { clientTransactionVersion } = request
    if (!this.#canLog(clientTransactionVersion)) return respond('UNSUPPORTED_VERSION')
    const needsNext = clientTransactionVersion >= 2 && isEpochExhausted(current.producerEpoch)
    if (needsNext && spareProducerId === undefined) return respond(NEEDS_PRODUCER_ID)
    const nextProducerId = needsNext ? spareProducerId! : NO_PRODUCER_ID
    const decided = prepared(current, step.state, clientTransactionVersion, nextProducerId, this.#context.nowMs())
    return this.#decide(decided, answerOf(decided))
  }

  /** All markers of a decision are written. Nothing happens where it is complete already. */
  markersWritten({ transactionalId, producerId, producerEpoch, coordinatorEpoch }: WriteMarkers): Result<void> {
    const current = this.#transactions.get(transactionalId)
    if (current === undefined || !isPrepared(current.state)) return respond(undefined)
    const isThis = current.producerId === producerId && current.producerEpoch === producerEpoch
    if (!isThis || coordinatorEpoch !== this.#context.leaderEpoch) return respond(undefined)
    return { records: [this.#record(completed(current, this.#context.nowMs()))], response: undefined }
  }

  /** Aborts the transaction if it has still not ended in its time (P5). */
  abortTimedOut(transactionalId: string, spareProducerId?: number): Result<void> {
    const current = this.#transactions.get(transactionalId)
    if (current === undefined || !hasTimedOut(current, this.#context.nowMs())) return respond(undefined)
    const result = this.#fence(current, undefined, spareProducerId)
    if (result.response !== NEEDS_PRODUCER_ID) return { ...result, response: undefined }
    return { records: [], response: undefined, effects: [{ type: 'abort-needs-producer-id', transactionalId }] }
  }

  /** What is committed of one transactional id. */
  describe(transactionalId: string): TransactionMetadata | undefined {
    return this.#transactions.getCommitted(transactionalId)
  }

  /** What is committed of all. */
  *list(): Generator<TransactionMetadata> {
    for (const [, transaction] of this.#transactions.committedEntries()) yield transaction
  }

  /** Records of a cluster of version 0 cannot say that a client is of version 2: whoever loads them would take its epochs for others. Kafka fails there, and leaves the transaction undecided for ever. */
  #canLog(clientTransactionVersion: TransactionVersion): boolean {
    return clientTransactionVersion < 2 || this.#settings().transactionVersion > 0
  }

  #admitsLongId(transactionalId: string): boolean {
    const excess = excessOf(transactionalId)
    return excess === 0 || this.#settings().admitsLongId(excess)
  }

  #begin(begun: TransactionMetadata, before: readonly TransactionRecord[] = []): Result<ProducerAnswer> {
    return { records: [...before, this.#record(begun)], response: producerOf(begun) }
  }

  /**
   * What forgets one of the transactional ids that have not been used for long, so that another can come; undefined where all that are looked at have a transaction
   * open. Looks at a few more each time, so that a crowd does not cost its square. A shard that has next to none has nothing to give.
   */
  #makeRoom(): TransactionRecord[] | undefined {
    if (this.#transactions.size < candidates) return []
    let oldest: TransactionMetadata | undefined
    for (let left = candidates; left > 0; left--) {
      this.#candidates ??= this.#transactions.values()
      const { done, value } = this.#candidates.next()
      if (done === true) {
        this.#candidates = undefined
        continue
      }
      // It may have changed, or gone, since it was at this place.
      const current = this.#transactions.get(value.transactionalId)
      if (current === undefined || !isIdle(current.state)) continue
      if (oldest === undefined || current.lastUpdateTimestampMs < oldest.lastUpdateTimestampMs) oldest = current
    }
    return oldest && [{ transactionalId: oldest.transactionalId, metadata: undefined, valueVersion: 0 }]
  }

  #fence<T>(
    current: TransactionMetadata,
    response: T,
    spareProducerId: number | undefined,
  ): Result<T | NeedsProducerId> {
    const { transactionVersion } = this.#settings()
    const needsNext = transactionVersion >= 2 && isEpochExhausted(current.producerEpoch)
    if (needsNext && spareProducerId === undefined) return respond(NEEDS_PRODUCER_ID)
    const nextProducerId = needsNext ? spareProducerId! : NO_PRODUCER_ID
    return this.#decide(fenced(current, transactionVersion, nextProducerId, this.#context.nowMs()), response)
  }

  #decide<T>(decided: TransactionMetadata, response: T): Result<T> {
    return { records: [this.#record(decided)], response, effects: [this.#markersOf(decided)] }
  }

  #record(metadata: TransactionMetadata): TransactionRecord {
    const valueVersion = this.#settings().transactionVersion >= 1 ? 1 : 0
    return { transactionalId: metadata.transactionalId, metadata, valueVersion }
  }

  #markersOf(transaction: TransactionMetadata): WriteMarkers {
    return {
      type: 'write-markers',
      transactionalId: transaction.transactionalId,
      producerId: transaction.producerId,
      producerEpoch: transaction.producerEpoch,
      result: transaction.state === 'PrepareCommit' ? 'COMMIT' : 'ABORT',
      coordinatorEpoch: this.#context.leaderEpoch,
      transactionVersion: transaction.clientTransactionVersion,
      partitions: transaction.partitions,
    }
  }

  #scheduleAborts(): void {
    this.#context.timers.schedule('abort-timed-out', this.#settings().abortTimedOutIntervalMs, () => {
      const nowMs = this.#context.nowMs()
      for (const transaction of this.#transactions.values()) {
        if (!hasTimedOut(transaction, nowMs)) continue
        this.#context.write(() => this.abortTimedOut(transaction.transactionalId))
      }
      this.#scheduleAborts()
      return respond(undefined)
    })
  }

  #scheduleRemovals(): void {
    this.#context.timers.schedule('remove-expired', this.#settings().removeExpiredIntervalMs, () => {
      for (const { transactionalId } of this.#transactions.values()) {
        if (this.#hasExpired(transactionalId)) this.#context.write(() => this.#remove(transactionalId))
      }
      this.#scheduleRemovals()
      return respond(undefined)
    })
  }

  #remove(transactionalId: string): Result<void> {
    if (!this.#hasExpired(transactionalId)) return respond(undefined)
    return { records: [{ transactionalId, metadata: undefined, valueVersion: 0 }], response: undefined }
  }

  #hasExpired(transactionalId: string): boolean {
    const transaction = this.#transactions.get(transactionalId)
    if (transaction === undefined || !isIdle(transaction.state)) return false
    return transaction.lastUpdateTimestampMs <= this.#context.nowMs() - this.#settings().transactionalIdExpirationMs
  }
}

function addedCount(before: TransactionPartitions, added: TransactionPartitions): number {
  let count = 0
  for (const [topic, numbers] of added) {
    const known = before.get(topic)
    for (const number of numbers) if (known?.has(number) !== true) count += 1
  }
  return count
}

function producerOf({ producerId, producerEpoch }: ProducerIdAndEpoch): ProducerIdAndEpoch {
  return { producerId, producerEpoch }
}

/** What the producer is to go on with: once its epochs are used up, the next id, which is in force when the markers are written. */
function answerOf(decided: TransactionMetadata): ProducerIdAndEpoch {
  if (decided.nextProducerId === NO_PRODUCER_ID) return producerOf(decided)
  return { producerId: decided.nextProducerId, producerEpoch: 0 }
}

/** Whether one that says it has `expected` may be the producer of this transactional id: its epoch is compared later. */
function mayBe(expected: ProducerIdAndEpoch, current: TransactionMetadata): boolean {
  // Just made: the producer recovers from having been forgotten.
  if (current.producerEpoch === NO_PRODUCER_EPOCH || expected.producerId === current.producerId) return true
  // It has not heard that the epochs of its id were used up, and that it has got another.
  return expected.producerId === current.previousProducerId && isEpochExhausted(expected.producerEpoch)
}

/** Why this producer's transaction cannot take partitions in now. */
function problemOf(
  current: TransactionMetadata | undefined,
  { producerId, producerEpoch }: ProducerIdAndEpoch,
): ErrorName | undefined {
  if (current === undefined || current.producerId !== producerId) return 'INVALID_PRODUCER_ID_MAPPING'
  if (current.producerEpoch !== producerEpoch) return 'PRODUCER_FENCED'
  return isPrepared(current.state) ? 'CONCURRENT_TRANSACTIONS' : undefined
}

function hasTimedOut({ state, startTimestampMs, timeoutMs }: TransactionMetadata, nowMs: number): boolean {
  return state === 'Ongoing' && startTimestampMs + timeoutMs < nowMs
}
