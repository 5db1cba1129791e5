/**
 * The segment that a cleaning writes: files with the suffix `.cleaned`, filled batch by batch through one buffer, with the index entries that appending would have made.
 */
import { CLEANED_SUFFIX } from '../file-names.ts'
import { lastOffsetOf, maxTimestampOf } from '../log-batch.ts'
import { damaged } from '../log-context.ts'
import type { LogCore } from '../log-core.ts'
import { LogSegment } from '../log-segment.ts'
import { forEachBatch } from '../../protocol/records/walk.ts'
import type { AbortedTransactionEntry } from '../transaction-index.ts'
import type { CleaningPace } from './cleaning-pace.ts'

/** Positions beyond cannot be written down in an index. */
const segmentBytesMax = 0x7fff_ffff

export class CleanedSegment {
  readonly segment: LogSegment
  readonly #indexIntervalBytes: number
  readonly #pace: CleaningPace
  readonly #buffer: Buffer
  #used = 0
  #position = 0
  #endOffset: number

  /** `bufferBytes` is how much is written at a time. */
  constructor(core: LogCore, baseOffset: number, pace: CleaningPace, bufferBytes: number) {
    const { io, openFiles } = core.context
    this.segment = new LogSegment({
      openFiles,
      directory: core.folder,
      baseOffset,
      sizeBytes: 0,
      isNew: true,
      createdMs: io.clock.nowMs(),
      rollJitterMs: 0,
      preallocateBytes: 0,
      isProvisional: false,
      nameSuffix: CLEANED_SUFFIX,
    })
    this.#indexIntervalBytes = core.config.indexIntervalBytes
    this.#pace = pace
    this.#buffer = Buffer.allocUnsafeSlow(bufferBytes)
    this.#endOffset = baseOffset
  }

  /** Files of this name that an earlier cleaning has left behind. Rejects with a `DiskError`. */
  removeLeftOver(): Promise<void> {
    return this.segment.remove()
  }

  /** Adds whole batches behind those that are there. Rejects with a `DiskError`, or with `CleaningAborted`. */
  async append(batches: Uint8Array): Promise<void> {
    if (this.segment.sizeBytes + batches.length > segmentBytesMax) {
      throw damaged(`segment ${this.segment.baseOffset} would grow beyond ${segmentBytesMax} bytes`)
    }
    if (this.#used + batches.length > this.#buffer.length) await this.#write()
    forEachBatch(batches, 0, batches.length, (at, sizeBytes) => {
      const lastOffset = lastOffsetOf(batches, at)
      this.segment.append(lastOffset, maxTimestampOf(batches, at), sizeBytes, this.#indexIntervalBytes)
      this.#endOffset = lastOffset + 1
    })
    if (batches.length > this.#buffer.length) return this.#writeNow(batches)
    this.#buffer.set(batches, this.#used)
    this.#used += batches.length
  }

  /** An aborted transaction of which something is left, when its marker comes by. */
  appendAborted(entry: AbortedTransactionEntry): void {
    this.segment.transactionIndex.append(entry)
  }

  /** Makes everything durable, under the names that it has now. */
  async finish(): Promise<void> {
    await this.#write()
    const { segment } = this
    if (segment.isNew) await segment.createFiles()
    segment.seal()
    await segment.syncLog()
    await segment.syncIndexes(this.#endOffset)
  }

  async #write(): Promise<void> {
    if (this.#used === 0) return
    const bytes = this.#buffer.subarray(0, this.#used)
    this.#used = 0
    await this.#writeNow(bytes)
  }

  async #writeNow(bytes: Uint8Array): Promise<void> {
    await this.segment.logFile.use(file => file.writev([bytes], this.#position), true)
    this.#position += bytes.length
    await this.segment.written(this.#position, this.#endOffset)
    await this.#pace.transferred(bytes.length)
  }
}
