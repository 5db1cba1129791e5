/**
 * One log directory (an entry of `log.dirs`): the logs in it, the checkpoint files that they share, and whether it is online.
 *
 * It goes offline for good when its disk fails under one of its logs: they all answer KAFKA_STORAGE_ERROR from then on, and nothing in it is touched any more. The lock on
 * it is kept until the end.
 */
import type { Disk, DiskError, DiskLock } from '../io/io.ts'
import type { Uuid } from '../protocol/uuid.ts'
import { DiskPace } from './disk-pace.ts'
import { ReadAheads } from './read-ahead.ts'
import { WriteRounds } from './recent-writes.ts'
import { FileReplacer, replaceContent, replaceFile } from './atomic-file.ts'
import { formatOffsetCheckpoint } from './checkpoint-file.ts'
import type { OffsetEntry } from './checkpoint-file.ts'
import { formatCleanShutdown } from './clean-shutdown.ts'
import {
  CLEAN_SHUTDOWN,
  CLEANER_OFFSET_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_OFFSET_CHECKPOINT,
  partitionDirectoryName,
  RECOVERY_POINT_CHECKPOINT,
  SHUTDOWN_STATE,
} from './file-names.ts'
import { diskErrorOf, isPassing } from './log-context.ts'
import type { LogDirectoryHost } from './log-context.ts'
import type { Log } from './log.ts'
import { sealText } from './sealed-text.ts'
import { WorkLimit } from './work-limit.ts'
import { formatShutdownState, shutdownStateChecksum } from './shutdown-state.ts'

/** Logs that are closed at a time: so many that the disk always has something to do for as many as it takes at a time. */
const closedAtATime = 64
const readsAtATime = 16
/** No more than the disk takes calls at a time, so that appends do not wait for it behind ten thousand of them. */
const rollsAtATime = 8

/** More names of partitions that are gone are worth writing the checkpoints for. */
const goneMax = 500

export class LogDirectory implements LogDirectoryHost {
  readonly path: string
  readonly directoryId: Uuid
  readonly pace = new DiskPace()
  readonly readLimit = new WorkLimit(readsAtATime)
  readonly readAheads = new ReadAheads()
  readonly writeRounds = new WriteRounds()
  readonly rollLimit = new WorkLimit(rollsAtATime)
  readonly logs = new Set<Log>()
  /** Logs that are about to be moved here: the checkpoints speak of them already. */
  readonly #expected = new Set<Log>()
  /** Logs that are being made in it. */
  creating = 0
  /** Names of partitions that are gone and that the checkpoint files may still speak of, each with the number of its going. */
  readonly #gone = new Map<string, number>()
  #lastGone = 0
  readonly #disk: Disk
  readonly #lock: DiskLock
  readonly #onOffline: (directory: LogDirectory, cause: DiskError) => void
  readonly #recoveryPoints: FileReplacer
  readonly #logStartOffsets: FileReplacer
  readonly #highWatermarks: FileReplacer
  readonly #cleanerOffsets: FileReplacer
  readonly #folders: FileReplacer
  #offline: DiskError | undefined

  constructor(
    disk: Disk,
    identity: { path: string; directoryId: Uuid; lock: DiskLock },
    onOffline: (directory: LogDirectory, cause: DiskError) => void,
  ) {
    this.#disk = disk
    this.path = identity.path
    this.directoryId = identity.directoryId
    this.#lock = identity.lock
    this.#onOffline = onOffline
    this.#recoveryPoints = this.#checkpoint(RECOVERY_POINT_CHECKPOINT, log => log.recoveryPoint)
    this.#logStartOffsets = this.#checkpoint(LOG_START_OFFSET_CHECKPOINT, log => log.logStartOffsetToSave)
    this.#highWatermarks = this.#checkpoint(HIGH_WATERMARK_CHECKPOINT, log => log.highWatermark)
    this.#folders = new FileReplacer(() => disk.syncDirectory(identity.path))
    this.#cleanerOffsets = this.#checkpoint(CLEANER_OFFSET_CHECKPOINT, log => log.firstDirtyOffset)
  }

  /** Why it is offline; undefined while it is not. */
  get offline(): DiskError | undefined {
    return this.#offline
  }

  saveRecoveryPoints(): Promise<void> {
    return this.#recoveryPoints.replace()
  }

  saveLogStartOffsets(): Promise<void> {
    return this.#logStartOffsets.replace()
  }

  saveHighWatermarks(): Promise<void> {
    return this.#highWatermarks.replace()
  }

  saveCleanerOffsets(): Promise<void> {
    return this.#cleanerOffsets.replace()
  }

  /** Makes durable which partitions have a folder here; those who ask meanwhile share the next time. Rejects with a `DiskError`. */
  syncFolders(): Promise<void> {
    return this.#folders.replace()
  }

