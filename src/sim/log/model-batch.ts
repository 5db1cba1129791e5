/** What the model of a log knows of one batch: what was sent, and what it was told of it. */

export interface ModelRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string | null
  /** Names and values in one text; empty where there are none. */
  readonly headers: string
}

export interface ModelBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly leaderEpoch: number
  /** −1 where there is none; then the epoch and the sequence mean nothing. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly isTransactional: boolean
  /** When it ends a transaction. */
  readonly marker: 'COMMIT' | 'ABORT' | undefined
  readonly records: readonly ModelRecord[]
  /** As they went into the log; undefined where the log writes them anew, by its topic's settings. */
  readonly bytes: Buffer | undefined
  readonly appendedMs: number
  /** When a cleaning first began that may have reached it. */
  cleanedMs: number | undefined
}

export function lastSequenceOf(batch: ModelBatch): number {
  return batch.baseSequence + batch.lastOffset - batch.firstOffset
}
