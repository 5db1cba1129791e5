/**
 * What a log knows of the producers that write to it: whose turn it is (P1, P2), which transactions are open, and from where readers of
 * committed records must wait (P4).
 *
 * A batch is first judged (`check`), which changes nothing, and once it is certain to be appended, taken in (`append`). The same `append` rebuilds the state from the
 * batches of a log, after a crash and on a follower, where nothing is judged: whoever wrote them has done so.
 *
 * A producer is forgotten when it has not written for `producer.id.expiration.ms`. Kafka counts that from the timestamp in its last batch, which is the producer's to
 * choose: one that writes old timestamps is forgotten at once, and its retries are appended again. Here it counts from when the batch came. Snapshots hold the
 * timestamp only, so a producer that is restored from one is kept for some minutes at least, in which its retries would come.
 */
import { assert } from '../std/assert.ts'
import * as header from '../protocol/records/batch-header.ts'
import { endTransactionMarker } from '../protocol/records/control.ts'
import type { EndTransactionMarker } from '../protocol/records/control.ts'
import { decodeBatch } from '../protocol/records/decode.ts'
import { lastOffsetOf } from './log-batch.ts'
import type { ActiveProducer, AppendOrigin, LogErrorName, VerificationGuard } from './log-types.ts'
import { firstOffsetOf, ProducerEntry } from './producer-entry.ts'
import type { BatchMetadata } from './producer-entry.ts'
import { decodeProducerSnapshot, encodeProducerSnapshot } from './producer-snapshot.ts'

export interface ProducerStateOptions {
  /** `producer.id.expiration.ms` */
  readonly producerIdExpirationMs: number
  /** `transaction.partition.verification.enable` */
  readonly verifyTransactions: boolean
  /** Wall clock. */
  readonly nowMs: () => number
  /** Somebody new is about to be remembered. */
  readonly onNewProducer?: () => void
}

/** What `check` looks at. */
export interface CheckOptions {
  readonly origin: AppendOrigin
  readonly verificationGuard: VerificationGuard | undefined
  readonly transactionVersion: number
}

export type ProducerVerdict =
  | { readonly kind: 'new' }
  | {
      readonly kind: 'duplicate'
      readonly firstOffset: number
      readonly lastOffset: number
      readonly timestampMs: number
    }
  | { readonly kind: 'refused'; readonly error: LogErrorName; readonly message: string }

/** A transaction that a marker ended. */
export interface CompletedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** Of the marker. */
  readonly lastOffset: number
  readonly isAborted: boolean
  /** When the marker was written: the first offset of the oldest transaction that is still open, or the offset behind the marker. */
  readonly lastStableOffset: number
}

export interface LastBatch {
  /** `undefined` when a marker is all that is known. */
  readonly lastOffset: number | undefined
  readonly producerEpoch: number
}

interface Verification {
  readonly guard: VerificationGuard
  readonly createdMs: number
  readonly supportsEpochBump: boolean
  lowestSequence: number
  producerEpoch: number
}

/** Longer than clients go on retrying by default (`delivery.timeout.ms`, 2 minutes). */
const restoredGraceMs = 15 * 60_000

/** Transactions that one log waits to hear of from their coordinators. */
const verificationsMax = 10_000

/** So many tell well enough when the others last wrote. */
const ageSamples = 500

const isNew: ProducerVerdict = { kind: 'new' }
const producerEpochMax = 0x7fff

export class ProducerState {
  readonly #options: ProducerStateOptions
  #producers: Map<number, ProducerEntry> | undefined
  /** By producer id. */
  #verifications: Map<number, Verification> | undefined
  /** Producer ids by the first offset of their open transactions; in the order of these, since transactions begin at the end of the log. */
  #ongoing: Map<number, number> | undefined
  /** Ended, but with a marker above the high watermark: the offset of the marker by the first offset, in the order of the latter. */
  #unreplicated: Map<number, number> | undefined
  /** The offset behind the last batch that was taken in. */
  #mapEndOffset: number

