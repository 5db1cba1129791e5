/**
 * Builds the indexes of a segment from its log file: after a crash, for what lies above the recovery point, and whenever an index is found not to agree with its log.
 */
import { assert } from '../std/assert.ts'
import { visitSoundBatches } from './damage.ts'
import type { SoundBatch } from './damage.ts'
import { lastOffsetOf, maxTimestampOf } from './log-batch.ts'
import type { LogConfig } from './log-config.ts'
import type { LogSegment } from './log-segment.ts'
import { producersAt } from './producer-recovery.ts'
import type { ProducerRecovery } from './producer-recovery.ts'
import type { ProducerState } from './producer-state.ts'
import { isUnwritten } from './segment-scan.ts'
import type { TimestampOffset } from './time-index.ts'

/** Index entries that gather in memory before they are written, in batches visited. */
const batchesPerWrite = 10_000

/** Visits the batches of one segment in order, takes them in for their producers, and makes the index entries that appending them would have made. */
export class IndexBuilder {
  readonly #segment: LogSegment
  readonly #producers: ProducerState
  readonly #indexIntervalBytes: number
  #maxTimestamp: TimestampOffset
  #lastEntryPosition: number
  #endOffset: number

  /** Goes on behind the entries that the indexes have, the last of which points at `lastEntryPosition`. */
  constructor(segment: LogSegment, producers: ProducerState, config: LogConfig, lastEntryPosition: number) {
    this.#segment = segment
    this.#producers = producers
    this.#indexIntervalBytes = config.indexIntervalBytes
    this.#lastEntryPosition = lastEntryPosition
    this.#maxTimestamp = segment.timeIndex.last
    this.#endOffset = segment.baseOffset
  }

  get maxTimestamp(): TimestampOffset {
    return this.#maxTimestamp
  }

  /** The offset behind the last batch. */
  get endOffset(): number {
    return this.#endOffset
  }

  visit(bytes: Uint8Array, at: number, position: number): void {
    const lastOffset = lastOffsetOf(bytes, at)
    const timestampMs = maxTimestampOf(bytes, at)
    assert(lastOffset >= this.#endOffset, () => `L3: batch ${lastOffset} after ${this.#endOffset} is indexed`)
    this.#endOffset = lastOffset + 1
    const { offsetIndex, timeIndex, transactionIndex } = this.#segment
    if (timestampMs > this.#maxTimestamp.timestampMs) this.#maxTimestamp = { timestampMs, offset: lastOffset }
    if (position - this.#lastEntryPosition > this.#indexIntervalBytes) {
      offsetIndex.append(lastOffset, position)
      timeIndex.maybeAppend(this.#maxTimestamp.timestampMs, this.#maxTimestamp.offset)
      this.#lastEntryPosition = position
    }
    if (lastOffset < this.#producers.mapEndOffset) return
    const completed = this.#producers.append(bytes, at)
    if (completed?.isAborted === true && completed.lastOffset > transactionIndex.lastOffset) {
      transactionIndex.append(completed)
    }
  }
}

/** For a segment that nothing is appended to any more. Rejects with a `DiskError`. */
export async function rebuildIndexes(
  log: Omit<ProducerRecovery, 'producers'> & { readonly config: LogConfig },
  segment: LogSegment,
): Promise<void> {
  const { segments } = log
  const producers = await producersAt(log, segment.baseOffset)
  await segment.loadIndexes()
  await segment.clearIndexes()
  const builder = new IndexBuilder(segment, producers, log.config, 0)
  const next = segments.all[segments.all.indexOf(segment) + 1]
  const endOffset = next?.baseOffset ?? Number.MAX_SAFE_INTEGER
  let position: number | undefined = 0
  let expectedPosition = 0
  let isUncertain = false
  while (position !== undefined) {
    const start: SoundBatch = { position, baseOffset: builder.endOffset }
    let visited = 0
    position = undefined
    await visitSoundBatches(segment, start, endOffset, (bytes, at, size, batchPosition) => {
      builder.visit(bytes, at, batchPosition)
      // What was passed over may be readable the next time; what it says is in no index.
      if (batchPosition !== expectedPosition) isUncertain = true
      expectedPosition = batchPosition + size
      visited += 1
      if (visited < batchesPerWrite) return true
      position = batchPosition + size
      return false
    })
    await segment.rewriteIndexes(builder.endOffset)
  }
  // As long as it was: what is broken in it stays.
  if (expectedPosition < segment.writtenBytes && !(await isUnwritten(segment.logFile, expectedPosition)))
    isUncertain = true
  segment.recovered(segment.writtenBytes, { ...builder.maxTimestamp, isUncertain }, 'nothing')
  segment.seal()
  await segment.rewriteIndexes(builder.endOffset)
  await segment.syncIndexes(builder.endOffset)
}
