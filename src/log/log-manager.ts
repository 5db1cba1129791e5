/**
 * All logs of a broker: opens them when it starts, makes and deletes them as topics come and go, and does for them what time demands: retention, checkpoints, expiry
 * of producers.
 *
 * Lifecycle: `open` locks the log directories and opens (or recovers) every log in them; `close` flushes, marks the shutdown clean and unlocks.
 */
import { assert } from '../std/assert.ts'
import type { DiskError, Io, Timer } from '../io/io.ts'
import type { Uuid } from '../protocol/uuid.ts'
import type { Logger, Logging } from '../std/logger.ts'
import { LogCleaner } from './cleaner/log-cleaner.ts'
import type { LogCleanerOptions } from './cleaner/log-cleaner.ts'
import { replaceFile } from './atomic-file.ts'
import { BoundedDisk } from './bounded-disk.ts'
import { openDirectories } from './directory-opening.ts'
import type { LogManagerOpenError, OpenedDirectory } from './directory-opening.ts'
import { loadDirectories } from './directory-loading.ts'
import type { Litter } from './directory-loading.ts'
import {
  deletedDirectoryName,
  parsePartitionDirectory,
  PARTITION_METADATA,
  partitionDirectoryName,
} from './file-names.ts'
import type { LogConfig } from './log-config.ts'
import { diskErrorOf, isPassing } from './log-context.ts'
import type { LogContext } from './log-context.ts'
import { LogDirectory } from './log-directory.ts'
import { FolderRemoval } from './folder-removal.ts'
import { newLog } from './log-loader.ts'
import { LogMoves } from './log-moves.ts'
import type { LogDescription } from './log-types.ts'
import type { Log } from './log.ts'
import { OpenFiles } from './open-files.ts'
import { formatPartitionMetadata } from './partition-metadata.ts'
import { ProducerQuota } from './producer-quota.ts'
import type { ProducerStateOptions } from './producer-state.ts'
import { sealText } from './sealed-text.ts'
import { TailCache } from './tail-cache.ts'

export type { LogManagerOpenError } from './directory-opening.ts'

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
  /** `ottla.producer.ids.max`; left out: no limit. */
  readonly producerIdsMax?: number
  /** `producer.id.expiration.check.interval.ms`; 10 minutes by default. */
  readonly producerIdExpirationCheckIntervalMs?: number
  /** `transaction.partition.verification.enable`; true by default. */
  readonly verifyTransactions?: boolean
  /** `num.recovery.threads.per.data.dir`: logs of one directory recovered at a time. */
  readonly recoveryThreadsPerDirectory: number
  /** Files that may be open at a time; 2,000 by default. */
  readonly openFilesMax?: number
  /** `log.cleaner.*`; without them nothing is compacted. */
  readonly cleaner?: LogCleanerOptions
  /**
   * Called once the directories are locked and known to be this broker's, before a log is opened: settings that are kept in those directories, which
   * take the place of the ones above. What it rejects with, `open` rejects with.
   */
  readonly settingsBeforeLoading?: (manager: LogManager) => Promise<LoadingSettings>
  /** Called when a directory has failed: its logs answer KAFKA_STORAGE_ERROR from now on. */
  readonly onDirectoryOffline: (directory: string, cause: Error) => void
}

/** What the opening of logs depends on. */
export type LoadingSettings = Pick<
  LogManagerOptions,
  'configFor' | 'producerIdExpirationMs' | 'recoveryThreadsPerDirectory'
>

export interface LogDirectoryDescription {
  readonly path: string
  readonly directoryId: Uuid | undefined
  /** Set when the directory is offline. */
  readonly error: Error | undefined
  readonly totalBytes: number
  readonly usableBytes: number
  readonly logs: readonly LogDescription[]
}

/** What says, where a folder is to be made, that the whole directory is not to be used: it is broken, or gone. */
const directoryFailures: ReadonlySet<string> = new Set(['EIO', 'ENOENT', 'ENOTDIR', 'ENXIO', 'ESTALE'])

/** As in Kafka: time for topics to get their settings before anything is deleted by the default ones. */
const firstRetentionMs = 30_000

