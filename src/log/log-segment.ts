/**
 * A segment of a log: a log file and its three indexes, named after the offset of its first record.
 *
 * Of a segment that nobody has touched since the log was opened, its base offset and its size are known, and nothing else: no file is open, no index is in
 * memory. The active segment is made *warm* before the first append goes into it. Appending is bookkeeping in memory (`append`); the bytes are
 * written by the log's append queue, which then calls `written`. So `sizeBytes` runs ahead of `writtenBytes`, and index entries wait
 * in memory for the bytes that they point at.
 *
 * The index files of a segment are made only once everything before it is durable (`createFiles`). So a segment that has none, found after a crash, is known to
 * belong to the log only if it begins exactly where the one before it ends; one that has them may be preceded by offsets that compaction has removed.
 */
import { assert } from '../std/assert.ts'
import { allSettled } from './atomic-file.ts'
import {
  DELETED_SUFFIX,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  offsetName,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from './file-names.ts'
import { FileSync } from './file-sync.ts'
import { lastOffsetOf, maxTimestampOf } from './log-batch.ts'
import { diskErrorOf, isPassing } from './log-context.ts'
import { RELATIVE_OFFSET_MAX } from './offset-index.ts'
import type { OffsetIndex, OffsetPosition } from './offset-index.ts'
import { LazyFile } from './open-files.ts'
import type { OpenFiles } from './open-files.ts'
import type { LargestTimestamp, RollConditions, SegmentOptions } from './segment-options.ts'
import { SegmentIndexes } from './segment-indexes.ts'
import { lookupChunkBytes, scanBatches } from './segment-scan.ts'
import type { BatchVisitor } from './segment-scan.ts'
import { confirmsLastTimestamp, confirmsPosition, confirmsTimestamp, walkFrom, walkTail } from './segment-tail.ts'
import type { TimeIndex } from './time-index.ts'
import type { TransactionIndex } from './transaction-index.ts'

/** Where the batches of a segment end that lie below some offset; see `LogSegment.endBelow`. */
export interface EndBelow {
  readonly position: number
  readonly endOffset: number
  readonly isCertain: boolean
}

export class LogSegment {
  readonly baseOffset: number
  readonly #openFiles: OpenFiles
  readonly #rollJitterMs: number
  readonly #preallocateBytes: number
  #directory: string
  #nameSuffix: string
  #sizeBytes: number
  #writtenBytes: number
  /** When it was made or emptied, for segments whose records have no timestamps. */
  #createdMs: number
  #isNew: boolean
  /** The log file is there, though perhaps the first write into it has failed. */
  #hasFile: boolean
  #isProvisional: boolean
  #logFile: LazyFile | undefined
  readonly #indexes: SegmentIndexes
  #warm = false
  /** The largest timestamp and the last offset of the first batch that has it; undefined until read. */
  #maxTimestamp: LargestTimestamp | undefined
  /** The largest timestamp of the first batch, from which `segment.ms` counts; undefined while there is none. */
  #rollingBaseMs: number | undefined
  #bytesSinceIndexEntry = 0
  /** What of the segment is sure to be found in its directory after a power cut. */
  #durableNames: 'nothing' | 'log' | 'all'
  readonly #recordSync = new FileSync()

  constructor(options: SegmentOptions) {
    this.baseOffset = options.baseOffset
    this.#openFiles = options.openFiles
    this.#rollJitterMs = options.rollJitterMs
    this.#preallocateBytes = options.isNew ? options.preallocateBytes : 0
    this.#directory = options.directory
    this.#nameSuffix = options.nameSuffix ?? ''
    this.#sizeBytes = options.sizeBytes
    this.#writtenBytes = options.sizeBytes
    this.#createdMs = options.createdMs
    this.#isNew = options.isNew
    this.#hasFile = !options.isNew
    this.#isProvisional = options.isProvisional
    this.#durableNames = options.isNew ? 'nothing' : 'all'
    this.#indexes = new SegmentIndexes(options.openFiles, this, options.isNew)
    if (!options.isNew) return
    this.#maxTimestamp = { timestampMs: -1, offset: this.baseOffset }
    this.#warm = true
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

  get logFile(): LazyFile {
    return (this.#logFile ??= new LazyFile(this.#openFiles, this.pathOf(LOG_SUFFIX)))
  }

  get offsetIndex(): OffsetIndex {
    return this.#indexes.offset
  }

  get timeIndex(): TimeIndex {
    return this.#indexes.time
  }

  get transactionIndex(): TransactionIndex {
    return this.#indexes.transactions
  }

  /** Nothing of the indexes is in memory only. */
  get indexesAreOnDisk(): boolean {
    return this.#indexes.areOnDisk
  }

  /** Learns how many entries the indexes have. */
  async loadIndexes(): Promise<void> {
    const sizeOf = async (path: string): Promise<number | undefined> =>
      (await this.#openFiles.disk.stat(path))?.sizeBytes
    // Of a segment that was empty when the log was closed there are perhaps none: they are made when they would be synced.
    const sizeOfExpected = async (path: string): Promise<number | undefined> => {
      const sizeBytes = await sizeOf(path)
      if (sizeBytes === undefined && this.#durableNames === 'all') this.#durableNames = 'log'
      return sizeBytes
    }
    await this.offsetIndex.entries.load(sizeOfExpected)
    await this.timeIndex.entries.load(sizeOfExpected)
    await this.transactionIndex.entries.load(sizeOf)
  }

  /** What is kept of the indexes, which are loaded, is to be made durable with the rest: a process that was killed may have written it and not have synced it. */
  indexesMayBeUnsynced(): void {
    for (const { entries } of [this.offsetIndex, this.timeIndex, this.transactionIndex]) entries.mayBeUnsynced()
  }

  /**
   * Prepares for appending: learns the timestamp that `segment.ms` counts from and, by walking from the last index entry, the largest timestamp and the offset
   * behind the last batch, which it gives back; `undefined` when the file does not end with a whole batch, or an index contradicts it.
   */
  async warmUp(): Promise<number | undefined> {
    const nextOffset = await this.readTail()
    if (nextOffset === undefined) return undefined
    await this.scan(
      0,
      (bytes, at) => {
        this.#rollingBaseMs = maxTimestampOf(bytes, at)
        return false
      },
      lookupChunkBytes,
    )
    this.#bytesSinceIndexEntry = 0
    this.#warm = true
    return nextOffset
  }

  /** The offset behind the last batch; completes the largest timestamp on the way. */
  async readTail(): Promise<number | undefined> {
    await this.loadIndexes()
    await this.transactionIndex.loadLast()
    if (!(await confirmsLastTimestamp(this)) || !(await this.transactionIndex.isVerified())) return undefined
    const { max, nextOffset, indexIsRight } = await walkTail(this)
    // Nothing may be added to an index that goes on from an entry which is not true. One of aborted transactions that Kafka wrote has no checksum.
    if (!indexIsRight || this.transactionIndex.lastOffset >= (nextOffset ?? Number.MAX_SAFE_INTEGER)) return undefined
    if (nextOffset !== undefined) this.#maxTimestamp = max
    return nextOffset
  }

  /** Visits the batches that are in the file, from a position on. */
  scan(from: number, visit: BatchVisitor, chunkBytes?: number): ReturnType<typeof scanBatches> {
    return scanBatches(this.logFile, from, this.#writtenBytes, visit, chunkBytes)
  }

  /** Takes over what recovery has found out (`recovery.ts`), and how much of it is durable. */
  recovered(sizeBytes: number, maxTimestamp: LargestTimestamp, durable: 'all' | 'names' | 'nothing'): void {
    this.#sizeBytes = sizeBytes
    this.#writtenBytes = sizeBytes
    this.#maxTimestamp = maxTimestamp
    if (durable !== 'all') this.#recordSync.isChanged = true
    if (durable === 'nothing') this.#durableNames = 'nothing'
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
    const position = this.#sizeBytes
    if (position === 0) this.#rollingBaseMs = maxTimestampMs
    const { timestampMs, isUncertain } = this.#maxTimestamp!
    if (maxTimestampMs > timestampMs) {
      this.#maxTimestamp = { timestampMs: maxTimestampMs, offset: lastOffset, isUncertain }
    }
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
      () => `segment ${this.baseOffset} is written from ${this.#writtenBytes} to ${position} of ${this.#sizeBytes}`,
    )
    this.#writtenBytes = position
    this.#isNew = false
    this.#hasFile = true
    this.#recordSync.isChanged = true
    const wanted = this.offsetIndex.entries.wantsWrite || this.timeIndex.entries.wantsWrite
    return wanted && !this.#isProvisional ? this.writeIndexes(endOffset) : undefined
  }

  /** Writes the index entries of everything that is written and below `endOffset`. */
  async writeIndexes(endOffset: number): Promise<void> {
    // Before the offset index, from which on what the time index does not tell is looked for.
    await this.timeIndex.entries.write(() => this.timeIndex.countInMemoryBelow(endOffset))
    await this.offsetIndex.entries.write(() => this.offsetIndex.countInMemoryBelow(this.#writtenBytes))
    await this.transactionIndex.entries.write(() => this.transactionIndex.countInMemoryBelow(endOffset))
  }

  /**
   * The same for indexes that are built anew of records that are durable, so that no recovery looks at them again. What the time index tells is durable before the offset index goes as far: of
   * what lies behind the latter's last entry the batches are asked, and of nothing else.
   */
  async rewriteIndexes(endOffset: number): Promise<void> {
    await this.timeIndex.entries.write(() => this.timeIndex.countInMemoryBelow(endOffset))
    await this.timeIndex.entries.sync()
    await this.writeIndexes(endOffset)
  }

  /**
   * Keeps the index entries of what is below `offset`, as far as the log agrees with them, and drops the rest. The position from which batches may be missing in
   * the indexes; `undefined` when they are not to be believed at all.
   */
  async keepIndexesBelow(offset: number): Promise<OffsetPosition | undefined> {
    const kept = (await this.offsetIndex.keepBelow(offset, this.#writtenBytes)) ?? {
      offset: this.baseOffset,
      position: 0,
    }
    if (kept.position > 0 && !(await confirmsPosition(this, kept))) return undefined
    // Both get entries at a time. An entry of what lies above is true, or was never finished; a broken one of what lies below would be missed.
    if (kept.position > 0 && this.timeIndex.entries.entryCount === 0) return undefined
    if (!(await this.timeIndex.keepBelow(offset, entry => confirmsTimestamp(this, entry)))) return undefined
    return (await this.transactionIndex.keepBelow(offset, this.baseOffset)) ? kept : undefined
  }

  /**
   * Empties the indexes, which are loaded, so that they can be built anew; but of aborted transactions below `offset` what matches its checksum, and may be true, stays: the log may be
   * broken where it told of them.
   */
  async clearIndexes(offset = Number.MAX_SAFE_INTEGER): Promise<void> {
    await this.offsetIndex.truncate(this.baseOffset)
    // An old one must not come back beside a time index that is only half there: see `rewriteIndexes`.
    await this.offsetIndex.entries.sync()
    await this.timeIndex.truncate(this.baseOffset)
    await this.transactionIndex.keepVerifiedBelow(offset, this.baseOffset)
    this.#durableNames = 'nothing'
  }

  /** No more will be appended: the largest timestamp goes into the time index, from where retention reads it. */
  seal(): void {
    if (!this.#indexes.areLoaded || this.#sizeBytes === 0 || this.#maxTimestamp === undefined) return
    const { timestampMs, offset } = this.#maxTimestamp
    // Behind an entry that the disk has spoilt since, nothing belongs: whoever looks at it next finds that out, and has the index built anew.
    if (offset >= this.timeIndex.last.offset) this.timeIndex.maybeAppend(timestampMs, offset)
  }

  /** Makes the file of a new segment, before the first write. */
  async prepareFile(): Promise<void> {
    this.#hasFile = true
    await this.logFile.use(async file => {
      if (this.#preallocateBytes > 0) await file.truncate(this.#preallocateBytes)
    }, true)
  }

  /** Gives back what was allocated and not written, durably: no batch is to be looked for there after a power cut. */
  async trimFile(): Promise<void> {
    if (this.#preallocateBytes === 0 || this.#isNew) return
    await this.logFile.use(file => file.truncate(this.#writtenBytes))
    // Not by itself: of a sync that fails everybody is to know who waits for the records.
    this.#recordSync.isChanged = true
    await this.#recordSync.sync(this.logFile)
  }

  /**
   * Makes the records durable that have been written so far, and their file's name in the directory. Calls that come while a sync runs that covers them share it.
   */
  async syncLog(): Promise<void> {
    await this.#recordSync.sync(this.logFile)
    // The name of a file that has not been made yet is not durable by that.
    if (this.#durableNames === 'nothing' && this.#hasFile) await this.#syncNames('log')
  }

  /** The same with the indexes. */
  async syncAll(endOffset: number): Promise<void> {
    await this.syncContent(endOffset)
    if (this.lacksDurableNames) await this.#syncNames('all')
  }

  /** The same for whoever syncs the directory afterwards, where `lacksDurableNames` says so, and then calls `namesAreDurable`. */
  async syncContent(endOffset: number): Promise<void> {
    if (this.#isNew) return
    await allSettled([this.#recordSync.sync(this.logFile), this.#syncIndexContent(endOffset)])
  }

  /** A power cut could take away the names of its files. */
  get lacksDurableNames(): boolean {
    return this.#indexes.areLoaded && !this.#isNew && this.#durableNames !== 'all'
  }

  namesAreDurable(): void {
    this.#durableNames = 'all'
  }

  /** Writes and syncs what the indexes hold, and makes their names and that of the log durable. */
  async syncIndexes(endOffset: number): Promise<void> {
    await this.#syncIndexContent(endOffset)
    if (this.lacksDurableNames) await this.#syncNames('all')
  }

  /** Makes durable what has been cut off the indexes. Makes none that is not there, which would tell recovery that everything before the segment is durable. */
  async syncCutIndexes(): Promise<void> {
    await allSettled([this.offsetIndex, this.timeIndex, this.transactionIndex].map(({ entries }) => entries.sync()))
  }

  /** Makes the files that are missing. Everything before the segment is durable. */
  async createFiles(): Promise<void> {
    if (!this.#isNew && !this.#isProvisional) return
    if (this.#isNew) await this.prepareFile()
    this.#isNew = false
    this.#isProvisional = false
    await this.offsetIndex.entries.create()
    await this.timeIndex.entries.create()
    await this.#syncNames('all')
  }

  /**
   * The largest timestamp and the last offset of the first batch with it; −1 for a segment without timestamps. Read once: the time index tells of everything up to the last entry
   * of the offset index, and the batches behind that one of themselves. What the time index says is believed when the batch that it names says the same; otherwise the whole
   * segment is walked through, and `onBroken` is called.
   */
  async loadMaxTimestamp(onBroken: () => void = () => {}): Promise<LargestTimestamp> {
    if (this.#maxTimestamp === undefined) {
      await this.loadIndexes()
      const isRight = await confirmsLastTimestamp(this)
      if (!isRight) onBroken()
      const none = { timestampMs: -1, offset: this.baseOffset }
      const { max } = isRight ? await walkTail(this) : await walkFrom(this, 0, none)
      this.#maxTimestamp ??= max
    }
    return this.#maxTimestamp
  }

  /** The same, where it was uncertain: what could not be read before may have been a read that failed, and the batches are all that tells. Walks through the whole segment. */
  async rereadMaxTimestamp(): Promise<LargestTimestamp> {
    const known = this.#maxTimestamp!
    const { max } = await walkFrom(this, 0, { timestampMs: -1, offset: this.baseOffset })
    // Where the log has changed meanwhile, the next one looks.
    if (max.isUncertain === true || this.#maxTimestamp !== known) return { ...known, isUncertain: true }
    this.#maxTimestamp = max.timestampMs < known.timestampMs ? { ...known, isUncertain: undefined } : max
    return this.#maxTimestamp
  }

  /**
   * Where to begin looking for the batch that holds `offset`: the position of a batch that does not begin behind it. An index that does not agree with the log is not
   * believed: the search then begins at the start of the file, and `onBroken` is called.
   */
  async positionFor(offset: number, onBroken: () => void): Promise<number> {
    await this.loadIndexes()
    const entry = await this.offsetIndex.lookup(offset)
    if (entry !== undefined && (entry.position === 0 || (await confirmsPosition(this, entry)))) return entry.position
    onBroken()
    return 0
  }

  /**
   * The batches below `offset`, which none may hold that begins before it: where they end in the file, and the offset behind the last of them, which lies below `offset` where there is a
   * gap. `isCertain` unless something on the way to there cannot be read.
   */
  async endBelow(offset: number): Promise<EndBelow> {
    await this.loadIndexes()
    let position = this.#writtenBytes
    let endOffset = this.baseOffset
    // From a batch that stays.
    const from = offset <= this.baseOffset ? 0 : await this.positionFor(offset - 1, () => {})
    const { reason } = await this.scan(
      from,
      (bytes, at, _size, found) => {
        const lastOffset = lastOffsetOf(bytes, at)
        if (lastOffset < offset) {
          endOffset = lastOffset + 1
          return true
        }
        position = found
        return false
      },
      lookupChunkBytes,
    )
    return { position, endOffset, isCertain: reason === 'end' || reason === 'stopped' }
  }

  /** Drops everything at and above `offset`, from where `endBelow` has said that it begins. Nothing may be on its way to the file. */
  async truncate(offset: number, nowMs: number, known?: EndBelow): Promise<void> {
    const { position: end } = known ?? (await this.endBelow(offset))
    await this.offsetIndex.truncate(offset)
    await this.timeIndex.truncate(offset)
    await this.transactionIndex.truncate(offset)
    // Also when nothing is dropped: a write that failed may have left a part of itself behind the end, or not even a file.
    if (this.#hasFile) await this.logFile.use(file => file.truncate(end), true)
    this.#sizeBytes = end
    this.#writtenBytes = end
    this.#recordSync.isChanged = this.#hasFile
    if (end === 0) {
      this.#createdMs = nowMs
      this.#rollingBaseMs = undefined
    }
    await this.warmUp()
  }

  /** Renames the files for deletion. Reads that have them open go on. */
  async markDeleted(): Promise<void> {
    const { checksumPath } = this.transactionIndex
    for (const file of this.#files()) {
      await file.close()
      const exists = (await this.#openFiles.disk.stat(file.path)) !== undefined
      if (exists) await file.rename(file.path + DELETED_SUFFIX)
      // By the time that the files are removed, one of its old name may belong to the segment that has taken its place.
      else file.moveTo(file.path + DELETED_SUFFIX)
    }
    await this.#openFiles.disk.remove(checksumPath)
  }

  /** Gives the log file another suffix behind its name; `renameIndexes` is to follow. */
  async renameLog(nameSuffix: string): Promise<void> {
    this.#nameSuffix = nameSuffix
    await this.logFile.rename(this.pathOf(LOG_SUFFIX))
  }

  /** Gives the indexes the suffix that the log file has. */
  async renameIndexes(): Promise<void> {
    await this.offsetIndex.entries.file.rename(this.pathOf(OFFSET_INDEX_SUFFIX))
    await this.timeIndex.entries.file.rename(this.pathOf(TIME_INDEX_SUFFIX))
    const { file } = this.transactionIndex.entries
    const exists = (await this.#openFiles.disk.stat(file.path)) !== undefined
    if (exists) await file.rename(this.pathOf(TRANSACTION_INDEX_SUFFIX))
    else file.moveTo(this.pathOf(TRANSACTION_INDEX_SUFFIX))
    if (!exists || this.#nameSuffix !== '') return
    this.transactionIndex.forgetChecksum()
    // Where there is no room for it there is none, as beside Kafka's: what is half in its place cannot wait.
    await this.transactionIndex.saveChecksum().catch((error: unknown) => {
      if (!isPassing(diskErrorOf(error))) throw error
    })
  }

  /** Removes the files, renamed or not. */
  async remove(): Promise<void> {
    await this.#openFiles.disk.remove(this.transactionIndex.checksumPath)
    for (const file of this.#files()) {
      await file.close()
      await this.#openFiles.disk.remove(file.path)
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#openedFiles().map(file => file.close()))
  }

  /** Closes the files, and lets who wants to use them wait until `resume`. Everything that is asked of the directory is known before. */
  async suspend(): Promise<void> {
    await this.loadMaxTimestamp()
    await this.loadIndexes()
    for (const file of this.#files()) await file.suspend()
  }

  /** The files are in `directory` now. */
  resume(directory: string): void {
    // Of one that has no record no file has come along, though the first write into it may have made one where it was.
    if (this.#isNew && directory !== this.#directory) {
      this.#hasFile = false
      this.#durableNames = 'nothing'
    }
    this.#directory = directory
    this.logFile.resume(this.pathOf(LOG_SUFFIX))
    this.offsetIndex.entries.file.resume(this.pathOf(OFFSET_INDEX_SUFFIX))
    this.timeIndex.entries.file.resume(this.pathOf(TIME_INDEX_SUFFIX))
    this.transactionIndex.entries.file.resume(this.pathOf(TRANSACTION_INDEX_SUFFIX))
  }

  /** Of the log file, for segments without timestamps; `undefined` when there is no file. */
  async lastModifiedMs(): Promise<number | undefined> {
    return (await this.#openFiles.disk.stat(this.pathOf(LOG_SUFFIX)))?.modifiedMs
  }

  #waitedMs({ maxTimestampMs, nowMs }: RollConditions): number {
    const base = this.#rollingBaseMs
    return base !== undefined && base >= 0 ? maxTimestampMs - base : nowMs - this.#createdMs
  }

  /** Kafka expects the files to be there, if only empty. */
  async #syncIndexContent(endOffset: number): Promise<void> {
    if (!this.#indexes.areLoaded || this.#isNew) return
    await this.writeIndexes(endOffset)
    const durable = async ({ entries }: OffsetIndex | TimeIndex): Promise<void> => {
      if (this.#durableNames !== 'all') await entries.create()
      await entries.sync()
    }
    const transactions = this.transactionIndex.entries
    await allSettled([durable(this.offsetIndex), durable(this.timeIndex), transactions.sync()])
    // Made with the first transaction that is aborted, perhaps long after the others.
    if (transactions.takeMadeFile() && this.#durableNames === 'all') this.#durableNames = 'log'
    // Output of the cleaner that is not in its place yet has none.
    if (this.#nameSuffix === '') await this.transactionIndex.saveChecksum()
  }

  async #syncNames(names: 'log' | 'all'): Promise<void> {
    if (this.#durableNames === 'all') return
    await this.#openFiles.disk.syncDirectory(this.#directory)
    this.#durableNames = names
  }

  /** Of one of its files, by the end of its name. */
  pathOf(suffix: string): string {
    return `${this.#directory}/${offsetName(this.baseOffset)}${suffix}${this.#nameSuffix}`
  }

  #files(): LazyFile[] {
    return [
      this.logFile,
      this.offsetIndex.entries.file,
      this.timeIndex.entries.file,
      this.transactionIndex.entries.file,
    ]
  }

  #openedFiles(): LazyFile[] {
    const files = this.#indexes.made.map(({ entries }) => entries.file)
    return this.#logFile === undefined ? files : [this.#logFile, ...files]
  }
}
