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
  if (!hasPlausibleHeader(bytes, 0) || lastOffsetOf(bytes, 0) >= range.to || !verifyChecksum(bytes, 0)) return undefined
  return { position, baseOffset: baseOffsetOf(bytes, 0) }
}

/** Whether the header of a batch, or the end of the segment, is at a position: what must hold before a length is believed that asks for a lot of memory. */
export async function batchMayEndAt(segment: LogSegment, position: number): Promise<boolean> {
  if (position >= segment.writtenBytes) return position === segment.writtenBytes
  const header = Buffer.alloc(BATCH_HEADER_BYTES)
  await segment.logFile.use(file => file.read(header, position))
  return batchSizeAt(header, 0, Number.MAX_SAFE_INTEGER) >= 0
}
