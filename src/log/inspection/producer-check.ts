/**
 * Replays what the batches of a log say about producers, and compares producer snapshots and transaction indexes with that.
 *
 * Two things keep the comparison from being exact. What happened before the log's first segment is only known from the snapshot there. And compaction
 * takes batches away that a snapshot still tells of: once offsets are missing, what a snapshot knows more than the batches do is believed.
 */
import * as header from '../../protocol/records/batch-header.ts'
import { lastOffsetOf } from '../log-batch.ts'
import type { ProducerEntry } from '../producer-entry.ts'
import { decodeProducerSnapshot } from '../producer-snapshot.ts'
import { ProducerState } from '../producer-state.ts'
import type { CompletedTransaction } from '../producer-state.ts'
import { readTransactionEntry, TRANSACTION_ENTRY_BYTES } from './index-entries.ts'
import type { TransactionIndexEntry } from './index-entries.ts'

export class ProducerCheck {
  readonly #producers: ProducerState
  /** Where the replay begins. */
  readonly #fromOffset: number
  /** Whether all that came before is known: nothing did, or there was a snapshot. */
  #knowsBefore: boolean
  /** Offsets are missing, or batches could not be read. */
  #hasGaps = false
  /** Producers with batches of a transaction that have come by since their last marker. */
  readonly #hasBatches = new Set<number>()
  /** Offsets of markers of transactions of which nothing is there: retention has removed it, and nobody needs to be told that it was aborted. */
  readonly #bareMarkers = new Set<number>()