export class LogManager {
  readonly clusterId: string
  /** That of the last clean shutdown; −1 when there is none. */
  readonly previousBrokerEpoch: number
  readonly #context: LogContext
  readonly #producerOptions: { -readonly [K in keyof ProducerStateOptions]: ProducerStateOptions[K] }
  readonly #producerQuota: ProducerQuota
  readonly #options: LogManagerOptions
  readonly #logger: Logger
  readonly #directories: LogDirectory[] = []
  readonly #offlineAtStart: readonly { path: string; cause: DiskError }[]
  readonly #logs = new Map<string, Log>()
  readonly #directoryOf = new Map<Log, LogDirectory>()
  readonly #moves: LogMoves
  readonly #cleaner: LogCleaner | undefined
  readonly #timers = new Set<Timer>()
  readonly #removal: FolderRemoval
  #closed = false

  static async open(
    io: Io,
    options: LogManagerOptions,
  ): Promise<{ ok: true; manager: LogManager } | { ok: false; error: LogManagerOpenError }> {
    const logger = options.logging.logger('kafka.log.LogManager')
    const directories = await openDirectories(io, options, logger)
    if (!directories.ok) return directories
    const manager = new LogManager(io, options, directories.clusterId, directories.opened, directories.offline)
    const unlock = async (): Promise<void> => {
      for (const { lock } of directories.opened) await lock.release()
    }
    let settings: LoadingSettings
    try {
      settings = (await options.settingsBeforeLoading?.(manager)) ?? options
    } catch (error) {
      await unlock()
      throw error
    }
    manager.setProducerIdExpiration(settings.producerIdExpirationMs)
    const error = await manager.#load(directories.opened, settings)
    if (error !== undefined) {
      await unlock()
      return { ok: false, error }
    }
    manager.#startTimers()
    return { ok: true, manager }
  }

