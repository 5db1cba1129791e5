/**
 * What a log must know of its producers, from the batches that are in it: the rules of P1, P2 and P4, without a log.
 *
 * A log may forget a producer, or one of its last five batches, when it has to read itself anew and the batches are not there any more, below its start or
 * compacted away. The model notes that it may have, and then allows both.
 */

import type { ModelBatch } from './model-batch.ts'
import { lastSequenceOf } from './model-batch.ts'

/** A retry of one of so many is recognized. */
const batchesKept = 5

export interface SentBatch {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
  readonly isTransactional: boolean
}

interface KeptBatch {
  readonly batch: ModelBatch
  mayBeForgotten: boolean
}

export interface ProducerModel {
  producerEpoch: number
  /** Oldest first. */
  batches: KeptBatch[]
  /** First offset of the open transaction; undefined when none is open. */
  openFrom: number | undefined
  mayBeForgotten: boolean
}

export type Verdict = 'appended' | 'out of order' | 'old epoch' | 'outside of transaction' | ModelBatch

export interface ModelTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** Of the marker; undefined while it is open. */
  lastOffset: number | undefined
  isAborted: boolean
  /** Where the log surely knows it to have begun, after it may have forgotten what lay below its start. */
  knownFrom: number | undefined
}

export class ProducersModel {
  readonly producers = new Map<number, ProducerModel>()
  /** Batches that need not be known any more, also when those behind them are cut off. */
  readonly #forgettable = new Set<ModelBatch>()
  /** In the order in which they began. */
  transactions: ModelTransaction[] = []

