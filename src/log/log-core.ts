/**
 * What a log consists of, for the parts that its behaviour is spread over: `log.ts` appends and reads, `log-maintenance.ts` changes the files as a whole. Nobody
 * else uses it.
 *
 * The transitions that several of them need are here, and the assertions with them.
 */
import { assert } from '../std/assert.ts'
import type { Disk, DiskError } from '../io/io.ts'
import type { Uuid } from '../protocol/uuid.ts'
import { PARTITION_METADATA } from './file-names.ts'
import type { LeaderEpochCache } from './leader-epoch-cache.ts'
import type { LogConfig } from './log-config.ts'
import { diskErrorOf, isDamage, isPassing, syncFile } from './log-context.ts'
import type { LogContext, LogDirectoryHost } from './log-context.ts'
import { LogReader } from './log-reader.ts'
import type { LogSegment } from './log-segment.ts'
import type { LogSegments } from './log-segments.ts'
import type { AppendRejected, LogErrorName, RecordError } from './log-types.ts'
import { LogWriter } from './log-writer.ts'
import type { ProducerState } from './producer-state.ts'
import { rebuildIndexes } from './index-recovery.ts'
import { SegmentDeletion } from './segment-deletion.ts'
import type { CachedTail } from './tail-cache.ts'

/** Called when `writtenEndOffset` has grown or the log has failed. */
export type AdvanceListener = () => void

/** What opening a log found out. */
export interface LogState {
  readonly topic: string
  readonly partition: number
  readonly topicId: Uuid | undefined
  readonly host: LogDirectoryHost
  /** Name of the partition's directory within the log directory. */
  readonly folderName: string
  readonly config: LogConfig
  readonly segments: LogSegments
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly recoveryPoint: number
  readonly highWatermark: number
  readonly epochs: LeaderEpochCache
  readonly producers: ProducerState
  /** Of the newest producer snapshot that is there for this state. */
  readonly snapshotOffset: number
  /** From the cleaner's checkpoint; `undefined` when nothing has been compacted. */
  readonly firstDirtyOffset?: number | undefined
  /** What a power cut could take away of the partition's directory: of one that has just been made, its name; of one that was there before a crash, perhaps everything. */
  readonly unsyncedFolder: 'nothing' | 'name' | 'all'
}

export class LogCore {
  readonly topic: string
  readonly partition: number
  readonly topicId: Uuid | undefined
  readonly context: LogContext
  readonly segments: LogSegments
  readonly epochs: LeaderEpochCache
  readonly producers: ProducerState
  readonly writer: LogWriter
  host: LogDirectoryHost
  folderName: string
  config: LogConfig
  logStartOffset: number
  /** Where the log is going to start once that is durable. */
  nextLogStartOffset: number
  logEndOffset: number
  highWatermark: number
  /** Of the newest producer snapshot. */
  snapshotOffset: number
  /** Everything below is compacted; `undefined` when nothing has been. */
  firstDirtyOffset: number | undefined
  tail: CachedTail | undefined
  closed = false
  /** It is being closed in order: what fails in the background meanwhile has still failed. */
  closing = false
  /** How often something was cut off its end, or segments were replaced: what has been read of the files may not be in them any more. */
  cuts = 0
  #unsyncedFolder: LogState['unsyncedFolder']
  /** No file may be left that tells where the log starts. */
  #statesStart = false
  /** Base offset of the oldest segment that a power cut may leave. */
  #oldestOffset: number
  failure: DiskError | undefined
  /** What is done when the disk runs full under a write (`log-maintenance.ts`). */
  cutsBack: ((core: LogCore, error: DiskError) => void) | undefined
  #reader: LogReader | undefined
  #deletion: SegmentDeletion | undefined
  #listeners: readonly AdvanceListener[] = []
  #rebuilding: Map<LogSegment, Promise<void>> | undefined

  constructor(context: LogContext, state: LogState) {
    this.context = context
    this.topic = state.topic
    this.partition = state.partition
    this.topicId = state.topicId
    this.host = state.host
    this.folderName = state.folderName
    this.config = state.config
    this.segments = state.segments
    this.epochs = state.epochs
    this.producers = state.producers
    this.logStartOffset = state.logStartOffset
    this.nextLogStartOffset = state.logStartOffset
    this.logEndOffset = state.logEndOffset
    this.highWatermark = state.highWatermark
    this.snapshotOffset = state.snapshotOffset
    this.firstDirtyOffset = state.firstDirtyOffset
    this.#unsyncedFolder = state.unsyncedFolder
    // After a crash, segments whose removal was not durable are not seen, and may come back.
    this.#oldestOffset = state.unsyncedFolder === 'all' ? 0 : state.segments.first.baseOffset
    const offsets = { endOffset: state.logEndOffset, recoveryPoint: state.recoveryPoint }
    this.writer = new LogWriter(context, state.segments, offsets, this)
    assert(
      state.logStartOffset <= state.logEndOffset,
      () => `L9: ${this.name} starts at ${state.logStartOffset} and ends at ${state.logEndOffset}`,
    )
    this.checkHighWatermark(state.highWatermark)
    // Transactions that were taken in again hold readers back until their markers are below it, and it may not move for long (P4).
    this.producers.onHighWatermark(state.highWatermark)
  }