  constructor(fromOffset: number) {
    this.#fromOffset = fromOffset
    this.#knowsBefore = fromOffset === 0
    this.#producers = new ProducerState(
      { producerIdExpirationMs: Number.MAX_SAFE_INTEGER, verifyTransactions: false, nowMs: () => 0 },
      fromOffset,
    )
  }

  /** The snapshot at the start of the first segment; false when it cannot be read. */
  begin(snapshot: Uint8Array): boolean {
    const isSound = this.#producers.restore(snapshot, this.#fromOffset)
    if (isSound) this.#knowsBefore = true
    return isSound
  }

  noteGap(): void {
    this.#hasGaps = true
  }

  /** A sound batch, in order. Gives back the transaction that it aborts, if it does. */
  batch(bytes: Uint8Array, at: number): CompletedTransaction | undefined {
    if (lastOffsetOf(bytes, at) < this.#producers.mapEndOffset) return undefined
    const completed = this.#producers.append(bytes, at)
    if (header.magic(bytes, at) === 2 && header.isTransactional(bytes, at)) {
      const producerId = header.producerId(bytes, at)
      if (!header.isControl(bytes, at)) this.#hasBatches.add(producerId)
      else if (!this.#hasBatches.delete(producerId)) this.#bareMarkers.add(header.baseOffset(bytes, at))
    }
    return completed?.isAborted === true ? completed : undefined
  }

  /** What is wrong with a snapshot that was taken at `offset`, up to which everything has been replayed. */
  *compareSnapshot(snapshot: Uint8Array, offset: number): Generator<string, void> {
    const producers = decodeProducerSnapshot(snapshot)
    if (producers === undefined) {
      yield 'its checksum or its version is wrong'
      return
    }
    for (const entry of producers.values()) {
      const problem = this.#problemOf(entry, offset)
      if (problem !== undefined) yield `producer ${entry.producerId}: ${problem}`
    }
    if (this.#hasGaps) return
    for (const { producerId, currentTransactionStartOffset } of this.#producers.describe()) {
      // Others may have been forgotten since they wrote.
      if (currentTransactionStartOffset >= 0 && !producers.has(producerId))
        yield `producer ${producerId} is missing, whose transaction is open from ${currentTransactionStartOffset} on`
    }
  }

  #problemOf(entry: ProducerEntry, offset: number): string | undefined {
    const lastOffset = entry.lastBatch?.lastOffset
    if (lastOffset !== undefined && lastOffset >= offset)
      return `its last batch ends with ${lastOffset}, behind the snapshot`
    if (entry.currentTransactionFirstOffset >= offset) {
      return `its transaction begins at ${entry.currentTransactionFirstOffset}, behind the snapshot`
    }
    const replayed = this.#producers.get(entry.producerId)
    if (this.#isSame(entry, replayed)) return undefined
    if (replayed === undefined) return this.#mayBeGone(lastOffset) ? undefined : 'the log has nothing of it'
    const replayedOffset = replayed.lastBatch?.lastOffset ?? -1
    const knowsMore = entry.producerEpoch > replayed.producerEpoch || (lastOffset ?? Infinity) >= replayedOffset
    if (this.#hasGaps && knowsMore) return undefined
    if (!this.#knowsBefore && (lastOffset ?? -1) < this.#fromOffset && replayedOffset < this.#fromOffset)
      return undefined
    return `${described(entry)}, and the batches give ${described(replayed)}`
  }

  #isSame(entry: ProducerEntry, replayed: ProducerEntry | undefined): boolean {
    return (
      replayed !== undefined &&
      entry.producerEpoch === replayed.producerEpoch &&
      entry.lastBatch?.lastOffset === replayed.lastBatch?.lastOffset &&
      entry.lastSequence === replayed.lastSequence &&
      this.#beginsAlike(entry.currentTransactionFirstOffset, replayed.currentTransactionFirstOffset)
    )
  }

  /** A snapshot may tell of a beginning that retention has removed since; the batches then give the first that is left of the transaction. */
  #beginsAlike(firstOffset: number, replayedFirstOffset: number): boolean {
    if (firstOffset === replayedFirstOffset) return true
    return !this.#knowsBefore && firstOffset >= 0 && firstOffset < this.#fromOffset && replayedFirstOffset >= 0
  }

  #mayBeGone(lastOffset: number | undefined): boolean {
    return this.#hasGaps || (lastOffset === undefined ? this.#fromOffset > 0 : lastOffset < this.#fromOffset)
  }

  /** What is wrong with a transaction index, given what its segment's batches have aborted. `isRequired` tells for the offset of a marker whether its entry has to be there. */
  *compareTransactions(
    index: Uint8Array,
    aborted: readonly CompletedTransaction[],
    isRequired: (offset: number) => boolean,
  ): Generator<string, void> {
    const expected = new Map(aborted.map(transaction => [transaction.lastOffset, transaction]))
    for (let at = 0; at + TRANSACTION_ENTRY_BYTES <= index.length; at += TRANSACTION_ENTRY_BYTES) {
      const entry = readTransactionEntry(index, at)
      if (entry.version !== 0) {
        yield `entry ${at / TRANSACTION_ENTRY_BYTES} has version ${entry.version}, and 0 is the only one`
        return
      }
      const transaction = expected.get(entry.lastOffset)
      expected.delete(entry.lastOffset)
      const problem = transaction === undefined ? this.#unknown(entry) : this.#difference(entry, transaction)
      if (problem !== undefined) yield problem
    }
    for (const { producerId, firstOffset, lastOffset } of expected.values()) {
      if (!isRequired(lastOffset) || this.#bareMarkers.has(lastOffset)) continue
      yield `it lacks the transaction of producer ${producerId} from ${firstOffset} to ${lastOffset}, which was aborted`
    }
    const rest = index.length % TRANSACTION_ENTRY_BYTES
    if (rest > 0) yield `${rest} bytes at its end are no whole entry`
  }

  #unknown({ producerId, firstOffset, lastOffset }: TransactionIndexEntry): string | undefined {
    // Compaction keeps the entry, with the marker, for a while after the records.
    if (this.#hasGaps || (!this.#knowsBefore && firstOffset < this.#fromOffset)) return undefined
    return `it says that producer ${producerId} aborted ${firstOffset} to ${lastOffset}, and the log does not`
  }

  #difference(entry: TransactionIndexEntry, transaction: CompletedTransaction): string | undefined {
    const { producerId, firstOffset, lastOffset, lastStableOffset } = transaction
    const isExact = !this.#hasGaps && this.#knowsBefore
    // The snapshot at the start may tell of a transaction that was open there, and whose marker compaction has taken away since, when nothing was left before it.
    const mayHaveEnded = this.#hasGaps && firstOffset < this.#fromOffset
    const isSame =
      entry.producerId === producerId &&
      (isExact
        ? entry.firstOffset === firstOffset && entry.lastStableOffset === lastStableOffset
        : mayHaveEnded || entry.firstOffset <= firstOffset)
    if (isSame) return undefined
    const said = `producer ${entry.producerId} from ${entry.firstOffset}, last stable offset ${entry.lastStableOffset}`
    const given = `producer ${producerId} from ${firstOffset}, last stable offset ${lastStableOffset}`
    return `it says of the marker at ${lastOffset}: ${said}; the log gives ${given}`
  }
}

function described(entry: ProducerEntry): string {
  const last = entry.lastBatch
  const open = entry.hasOpenTransaction ? `, transaction open from ${entry.currentTransactionFirstOffset}` : ''
  const batch = last === undefined ? 'no batch' : `sequence ${last.lastSequence} at offset ${last.lastOffset}`
  return `epoch ${entry.producerEpoch}, ${batch}${open}`
}