  /** Rejects with a `DiskError`. */
  async saveAll(): Promise<void> {
    const lastGone = this.#lastGone
    await Promise.all([
      this.saveRecoveryPoints(),
      this.saveLogStartOffsets(),
      this.saveHighWatermarks(),
      this.saveCleanerOffsets(),
    ])
    // Those that went meanwhile may have been written before.
    for (const [name, number] of this.#gone) if (number <= lastGone) this.#gone.delete(name)
  }

  /** The high watermarks, and everything where partitions have come and gone in crowds: what is not to be believed of them must not be remembered for ever. Rejects with a `DiskError`. */
  saveNowAndThen(): Promise<void> {
    return this.#gone.size > goneMax ? this.saveAll() : this.saveHighWatermarks()
  }

  /** A partition of this name is not here any more: the checkpoints may still speak of it. */
  partitionGone(name: string): void {
    this.#lastGone += 1
    this.#gone.set(name, this.#lastGone)
  }

  /** Before a partition is made: nothing that the checkpoints say of an earlier one of its name may be believed of it. Rejects with a `DiskError`. */
  async forgetEarlier(topic: string, partition: number): Promise<void> {
    if (this.#gone.has(partitionDirectoryName(topic, partition))) await this.saveAll()
  }

  /** A log that is to be moved here: from the moment that its copy counts, what the checkpoints say of it is durable. Rejects with a `DiskError`. */
  async expect(log: Log): Promise<void> {
    this.#expected.add(log)
    await this.saveAll()
  }

  /** It has come. */
  arrived(log: Log): void {
    this.#expected.delete(log)
    this.logs.add(log)
  }

  /** It stays where it was. */
  expectNoMore(log: Log): void {
    if (this.#expected.delete(log)) this.partitionGone(partitionDirectoryName(log.topic, log.partition))
  }

  failed(error: DiskError): void {
    if (this.#offline !== undefined) return
    this.#offline = error
    for (const log of this.logs) log.fail(error)
    this.#onOffline(this, error)
  }

  /**
   * Closes all logs, and marks the shutdown clean when each of them could be. `brokerEpoch` goes into the mark; −1 for none. The directory is
   * unlocked in any case. What it settles with is why the shutdown is not clean though the directory is online: there was no room, or no right to write.
   */
  async close(brokerEpoch: number): Promise<DiskError | undefined> {
    let refusal = await this.#closeLogs()
    if (refusal === undefined && this.#offline === undefined) {
      refusal = await this.#markClean(brokerEpoch).then(
        () => undefined,
        (error: unknown) => this.#refusalOf(diskErrorOf(error)),
      )
    }
    await this.#lock.release()
    return refusal
  }

  async #closeLogs(): Promise<DiskError | undefined> {
    const waiting = [...this.logs]
    let refusal: DiskError | undefined
    const closeSome = async (): Promise<void> => {
      for (let log = waiting.pop(); log !== undefined; log = waiting.pop()) {
        try {
          await log.close()
          // Perhaps only since its last write, which was on its way.
          refusal ??= log.refusal
        } catch (error) {
          refusal ??= this.#refusalOf(diskErrorOf(error))
        }
      }
    }
    await Promise.all(Array.from({ length: closedAtATime }, closeSome))
    return refusal
  }

  /** A disk that refuses is no broken one: the other logs are closed as they should be, and the next start reads the ends of all. */
  #refusalOf(error: DiskError): DiskError {
    if (!isPassing(error)) this.failed(error)
    return error
  }

  async #markClean(brokerEpoch: number): Promise<void> {
    await this.saveAll()
    const states = [...this.logs].map(log => log.shutdownState())
    const state = formatShutdownState(states.filter(each => each !== undefined))
    await replaceContent(this.#disk, this.path, SHUTDOWN_STATE, state)
    const mark = formatCleanShutdown({ brokerEpoch, stateChecksum: shutdownStateChecksum(state) })
    await replaceFile(this.#disk, this.path, CLEAN_SHUTDOWN, sealText(mark))
  }

  #checkpoint(name: string, offsetOf: (log: Log) => number | undefined): FileReplacer {
    let saved: string | undefined
    return new FileReplacer(async () => {
      if (this.#offline !== undefined) throw this.#offline
      const entries: OffsetEntry[] = []
      for (const log of [...this.logs, ...this.#expected]) {
        const offset = offsetOf(log)
        if (offset !== undefined) entries.push({ topic: log.topic, partition: log.partition, offset })
      }
      const text = formatOffsetCheckpoint(entries)
      if (text === saved) return
      saved = undefined
      // Without entries there is nothing in it that could be wrong.
      await replaceFile(this.#disk, this.path, name, entries.length > 0 ? sealText(text) : text)
      saved = text
    })
  }
}
