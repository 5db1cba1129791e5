/**
 * Offsets by timestamp, exact to the record: the indexes narrow the search down to one batch, which is then decoded.
 *
 * Timestamps need not grow along a log, so the answer to "at or after" is the first record in the order of offsets whose timestamp is large
 * enough; the largest timestamp of each segment, read once, says where it cannot be.
 */
import { decodeBatch, verifyChecksum } from '../protocol/records/decode.ts'
import { endsBeforeNext, nextSoundBatch } from './damage.ts'
import { baseOffsetOf, leaderEpochOf, lastOffsetOf, maxTimestampOf } from './log-batch.ts'
import type { LogSegment } from './log-segment.ts'
import type { LargestTimestamp } from './segment-options.ts'
import { confirmsTimestamp } from './segment-tail.ts'
import type { ReadFailed, TimestampAndOffset } from './log-types.ts'
import type { TimestampOffset } from './time-index.ts'

type Found = TimestampAndOffset | ReadFailed | undefined

/** Called for a segment whose indexes contradict its log. */
type OnBroken = (segment: LogSegment) => void

const chunkBytes = 16 * 1024
/** Segments whose largest timestamps are read at a time. */
const atATimeMax = 64

/** The first record at or above `fromOffset` and below `upTo` whose timestamp is at least `timestampMs`. Rejects with a `DiskError`. */
export async function findTimestamp(
  segments: readonly LogSegment[],
  timestampMs: number,
  fromOffset: number,
  upTo: number,
  onBroken: OnBroken = () => {},
): Promise<Found> {
  const first = Math.max(
    0,
    segments.findLastIndex(({ baseOffset }) => baseOffset <= fromOffset),
  )
  for await (const { segment, index, largest } of withMaxTimestamps(segments, first, upTo, onBroken)) {
    if (largest.timestampMs < timestampMs && largest.isUncertain !== true) continue
    const endOffset = segments[index + 1]?.baseOffset ?? upTo
    const found = await findInSegment(segment, { timestampMs, fromOffset, upTo, endOffset }, onBroken)
    if (found !== undefined) return found
  }
  return undefined
}

/** The record with the largest timestamp, the first of several; `undefined` when no record has one. Rejects with a `DiskError`. */
export async function findMaxTimestamp(
  segments: readonly LogSegment[],
  fromOffset: number,
  upTo: number,
  onBroken: OnBroken = () => {},
): Promise<Found> {
  let best: { segment: LogSegment; largest: TimestampOffset } | undefined
  for await (const { segment, largest: loaded } of withMaxTimestamps(segments, 0, upTo, onBroken)) {
    const known = loaded.isUncertain === true ? await segment.rereadMaxTimestamp() : loaded
    if (known.isUncertain === true) return corrupt(`a batch of segment ${segment.baseOffset} cannot be read`)
    // What the segment is known for may have been deleted.
    const isGone = segment.baseOffset < fromOffset && known.offset < fromOffset
    const largest = isGone ? await largestFrom(segment, fromOffset) : known
    if (largest.timestampMs >= 0 && (best === undefined || largest.timestampMs > best.largest.timestampMs)) {
      best = { segment, largest }
    }
  }
  if (best === undefined) return undefined
  const { segment, largest } = best
  const start = await segment.positionFor(largest.offset, () => {})
  let found: Found
  const end = await segment.scan(
    start,
    (bytes, at) => {
      if (maxTimestampOf(bytes, at) !== largest.timestampMs) return true
      found = firstRecord(bytes, at, largest.timestampMs, fromOffset, upTo)
      return found === undefined
    },
    chunkBytes,
  )
  const isBroken = end.reason === 'corrupt' || end.reason === 'incomplete'
  return isBroken ? corrupt(noBatchAt(segment, end.position)) : found
}

/** The largest timestamp of a segment's batches that do not end before `fromOffset`. */
async function largestFrom(segment: LogSegment, fromOffset: number): Promise<TimestampOffset> {
  let largest: TimestampOffset = { timestampMs: -1, offset: fromOffset }
  const start = await segment.positionFor(fromOffset, () => {})
  await segment.scan(start, (bytes, at) => {
    const offset = lastOffsetOf(bytes, at)
    const timestampMs = maxTimestampOf(bytes, at)
    if (offset >= fromOffset && timestampMs > largest.timestampMs) largest = { timestampMs, offset }
  })
  return largest
}

/**
 * The segments from the one at `first` on that begin below `upTo`, with their largest timestamps. Each is read once in the life of a process, and the first time that many are
 * needed twice as many are asked for at a time as before: the disk is waited for as often as the logarithm of their number.
 */