  constructor(options: ProducerStateOptions, mapEndOffset: number) {
    this.#options = options
    this.#mapEndOffset = mapEndOffset
  }

  get mapEndOffset(): number {
    return this.#mapEndOffset
  }

  get producerCount(): number {
    return this.#producers?.size ?? 0
  }

  get(producerId: number): ProducerEntry | undefined {
    return this.#producers?.get(producerId)
  }

  /** The first offset that is not decided and replicated: of an open transaction, or of one whose marker is not below the high watermark yet. */
  get firstUnstableOffset(): number | undefined {
    const ongoing = firstKey(this.#ongoing)
    const unreplicated = firstKey(this.#unreplicated)
    if (ongoing === undefined) return unreplicated
    return unreplicated === undefined ? ongoing : Math.min(ongoing, unreplicated)
  }

  /** Judges a batch before offsets are given to it. The batch has passed validation. */
  check(bytes: Uint8Array, at: number, options: CheckOptions): ProducerVerdict {
    const producerId = header.producerId(bytes, at)
    if (producerId < 0) return isNew
    const entry = this.#producers?.get(producerId)
    if (header.isControl(bytes, at)) return checkMarker(entry, bytes, at, options.transactionVersion)
    const producerEpoch = header.producerEpoch(bytes, at)
    if (options.origin === 'client' && entry !== undefined) {
      const duplicate = entry.findDuplicate(
        producerEpoch,
        header.baseSequence(bytes, at),
        header.lastSequence(bytes, at),
      )
      if (duplicate !== undefined) return duplicateOf(duplicate)
    }
    const stale = checkProducerEpoch(entry, producerId, producerEpoch)
    if (stale !== undefined) return stale
    const isTransactional = header.isTransactional(bytes, at)
    if (isTransactional && this.#lacksVerification(producerId, producerEpoch, options.verificationGuard)) {
      return refused('INVALID_TXN_STATE', `producer ${producerId} has no ongoing transaction in this partition`)
    }
    if (options.origin === 'client') {
      const disorder = this.#checkSequence(entry, producerId, producerEpoch, header.baseSequence(bytes, at))
      if (disorder !== undefined) return disorder
    }
    if (!isTransactional && entry?.hasOpenTransaction === true) {
      return refused('INVALID_TXN_STATE', `producer ${producerId} has a transaction open and wrote outside of it`)
    }
    return isNew
  }

  /** Takes in a batch that is in the log, or is going to be, at the offsets in its header. */
  append(bytes: Uint8Array, at: number): CompletedTransaction | undefined {
    const nextOffset = lastOffsetOf(bytes, at) + 1
    assert(nextOffset > this.#mapEndOffset, () => `L3: producer state at ${this.#mapEndOffset} takes in ${nextOffset}`)
    this.#mapEndOffset = nextOffset
    const producerId = header.magic(bytes, at) < 2 ? header.NO_PRODUCER_ID : header.producerId(bytes, at)
    if (producerId < 0) return undefined
    if (header.isControl(bytes, at)) return this.#appendMarker(bytes, at, producerId)
    const entry = this.#entry(producerId)
    const firstOffset = header.baseOffset(bytes, at)
    entry.addBatch(header.producerEpoch(bytes, at), {
      lastSequence: header.lastSequence(bytes, at),
      lastOffset: nextOffset - 1,
      offsetDelta: nextOffset - 1 - firstOffset,
      timestampMs: header.maxTimestampMs(bytes, at),
    })
    if (header.isTransactional(bytes, at) && !entry.hasOpenTransaction) {
      entry.currentTransactionFirstOffset = firstOffset
      ;(this.#ongoing ??= new Map()).set(firstOffset, producerId)
      this.#verifications?.delete(producerId)
    }
    return undefined
  }

  /** Transactions whose markers are now replicated no longer hold readers back. */
  onHighWatermark(highWatermark: number): void {
    if (this.#unreplicated === undefined) return
    for (const [firstOffset, markerOffset] of this.#unreplicated) {
      if (markerOffset < highWatermark) this.#unreplicated.delete(firstOffset)
    }
  }

  /** There is nothing between what was taken in and `offset`. */
  advanceTo(offset: number): void {
    if (this.#mapEndOffset < offset) this.#mapEndOffset = offset
  }

  /** Whether a transactional batch of this producer belongs to a transaction that the log knows as open. */
  hasOngoingTransaction(producerId: number, producerEpoch: number): boolean {
    const entry = this.#producers?.get(producerId)
    return entry !== undefined && entry.hasOpenTransaction && entry.producerEpoch === producerEpoch
  }

  /** The guard for a producer whose transaction is about to be verified with its coordinator; the same for all its batches that wait for that. */
  startVerification(
    producerId: number,
    sequence: number,
    producerEpoch: number,
    supportsEpochBump: boolean,
    nowMs: number,
  ): VerificationGuard {
    this.#verifications ??= new Map()
    let state = this.#verifications.get(producerId)
    if (state === undefined) {
      // Anybody may ask for one, with any id. Whose guard is gone has its batch refused, and tries again.
      if (this.#verifications.size >= verificationsMax) this.#verifications.delete(firstKey(this.#verifications)!)
      const guard: VerificationGuard = { producerId }
      state = { guard, createdMs: nowMs, supportsEpochBump, lowestSequence: sequence, producerEpoch }
      this.#verifications.set(producerId, state)
    }
    if (state.producerEpoch === producerEpoch) state.lowestSequence = Math.min(state.lowestSequence, sequence)
    if (state.producerEpoch < producerEpoch) {
      state.producerEpoch = producerEpoch
      state.lowestSequence = sequence
    }
    return state.guard
  }

  /** Forgets producers that have not written for `producer.id.expiration.ms` and have no transaction open. */
  removeExpired(nowMs: number): void {
    for (const [producerId, entry] of this.#producers ?? []) {
      if (this.#isExpired(entry, nowMs)) this.#producers!.delete(producerId)
    }
    for (const [producerId, { createdMs }] of this.#verifications ?? []) {
      if (nowMs - createdMs >= this.#options.producerIdExpirationMs) this.#verifications!.delete(producerId)
    }
  }

  /** How many are remembered. */
  get size(): number {
    return this.#producers?.size ?? 0
  }

  /** Forgets about `count` of those that have not written for the longest, none that has a transaction open; how many it were. */
  forgetOldest(count: number): number {
    if (count <= 0) return 0
    const lastSeenMs = this.#ageOf(count)
    let forgotten = 0
    for (const [producerId, entry] of this.#producers ?? []) {
      if (forgotten >= count) break
      if (entry.hasOpenTransaction || entry.lastSeenMs > lastSeenMs) continue
      this.#producers!.delete(producerId)
      forgotten += 1
    }
    return forgotten
  }

  /** When the last of so many that are to go last wrote, by a sample. */
  #ageOf(count: number): number {
    const step = Math.max(1, Math.floor(this.size / ageSamples))
    const ages: number[] = []
    let index = 0
    for (const entry of this.#producers?.values() ?? []) if (index++ % step === 0) ages.push(entry.lastSeenMs)
    ages.sort((a, b) => a - b)
    return ages[Math.min(ages.length - 1, Math.floor((count / Math.max(1, this.size)) * ages.length))] ?? 0
  }

  /** The last batch of each producer, for the cleaner, which keeps these. */
  lastBatches(): Map<number, LastBatch> {
    const last = new Map<number, LastBatch>()
    for (const { producerId, producerEpoch, lastBatch } of this.#producers?.values() ?? []) {
      last.set(producerId, { lastOffset: lastBatch?.lastOffset, producerEpoch })
    }
    return last
  }

  describe(): ActiveProducer[] {
    return [...(this.#producers?.values() ?? [])].map(entry => ({
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      lastSequence: entry.lastSequence,
      lastTimestampMs: entry.lastTimestampMs,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTransactionStartOffset: entry.currentTransactionFirstOffset,
    }))
  }

  /** The bytes of a snapshot file for `mapEndOffset`. */
  snapshot(): Uint8Array {
    return encodeProducerSnapshot(this.#producers?.values() ?? [])
  }

  /** Starts over from a snapshot taken at `offset`; false, and nothing changed, when its bytes are none. */
  restore(snapshot: Uint8Array, offset: number): boolean {
    const producers = decodeProducerSnapshot(snapshot)
    if (producers === undefined) return false
    this.reset(offset)
    const nowMs = this.#options.nowMs()
    const { producerIdExpirationMs } = this.#options
    const leastSeenMs = nowMs - producerIdExpirationMs + Math.min(producerIdExpirationMs, restoredGraceMs)
    const open: [number, number][] = []
    for (const [producerId, entry] of producers) {
      entry.lastSeenMs = Math.max(leastSeenMs, Math.min(nowMs, entry.lastTimestampMs))
      ;(this.#producers ??= new Map()).set(producerId, entry)
      if (entry.hasOpenTransaction) open.push([entry.currentTransactionFirstOffset, producerId])
    }
    if (open.length > 0) this.#ongoing = new Map(open.sort((a, b) => a[0] - b[0]))
    return true
  }

  /** From now on this is as `other` was, which nobody is to use any more. */
  become(other: ProducerState): void {
    this.#producers = other.#producers
    this.#verifications = other.#verifications
    this.#ongoing = other.#ongoing
    this.#unreplicated = other.#unreplicated
    this.#mapEndOffset = other.#mapEndOffset
  }

  /** Knows nobody any more. */
  reset(mapEndOffset: number): void {
    this.#producers = undefined
    this.#verifications = undefined
    this.#ongoing = undefined
    this.#unreplicated = undefined
    this.#mapEndOffset = mapEndOffset
  }

  #entry(producerId: number): ProducerEntry {
    this.#producers ??= new Map()
    let entry = this.#producers.get(producerId)
    if (entry === undefined) {
      this.#options.onNewProducer?.()
      entry = new ProducerEntry(producerId)
      this.#producers.set(producerId, entry)
    }
    entry.lastSeenMs = this.#options.nowMs()
    return entry
  }

  #appendMarker(bytes: Uint8Array, at: number, producerId: number): CompletedTransaction | undefined {
    const marker = readMarker(bytes, at)
    // Other control records say nothing about producers, and the cleaner leaves batches behind that have lost theirs.
    if (marker === undefined) return undefined
    const entry = this.#entry(producerId)
    const firstOffset = entry.currentTransactionFirstOffset
    entry.endTransaction(header.producerEpoch(bytes, at), marker.coordinatorEpoch, header.maxTimestampMs(bytes, at))
    this.#verifications?.delete(producerId)
    if (firstOffset < 0) return undefined
    const lastOffset = header.baseOffset(bytes, at)
    this.#ongoing!.delete(firstOffset)
    this.#unreplicated = insertInOrder(this.#unreplicated, firstOffset, lastOffset)
    const lastStableOffset = firstKey(this.#ongoing) ?? lastOffset + 1
    return { producerId, firstOffset, lastOffset, isAborted: marker.type === 'ABORT', lastStableOffset }
  }

  #lacksVerification(producerId: number, producerEpoch: number, guard: VerificationGuard | undefined): boolean {
    if (!this.#options.verifyTransactions || this.hasOngoingTransaction(producerId, producerEpoch)) return false
    return guard === undefined || this.#verifications?.get(producerId)?.guard !== guard
  }

  #checkSequence(
    entry: ProducerEntry | undefined,
    producerId: number,
    producerEpoch: number,
    sequence: number,
  ): ProducerVerdict | undefined {
    const verification = this.#verifications?.get(producerId)
    if (verification !== undefined) {
      // A transaction of version 2 begins with sequence 0 of a new epoch; anything else has overtaken it.
      const mustBeFirst = verification.supportsEpochBump && entry?.lastBatch === undefined
      if ((mustBeFirst && sequence !== 0) || sequence > verification.lowestSequence) {
        return outOfOrder(producerId, sequence, mustBeFirst ? 0 : verification.lowestSequence)
      }
    }
    // Nothing is known of this producer, perhaps because its records are gone: any sequence may come next.
    if (entry === undefined || entry.producerEpoch === header.NO_PRODUCER_EPOCH) return undefined
    const expected = producerEpoch === entry.producerEpoch ? header.incrementSequence(entry.lastSequence, 1) : 0
    return sequence === expected ? undefined : outOfOrder(producerId, sequence, expected)
  }

  #isExpired(entry: ProducerEntry, nowMs: number): boolean {
    return !entry.hasOpenTransaction && nowMs - entry.lastSeenMs >= this.#options.producerIdExpirationMs
  }
}

function checkProducerEpoch(
  entry: ProducerEntry | undefined,
  producerId: number,
  producerEpoch: number,
): ProducerVerdict | undefined {
  if (entry === undefined || producerEpoch >= entry.producerEpoch) return undefined
  return refused(
    'INVALID_PRODUCER_EPOCH',
    `epoch ${producerEpoch} of producer ${producerId} is below ${entry.producerEpoch}`,
  )
}

function checkMarker(
  entry: ProducerEntry | undefined,
  bytes: Uint8Array,
  at: number,
  transactionVersion: number,
): ProducerVerdict {
  const marker = readMarker(bytes, at)
  if (marker === undefined)
    return refused('INVALID_RECORD', 'a control batch with a producer id is no transaction marker')
  if (entry === undefined) return isNew
  const producerEpoch = header.producerEpoch(bytes, at)
  // A marker of version 2 comes with an epoch of its own, above that of the records. The same one again is a retry, harmless once the
  // transaction has ended; at the largest epoch there is none above.
  const isRetry =
    producerEpoch === entry.producerEpoch && (!entry.hasOpenTransaction || producerEpoch === producerEpochMax)
  const least = transactionVersion >= 2 && !isRetry ? entry.producerEpoch + 1 : entry.producerEpoch
  if (producerEpoch < least) {
    const message = `marker of producer ${entry.producerId} with epoch ${producerEpoch}, at least ${least} is needed`
    return refused('INVALID_PRODUCER_EPOCH', message)
  }
  if (marker.coordinatorEpoch < entry.coordinatorEpoch) {
    const message = `marker of coordinator epoch ${marker.coordinatorEpoch}, ${entry.coordinatorEpoch} has been seen`
    return refused('TRANSACTION_COORDINATOR_FENCED', message)
  }
  return isNew
}

function readMarker(bytes: Uint8Array, at: number): EndTransactionMarker | undefined {
  const records = decodeBatch(bytes, at)
  if (!Array.isArray(records) || records.length === 0) return undefined
  return endTransactionMarker(records[0]!)
}

function duplicateOf(batch: BatchMetadata): ProducerVerdict {
  return {
    kind: 'duplicate',
    firstOffset: firstOffsetOf(batch),
    lastOffset: batch.lastOffset,
    timestampMs: batch.timestampMs,
  }
}

function refused(error: LogErrorName, message: string): ProducerVerdict {
  return { kind: 'refused', error, message }
}

function outOfOrder(producerId: number, sequence: number, expected: number): ProducerVerdict {
  return refused('OUT_OF_ORDER_SEQUENCE_NUMBER', `sequence ${sequence} of producer ${producerId}, ${expected} is next`)
}

function firstKey(map: Map<number, unknown> | undefined): number | undefined {
  if (map === undefined) return undefined
  for (const key of map.keys()) return key
  return undefined
}

/** Transactions end in another order than they begin in. */
function insertInOrder(map: Map<number, number> | undefined, key: number, value: number): Map<number, number> {
  const last = map === undefined ? undefined : [...map.keys()].at(-1)
  if (map === undefined || last === undefined || last < key) return (map ?? new Map<number, number>()).set(key, value)
  return new Map([...map, [key, value] as const].sort((a, b) => a[0] - b[0]))
}
