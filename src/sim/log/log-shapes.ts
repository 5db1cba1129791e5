/** The settings of the topics in a story about logs: small, so that everything happens often. */

import { DEFAULT_LOG_CONFIG, type LogConfig } from '../../log/log-config.ts'

const small: LogConfig = {
  ...DEFAULT_LOG_CONFIG,
  segmentBytes: 2000,
  indexIntervalBytes: 150,
  fileDeleteDelayMs: 1000,
  messageTimestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
}

const compacted: LogConfig = {
  ...small,
  cleanupPolicy: ['compact'],
  minCleanableDirtyRatio: 0,
  deleteRetentionMs: 60_000,
}

export const shapes = {
  plain: small,
  /** Synced before it is acknowledged. */
  flushed: { ...small, flushMessages: 1 },
  /** Some messages may be lost, and no more. */
  timed: { ...small, flushMs: 100, flushMessages: 7 },
  tiny: { ...small, segmentBytes: 400, flushMs: 0 },
  /** Segments with more index entries than are kept in memory, and index files that fill up. */
  indexed: { ...small, segmentBytes: 60_000, indexIntervalBytes: 0, segmentIndexBytes: 400 },
  preallocated: { ...small, preallocate: true, segmentMs: 5000 },
  stamped: { ...small, messageTimestampType: 'LogAppendTime', compressionType: 'lz4', flushMessages: 1 },
  /** Records that are soon too old, or too many. */
  aging: { ...small, segmentBytes: 700, retentionMs: 30_000 },
  bounded: { ...small, segmentBytes: 700, retentionBytes: 1500 },
  /** What it says of retention is not for a topic that is only compacted. */
  compact: { ...compacted, flushMessages: 1, retentionMs: 20_000, retentionBytes: 1000 },
  'compact,delete': { ...compacted, cleanupPolicy: ['compact', 'delete'], retentionMs: 120_000 },
  lagging: { ...compacted, minCompactionLagMs: 30_000, maxCompactionLagMs: 100_000, segmentBytes: 900 },
} as const satisfies Record<string, LogConfig>

export type ShapeName = keyof typeof shapes
export const shapeNames = Object.keys(shapes) as ShapeName[]

/** What is below the written end of such a log has been synced. */
export function syncsBeforeAcknowledging(config: LogConfig): boolean {
  return config.flushMessages === 1 || config.flushMs === 0
}

/** Something of such a log may be removed at any time. */
export function hasRetention({ cleanupPolicy, retentionMs, retentionBytes }: LogConfig): boolean {
  const isAging = retentionMs >= 0 && retentionMs < DEFAULT_LOG_CONFIG.retentionMs
  return cleanupPolicy.includes('delete') && (isAging || retentionBytes >= 0)
}
