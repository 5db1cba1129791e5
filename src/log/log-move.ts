/** One move of a partition's files to another log directory; see `log-moves.ts`. */
import type { DiskFile } from '../io/io.ts'
import {
  CHECKSUM_SUFFIX,
  deletedDirectoryName,
  futureDirectoryName,
  LEADER_EPOCH_CHECKPOINT,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  offsetName,
  PARTITION_METADATA,
  partitionDirectoryName,
  PRODUCER_SNAPSHOT_SUFFIX,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from './file-names.ts'
import { diskErrorOf } from './log-context.ts'
import type { LogContext, LogDirectoryHost } from './log-context.ts'
import type { LogCore } from './log-core.ts'
import type { LogSegment } from './log-segment.ts'
import type { MoveThrottle } from './move-throttle.ts'

/** The writer is paused once no more than this is left to copy. */
const lastStepBytesMax = 4 * 1024 * 1024
/** Or after so many rounds, when more comes in than can be copied. */
const roundsMax = 20
const chunkBytes = 1024 * 1024
/** Of the files of a segment beside its log. */
const otherSuffixes = [
  OFFSET_INDEX_SUFFIX,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX + CHECKSUM_SUFFIX,
  PRODUCER_SNAPSHOT_SUFFIX,
]

/** What the log directories do about it. */
export interface LogMoveSteps {
  /** Before the change of places: all that the target's checkpoints are to say of the log is durable. Rejects with a `DiskError`. */
  expect(): Promise<void>
  /** The log lies in the target from now on. */
  moved(): void
}

export class LogMove {
  readonly #context: LogContext
  readonly #core: LogCore
  readonly #target: LogDirectoryHost
  readonly #steps: LogMoveSteps
  readonly #unique: string
  readonly #throttle: MoveThrottle
  readonly #future: string
  /** Bytes of each segment's log file that are in the copy. */
  readonly #copied = new Map<LogSegment, number>()
  /** Segments whose other files are in it too. */
  readonly #complete = new Set<LogSegment>()
  #cuts: number
  /** The old folder is being given up: from now on the copy is what counts. */
  #changing = false
  /** The writer pauses for the last of it. */
  #isFinishing = false
  #state: 'running' | 'cancelled' | 'interrupted' = 'running'

  constructor(
    context: LogContext,
    core: LogCore,
    target: LogDirectoryHost,
    unique: string,
    throttle: MoveThrottle,
    steps: LogMoveSteps,
  ) {
    this.#steps = steps
    this.#context = context
    this.#core = core
    this.#target = target
    this.#unique = unique
    this.#throttle = throttle
    this.#future = `${target.path}/${futureDirectoryName(core.topic, core.partition, unique)}`
    this.#cuts = core.cuts
  }

  get progress(): { copiedBytes: number; endOffset: number } {
    let copiedBytes = 0
    let endOffset = this.#core.logStartOffset
    for (const [segment, bytes] of this.#copied) {
      copiedBytes += bytes
      endOffset = Math.max(endOffset, segment.baseOffset)
    }
    return { copiedBytes, endOffset }
  }

  /** The next start may find the copy alone, and take it for the partition. */
  get hasChanged(): boolean {
    return this.#changing
  }

  /** Gives the copy up. */
  cancel(): void {
    this.#state = 'cancelled'
  }

  /** Stops where it is; the copy's folder stays and tells the next start where the partition was going. */
  interrupt(): void {
    this.#state = 'interrupted'
  }

  /** Gives back the path of the folder that was given up; `undefined` when the move was stopped. Rejects with a `DiskError`. */
  async run(): Promise<string | undefined> {
    const { disk } = this.#context.io
    try {
      await disk.makeDirectory(this.#future)
      for (let round = 0; round < roundsMax && this.#goesOn; round++) {
        await this.#copyMore()
        if (this.#missingBytes() <= lastStepBytesMax) break
      }
      const givenUp = this.#goesOn ? await this.#core.writer.exclusive(() => this.#finish()) : undefined
      if (this.#state === 'cancelled' && givenUp === undefined) await this.#removeCopy()
      return givenUp
    } catch (error) {
      if (!this.#changing) await this.#removeCopy().catch(() => {})
      throw error
    }
  }

  /** Durably: were the original deleted next, a start that finds the copy alone would take it for the partition. */
  async #removeCopy(): Promise<void> {
    const { disk } = this.#context.io
    await disk.removeDirectory(this.#future)
    await disk.syncDirectory(this.#target.path)
  }

  get #goesOn(): boolean {
    return this.#state === 'running' && this.#core.failure === undefined && !this.#core.closed
  }

  #missingBytes(): number {
    let bytes = 0
    for (const segment of this.#core.segments.all) bytes += segment.writtenBytes - (this.#copied.get(segment) ?? 0)
    return bytes
  }

  /** Copies what has been written since the last time, and of segments that will not change any more the indexes too. */
  async #copyMore(): Promise<void> {
    if (this.#core.cuts !== this.#cuts) await this.#startOver()
    for (const segment of this.#core.segments.all) {
      if (!this.#goesOn) return
      try {
        await this.#copySegment(segment)
      } catch (error) {
        // Retention, or a client that deletes records, may take it away while it is copied; then the copy is not needed.
        const isGone = (error as { code?: string }).code === 'ENOENT' && !this.#core.segments.all.includes(segment)
        if (!isGone) throw error
      }
    }
  }

  async #copySegment(segment: LogSegment): Promise<void> {
    const from = this.#copied.get(segment) ?? 0
    const to = segment.writtenBytes
    if (to > from) await this.#copyLog(segment, from, to)
    const isSealed = segment !== this.#core.segments.active && segment.writtenBytes === segment.sizeBytes
    if (isSealed && segment.indexesAreOnDisk && !this.#complete.has(segment)) await this.#copyIndexes(segment)
  }

  async #copyLog(segment: LogSegment, from: number, to: number): Promise<void> {
    const copied = await this.#withTarget(segment, async target => {
      const end = await segment.logFile.use(source => this.#copyRange(source, target, from, to))
      await target.sync()
      return end
    })
    this.#copied.set(segment, copied)
  }

  /** Gives back how far it has got: to the end, unless the move has been stopped. */
  async #copyRange(source: DiskFile, target: DiskFile, from: number, to: number): Promise<number> {
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, Math.max(1, to - from)))
    let position = from
    while (position < to && (this.#isFinishing || this.#goesOn)) {
      const length = await source.read(buffer.subarray(0, Math.min(buffer.length, to - position)), position)
      if (length === 0) break
      await target.writev([buffer.subarray(0, length)], position)
      position += length
      // Appends wait for the last of it, which is not much.
      if (!this.#isFinishing) await this.#throttle.wait(length, () => this.#goesOn)
    }
    return position
  }

  /** Something was cut off the log: what has been copied may not be part of it any more. */
  async #startOver(): Promise<void> {
    this.#cuts = this.#core.cuts
    this.#copied.clear()
    this.#complete.clear()
    await this.#context.io.disk.removeDirectory(this.#future)
    await this.#context.io.disk.makeDirectory(this.#future)
  }

  /** The rest, with the writer paused, and the change of places. */
  async #finish(): Promise<string | undefined> {
    const { writer, segments } = this.#core
    await writer.pause()
    this.#isFinishing = true
    try {
      await writer.flush()
      await this.#copyMore()
      if (!this.#goesOn) return undefined
      await this.#removeDeleted()
      for (const segment of segments.all) if (!this.#complete.has(segment)) await this.#copyIndexes(segment)
      await this.#copySmallFiles()
      await this.#context.io.disk.syncDirectory(this.#future)
      // And its own name: when the original has been given up, the copy is all there is.
      await this.#context.io.disk.syncDirectory(this.#target.path)
      await this.#steps.expect()
      return await this.#changePlaces()
    } finally {
      this.#isFinishing = false
      writer.resume()
    }
  }

  /** Copies of segments that retention has removed meanwhile. */
  async #removeDeleted(): Promise<void> {
    const present = new Set(this.#core.segments.all)
    for (const segment of this.#copied.keys()) {
      if (present.has(segment)) continue
      for (const suffix of [LOG_SUFFIX, ...otherSuffixes]) {
        await this.#context.io.disk.remove(`${this.#future}/${offsetName(segment.baseOffset)}${suffix}`)
      }
      this.#copied.delete(segment)
    }
  }

  async #copyIndexes(segment: LogSegment): Promise<void> {
    // An empty segment has nothing to copy, and the name of its file still tells where the log ends.
    if (!segment.isNew && !this.#copied.has(segment)) await this.#copyLog(segment, 0, segment.writtenBytes)
    for (const suffix of otherSuffixes) await this.#copyWhole(offsetName(segment.baseOffset) + suffix)
    this.#complete.add(segment)
  }

  async #copySmallFiles(): Promise<void> {
    await this.#copyWhole(PARTITION_METADATA)
    // Of the last shutdown, perhaps, at an offset where no segment begins.
    await this.#copyWhole(offsetName(this.#core.snapshotOffset) + PRODUCER_SNAPSHOT_SUFFIX)
    await this.#core.epochs.flush()
    await this.#copyWhole(LEADER_EPOCH_CHECKPOINT)
  }

  /** A file of the partition's directory, if it is there. */
  async #copyWhole(name: string): Promise<void> {
    const { disk } = this.#context.io
    const stat = await disk.stat(`${this.#core.folder}/${name}`)
    if (stat === undefined) return
    const source = await disk.open(`${this.#core.folder}/${name}`)
    try {
      const target = await disk.open(`${this.#future}/${name}`, { write: true, create: true })
      try {
        await this.#copyRange(source, target, 0, stat.sizeBytes)
        await target.sync()
      } finally {
        await target.close()
      }
    } finally {
      await source.close()
    }
  }

  async #changePlaces(): Promise<string> {
    const core = this.#core
    const { disk } = this.#context.io
    const { topic, partition, segments } = core
    const source = core.host
    const oldFolder = core.folder
    const givenUp = `${source.path}/${deletedDirectoryName(topic, partition, this.#unique)}`
    const folderName = partitionDirectoryName(topic, partition)
    let folder = oldFolder
    try {
      for (const segment of segments.all) await segment.suspend()
      // An append under a new leader epoch writes it down in the background, whenever it comes.
      await core.epochs.suspend()
      this.#changing = true
      await disk.rename(oldFolder, givenUp)
      await disk.syncDirectory(source.path)
      folder = `${this.#target.path}/${folderName}`
      await disk.rename(this.#future, folder)
      await disk.syncDirectory(this.#target.path)
      core.host = this.#target
      core.folderName = folderName
      // At once: whoever makes something of the log durable from here on does so in the target.
      this.#steps.moved()
      core.deletion.cancel()
    } catch (error) {
      // Halfway nothing can be served; the next start finds the copy, or the original, and takes it.
      if (this.#changing) core.fail(diskErrorOf(error))
      throw error
    } finally {
      core.epochs.resume(folder)
      for (const segment of segments.all) segment.resume(folder)
    }
    return givenUp
  }

  async #withTarget<T>(segment: LogSegment, work: (target: DiskFile) => Promise<T>): Promise<T> {
    const path = `${this.#future}/${offsetName(segment.baseOffset)}${LOG_SUFFIX}`
    const target = await this.#context.io.disk.open(path, { write: true, create: true })
    try {
      return await work(target)
    } finally {
      await target.close()
    }
  }
}