  /** Of a log that holds these batches; what an earlier model of it says may be forgotten, still may. */
  static of(batches: readonly ModelBatch[], earlier: ProducersModel): ProducersModel {
    const model = new ProducersModel()
    for (const { batches: kept } of earlier.producers.values()) {
      for (const { batch, mayBeForgotten } of kept) if (mayBeForgotten) earlier.#forgettable.add(batch)
    }
    for (const batch of earlier.#forgettable) model.#forgettable.add(batch)
    for (const batch of batches) model.append(batch)
    for (const transaction of model.transactions) {
      const before = earlier.transactions.find(each => each.firstOffset === transaction.firstOffset)
      if (before !== undefined && before.knownFrom !== transaction.firstOffset) transaction.knownFrom = before.knownFrom
    }
    for (const [producerId, producer] of model.producers) {
      const before = earlier.producers.get(producerId)
      const hasNews = producer.batches.at(-1)?.batch !== before?.batches.at(-1)?.batch
      const hasKnown = producer.batches.length === 0 || producer.batches.some(kept => !kept.mayBeForgotten)
      producer.mayBeForgotten = (before?.mayBeForgotten === true && !hasNews) || !hasKnown
    }
    return model
  }

  /**
   * Compaction has been at work on these. It keeps the last batch that each producer had then, as Kafka's does: when that is cut off, or lost with the power, the ones before it may be
   * gone already.
   */
  compacted(batches: readonly ModelBatch[]): void {
    const last = new Map(batches.filter(({ marker }) => marker === undefined).map(batch => [batch.producerId, batch]))
    for (const batch of batches) if (last.get(batch.producerId) !== batch) this.#forgettable.add(batch)
  }

  /** Nothing need be known any more of a log that holds these. */
  forgetAll(batches: readonly ModelBatch[]): void {
    for (const batch of batches) this.#forgettable.add(batch)
    for (const producer of this.producers.values()) {
      producer.mayBeForgotten = true
      for (const kept of producer.batches) kept.mayBeForgotten = true
    }
  }

  /** A batch has gone into the log. */
  append(batch: ModelBatch): void {
    const { producerId, producerEpoch, marker } = batch
    if (producerId < 0) return
    const known = this.producers.get(producerId)
    const producer: ProducerModel =
      known === undefined || known.mayBeForgotten
        ? { producerEpoch, batches: known?.batches ?? [], openFrom: known?.openFrom, mayBeForgotten: false }
        : known
    this.producers.set(producerId, producer)
    if (producer.producerEpoch !== producerEpoch) {
      producer.producerEpoch = producerEpoch
      producer.batches = []
    }
    if (marker !== undefined) return this.#end(producer, batch)
    producer.batches = [...producer.batches, { batch, mayBeForgotten: this.#forgettable.has(batch) }].slice(
      -batchesKept,
    )
    if (!batch.isTransactional) return
    if (producer.openFrom !== undefined) {
      this.transactions.findLast(each => each.producerId === producerId)!.knownFrom ??= batch.firstOffset
      return
    }
    producer.openFrom = batch.firstOffset
    const { firstOffset } = batch
    this.transactions.push({
      producerId,
      firstOffset,
      lastOffset: undefined,
      isAborted: false,
      knownFrom: firstOffset,
    })
  }

  /** What may be said of a batch that a client sends. */
  verdicts(sent: SentBatch): Verdict[] {
    const producer = this.producers.get(sent.producerId)
    if (sent.producerId < 0 || producer === undefined) return ['appended']
    const verdicts: Verdict[] = producer.mayBeForgotten ? ['appended'] : []
    // One that was forgotten may have been appended again.
    for (const { batch, mayBeForgotten } of producer.batches.toReversed()) {
      const isSame =
        batch.producerEpoch === sent.producerEpoch &&
        batch.baseSequence === sent.baseSequence &&
        batch.lastOffset - batch.firstOffset + 1 === sent.recordCount
      if (!isSame) continue
      verdicts.push(batch)
      if (!mayBeForgotten) return verdicts
    }
    const last = producer.batches.at(-1)
    verdicts.push(verdictOf(producer, sent, last?.batch))
    // Only a marker has come since.
    if (last?.mayBeForgotten === true) verdicts.push(verdictOf(producer, sent, undefined))
    return verdicts
  }

  /** The log has been read anew: what was compacted away may not have been found. What lies below its start is in the snapshot that each segment has where it begins. */
  reread(logStartOffset: number, isCompacted: boolean): void {
    this.#forgetBegins(logStartOffset)
    for (const producer of this.producers.values()) {
      for (const kept of producer.batches) {
        const isLast = kept === producer.batches.at(-1)
        if (isCompacted && !isLast) kept.mayBeForgotten = true
      }
      const isGone = producer.batches.length === 0 && isCompacted
      if (isGone && producer.openFrom === undefined) producer.mayBeForgotten = true
    }
  }

  /** What is below the start of a log is not read again. */
  #forgetBegins(logStartOffset: number): void {
    for (const transaction of this.transactions) {
      const { producerId, firstOffset, lastOffset } = transaction
      if (firstOffset >= logStartOffset || lastOffset !== undefined) continue
      const kept = this.producers.get(producerId)?.batches.find(({ batch }) => batch.firstOffset >= logStartOffset)
      transaction.knownFrom = kept?.batch.firstOffset
    }
  }

  /** Those that are open, and those that ended at or above `offset`. */
  undecidedAt(offset: number): ModelTransaction[] {
    return this.transactions.filter(({ lastOffset }) => lastOffset === undefined || lastOffset >= offset)
  }

  #end(producer: ProducerModel, batch: ModelBatch): void {
    const open = this.transactions.find(each => each.producerId === batch.producerId && each.lastOffset === undefined)
    producer.openFrom = undefined
    if (open === undefined) return
    open.lastOffset = batch.firstOffset
    open.isAborted = batch.marker === 'ABORT'
  }
}

function verdictOf(producer: ProducerModel, sent: SentBatch, last: ModelBatch | undefined): Verdict {
  if (sent.producerEpoch < producer.producerEpoch) return 'old epoch'
  const next = last === undefined ? 0 : lastSequenceOf(last) + 1
  const expected = sent.producerEpoch === producer.producerEpoch ? next : 0
  if (sent.baseSequence !== expected) return 'out of order'
  return !sent.isTransactional && producer.openFrom !== undefined ? 'outside of transaction' : 'appended'
}
