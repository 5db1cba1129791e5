/** What the log cleaner tells of itself, for gauges under Kafka's names (`kafka.log:type=LogCleaner` and `LogCleanerManager`). */
import type { Clock } from '../../io/io.ts'
import type { CleaningStats } from './cleaning.ts'

export class CleanerMetrics {
  readonly #clock: Clock
  #lastRunMs: number
  /** `max-dirty-percent`: of the log that was the dirtiest at the last look. */
  maxDirtyPercent = 0
  /** `max-compaction-delay-secs`: the longest that a log has waited beyond `max.compaction.lag.ms` at the last look. */
  maxCompactionDelaySecs = 0
  /** `max-buffer-utilization-percent`: how full the map of the last cleaning was. */
  maxBufferUtilizationPercent = 0
  /** `cleaner-recopy-percent`: of the bytes read by the last cleaning, those that were written again. */
  cleanerRecopyPercent = 0
  /** `max-clean-time-secs`: how long the last cleaning took. */
  maxCleanTimeSecs = 0
  /** `uncleanable-partitions-count` and, of the logs on one log directory, their number. */
  readonly uncleanablePartitionsCount: (directory?: string) => number
  /** `uncleanable-bytes`: size of those. */
  readonly uncleanableBytes: (directory?: string) => number

  constructor(clock: Clock, uncleanable: () => readonly { readonly directory: string; readonly sizeBytes: number }[]) {
    this.#clock = clock
    this.#lastRunMs = clock.monotonicMs()
    const within = (directory?: string): { readonly sizeBytes: number }[] =>
      uncleanable().filter(log => directory === undefined || log.directory === directory)
    this.uncleanablePartitionsCount = directory => within(directory).length
    this.uncleanableBytes = directory => within(directory).reduce((sum, log) => sum + log.sizeBytes, 0)
  }

  /** `time-since-last-run-ms`: since it last looked for a log to compact. */
  get timeSinceLastRunMs(): number {
    return this.#clock.monotonicMs() - this.#lastRunMs
  }

  /** It has looked. */
  looked(dirtyRatioMax: number, delayMsMax: number): void {
    this.#lastRunMs = this.#clock.monotonicMs()
    this.maxDirtyPercent = Math.floor(100 * dirtyRatioMax)
    this.maxCompactionDelaySecs = Math.floor(delayMsMax / 1000)
  }

  /** It has compacted a log. */
  cleaned(stats: CleaningStats): void {
    this.maxBufferUtilizationPercent = Math.floor(100 * stats.mapUtilization)
    this.cleanerRecopyPercent = stats.bytesRead === 0 ? 0 : Math.floor((100 * stats.bytesWritten) / stats.bytesRead)
    this.maxCleanTimeSecs = Math.floor(stats.durationMs / 1000)
  }
}
