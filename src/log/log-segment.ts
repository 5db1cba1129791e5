/**
 * A segment of a log: a log file and its three indexes, named after the offset of its first record.
 *
 * Of a segment that nobody has touched since the log was opened, its base offset and its size are known, and nothing else: no file is open, no index is in
 * memory. The active segment is made *warm* before the first append goes into it. Appending is bookkeeping in memory (`append`); the bytes are
 * written by the log's append queue, which then calls `written`. So `sizeBytes` runs ahead of `writtenBytes`, and index entries wait
 * in memory for the bytes that they point at.
 */
import { assert } from '../std/assert.ts'
import type { Disk } from '../io/io.ts'
import * as header from '../protocol/records/batch-header.ts'
import {
  DELETED_SUFFIX,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  offsetName,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from './file-names.ts'
import { OffsetIndex, RELATIVE_OFFSET_MAX } from './offset-index.ts'
import { LazyFile } from './open-files.ts'
import type { OpenFiles } from './open-files.ts'
import { scanBatches } from './segment-scan.ts'
import { TimeIndex } from './time-index.ts'
import type { TimestampOffset } from './time-index.ts'
import { TransactionIndex } from './transaction-index.ts'

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
}

/** A small first read: most lookups end within one index interval. */
const lookupChunkBytes = 16 * 1024

export class LogSegment {
  readonly baseOffset: number
  readonly #openFiles: OpenFiles
  #directory: string
  #sizeBytes: number
  #writtenBytes: number
  /** When it was made or emptied, for segments whose records have no timestamps. */
  #createdMs: number
  readonly #rollJitterMs: number
  #isNew: boolean
  #logFile: LazyFile | undefined
  #offsetIndex: OffsetIndex | undefined
  #timeIndex: TimeIndex | undefined
  #transactionIndex: TransactionIndex | undefined
  #warm = false
  /** The largest timestamp and the last offset of the first batch that has it; undefined until read from the time index. */
  #maxTimestamp: TimestampOffset | undefined
  /** The largest timestamp of the first batch, from which `segment.ms` counts; undefined while there is none. */
  #rollingBaseMs: number | undefined
  #bytesSinceIndexEntry = 0
  #directorySynced: boolean
  #unsynced = false

