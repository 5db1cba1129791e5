/**
 * Reads the batches of segments for the cleaner, one after the other, and believes nothing: a batch that does not match its checksum ends the cleaning, since what is made of it would
 * match a new one (L11).
 */
import { LENGTH_AT, LOG_OVERHEAD_BYTES } from '../../protocol/records/batch-header.ts'
import { verifyChecksum } from '../../protocol/records/decode.ts'
import { readInt32 } from '../../protocol/records/int64.ts'
import { batchSizeAt, CORRUPT } from '../../protocol/records/walk.ts'
import { baseOffsetOf, hasPlausibleHeader, lastOffsetOf } from '../log-batch.ts'
import { damaged } from '../log-context.ts'
import type { LogSegment } from '../log-segment.ts'
import { CleaningAborted } from './cleaning-pace.ts'
import type { CleaningPace } from './cleaning-pace.ts'

/** Lent by a cleaning to one source after the other. Grows for a batch that is larger. */
export interface ReadBuffer {
  bytes: Buffer
}

export class BatchSource {
  readonly #segment: LogSegment
  readonly #pace: CleaningPace
  readonly #buffer: ReadBuffer
  readonly #end: number
  /** In the file, of the first byte in the buffer. */
  #position: number
  #length = 0
  /** In the buffer, behind the current batch. */
  #next = 0
  #nextOffset: number
  /** Of the current batch, in `bytes`. */
  at = 0
  sizeBytes = 0

  /** Begins at `position`, where a batch begins. */
  constructor(segment: LogSegment, position: number, pace: CleaningPace, buffer: ReadBuffer) {
    this.#segment = segment
    this.#position = position
    this.#pace = pace
    this.#buffer = buffer
    this.#end = segment.writtenBytes
    this.#nextOffset = segment.baseOffset
  }

  /** Holds the current batch, until `next` is called again. */
  get bytes(): Buffer {
    return this.#buffer.bytes
  }

  /** Moves to the next batch; false behind the last one. Rejects with a `DiskError`, also for damage, or with `CleaningAborted`. */
  async next(): Promise<boolean> {
    if (this.#pace.isDue) await this.#pace.rest()
    let size = this.#sizeOfNext()
    while (size < 0) {
      if (size === CORRUPT) throw this.#damage('no batch begins here')
      if (this.#position + this.#next >= this.#end) return false
      await this.#fill()
      size = this.#sizeOfNext()
    }
    this.at = this.#next
    this.sizeBytes = size
    this.#next += size
    this.#check()
    return true
  }

  #sizeOfNext(): number {
    return batchSizeAt(this.#buffer.bytes, this.#next, this.#length)
  }

  #check(): void {
    const { bytes } = this.#buffer
    if (!hasPlausibleHeader(bytes, this.at)) throw this.#damage('impossible batch header')
    if (baseOffsetOf(bytes, this.at) < this.#nextOffset) {
      throw this.#damage(`offset ${baseOffsetOf(bytes, this.at)} where ${this.#nextOffset} is next`)
    }
    if (!verifyChecksum(bytes, this.at)) throw this.#damage('the checksum does not match')
    this.#nextOffset = lastOffsetOf(bytes, this.at) + 1
  }

  /** Reads more behind what is left of the buffer, so that at least one more batch is whole. */
  async #fill(): Promise<void> {
    const buffer = this.#buffer
    const left = this.#length - this.#next
    const neededBytes =
      left < LOG_OVERHEAD_BYTES ? 0 : readInt32(buffer.bytes, this.#next + LENGTH_AT) + LOG_OVERHEAD_BYTES
    if (this.#position + this.#next + neededBytes > this.#end) throw this.#damage('the last batch is not whole')
    const target = neededBytes > buffer.bytes.length ? Buffer.allocUnsafeSlow(neededBytes) : buffer.bytes
    buffer.bytes.copy(target, 0, this.#next, this.#length)
    buffer.bytes = target
    this.#position += this.#next
    this.#next = 0
    this.#length = left
    const from = this.#position + left
    const free = target.subarray(left, Math.min(target.length, left + this.#end - from))
    const read = await this.#segment.logFile.use(file => file.read(free, from))
    // Somebody has cut it off: the segment is not what it was when the cleaning began.
    if (read < free.length) throw new CleaningAborted(`segment ${this.#segment.baseOffset} has become shorter`)
    this.#length += read
    await this.#pace.transferred(read)
  }

  #damage(problem: string): Error {
    const position = this.#position + this.#next
    return damaged(`segment ${this.#segment.baseOffset}, position ${position}: ${problem}`)
  }
}
