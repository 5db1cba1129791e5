/** What a segment is made with, and what decides whether the next batch begins another one. */
import type { OpenFiles } from './open-files.ts'
import type { TimestampOffset } from './time-index.ts'

export interface SegmentOptions {
  readonly openFiles: OpenFiles
  /** The partition's directory. */
  readonly directory: string
  readonly baseOffset: number
  /** What the log file holds; 0 for a new segment. */
  readonly sizeBytes: number
  /** True when no file of this segment exists yet. */
  readonly isNew: boolean
  readonly createdMs: number
  /** By how much earlier than `segment.ms` it is rolled. */
  readonly rollJitterMs: number
  /** Size that the file of a new segment is given at once; 0 for none. */
  readonly preallocateBytes: number
  /** Index files must wait for `createFiles`: what comes before the segment is not durable yet. */
  readonly isProvisional: boolean
  /** Behind the names of its files, as long as it is no part of its log. Default none. */
  readonly nameSuffix?: string
}

export interface RollConditions {
  readonly nowMs: number
  /** Of the batch that is to be appended. */
  readonly maxTimestampMs: number
  readonly lastOffset: number
  readonly sizeInBytes: number
  readonly segmentBytes: number
  readonly segmentMs: number
  readonly segmentIndexBytes: number
}

export interface LargestTimestamp extends TimestampOffset {
  /** There are batches that no index tells of and that cannot be read: any timestamp may be in the segment. */
  readonly isUncertain?: boolean | undefined
}