async function* withMaxTimestamps(
  segments: readonly LogSegment[],
  first: number,
  upTo: number,
  onBroken: OnBroken,
): AsyncGenerator<{ segment: LogSegment; index: number; largest: LargestTimestamp }> {
  let atATime = 1
  for (let start = first; start < segments.length; start += atATime, atATime = Math.min(2 * atATime, atATimeMax)) {
    const some = segments.slice(start, start + atATime).filter(({ baseOffset }) => baseOffset < upTo)
    const largest = await Promise.all(some.map(segment => segment.loadMaxTimestamp(() => onBroken(segment))))
    for (const [at, segment] of some.entries()) yield { segment, index: start + at, largest: largest[at]! }
  }
}

interface Wanted {
  readonly timestampMs: number
  readonly fromOffset: number
  readonly upTo: number
  /** Of the segment. */
  readonly endOffset: number
}

async function findInSegment(segment: LogSegment, wanted: Wanted, onBroken: OnBroken): Promise<Found> {
  const { position: start, fromOffset } = await startFor(segment, wanted, onBroken)
  let position = start
  let expectedOffset = position === 0 ? segment.baseOffset : undefined
  for (;;) {
    const found = await findFrom(segment, position, expectedOffset, wanted)
    if (!(found instanceof Broken)) return found
    // What has been deleted may be broken without harm.
    const next = await nextSoundBatch(segment, found.position, { from: found.afterOffset, to: wanted.endOffset })
    if (next === undefined || next.baseOffset > fromOffset) {
      return corrupt(`no batch begins at position ${found.position} of segment ${segment.baseOffset}`)
    }
    position = next.position
    expectedOffset = next.baseOffset
  }
}

/** Where a search ended, at something that is no sound batch. */
class Broken {
  readonly position: number
  readonly afterOffset: number

  constructor(position: number, afterOffset: number) {
    this.position = position
    this.afterOffset = afterOffset
  }
}

async function findFrom(
  segment: LogSegment,
  start: number,
  startOffset: number | undefined,
  { timestampMs, fromOffset, upTo, endOffset }: Wanted,
): Promise<Found | Broken> {
  let expectedOffset = startOffset
  let behindGap: { position: number; size: number; lastOffset: number } | undefined
  let found: Found | Broken
  const end = await segment.scan(
    start,
    (bytes, at, size, position) => {
      if (expectedOffset !== undefined && expectedOffset >= upTo) return false
      const lastOffset = lastOffsetOf(bytes, at)
      const baseOffset = baseOffsetOf(bytes, at)
      // Also of those that are passed over: a broken header may state another timestamp.
      if (!verifyChecksum(bytes, at) || baseOffset < (expectedOffset ?? 0)) {
        found = new Broken(position, expectedOffset ?? segment.baseOffset)
        return false
      }
      behindGap =
        expectedOffset !== undefined && baseOffset > expectedOffset ? { position, size, lastOffset } : undefined
      expectedOffset = lastOffset + 1
      if (lastOffset < fromOffset || maxTimestampOf(bytes, at) < timestampMs) return true
      found = firstRecord(bytes, at, timestampMs, fromOffset, upTo)
      return found === undefined && lastOffset < upTo
    },
    chunkBytes,
  )
  if (end.reason === 'corrupt' || end.reason === 'incomplete') {
    return new Broken(end.position, expectedOffset ?? segment.baseOffset)
  }
  const isPlaced = behindGap === undefined || (await endsBeforeNext(segment, behindGap, endOffset))
  return isPlaced ? found : new Broken(behindGap!.position, fromOffset)
}

/** What the time index has below the timestamp says that no record up to there has a larger one, if it is true. */
async function startFor(
  segment: LogSegment,
  { timestampMs, fromOffset }: Wanted,
  onBroken: OnBroken,
): Promise<{ position: number; fromOffset: number }> {
  await segment.loadIndexes()
  const entry = await segment.timeIndex.lookup(timestampMs - 1)
  const isNone = entry === undefined || entry.timestampMs < 0
  const isRight = !isNone && (await confirmsTimestamp(segment, entry))
  if (!isNone && !isRight) onBroken(segment)
  const offset = isRight ? Math.max(entry.offset + 1, fromOffset) : fromOffset
  return { position: await segment.positionFor(offset, () => onBroken(segment)), fromOffset: offset }
}

function firstRecord(bytes: Uint8Array, at: number, timestampMs: number, fromOffset: number, upTo: number): Found {
  if (!verifyChecksum(bytes, at))
    return corrupt(`the checksum of the batch that ends with ${lastOffsetOf(bytes, at)} does not match`)
  const records = decodeBatch(bytes, at)
  if (!Array.isArray(records)) return corrupt(records.message)
  for (const record of records) {
    if (record.offset < fromOffset || record.offset >= upTo || record.timestampMs < timestampMs) continue
    return { timestampMs: record.timestampMs, offset: record.offset, leaderEpoch: leaderEpochOf(bytes, at) }
  }
  return undefined
}

function noBatchAt(segment: LogSegment, position: number): string {
  return `no batch begins at position ${position} of segment ${segment.baseOffset}`
}

function corrupt(message: string): ReadFailed {
  return { kind: 'failed', error: 'CORRUPT_MESSAGE', message }
}
