/**
 * What ListOffsets v0 asked for, before records had timestamps: offsets at which segments begin, newest first, judged by when their files were
 * last changed.
 */

import type { LogSegment } from './log-segment.ts'

/** Special timestamps of the protocol. */
const latest = -1
const earliest = -2

/**
 * At most `count` offsets, descending: the end of the log and the beginnings of segments that were last changed at or before `timestampMs`. −1 asks
 * for all, −2 for the first. Rejects with a `DiskError`.
 */
export async function legacyOffsetsBefore(
  segments: readonly LogSegment[],
  bounds: { readonly logStartOffset: number; readonly endOffset: number; readonly nowMs: number },
  timestampMs: number,
  count: number,
): Promise<number[]> {
  const { logStartOffset, endOffset, nowMs } = bounds
  const starts = segments
    .map(segment => Math.max(segment.baseOffset, logStartOffset))
    .filter(start => start <= endOffset)
  // An active segment that holds something has an end of its own, as of now.
  const offsets = starts.at(-1) === endOffset ? starts : [...starts, endOffset]
  const last =
    timestampMs === latest || timestampMs >= nowMs
      ? offsets.length - 1
      : timestampMs === earliest
        ? 0
        : await lastChangedBy(segments, timestampMs)
  return offsets
    .slice(0, last + 1)
    .toReversed()
    .slice(0, Math.max(0, count))
}

/** The newest segment whose file was last changed at or before `timestampMs`; −1 when there is none. */
async function lastChangedBy(segments: readonly LogSegment[], timestampMs: number): Promise<number> {
  for (let index = segments.length - 1; index >= 0; index -= 1) {
    const changedMs = await segments[index]!.lastModifiedMs()
    if (changedMs !== undefined && changedMs <= timestampMs) return index
  }
  return -1
}
