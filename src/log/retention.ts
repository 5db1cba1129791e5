/**
 * Which segments a log may do without: those below its start, and, when its topic deletes, the oldest ones while the log is larger than
 * `retention.bytes` and those whose newest record is older than `retention.ms`.
 *
 * Segments go from the oldest on, without a gap, and never one that holds anything at or above the high watermark (L9).
 */
import type { LogConfig } from './log-config.ts'
import type { LogSegment } from './log-segment.ts'

export interface RetentionInput {
  readonly segments: readonly LogSegment[]
  readonly config: LogConfig
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly highWatermark: number
  readonly nowMs: number
}

/** The segments to remove, oldest first; all of them only when the active one is to go too. Reads the largest timestamps that are not known yet. */
export async function deletableSegments(input: RetentionInput): Promise<LogSegment[]> {
  const { config, segments } = input
  const deletes = config.cleanupPolicy.includes('delete')
  let excessBytes = -1
  if (deletes && config.retentionBytes >= 0) {
    excessBytes = -config.retentionBytes
    for (const segment of segments) excessBytes += segment.sizeBytes
  }
  const deletable: LogSegment[] = []
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1]
    const endOffset = next?.baseOffset ?? input.logEndOffset
    if (input.highWatermark < endOffset || (next === undefined && segment.sizeBytes === 0)) break
    const isBelowStart = next !== undefined && next.baseOffset <= input.logStartOffset
    const isExcess = excessBytes >= segment.sizeBytes
    if (!isBelowStart && !isExcess && !(deletes && (await isExpired(segment, config, input.nowMs)))) break
    deletable.push(segment)
    excessBytes -= segment.sizeBytes
  }
  return deletable
}

async function isExpired(segment: LogSegment, config: LogConfig, nowMs: number): Promise<boolean> {
  if (config.retentionMs < 0) return false
  const { timestampMs } = await segment.loadMaxTimestamp()
  // Records without timestamps are as old as the file.
  const newestMs = timestampMs >= 0 ? timestampMs : ((await segment.lastModifiedMs()) ?? nowMs)
  return nowMs - newestMs > config.retentionMs
}
