/**
 * What is known of one log while its story is told: which batches it was given, how much of that must survive what, and what a producer or a reader of committed records may
 * therefore demand after a crash. Values only; `log-teller.ts` changes it and `log-check.ts` holds a recovered log against it.
 */

export interface TruthRecord {
  readonly key: string
  /** Null for a tombstone. */
  readonly value: string | null
}

export interface TruthProducer {
  readonly id: number
  readonly epoch: number
  /** Of the first record; −1 for a marker. */
  readonly baseSequence: number
  readonly isTransactional: boolean
}

export interface TruthBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly leaderEpoch: number
  readonly timestampMs: number
  /** Empty for a marker. */
  readonly records: readonly TruthRecord[]
  readonly producer: TruthProducer | undefined
  readonly marker: 'COMMIT' | 'ABORT' | undefined
}

/** One thing that a log may hold: all that was ever appended to it and not cut off, in order, also what lies below its start. */
export interface Content {
  readonly batches: readonly TruthBatch[]
  /** Where it ends while it has no batches: other than 0 after it was started over. */
  readonly emptyAt: number
}

export interface LogTruth {
  /** More than one while something is being cut off. */
  readonly contents: readonly Content[]
  /** The log ends at or behind this after a power cut, */
  readonly durableEnd: number
  /** and at or behind this after the end of its process. */
  readonly writtenEnd: number
  /** The log starts between these. */
  readonly startLeast: number
  readonly startMost: number
  /** Below this, only the newest value of each key need be there; 0 when nothing is compacted. */
  readonly compactedBelow: number
}

export interface AbortedRange {
  readonly producerId: number
  readonly firstOffset: number
  readonly lastOffset: number
}

export const emptyContent: Content = { batches: [], emptyAt: 0 }

export function endOf(content: Content): number {
  return (content.batches.at(-1)?.lastOffset ?? content.emptyAt - 1) + 1
}

export function prefixOf(content: Content, endOffset: number): readonly TruthBatch[] {
  return content.batches.filter(batch => batch.lastOffset < endOffset)
}

/** Transactions among the batches that were aborted, in the order of their markers, and the first offset of the oldest one that is open. */
export function transactionsOf(batches: readonly TruthBatch[]): {
  readonly aborted: readonly AbortedRange[]
  readonly firstUnstable: number | undefined
} {
  const open = new Map<number, number>()
  const aborted: AbortedRange[] = []
  for (const { producer, marker, baseOffset, lastOffset } of batches) {
    if (producer === undefined || (!producer.isTransactional && marker === undefined)) continue
    const firstOffset = open.get(producer.id)
    if (marker === undefined) {
      if (firstOffset === undefined) open.set(producer.id, baseOffset)
      continue
    }
    open.delete(producer.id)
    if (marker === 'ABORT' && firstOffset !== undefined)
      aborted.push({ producerId: producer.id, firstOffset, lastOffset })
  }
  const firsts = [...open.values()]
  return { aborted, firstUnstable: firsts.length === 0 ? undefined : Math.min(...firsts) }
}

/** The last five batches of each producer, which come again when a client retries (P1), oldest first, by producer id. */
export function retriesOf(batches: readonly TruthBatch[]): ReadonlyMap<number, readonly TruthBatch[]> {
  const byProducer = new Map<number, TruthBatch[]>()
  for (const batch of batches) {
    if (batch.producer === undefined || batch.marker !== undefined) continue
    const { id } = batch.producer
    byProducer.set(id, [...(byProducer.get(id) ?? []), batch].slice(-5))
  }
  return byProducer
}

/**
 * For each key, the offsets of which compaction must leave one: that of its newest decided value, and those of later ones in transactions that are open among these batches. Their
 * decision may have been known when it compacted, and lost with the power since.
 */
export function newestOf(batches: readonly TruthBatch[]): ReadonlyMap<string, readonly number[]> {
  const { aborted } = transactionsOf(batches)
  const newest = new Map<string, number[]>()
  for (const [at, { producer, baseOffset, lastOffset, records }] of batches.entries()) {
    const isTransactional = producer?.isTransactional === true
    const isAborted = aborted.some(
      range =>
        isTransactional &&
        range.producerId === producer.id &&
        baseOffset >= range.firstOffset &&
        lastOffset < range.lastOffset,
    )
    if (isAborted) continue
    const isOpen =
      isTransactional &&
      !batches.slice(at).some(later => later.marker !== undefined && later.producer?.id === producer.id)
    for (const [index, { key }] of records.entries()) {
      const offset = baseOffset + index
      newest.set(key, isOpen ? [...(newest.get(key) ?? []), offset] : [offset])
    }
  }
  return newest
}