  private constructor(
    io: Io,
    options: LogManagerOptions,
    clusterId: string,
    opened: readonly OpenedDirectory[],
    offline: readonly { path: string; cause: DiskError }[],
  ) {
    this.clusterId = clusterId
    this.previousBrokerEpoch = Math.max(-1, ...opened.map(directory => directory.brokerEpoch))
    this.#options = options
    this.#logger = options.logging.logger('kafka.log.LogManager')
    this.#offlineAtStart = offline
    this.#producerQuota = new ProducerQuota(options.producerIdsMax ?? Infinity, () => this.#logs.values())
    this.#producerOptions = {
      producerIdExpirationMs: options.producerIdExpirationMs,
      verifyTransactions: options.verifyTransactions ?? true,
      nowMs: () => io.clock.nowMs(),
      onNewProducer: () => this.#producerQuota.producerComes(),
    }
    const openFilesMax = options.openFilesMax ?? 2000
    const disk = new BoundedDisk(io.disk, openFilesMax)
    this.#context = {
      io: { ...io, disk },
      openFiles: new OpenFiles(disk, openFilesMax),
      tailCache: new TailCache(options.cacheBudgetBytes),
      producerOptions: this.#producerOptions,
      logger: options.logging.logger('kafka.log.UnifiedLog'),
    }
    for (const directory of opened) {
      this.#directories.push(new LogDirectory(disk, directory, (...failure) => this.#offline(...failure)))
    }
    const cleanerLogger = options.logging.logger('kafka.log.LogCleaner')
    this.#cleaner =
      options.cleaner && new LogCleaner(this.#context.io, cleanerLogger, options.cleaner, () => this.#logs.values())
    this.#removal = new FolderRemoval(io.clock, io.disk, this.#logger)
    this.#moves = new LogMoves(this.#context, {
      moved: (log, from, to) => this.#moved(log, from, to),
      removeLater: (path, delayMs) => this.#removal.remove(path, delayMs),
    })
  }

  /** Of all directories that are online, in the order given. */
  get directories(): readonly string[] {
    return this.#directories.filter(directory => directory.offline === undefined).map(directory => directory.path)
  }

  /** Those of `log.dirs` that could not be used at start, or have failed since. */
  get offlineDirectories(): readonly string[] {
    const failed = this.#directories.filter(directory => directory.offline !== undefined).map(({ path }) => path)
    return [...this.#offlineAtStart.map(({ path }) => path), ...failed]
  }

  /** The ids of all directories that are online, from their `meta.properties`. */
  directoryIds(): readonly Uuid[] {
    return this.#directories.filter(directory => directory.offline === undefined).map(({ directoryId }) => directoryId)
  }

  get(topic: string, partition: number): Log | undefined {
    return this.#logs.get(partitionDirectoryName(topic, partition))
  }

  all(): Iterable<Log> {
    return this.#logs.values()
  }

  /**
   * Makes the partition's directory, by default in the log directory with the fewest partitions; one that turns out to have failed, or refuses (it is full, or may not
   * be written to), is passed over. Rejects with a `DiskError`.
   */
  async create(topic: string, partition: number, topicId: Uuid, config: LogConfig, path?: string): Promise<Log> {
    const refusing = new Set<LogDirectory>()
    for (;;) {
      const directory = this.#directoryFor(path, refusing)
      directory.creating += 1
      try {
        return await this.#createIn(directory, topic, partition, topicId, config)
      } catch (error) {
        if (directory.offline === undefined) refusing.add(directory)
        const isLast = this.#directories.every(each => each.offline !== undefined || refusing.has(each))
        const mayPass = directory.offline !== undefined || isPassing(diskErrorOf(error))
        if (path !== undefined || isLast || !mayPass) throw error
      } finally {
        directory.creating -= 1
      }
    }
  }

  async #createIn(
    directory: LogDirectory,
    topic: string,
    partition: number,
    topicId: Uuid,
    config: LogConfig,
  ): Promise<Log> {
    const folderName = partitionDirectoryName(topic, partition)
    assert(parsePartitionDirectory(folderName)?.kind === 'current', () => `no name for a partition: ${folderName}`)
    const folder = `${directory.path}/${folderName}`
    const { disk } = this.#context.io
    let isMade = false
    try {
      await directory.forgetEarlier(topic, partition)
      // Another partition's, on a disk that does not tell upper case from lower case, or somebody else's.
      if ((await disk.stat(folder)) !== undefined) throw diskError('EEXIST', `${folder} exists`)
      await disk.makeDirectory(folder)
      isMade = true
      // As a whole, and with its name: without its id the log would be taken for another topic's, and a power cut that keeps records and loses it would leave records that
      // nobody may serve.
      await replaceFile(disk, folder, PARTITION_METADATA, sealText(formatPartitionMetadata(topicId)))
    } catch (error) {
      if (directoryFailures.has((error as DiskError).code)) directory.failed(error as DiskError)
      // Half made it would be in the way of the next attempt.
      else if (isMade) await disk.removeDirectory(folder).catch(() => {})
      throw error
    }
    const log = newLog(this.#context, directory, { topic, partition, topicId, folderName, config })
    this.#add(log, directory)
    return log
  }

  /** Renames the directory, and removes it after `file.delete.delay.ms`. Rejects with a `DiskError`. */
  async delete(topic: string, partition: number): Promise<void> {
    const log = this.get(topic, partition)
    if (log === undefined) return
    this.#logs.delete(partitionDirectoryName(topic, partition))
    // A move that is nearly over may bring it to its new place yet.
    await this.#moves.cancel(log)
    await this.#cleaner?.release(log)
    await log.abandon()
    const directory = this.#forget(log)
    // Nothing in a failed directory is touched any more; what is left there is told by its topic id from whatever comes after.
    if (directory.offline !== undefined) return
    const deleted = `${directory.path}/${deletedDirectoryName(topic, partition, this.#uniqueDigits())}`
    await this.#context.io.disk.rename(log.folder, deleted)
    await directory.syncFolders()
    this.#removal.remove(deleted, log.config.fileDeleteDelayMs)
  }

  /** Starts to move a partition to another log directory (AlterReplicaLogDirs). Settles when the move has been taken up. */
  async move(
    topic: string,
    partition: number,
    path: string,
  ): Promise<'ok' | 'no-such-directory' | 'directory-offline' | 'no-such-partition'> {
    const target = this.#directories.find(directory => directory.path === path)
    if (target === undefined) {
      return this.#offlineAtStart.some(directory => directory.path === path) ? 'directory-offline' : 'no-such-directory'
    }
    if (target.offline !== undefined) return 'directory-offline'
    const log = this.get(topic, partition)
    if (log === undefined) return 'no-such-partition'
    await this.#moves.start(log, this.#directoryOf.get(log)!, target)
    return 'ok'
  }

  async describe(): Promise<LogDirectoryDescription[]> {
    const descriptions = await Promise.all(this.#directories.map(directory => this.#describe(directory)))
    const offline = this.#offlineAtStart.map(({ path, cause }) => offlineDescription(path, undefined, cause))
    return [...descriptions, ...offline]
  }

  /** Compacts logs; undefined when it was not asked for. To be started once all logs have the settings of their topics. */
  get cleaner(): LogCleaner | undefined {
    return this.#cleaner
  }

  /** Bytes that the newest batches of all logs may occupy in memory, from now on. */
  setCacheBudget(bytes: number): void {
    this.#context.tailCache.setBudget(bytes)
  }

  /** `replica.alter.log.dirs.io.max.bytes.per.second`, from now on. */
  setMoveThrottle(bytesPerSecond: number): void {
    this.#moves.throttle.bytesPerSecond = bytesPerSecond
  }

  /** `producer.id.expiration.ms`, from now on. */
  setProducerIdExpiration(expirationMs: number): void {
    this.#producerOptions.producerIdExpirationMs = expirationMs
  }

  /** `ottla.producer.ids.max`, from now on. */
  setProducerIdsMax(max: number): void {
    this.#producerQuota.max = max
  }

  /** `transaction.partition.verification.enable`, which may change at run time. */
  setTransactionVerification(verifies: boolean): void {
    this.#producerOptions.verifyTransactions = verifies
  }

  /** Flushes, takes snapshots, saves checkpoints, marks the shutdown clean (with the broker's epoch, if it has one) and unlocks. */
  async close(brokerEpoch = -1): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    this.#removal.stop()
    await this.#moves.stop()
    await this.#cleaner?.stop()
    await Promise.all(this.#directories.map(directory => this.#closeDirectory(directory, brokerEpoch)))
  }

  async #closeDirectory(directory: LogDirectory, brokerEpoch: number): Promise<void> {
    const refusal = await directory.close(brokerEpoch)
    if (refusal === undefined || directory.offline !== undefined) return
    const message = 'the shutdown cannot be marked clean: the next start reads what was not flushed'
    this.#logger.warn(message, { directory: directory.path }, refusal)
  }

  async #load(opened: readonly OpenedDirectory[], settings: LoadingSettings): Promise<LogManagerOpenError | undefined> {
    const loaded = await loadDirectories({
      context: this.#context,
      logger: this.#logger,
      sources: opened.map((source, index) => ({ source, directory: this.#directories[index]! })),
      configFor: settings.configFor,
      recoveryThreads: settings.recoveryThreadsPerDirectory,
    })
    if (!loaded.ok) return loaded.error
    for (const { log, directory } of loaded.logs) this.#add(log, directory)
    for (const folder of loaded.deleted) this.#removal.remove(folder, 0)
    if (loaded.litter.length > 0) void this.#removeLitter(loaded.litter)
    for (const { topic, partition, directory } of loaded.unfinishedMoves) {
      await this.move(topic, partition, directory.path)
    }
    return undefined
  }

  /** One after the other, beside everything else. What is left when it is closed is found again. */
  async #removeLitter(litter: readonly Litter[]): Promise<void> {
    for (const { log, names } of litter) {
      if (this.#closed) return
      // What fails has taken the log or its directory offline, and has been reported there.
      await log.removeLitter(names).catch(() => {})
    }
  }

  #add(log: Log, directory: LogDirectory): void {
    const name = partitionDirectoryName(log.topic, log.partition)
    this.#logs.set(name, log)
    this.#directoryOf.set(log, directory)
    directory.logs.add(log)
  }

  #forget(log: Log): LogDirectory {
    const directory = this.#directoryOf.get(log)!
    this.#directoryOf.delete(log)
    directory.logs.delete(log)
    directory.partitionGone(partitionDirectoryName(log.topic, log.partition))
    return directory
  }

  #moved(log: Log, from: LogDirectory, to: LogDirectory): void {
    from.logs.delete(log)
    from.partitionGone(partitionDirectoryName(log.topic, log.partition))
    to.arrived(log)
    this.#directoryOf.set(log, to)
  }

  #directoryFor(path: string | undefined, refusing: ReadonlySet<LogDirectory>): LogDirectory {
    const online = this.#directories.filter(directory => directory.offline === undefined)
    if (path !== undefined) {
      const wanted = online.find(directory => directory.path === path)
      if (wanted === undefined) throw diskError('ENOENT', `${path} is no log directory that is online`)
      return wanted
    }
    const countOf = ({ logs, creating }: LogDirectory): number => logs.size + creating
    const willing = online.filter(directory => !refusing.has(directory))
    let fewest = willing[0]
    for (const directory of willing) if (countOf(directory) < countOf(fewest!)) fewest = directory
    if (fewest === undefined) throw diskError('EIO', 'no log directory is online')
    return fewest
  }

  #offline(directory: LogDirectory, cause: DiskError): void {
    this.#logger.error('a log directory has gone offline', { directory: directory.path }, cause)
    for (const log of directory.logs) void log.abandon()
    this.#options.onDirectoryOffline(directory.path, cause)
  }

  async #describe(directory: LogDirectory): Promise<LogDirectoryDescription> {
    const { path, directoryId, offline } = directory
    if (offline !== undefined) return offlineDescription(path, directoryId, offline)
    try {
      const space = await this.#context.io.disk.space(path)
      const logs = [...directory.logs].map(describeLog)
      return { path, directoryId, error: undefined, ...space, logs: [...logs, ...this.#moves.describe(directory)] }
    } catch (error) {
      return offlineDescription(path, directoryId, diskErrorOf(error))
    }
  }

  #startTimers(): void {
    const options = this.#options
    // Each directory for itself: one whose disk stalls holds up none of the others.
    for (const directory of this.#directories) {
      const unlessOffline = (work: () => Promise<void>) => (): Promise<void> => this.#unlessOffline(directory, work)
      this.#repeat(options.retentionCheckIntervalMs, () => this.#applyRetention(directory), firstRetentionMs)
      this.#repeat(
        options.flushOffsetCheckpointIntervalMs,
        unlessOffline(() => this.#saveRecoveryPoints(directory)),
      )
      this.#repeat(
        options.flushStartOffsetCheckpointIntervalMs,
        unlessOffline(() => directory.saveLogStartOffsets()),
      )
      this.#repeat(
        options.highWatermarkCheckpointIntervalMs,
        unlessOffline(() => directory.saveNowAndThen()),
      )
    }
    this.#repeat(options.producerIdExpirationCheckIntervalMs ?? 600_000, async () => {
      const nowMs = this.#context.io.clock.nowMs()
      for (const log of this.#logs.values()) log.removeExpiredProducers(nowMs)
    })
  }

  /** The next time counts from the end of the last. */
  #repeat(intervalMs: number, work: () => Promise<void>, firstMs = intervalMs): void {
    const timer = this.#context.io.clock.setTimer(Math.min(firstMs, intervalMs), () => {
      this.#timers.delete(timer)
      void work().then(() => {
        if (!this.#closed) this.#repeat(intervalMs, work)
      })
    })
    this.#timers.add(timer)
  }

  async #applyRetention(directory: LogDirectory): Promise<void> {
    for (const log of directory.logs) {
      if (this.#closed) return
      // What fails has taken the log or its directory offline, and has been reported there.
      if (log.failure === undefined) await log.applyRetention(this.#context.io.clock.nowMs()).catch(() => {})
    }
  }

  async #saveRecoveryPoints(directory: LogDirectory): Promise<void> {
    for (const log of directory.logs) {
      if (this.#closed) return
      if (log.canMoveRecoveryPoint) await log.flush().catch(() => {})
    }
    await directory.saveRecoveryPoints()
  }

  async #unlessOffline(directory: LogDirectory, work: () => Promise<void>): Promise<void> {
    if (directory.offline !== undefined || this.#closed) return
    await work().catch((error: unknown) => this.#checkpointFailed(directory, diskErrorOf(error)))
  }

  #checkpointFailed(directory: LogDirectory, error: DiskError): void {
    if (isPassing(error)) this.#logger.warn('a checkpoint cannot be written', { directory: directory.path }, error)
    else directory.failed(error)
  }

  #uniqueDigits(): string {
    return Buffer.from(this.#context.io.random.bytes(16)).toString('hex')
  }
}

function describeLog(log: Log): LogDescription {
  const { topic, partition, topicId, sizeBytes, logEndOffset } = log
  return { topic, partition, topicId, sizeBytes, logEndOffset, isFuture: false }
}

function offlineDescription(path: string, directoryId: Uuid | undefined, error: Error): LogDirectoryDescription {
  return { path, directoryId, error, totalBytes: -1, usableBytes: -1, logs: [] }
}

function diskError(code: string, message: string): DiskError {
  return Object.assign(new Error(`${code}: ${message}`), { code })
}
