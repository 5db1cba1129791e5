/**
 * Follows the transactions of a log while its batches go by in order: which batches belong to aborted ones, and which markers have nothing left before them.
 *
 * A marker may only go once no batch of its transaction is left, or readers would take what follows for a part of that transaction. As long as there is a batch, also one
 * that this very cleaning empties or drops, the marker stays, and so does the entry of an aborted transaction in the transaction index.
 */
import * as header from '../../protocol/records/batch-header.ts'
import { controlRecordType } from '../../protocol/records/control.ts'
import { decodeBatch } from '../../protocol/records/decode.ts'
import { lastOffsetOf } from '../log-batch.ts'
import { damaged } from '../log-context.ts'
import type { AbortedTransactionEntry } from '../transaction-index.ts'

interface OngoingAbort {
  readonly entry: AbortedTransactionEntry
  hasBatches: boolean
}

export class CleanedTransactions {
  /** Told of the aborted transactions of which something is left, in the order of their markers. */
  onRetainedAbort: (entry: AbortedTransactionEntry) => void = () => {}
  /** Those that begin further on, by the offset of their first record, the next one last. */
  #ahead: AbortedTransactionEntry[] = []
  /** By producer id. */
  readonly #aborted = new Map<number, OngoingAbort>()
  /** Producers with batches of a transaction that was not aborted, and whose marker has not come by yet. */
  readonly #committed = new Set<number>()

  /** What the transaction indexes say about the batches that are going to come by. The same entry may be given again, before its marker has come by. */
  add(entries: readonly AbortedTransactionEntry[]): void {
    if (entries.length === 0) return
    this.#ahead = [...this.#ahead, ...entries].sort((a, b) => b.firstOffset - a.firstOffset)
  }

  /** A batch that is no control batch; true when it belongs to an aborted transaction. */
  onBatch(bytes: Uint8Array, at: number): boolean {
    this.#beginUpTo(lastOffsetOf(bytes, at))
    if (header.magic(bytes, at) < 2 || !header.isTransactional(bytes, at)) return false
    const producerId = header.producerId(bytes, at)
    const aborted = this.#aborted.get(producerId)
    if (aborted === undefined) {
      this.#committed.add(producerId)
      return false
    }
    aborted.hasBatches = true
    return true
  }

  /** A control batch; true when nothing needs it any more. Fails as damaged when its marker cannot be read. */
  onControlBatch(bytes: Uint8Array, at: number): boolean {
    this.#beginUpTo(lastOffsetOf(bytes, at))
    const records = decodeBatch(bytes, at)
    if (!Array.isArray(records))
      throw damaged(`control batch at offset ${header.baseOffset(bytes, at)}: ${records.message}`)
    // Emptied by an earlier cleaning.
    if (records.length === 0) return true
    const producerId = header.producerId(bytes, at)
    switch (controlRecordType(records[0]!.key)) {
      case 'ABORT': {
        const aborted = this.#aborted.get(producerId)
        this.#aborted.delete(producerId)
        if (aborted === undefined || !aborted.hasBatches) return true
        this.onRetainedAbort(aborted.entry)
        return false
      }
      case 'COMMIT':
        return !this.#committed.delete(producerId)
      default:
        return false
    }
  }

  #beginUpTo(offset: number): void {
    for (let next = this.#ahead.at(-1); next !== undefined && next.firstOffset <= offset; next = this.#ahead.at(-1)) {
      this.#ahead.pop()
      if (!this.#aborted.has(next.producerId)) this.#aborted.set(next.producerId, { entry: next, hasBatches: false })
    }
  }
}