  get name(): string {
    return `${this.topic}-${this.partition}`
  }

  /** The partition's own directory. */
  get folder(): string {
    return `${this.host.path}/${this.folderName}`
  }

  get reader(): LogReader {
    return (this.#reader ??= new LogReader(this))
  }

  get deletion(): SegmentDeletion {
    const { clock, disk } = this.context.io
    return (this.#deletion ??= new SegmentDeletion(clock, disk, error => this.backgroundFailed(error)))
  }

  /**
   * Whether the log start offset must be written down: it is not where the oldest segment begins that a power cut may leave. Kafka leaves out those that are, and then takes the
   * segment's.
   */
  get savesLogStart(): boolean {
    return this.#statesStart || this.nextLogStartOffset > Math.min(this.#oldestOffset, this.segments.first.baseOffset)
  }

  /** The removal of segments is durable. */
  segmentsSynced(): void {
    this.#oldestOffset = this.segments.first.baseOffset
  }

  /** For `LogReader`. */
  get indexIntervalBytes(): number {
    return this.config.indexIntervalBytes
  }

  listen(listener: AdvanceListener): () => void {
    this.#listeners = [...this.#listeners, listener]
    return () => {
      this.#listeners = this.#listeners.filter(other => other !== listener)
    }
  }

  rejected(error: LogErrorName, message: string, recordErrors: readonly RecordError[] = []): AppendRejected {
    return { kind: 'rejected', error, message, recordErrors, logStartOffset: this.logStartOffset }
  }

  /**
   * In memory: it is written with the first batches of the epoch, before the recovery point moves over them. Until then the batches themselves tell their epoch after a
   * crash, and an epoch without batches is assigned again at the next start, at the same offset. So ten thousand new leaders write no file.
   */
  assignEpoch(leaderEpoch: number, startOffset: number): void {
    this.epochs.assign(leaderEpoch, startOffset)
  }

  checkHighWatermark(offset: number): void {
    assert(
      offset >= 0 && offset <= this.writer.writtenEndOffset,
      () => `L7: high watermark ${offset} of ${this.name}, which is written to ${this.writer.writtenEndOffset}`,
    )
  }

  /** Runs what changes the files as a whole, one at a time. A failure that is the disk's takes the log offline; it rejects all the same. */
  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.failure !== undefined) throw this.failure
    try {
      return await this.writer.exclusive(() => {
        // Nothing of a disk that has failed meanwhile is touched any more: what could not be synced would be written over what is.
        if (this.failure !== undefined && !isPassing(this.failure)) throw this.failure
        return work()
      })
    } catch (error) {
      this.backgroundFailed(diskErrorOf(error))
      throw error
    }
  }

  /** The new start becomes durable before anybody is told of it, and before anything below it is removed. Within `exclusive`. */
  async moveLogStart(offset: number): Promise<void> {
    if (offset <= this.logStartOffset) return
    assert(offset <= this.highWatermark, () => `L9: start of ${this.name} moves to ${offset} of ${this.highWatermark}`)
    await this.#saveLogStart(offset)
    this.logStartOffset = offset
    this.epochs.truncateFromStart(offset)
    // What was decided below the new start holds no reader back any more.
    this.producers.onHighWatermark(offset)
    this.producers.advanceTo(offset)
    await this.epochs.flush()
  }

  /**
   * All files of the log are about to go, and those that take their place begin at `offset`: for as long as there is none, also after a power cut, the checkpoint tells where that is. Within
   * `exclusive`.
   */
  async stateLogStart(offset: number): Promise<void> {
    this.#statesStart = true
    await this.#saveLogStart(offset)
  }

  /** There is a file again, durably, that begins where the log does. */
  startIsInFiles(): void {
    this.#statesStart = false
    this.segmentsSynced()
  }

