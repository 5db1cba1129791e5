/**
 * Which consecutive segments are cleaned into one, so that a log does not end up as many small files: as many as fit into the size of a segment and of its indexes, and whose
 * offsets an index of the first one can hold.
 */
import type { IndexFile } from '../index-file.ts'
import type { LogSegment } from '../log-segment.ts'
import { RELATIVE_OFFSET_MAX } from '../offset-index.ts'

export interface GroupLimits {
  readonly segmentBytes: number
  readonly segmentIndexBytes: number
  /** Behind the last of the segments. */
  readonly endOffset: number
}

/** The segments in order, and what of them counts. */
export interface SegmentSizes {
  readonly segment: LogSegment
  readonly baseOffset: number
  readonly sizeBytes: number
  readonly offsetIndexBytes: number
  readonly timeIndexBytes: number
}

export function groupSegments(segments: readonly SegmentSizes[], limits: GroupLimits): LogSegment[][] {
  const groups: LogSegment[][] = []
  let group: LogSegment[] = []
  let baseOffset = 0
  let sizeBytes = 0
  let offsetIndexBytes = 0
  let timeIndexBytes = 0
  for (const [index, next] of segments.entries()) {
    const lastOffset = (segments[index + 1]?.baseOffset ?? limits.endOffset) - 1
    const fits =
      group.length > 0 &&
      sizeBytes + next.sizeBytes <= limits.segmentBytes &&
      offsetIndexBytes + next.offsetIndexBytes <= limits.segmentIndexBytes &&
      timeIndexBytes + next.timeIndexBytes <= limits.segmentIndexBytes &&
      // An empty segment has no offset that could lie too far away.
      (next.sizeBytes === 0 || lastOffset - baseOffset <= RELATIVE_OFFSET_MAX)
    if (!fits) {
      group = []
      groups.push(group)
      baseOffset = next.baseOffset
      sizeBytes = 0
      offsetIndexBytes = 0
      timeIndexBytes = 0
    }
    group.push(next.segment)
    sizeBytes += next.sizeBytes
    offsetIndexBytes += next.offsetIndexBytes
    timeIndexBytes += next.timeIndexBytes
  }
  return groups
}

/** Learns the sizes of the indexes, which takes no more than the sizes of their files. Rejects with a `DiskError`. */
export async function sizesOf(segment: LogSegment): Promise<SegmentSizes> {
  await segment.loadIndexes()
  return {
    segment,
    baseOffset: segment.baseOffset,
    sizeBytes: segment.sizeBytes,
    offsetIndexBytes: bytesOf(segment.offsetIndex.entries),
    timeIndexBytes: bytesOf(segment.timeIndex.entries),
  }
}

function bytesOf({ entryCount, entryBytes }: IndexFile): number {
  return entryCount * entryBytes
}