  constructor(options: SegmentOptions) {
    this.baseOffset = options.baseOffset
    this.#openFiles = options.openFiles
    this.#directory = options.directory
    this.#sizeBytes = options.sizeBytes
    this.#writtenBytes = options.sizeBytes
    this.#createdMs = options.createdMs
    this.#rollJitterMs = options.rollJitterMs
    this.#isNew = options.isNew
    this.#directorySynced = !options.isNew
    if (options.isNew) this.#startEmpty()
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get writtenBytes(): number {
    return this.#writtenBytes
  }

  /** No file has been made for it yet. */
  get isNew(): boolean {
    return this.#isNew
  }

  /** Whether `append` and `shouldRoll` may be called. */
  get warm(): boolean {
    return this.#warm
  }

  /** Written bytes have not been made durable since. */
  get unsynced(): boolean {
    return this.#unsynced
  }

  get logFile(): LazyFile {
    return (this.#logFile ??= new LazyFile(this.#openFiles, this.#path(LOG_SUFFIX)))
  }

  get offsetIndex(): OffsetIndex {
    return (this.#offsetIndex ??= new OffsetIndex(this.#openFiles, this.#path(OFFSET_INDEX_SUFFIX), this.baseOffset))
  }

  get timeIndex(): TimeIndex {
    return (this.#timeIndex ??= new TimeIndex(this.#openFiles, this.#path(TIME_INDEX_SUFFIX), this.baseOffset))
  }

  get transactionIndex(): TransactionIndex {
    return (this.#transactionIndex ??= new TransactionIndex(this.#openFiles, this.#path(TRANSACTION_INDEX_SUFFIX)))
  }

  /** Loads how many entries the indexes have; nothing more. */
  async loadIndexes(): Promise<void> {
    const sizeOf = async (path: string): Promise<number | undefined> =>
      (await this.#openFiles.disk.stat(path))?.sizeBytes
    if (!this.offsetIndex.entries.loaded) await this.offsetIndex.entries.load(sizeOf)
    if (!this.timeIndex.entries.loaded) await this.timeIndex.entries.load(sizeOf)
    if (!this.transactionIndex.entries.loaded) await this.transactionIndex.entries.load(sizeOf)
  }

  /**
   * Prepares for appending: learns the largest timestamp, the one that `segment.ms` counts from, and where the segment ends, by reading its first batch
   * and what lies behind its last index entry. Gives back the offset behind its last batch, or `undefined` when the bytes are not whole batches.
   */
  async warmUp(): Promise<number | undefined> {
    await this.loadIndexes()
    const tail = await this.readTail()
    if (tail === undefined) return undefined
    await scanBatches(
      this.logFile,
      0,
      this.#sizeBytes > 0 ? this.#sizeBytes : 0,
      (bytes, at) => {
        this.#rollingBaseMs = header.maxTimestampMs(bytes, at)
        return false
      },
      lookupChunkBytes,
    )
    this.#bytesSinceIndexEntry = 0
    this.#warm = true
    return tail
  }

  /** Takes over what recovery has found out; see `recovery.ts`. */
  recovered(state: { sizeBytes: number; maxTimestamp: TimestampOffset }): void {
    this.#sizeBytes = state.sizeBytes
    this.#writtenBytes = state.sizeBytes
    this.#maxTimestamp = state.maxTimestamp
    this.#unsynced = true
  }

  /** The offset behind the last batch, by walking from the last index entry; completes the largest timestamp on the way. */
  async readTail(): Promise<number | undefined> {
    await this.loadIndexes()
    const last = await this.offsetIndex.last()
    let max = await this.timeIndex.loadLast()
    await this.transactionIndex.loadLast()
    let nextOffset = this.baseOffset
    const end = await scanBatches(
      this.logFile,
      last?.position ?? 0,
      this.#sizeBytes,
      (bytes, at) => {
        nextOffset = header.nextOffset(bytes, at)
        const timestampMs = header.maxTimestampMs(bytes, at)
        if (timestampMs > max.timestampMs) max = { timestampMs, offset: nextOffset - 1 }
      },
      lookupChunkBytes,
    )
    if (end.reason !== 'end') return undefined
    this.#maxTimestamp = max
    return nextOffset
  }

  /** As Kafka decides it: by size, by time, by full indexes, and by offsets too far from the base. */
  shouldRoll(conditions: RollConditions): boolean {
    assert(this.#warm, () => `segment ${this.baseOffset} is not warm`)
    const { segmentIndexBytes } = conditions
    return (
      this.#sizeBytes > conditions.segmentBytes - conditions.sizeInBytes ||
      (this.#sizeBytes > 0 && this.#waitedMs(conditions) > conditions.segmentMs - this.#rollJitterMs) ||
      this.offsetIndex.isFull(segmentIndexBytes) ||
      this.timeIndex.isFull(segmentIndexBytes) ||
      conditions.lastOffset - this.baseOffset > RELATIVE_OFFSET_MAX
    )
  }

  /** Accounts for a batch at the end and gives back the position at which its bytes belong. */
  append(lastOffset: number, maxTimestampMs: number, sizeInBytes: number, indexIntervalBytes: number): number {
    assert(this.#warm, () => `segment ${this.baseOffset} is not warm`)
    assert(
      lastOffset - this.baseOffset <= RELATIVE_OFFSET_MAX,
      () => `offset ${lastOffset} in segment ${this.baseOffset}`,
    )
    const position = this.#sizeBytes
    if (position === 0) this.#rollingBaseMs = maxTimestampMs
    if (maxTimestampMs > this.#maxTimestamp!.timestampMs)
      this.#maxTimestamp = { timestampMs: maxTimestampMs, offset: lastOffset }
    if (this.#bytesSinceIndexEntry > indexIntervalBytes) {
      this.offsetIndex.append(lastOffset, position)
      this.timeIndex.maybeAppend(this.#maxTimestamp!.timestampMs, this.#maxTimestamp!.offset)
      this.#bytesSinceIndexEntry = 0
    }
    this.#bytesSinceIndexEntry += sizeInBytes
    this.#sizeBytes += sizeInBytes
    return position
  }

  /**
   * The bytes up to `position` are in the file, and with them every record below `endOffset`. Gives back the writing of index entries when it is
   * time for that.
   */
  written(position: number, endOffset: number): Promise<void> | undefined {
    assert(
      position > this.#writtenBytes && position <= this.#sizeBytes,
      () => `written to ${position} of ${this.#sizeBytes}`,
    )
    this.#writtenBytes = position
    this.#isNew = false
    this.#unsynced = true
    const wanted = this.offsetIndex.entries.wantsWrite || this.timeIndex.entries.wantsWrite
    return wanted ? this.writeIndexes(endOffset) : undefined
  }

  /** Writes the index entries of everything below `endOffset`. */
  async writeIndexes(endOffset: number): Promise<void> {
    const position = this.#writtenBytes
    await this.offsetIndex.entries.write(this.offsetIndex.countInMemoryBelow(position))
    await this.timeIndex.entries.write(this.timeIndex.countInMemoryBelow(endOffset))
    await this.transactionIndex.entries.write(this.transactionIndex.countInMemoryBelow(endOffset))
  }

  /** No more will be appended: the largest timestamp goes into the time index, from where retention reads it. */
  seal(): void {
    if (this.#sizeBytes === 0 || this.#maxTimestamp === undefined) return
    this.timeIndex.maybeAppend(this.#maxTimestamp.timestampMs, this.#maxTimestamp.offset)
  }

  /** Makes the records durable, and their file's name in the directory. Index files follow with `syncIndexes`. */
  async syncLog(): Promise<void> {
    this.#unsynced = false
    await this.logFile.use(file => file.sync(), true)
    if (this.#directorySynced) return
    await this.#openFiles.disk.syncDirectory(this.#directory)
    this.#directorySynced = true
  }

  /** Writes and syncs what the indexes hold. Kafka expects the files to be there, if only empty. */
  async syncIndexes(endOffset: number): Promise<void> {
    if (!this.offsetIndex.entries.loaded) return
    await this.writeIndexes(endOffset)
    for (const { entries } of [this.offsetIndex, this.timeIndex]) {
      await entries.file.use(async () => {}, true)
      await entries.sync()
    }
    await this.transactionIndex.entries.sync()
  }

  /** Makes the files at once, where an append would make them later. */
  async createFiles(): Promise<void> {
    for (const file of [this.logFile, this.offsetIndex.entries.file, this.timeIndex.entries.file]) {
      await file.use(async () => {}, true)
    }
    this.#isNew = false
    await this.#openFiles.disk.syncDirectory(this.#directory)
    this.#directorySynced = true
  }

  /** The largest timestamp and the last offset of the batch with it; −1 and the base offset for a segment without timestamps. Read once. */
  async loadMaxTimestamp(): Promise<TimestampOffset> {
    if (this.#maxTimestamp === undefined) {
      await this.loadIndexes()
      this.#maxTimestamp = await this.timeIndex.loadLast()
    }
    return this.#maxTimestamp
  }

  /** The same, or `undefined` as long as it has not been read. */
  get knownMaxTimestamp(): TimestampOffset | undefined {
    return this.#maxTimestamp
  }

  /** Bytes in the file that begin a batch at or above no lower than the one that holds `offset`; `undefined` where the index is broken. */
  async positionFor(offset: number): Promise<number | undefined> {
    await this.loadIndexes()
    const entry = await this.offsetIndex.lookup(offset)
    if (entry === undefined || (entry.position >= this.#writtenBytes && entry.position > 0)) return undefined
    return entry.position
  }

  /** Drops everything at and above `offset`, which must be the first offset of a batch or beyond the last. Nothing may be on its way to the file. */
  async truncate(offset: number, nowMs: number): Promise<void> {
    assert(this.#writtenBytes === this.#sizeBytes, () => `segment ${this.baseOffset} is truncated while it is written`)
    await this.loadIndexes()
    let end = this.#sizeBytes
    const from = offset <= this.baseOffset ? 0 : ((await this.positionFor(offset)) ?? 0)
    await scanBatches(
      this.logFile,
      from,
      this.#sizeBytes,
      (bytes, at, _size, position) => {
        if (header.lastOffset(bytes, at) < offset) return true
        end = position
        return false
      },
      lookupChunkBytes,
    )
    await this.offsetIndex.truncate(offset)
    await this.timeIndex.truncate(offset)
    await this.transactionIndex.truncate(offset)
    if (end < this.#sizeBytes) await this.logFile.use(file => file.truncate(end))
    this.#sizeBytes = end
    this.#writtenBytes = end
    this.#unsynced = true
    this.#warm = false
    if (end === 0) this.#emptied(nowMs)
    await this.warmUp()
  }

  /** Renames the files for deletion. Reads that have them open go on. */
  async markDeleted(): Promise<void> {
    for (const file of await this.#existingFiles()) await file.rename(file.path + DELETED_SUFFIX)
  }

  /** Removes what `markDeleted` has renamed, or the files themselves. */
  async remove(): Promise<void> {
    for (const file of this.#files()) {
      await file.close()
      await this.#openFiles.disk.remove(file.path)
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#files().map(file => file.close()))
  }

  /** The partition's directory was renamed; all files are closed. */
  moveTo(directory: string): void {
    this.#directory = directory
    this.#logFile?.moveTo(this.#path(LOG_SUFFIX))
    this.#offsetIndex?.entries.file.moveTo(this.#path(OFFSET_INDEX_SUFFIX))
    this.#timeIndex?.entries.file.moveTo(this.#path(TIME_INDEX_SUFFIX))
    this.#transactionIndex?.entries.file.moveTo(this.#path(TRANSACTION_INDEX_SUFFIX))
  }

  /** Of the log file, for segments without timestamps; `undefined` when there is none. */
  async lastModifiedMs(): Promise<number | undefined> {
    return (await this.#openFiles.disk.stat(this.#path(LOG_SUFFIX)))?.modifiedMs
  }

  get disk(): Disk {
    return this.#openFiles.disk
  }

  #waitedMs({ maxTimestampMs, nowMs }: RollConditions): number {
    const base = this.#rollingBaseMs
    return base !== undefined && base >= 0 ? maxTimestampMs - base : nowMs - this.#createdMs
  }

  #startEmpty(): void {
    this.offsetIndex.entries.startEmpty()
    this.timeIndex.entries.startEmpty()
    this.transactionIndex.entries.startEmpty()
    this.#maxTimestamp = { timestampMs: -1, offset: this.baseOffset }
    this.#warm = true
  }

  #emptied(nowMs: number): void {
    this.#createdMs = nowMs
    this.#rollingBaseMs = undefined
  }

  #path(suffix: string): string {
    return `${this.#directory}/${offsetName(this.baseOffset)}${suffix}`
  }

  #files(): LazyFile[] {
    return [
      this.logFile,
      this.offsetIndex.entries.file,
      this.timeIndex.entries.file,
      this.transactionIndex.entries.file,
    ]
  }

  async #existingFiles(): Promise<LazyFile[]> {
    const existing: LazyFile[] = []
    for (const file of this.#files()) {
      if ((await this.#openFiles.disk.stat(file.path)) !== undefined) existing.push(file)
    }
    return existing
  }
}