  async #saveLogStart(offset: number): Promise<void> {
    this.nextLogStartOffset = offset
    try {
      await this.host.saveLogStartOffsets()
    } catch (error) {
      // Perhaps there was no room: then it must not become durable behind everybody's back, the next time that there is.
      this.nextLogStartOffset = this.logStartOffset
      throw error
    }
  }

  /**
   * What is cut off and written anew is to be compacted anew. Durable before anything is cut off: a tombstone that counts as compacted, and is not, would be dropped before
   * the records that it deletes.
   */
  async lowerFirstDirtyOffset(offset: number): Promise<void> {
    if (this.firstDirtyOffset === undefined || this.firstDirtyOffset <= offset) return
    this.firstDirtyOffset = offset
    await this.host.saveCleanerOffsets()
  }

  /** For `LogWriter`. */
  producerSnapshotAt(offset: number): Uint8Array | undefined {
    if (this.producers.mapEndOffset !== offset || this.snapshotOffset >= offset) return undefined
    this.snapshotOffset = offset
    return this.producers.snapshot()
  }

  /** For `LogWriter`: before the first record is made durable, the directory and the topic id in it are. */
  async syncFolder(): Promise<void> {
    if (this.#unsyncedFolder === 'nothing') return
    if (this.#unsyncedFolder === 'all') {
      const { disk } = this.context.io
      const metadata = `${this.folder}/${PARTITION_METADATA}`
      if ((await disk.stat(metadata)) !== undefined) await syncAt(disk, metadata)
      await disk.syncDirectory(this.folder)
    }
    await this.host.syncFolders()
    this.#unsyncedFolder = 'nothing'
    this.segmentsSynced()
  }

  /** For `LogWriter`: more is written. */
  advanced(): void {
    for (const listener of this.#listeners) listener()
  }

  /** For `LogWriter`. A disk that is full, or may not be written to, is no broken disk: the log is cut back to what is written, and goes on. */
  writeFailed(error: DiskError): void {
    if (!isPassing(error) || this.cutsBack === undefined) this.diskFailed(error)
    else this.cutsBack(this, error)
  }

  /** For `LogReader`. */
  readFailed(error: DiskError): void {
    this.backgroundFailed(error)
  }

  /** Something else than an append has failed. What only lacked room is done at the next occasion. */
  backgroundFailed(error: DiskError): void {
    if (this.closed && !this.closing) return
    if (this.failure !== undefined && !isPassing(this.failure)) return
    if (isPassing(error))
      this.context.logger.warn('the disk refuses', { log: this.name, directory: this.host.path }, error)
    else this.diskFailed(error)
  }

  /** The disk has failed: this log and its directory are offline from now on. A log that contradicts itself is so alone. */
  diskFailed(error: DiskError): void {
    this.context.logger.error('a log has failed', { log: this.name, directory: this.host.path }, error)
    this.fail(error)
    if (!isDamage(error)) this.host.failed(error)
  }

  fail(error: DiskError): void {
    // One that passes gives way to one that does not.
    if (this.failure !== undefined && (!isPassing(this.failure) || isPassing(error))) return
    this.failure = error
    this.writer.stop()
    this.advanced()
  }

  /** For `LogReader`. */
  leaderEpochAt(offset: number): number | undefined {
    return this.epochs.epochFor(offset)
  }

  /** For `LogReader`. */
  indexBroken(segment: LogSegment): void {
    this.rebuildIndexes(segment).then(undefined, () => {})
  }

  /** Builds the indexes of a segment anew from its log file. Rejects with a `DiskError`. */
  rebuildIndexes(segment: LogSegment): Promise<void> {
    // The active segment's are still growing; it is found out again once it has been rolled. Until then it is searched from its start.
    if (segment === this.segments.active) return Promise.resolve()
    this.#rebuilding ??= new Map()
    let rebuilding = this.#rebuilding.get(segment)
    if (rebuilding === undefined) {
      this.context.logger.warn('an index does not agree with its log and is built anew', {
        log: this.name,
        segment: segment.baseOffset,
      })
      rebuilding = this.exclusive(() => rebuildIndexes(this, segment)).finally(() => this.#rebuilding!.delete(segment))
      this.#rebuilding.set(segment, rebuilding)
    }
    return rebuilding
  }

  /** Settles when no index of the segment is being built. */
  async indexesSettled(segment: LogSegment): Promise<void> {
    await this.#rebuilding?.get(segment)
  }

  get recentFrom(): number {
    return this.writer.recentFrom
  }

  /** Positions and cached batches are not what they were. */
  forgetFrom(offset: number): void {
    this.tail?.truncate(offset)
    this.#reader?.forget()
  }

  /** The log is closed: nothing is cached, and no file is touched any more. */
  async releaseFiles(): Promise<void> {
    this.tail?.clear()
    this.#reader?.forget()
    this.#deletion?.cancel()
    for (const segment of this.segments.all) await segment.close()
  }
}

async function syncAt(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path, { write: true })
  try {
    await syncFile(file)
  } finally {
    await file.close()
  }
}
