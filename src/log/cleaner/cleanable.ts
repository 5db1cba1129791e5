/**
 * What of a log may be compacted, and whether it is worth it: never the active segment, nothing at or above the last stable offset (which is at most the high watermark), nothing that is not durable,
 * and nothing younger than `min.compaction.lag.ms`.
 */
import { BATCH_HEADER_BYTES, magic } from '../../protocol/records/batch-header.ts'
import { maxTimestampOf } from '../log-batch.ts'
import { isCompacted } from '../log-config.ts'
import type { LogCore } from '../log-core.ts'
import type { LogSegment } from '../log-segment.ts'
import type { Log } from '../log.ts'

export interface CleanableLog {
  readonly log: Log
  readonly firstDirtyOffset: number
  /** Base offset of the first segment that is to be left alone. */
  readonly firstUncleanableOffset: number
  readonly cleanableBytes: number
  /** Of the bytes that would be read, those that have not been compacted; from 0 to 1. */
  readonly dirtyRatio: number
  /** For how long the oldest of them has been waiting longer than `max.compaction.lag.ms`; 0 when it has not. */
  readonly delayMs: number
}

/** Timestamp of the first batch of a segment, once it has been read. */
const firstTimestamps = new WeakMap<LogSegment, number>()

/** `undefined` for a log that is not compacted, or has nothing that could be. Rejects with a `DiskError`. */
export async function assess(log: Log, nowMs: number): Promise<CleanableLog | undefined> {
  if (!isCompacted(log.config) || log.failure !== undefined || log.segmentCount < 2) return undefined
  const core = log.forCleaner()
  if (core.closed) return undefined
  const { segments } = core
  const firstDirtyOffset = Math.max(core.firstDirtyOffset ?? 0, core.logStartOffset)
  const dirty = segments.all.slice(Math.max(0, segments.floorIndex(firstDirtyOffset)), -1)
  const ends = [log.lastStableOffset, log.recoveryPoint, segments.active.baseOffset]
  const young = await firstYoung(dirty, core, nowMs)
  if (young !== undefined) ends.push(young.baseOffset)
  const end = Math.max(firstDirtyOffset, Math.min(...ends))
  const firstUncleanableOffset = segments.all[Math.max(0, segments.floorIndex(end))]!.baseOffset
  let cleanableBytes = 0
  for (const segment of dirty) {
    if (segment.baseOffset < firstUncleanableOffset) cleanableBytes += segment.sizeBytes
  }
  let cleanBytes = 0
  for (const segment of segments.all) if (segment.baseOffset < firstDirtyOffset) cleanBytes += segment.sizeBytes
  const totalBytes = cleanBytes + cleanableBytes
  if (totalBytes === 0) return undefined
  const delayMs = await compactionDelayMs(dirty, core, nowMs)
  const dirtyRatio = cleanableBytes / totalBytes
  return { log, firstDirtyOffset, firstUncleanableOffset, cleanableBytes, dirtyRatio, delayMs }
}

/** Whether its turn has come. */
export function isDue({ log, cleanableBytes, dirtyRatio, delayMs }: CleanableLog): boolean {
  return (delayMs > 0 && cleanableBytes > 0) || dirtyRatio > log.config.minCleanableDirtyRatio
}

/** The first segment with a record younger than `min.compaction.lag.ms`. */
async function firstYoung(
  segments: readonly LogSegment[],
  { config }: LogCore,
  nowMs: number,
): Promise<LogSegment | undefined> {
  if (config.minCompactionLagMs <= 0) return undefined
  for (const segment of segments) {
    const { timestampMs } = await segment.loadMaxTimestamp()
    if (timestampMs > nowMs - config.minCompactionLagMs) return segment
  }
  return undefined
}

async function compactionDelayMs(segments: readonly LogSegment[], { config }: LogCore, nowMs: number): Promise<number> {
  const latestMs = nowMs - config.maxCompactionLagMs
  if (latestMs <= 0) return 0
  let earliestMs = Infinity
  for (const segment of segments) {
    const timestampMs = await firstTimestampOf(segment)
    if (timestampMs > 0) earliestMs = Math.min(earliestMs, timestampMs)
  }
  return earliestMs < latestMs ? latestMs - earliestMs : 0
}

async function firstTimestampOf(segment: LogSegment): Promise<number> {
  const known = firstTimestamps.get(segment)
  if (known !== undefined) return known
  const bytes = Buffer.alloc(BATCH_HEADER_BYTES)
  const read = segment.writtenBytes === 0 ? 0 : await segment.logFile.use(file => file.read(bytes, 0))
  const timestampMs = read > 0 && magic(bytes, 0) <= 2 ? maxTimestampOf(bytes, 0) : -1
  firstTimestamps.set(segment, timestampMs)
  return timestampMs
}
