/**
 * All logs of a broker: the API that the layers above program against.
 */
import type { Io } from '../io/io.ts'
import type { Uuid } from '../protocol/uuid.ts'
import type { Logging } from '../std/logger.ts'
import type { LogConfig } from './log-config.ts'
import type { Log } from './log.ts'
import type { LogDescription } from './log-types.ts'

export interface LogManagerOptions {
  /** `log.dirs`: absolute, or relative to the working directory. */
  readonly directories: readonly string[]
  readonly nodeId: number
  /** Checked against what is on disk and written where a directory is new; `undefined` takes what is on disk (or a new random one). */
  readonly clusterId: string | undefined
  readonly configFor: (topic: string) => LogConfig
  readonly logging: Logging
  /** Bytes that the newest batches of all logs may occupy in memory. */
  readonly cacheBudgetBytes: number
  /** `log.retention.check.interval.ms`. */
  readonly retentionCheckIntervalMs: number
  /** `log.flush.offset.checkpoint.interval.ms`. */
  readonly flushOffsetCheckpointIntervalMs: number
  /** `log.flush.start.offset.checkpoint.interval.ms`. */
  readonly flushStartOffsetCheckpointIntervalMs: number
  /** `replica.high.watermark.checkpoint.interval.ms`. */
  readonly highWatermarkCheckpointIntervalMs: number
  /** `producer.id.expiration.ms`. */
  readonly producerIdExpirationMs: number
  /** `num.recovery.threads.per.data.dir`: logs of one directory recovered at a time. */
  readonly recoveryThreadsPerDirectory: number
  /** Called when a directory has failed: its logs answer KAFKA_STORAGE_ERROR from now on. */
  readonly onDirectoryOffline: (directory: string, cause: Error) => void
}

/** Why the logs cannot be opened: one line for a person each, without a stack. */
export interface LogManagerOpenError {
  readonly kind:
    | 'locked'
    | 'not-writable'
    | 'other-cluster'
    | 'other-node'
    | 'newer-format'
    | 'corrupt-metadata'
    | 'duplicate-directory'
  readonly directory: string
  readonly message: string
}

export interface LogDirectoryDescription {
  readonly path: string
  readonly directoryId: Uuid | undefined
  /** Set when the directory is offline. */
  readonly error: Error | undefined
  readonly totalBytes: number
  readonly usableBytes: number
  readonly logs: readonly LogDescription[]
}

export declare class LogManager {
  static open(
    io: Io,
    options: LogManagerOptions,
  ): Promise<{ ok: true; manager: LogManager } | { ok: false; error: LogManagerOpenError }>

  readonly clusterId: string
  /** Of all directories that are online, in the order given. */
  get directories(): readonly string[]
  /** Each directory's own id, from its `meta.properties`. */
  directoryIds(): readonly Uuid[]

  get(topic: string, partition: number): Log | undefined
  all(): Iterable<Log>
  /** Makes the partition's directory, by default in the log directory with the fewest partitions. Rejects with a `DiskError`. */
  create(topic: string, partition: number, topicId: Uuid, config: LogConfig, directory?: string): Promise<Log>
  /** Renames the directory for deletion after `file.delete.delay.ms`. Rejects with a `DiskError`. */
  delete(topic: string, partition: number): Promise<void>

  /** Starts to move a partition to another log directory (AlterReplicaLogDirs). Settles when the move has been taken up. */
  move(
    topic: string,
    partition: number,
    directory: string,
  ): Promise<'ok' | 'no-such-directory' | 'directory-offline' | 'no-such-partition'>

  describe(): Promise<LogDirectoryDescription[]>
  /** Flushes, snapshots, checkpoints, marks the shutdown clean and unlocks. */
  close(): Promise<void>
}
