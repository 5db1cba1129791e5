/**
 * Finding one's way through a log file of which a part has become unreadable: what a disk has spoiled is one batch, and those behind it are as good as ever.
 *
 * A batch is sound when its header is possible, it matches its checksum, and its offsets lie where they must. Where the length in a broken header is not to be trusted, the next
 * batch is looked for byte by byte. Nothing of this is in the way of a file that is whole.
 */
import { BATCH_HEADER_BYTES, MAGIC_AT } from '../protocol/records/batch-header.ts'
import { verifyChecksum } from '../protocol/records/decode.ts'
import { readInt64 } from '../protocol/records/int64.ts'
import { batchSizeAt } from '../protocol/records/walk.ts'
import { baseOffsetOf, hasPlausibleHeader, lastOffsetOf } from './log-batch.ts'
import type { LogSegment } from './log-segment.ts'
import type { BatchVisitor } from './segment-scan.ts'

export interface SoundBatch {
  readonly position: number
  readonly baseOffset: number
}

/** Offsets from `from` on, and below `to`. */
export interface OffsetRange {
  readonly from: number
  readonly to: number
}

const chunkBytes = 64 * 1024

/** The first sound batch that begins behind `position` and whose offsets lie in the range; `undefined` where the segment has none. Rejects with a `DiskError`. */
export async function nextSoundBatch(
  segment: LogSegment,
  position: number,
  range: OffsetRange,
): Promise<SoundBatch | undefined> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, Math.max(0, segment.writtenBytes - position)))
  for (let start = position + 1; start + BATCH_HEADER_BYTES <= segment.writtenBytes;) {
    const length = Math.min(buffer.length, segment.writtenBytes - start)
    const read = await segment.logFile.use(file => file.read(buffer.subarray(0, length), start))
    if (read < BATCH_HEADER_BYTES) return undefined
    const chunk = buffer.subarray(0, read)
    for (let at = 0; at + BATCH_HEADER_BYTES <= read; at++) {
      if (!mayBegin(chunk, at, range)) continue
      const found = await soundBatchAt(segment, start + at, range)
      if (found !== undefined) return found
    }
    start += read - BATCH_HEADER_BYTES + 1
  }
  return undefined
}

/** What is cheap to see: a magic that exists, and an offset in the range. */
function mayBegin(chunk: Uint8Array, at: number, { from, to }: OffsetRange): boolean {
  if (chunk[at + MAGIC_AT]! > 2 || chunk[at] !== 0) return false
  const baseOffset = readInt64(chunk, at)
  return baseOffset >= from && baseOffset < to
}

async function soundBatchAt(
  segment: LogSegment,
  position: number,
  range: OffsetRange,
): Promise<SoundBatch | undefined> {
  const header = Buffer.allocUnsafe(BATCH_HEADER_BYTES)
  if ((await segment.logFile.use(file => file.read(header, position))) < header.length) return undefined
  const size = batchSizeAt(header, 0, Number.MAX_SAFE_INTEGER)
  if (size < 0 || position + size > segment.writtenBytes) return undefined
  const bytes = Buffer.allocUnsafe(size)
  if ((await segment.logFile.use(file => file.read(bytes, position))) < size) return undefined
  // A disk may give something else than it gave a moment ago.
  const baseOffset = readInt64(bytes, 0)
  if (!Number.isSafeInteger(baseOffset) || !hasPlausibleHeader(bytes, 0)) return undefined
  if (lastOffsetOf(bytes, 0) >= range.to || !verifyChecksum(bytes, 0)) return undefined
  return { position, baseOffset }
}

/**
 * Visits the sound batches of a segment in order, from the one at a position whose offset is known not to be below `start.baseOffset`, and passes over what is broken. The visitor ends it
 * with false. Rejects with a `DiskError`.
 */
export async function visitSoundBatches(
  segment: LogSegment,
  start: SoundBatch,
  endOffset: number,
  visit: BatchVisitor,
): Promise<void> {
  let { position, baseOffset: expectedOffset } = start
  let fittingAt = -1
  for (;;) {
    let gap: { position: number; size: number; lastOffset: number } | undefined
    const end = await segment.scan(position, (bytes, at, size, batchPosition) => {
      position = batchPosition
      const baseOffset = baseOffsetOf(bytes, at)
      if (!hasPlausibleHeader(bytes, at) || baseOffset < expectedOffset || !verifyChecksum(bytes, at)) {
        gap = { position, size: 0, lastOffset: Number.MAX_SAFE_INTEGER }
        return false
      }
      const lastOffset = lastOffsetOf(bytes, at)
      if (baseOffset > expectedOffset && fittingAt !== position) {
        gap = { position, size, lastOffset }
        return false
      }
      expectedOffset = lastOffset + 1
      position += size
      return visit(bytes, at, size, batchPosition)
    })
    if (gap === undefined && (end.reason === 'end' || end.reason === 'stopped')) return
    const isSound = gap !== undefined && gap.size > 0 && (await endsBeforeNext(segment, gap, endOffset))
    if (!isSound) {
      const next = await nextSoundBatch(segment, position, { from: expectedOffset + 1, to: endOffset })
      if (next === undefined) return
      position = next.position
    }
    fittingAt = position
  }
}

/**
 * Whether a batch behind a gap, as compaction leaves them, ends before the next one begins, or, where it is the last, below `endOffset`: no checksum covers the offset that it
 * states.
 */
export async function endsBeforeNext(
  segment: LogSegment,
  batch: { readonly position: number; readonly size: number; readonly lastOffset: number },
  endOffset: number,
): Promise<boolean> {
  const header = Buffer.alloc(BATCH_HEADER_BYTES)
  const read = await segment.logFile.use(file => file.read(header, batch.position + batch.size))
  const isBatch = read === header.length && batchSizeAt(header, 0, Number.MAX_SAFE_INTEGER) >= 0
  return batch.lastOffset < (isBatch ? baseOffsetOf(header, 0) : endOffset)
}

/**
 * Where the last sound batch of a segment ends, in the file and among the offsets, when the log is known to end at `logEndOffset`. A last batch that leaves offsets out and ends beyond
 * that, and would not if it left out none, is not sound: no checksum covers the offset that it states. One that follows without a gap is told as it is.
 */
export async function soundEndOf(
  segment: LogSegment,
  logEndOffset: number,
): Promise<{ readonly position: number; readonly offset: number }> {
  let end = { position: 0, offset: segment.baseOffset }
  let previous = end
  let baseOffset = segment.baseOffset
  const start = { position: 0, baseOffset }
  await visitSoundBatches(segment, start, Number.MAX_SAFE_INTEGER, (bytes, at, size, position) => {
    previous = end
    baseOffset = baseOffsetOf(bytes, at)
    end = { position: position + size, offset: lastOffsetOf(bytes, at) + 1 }
  })
  const fits = previous.offset + (end.offset - baseOffset) <= logEndOffset
  return end.offset > logEndOffset && baseOffset > previous.offset && fits ? previous : end
}

/** Whether the header of a batch, or the end of the segment, is at a position: what must hold before a length is believed that asks for a lot of memory. */
export async function batchMayEndAt(segment: LogSegment, position: number): Promise<boolean> {
  if (position >= segment.writtenBytes) return position === segment.writtenBytes
  const header = Buffer.alloc(BATCH_HEADER_BYTES)
  await segment.logFile.use(file => file.read(header, position))
  return batchSizeAt(header, 0, Number.MAX_SAFE_INTEGER) >= 0
}
