/**
 * What a log needs to know of its topic's settings: Kafka's keys in camel case, units included in the name.
 *
 * The resolved topic configuration of the metadata layer satisfies this interface by its shape, so that the log depends on no configuration
 * machinery. A log gets one when it is opened and another whenever a setting changes (`Log.updateConfig`).
 */

import type { Random } from '../io/io.ts'

export type CleanupPolicy = 'delete' | 'compact'
export type CompressionSetting = 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/**
 * Sizes in bytes, times in milliseconds. Where Kafka's default is the largest long ("never"), the value here is a number at least as large
 * as `Number.MAX_SAFE_INTEGER`: such settings are only ever compared.
 */
export interface LogConfig {
  /** Both may be set; neither means that nothing is ever removed. */
  readonly cleanupPolicy: readonly CleanupPolicy[]
  /** What batches are compressed with on disk; `producer` keeps what the producer chose. */
  readonly compressionType: CompressionSetting
  readonly compressionGzipLevel: number
  readonly compressionLz4Level: number
  readonly compressionZstdLevel: number
  /** How long compaction keeps tombstones and transaction markers. */
  readonly deleteRetentionMs: number
  readonly fileDeleteDelayMs: number
  /** A sync before the append that makes it this many messages is acknowledged: 1 syncs every append. */
  readonly flushMessages: number
  /** The longest time that a written message stays unsynced; 0 syncs before acknowledging. */
  readonly flushMs: number
  readonly indexIntervalBytes: number
  readonly maxCompactionLagMs: number
  readonly maxMessageBytes: number
  readonly messageTimestampAfterMaxMs: number
  readonly messageTimestampBeforeMaxMs: number
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime'
  readonly minCleanableDirtyRatio: number
  readonly minCompactionLagMs: number
  /** Gives a new segment file its full size at once. */
  readonly preallocate: boolean
  /** −1: unlimited. */
  readonly retentionBytes: number
  /** −1: unlimited. */
  readonly retentionMs: number
  readonly segmentBytes: number
  readonly segmentIndexBytes: number
  readonly segmentJitterMs: number
  readonly segmentMs: number
}

const never = Number.MAX_SAFE_INTEGER

/** Kafka's defaults. */
export const DEFAULT_LOG_CONFIG: LogConfig = {
  cleanupPolicy: ['delete'],
  compressionType: 'producer',
  compressionGzipLevel: -1,
  compressionLz4Level: 9,
  compressionZstdLevel: 3,
  deleteRetentionMs: 86_400_000,
  fileDeleteDelayMs: 60_000,
  flushMessages: never,
  flushMs: never,
  indexIntervalBytes: 4096,
  maxCompactionLagMs: never,
  maxMessageBytes: 1_048_588,
  messageTimestampAfterMaxMs: 3_600_000,
  messageTimestampBeforeMaxMs: never,
  messageTimestampType: 'CreateTime',
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  preallocate: false,
  retentionBytes: -1,
  retentionMs: 604_800_000,
  segmentBytes: 1_073_741_824,
  segmentIndexBytes: 10_485_760,
  segmentJitterMs: 0,
  segmentMs: 604_800_000,
}

export function isCompacted(config: LogConfig): boolean {
  return config.cleanupPolicy.includes('compact')
}

/** After how long a segment is rolled: on compacted topics early enough for `max.compaction.lag.ms`, since the active segment is never compacted. */
export function segmentMsMax(config: LogConfig): number {
  return isCompacted(config) && config.maxCompactionLagMs > 0
    ? Math.min(config.maxCompactionLagMs, config.segmentMs)
    : config.segmentMs
}

/** By how much earlier than `segment.ms` a segment is rolled, so that the logs of a topic do not all roll at once. */
export function randomRollJitterMs(config: LogConfig, random: Random): number {
  const jitterMs = Math.min(config.segmentJitterMs, segmentMsMax(config))
  return jitterMs > 0 ? Math.floor(random.float() * jitterMs) : 0
}
