/**
 * Whether the newest entries of a segment's indexes are true, which the batches tell that they name; and what the batches behind them say: where the segment ends, and its largest
 * timestamp. Used when a log is opened, before it is appended to, and by whoever asks for timestamps. All reject with a `DiskError`.
 */
import { BATCH_HEADER_BYTES, magic } from '../protocol/records/batch-header.ts'
import { verifyChecksum } from '../protocol/records/decode.ts'
import { lastOffsetOf, lastOffsetOrUndefined, maxTimestampOf } from './log-batch.ts'
import type { OffsetIndex, OffsetPosition } from './offset-index.ts'
import type { LazyFile } from './open-files.ts'
import type { LargestTimestamp } from './segment-options.ts'
import { isUnwritten, lookupChunkBytes } from './segment-scan.ts'
import type { BatchVisitor, ScanEnd } from './segment-scan.ts'
import type { TimeIndex, TimestampOffset } from './time-index.ts'

/** What is asked of a segment; its indexes are loaded. */
interface IndexedSegment {
  readonly baseOffset: number
  readonly writtenBytes: number
  readonly logFile: LazyFile
  readonly offsetIndex: OffsetIndex
  readonly timeIndex: TimeIndex
  scan(from: number, visit: BatchVisitor, chunkBytes?: number): Promise<ScanEnd>
  positionFor(offset: number, onBroken: () => void): Promise<number>
}

/** What walking to the end of a segment finds: its largest timestamp, and the offset behind the last batch, unless it does not end with one. */
export interface TailEnd {
  readonly max: LargestTimestamp
  readonly nextOffset: number | undefined
}

/** Whether the batch that an entry of the offset index points at ends with the entry's offset. */
export async function confirmsPosition(segment: IndexedSegment, entry: OffsetPosition): Promise<boolean> {
  if (entry.position + BATCH_HEADER_BYTES > segment.writtenBytes) return false
  const bytes = Buffer.allocUnsafe(BATCH_HEADER_BYTES)
  const read = await segment.logFile.use(file => file.read(bytes, entry.position))
  if (read < bytes.length || magic(bytes, 0) < 0 || magic(bytes, 0) > 2) return false
  return lastOffsetOrUndefined(bytes) === entry.offset
}

/** Whether the last entry of the time index, if there is one, is true. */
export async function confirmsLastTimestamp(segment: IndexedSegment): Promise<boolean> {
  const last = await segment.timeIndex.loadLast()
  return segment.timeIndex.entries.entryCount === 0 || confirmsTimestamp(segment, last)
}

/** Whether the batch that ends with the offset of an entry of the time index has its timestamp, or had it: of one that the disk has spoilt since, the entry is what is left. */
export async function confirmsTimestamp(segment: IndexedSegment, entry: TimestampOffset): Promise<boolean> {
  const from = await segment.positionFor(entry.offset, () => {})
  let isRight = false
  await segment.scan(
    from,
    (bytes, at) => {
      const offset = lastOffsetOf(bytes, at)
      const isSame = maxTimestampOf(bytes, at) === entry.timestampMs
      isRight = offset === entry.offset && (isSame || !verifyChecksum(bytes, at))
      return offset < entry.offset
    },
    lookupChunkBytes,
  )
  return isRight
}

/** From the last batch that the offset index has. */
export async function walkTail(segment: IndexedSegment): Promise<TailEnd & { readonly indexIsRight: boolean }> {
  const { offsetIndex, timeIndex } = segment
  const last = await offsetIndex.last()
  const isConfirmed = last !== undefined && (await confirmsPosition(segment, last))
  let end = await walkFrom(segment, isConfirmed ? last.position : 0, timeIndex.last)
  // Both get entries at a time: a crash while they were built anew has kept the one without the other.
  if (timeIndex.entries.entryCount === 0 && end.max.timestampMs >= 0) end = await walkFrom(segment, 0, end.max)
  return { ...end, indexIsRight: isConfirmed || offsetIndex.entries.entryCount === 0 }
}

/** The largest timestamp from a position on, or the one known; and the offset behind the last batch, unless the file does not end with one. */
export async function walkFrom(segment: IndexedSegment, from: number, known: TimestampOffset): Promise<TailEnd> {
  let max: LargestTimestamp = known
  let nextOffset = segment.baseOffset
  // What is known tells of all that come before it, and of the batch that the offset index leads to.
  const toldOffset = known.timestampMs >= 0 || from > 0 ? known.offset : -1
  let isUncertain = false
  const end = await segment.scan(
    from,
    (bytes, at) => {
      // A broken header may state any.
      const isSound = verifyChecksum(bytes, at)
      if (!isSound && nextOffset > toldOffset) isUncertain = true
      nextOffset = lastOffsetOf(bytes, at) + 1
      const timestampMs = maxTimestampOf(bytes, at)
      if (isSound && timestampMs > max.timestampMs) max = { timestampMs, offset: nextOffset - 1 }
    },
    lookupChunkBytes,
  )
  const isWhole = end.reason === 'end'
  if (isUncertain || (!isWhole && !(await isUnwritten(segment.logFile, end.position))))
    max = { ...max, isUncertain: true }
  return { max, nextOffset: isWhole ? nextOffset : undefined }
}
