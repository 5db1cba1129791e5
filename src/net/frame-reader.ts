/**
 * Cuts a stream of bytes into the protocol's frames: an int32 length, then that many bytes.
 *
 * It is the reading half of every Kafka connection, a broker's and a client's alike. Small frames are read many at a time into scratch
 * memory that all connections of the process share, and are shown there to whoever wants them, who copies what is to stay; the body of a large frame is
 * read straight into memory of its own, out of the pool. So an idle connection owns no buffer, and a large frame is not copied.
 */

import { assert } from '../std/assert.ts'
import { memoryPool } from '../std/memory-pool.ts'
import type { PooledMemory } from '../std/memory-pool.ts'

/** Shared by all readers: nothing in it is needed any more when `received` returns, so no two connections ever have bytes in it at once. */
const scratch = Buffer.allocUnsafeSlow(256 * 1024)
/** After a large frame the next is probably large too: only its beginning is to come here. */
const scratchHead = scratch.subarray(0, 4096)

/** Frames from this size on are large. */
const largeFrameBytes = 32 * 1024
/** Rests of at least this size are received in place; for smaller ones, reading several frames at once saves more than the copy costs. */
const inPlaceBytesMin = 16 * 1024

/**
 * The first allocation for a large frame. A peer that announces 100 MB and sends nothing costs no more, and the memory grows only as bytes arrive. A peer that has
 * just sent a large frame is believed more: one with a megabyte of records fits at once.
 */
const firstAllocationBytes = 64 * 1024
const nextAllocationBytes = 1280 * 1024
const growthFactor = 4

const lengthBytes = 4

export interface FrameReaderOptions {
  /** The largest frame that is accepted, `socket.request.max.bytes` at a broker. May be changed while reading. */
  frameBytesMax: number
  /**
   * A whole frame without its length prefix. When it has memory, this is the receiver's, who may release it when the frame is not needed any more; otherwise the
   * bytes are there only until the call returns.
   */
  readonly onFrame: (frame: Buffer, memory: PooledMemory | undefined) => void
  /** The stream is not ours (a length that is negative or over the maximum); nothing more will be read. */
  readonly onInvalid: (length: number) => void
}

export class FrameReader {
  /** Holds the body of the frame under way, when a part of it has been read. It may be shorter than the frame while that grows. */
  #body: PooledMemory | undefined
  #bodyBytes = 0
  #filledBytes = 0
  /** Bytes of a length prefix that was cut by the end of a read. */
  #prefix = 0
  #prefixBytes = 0
  #receivingInPlace = false
  #afterLargeFrame = false
  #stopped = false
  readonly #options: FrameReaderOptions

  constructor(options: FrameReaderOptions) {
    this.#options = options
  }

  /** How much of the frame under way has arrived. Its memory is at most four times as large, or as large as the first part that was allocated for it. */
  get pendingBytes(): number {
    return this.#body === undefined ? 0 : this.#filledBytes
  }

  /** True while a frame has been begun and not finished: a peer that stays so for long is a slow sender. */
  get midFrame(): boolean {
    return this.#body !== undefined || this.#prefixBytes > 0
  }

  /** Drops what is under way and ignores everything that still arrives. */
  stop(): void {
    this.#stopped = true
    // A read into it may be under way: it is not given back to the pool.
    this.#body = undefined
  }

  /** Where the next bytes shall go; see `SocketHandler.buffer`. */
  buffer(): Buffer {
    const body = this.#body
    this.#receivingInPlace = body !== undefined && this.#bodyBytes - this.#filledBytes >= inPlaceBytesMin
    if (this.#receivingInPlace) {
      return body!.bytes.subarray(this.#filledBytes, Math.min(this.#bodyBytes, body!.bytes.length))
    }
    return this.#afterLargeFrame && body === undefined ? scratchHead : scratch
  }

  /** `length` bytes were put into the memory that `buffer` gave last. */
  received(length: number): void {
    if (this.#stopped) return
    if (this.#receivingInPlace) this.#receivedInPlace(length)
    else this.#receivedInScratch(length)
  }

  #receivedInPlace(length: number): void {
    this.#filledBytes += length
    const body = this.#body!
    assert(
      this.#filledBytes <= Math.min(this.#bodyBytes, body.bytes.length),
      () => `frame overrun: ${this.#filledBytes} of ${this.#bodyBytes} bytes, with room for ${body.bytes.length}`,
    )
    if (this.#filledBytes === this.#bodyBytes) this.#finishBody()
    else if (this.#filledBytes === body.bytes.length) this.#grow()
  }

  #receivedInScratch(length: number): void {
    let position = 0
    while (position < length && !this.#stopped) {
      if (this.#body !== undefined) position = this.#fillBody(position, length)
      else if (this.#prefixBytes === 0 && length - position >= lengthBytes) {
        position = this.#takeFrame(scratch.readInt32BE(position), position + lengthBytes, length)
      } else position = this.#takePrefixByte(position, length)
    }
  }

  /** Copies what there is of the body into its memory. */
  #fillBody(position: number, length: number): number {
    const wanted = Math.min(this.#bodyBytes - this.#filledBytes, length - position)
    while (this.#body!.bytes.length < this.#filledBytes + wanted) this.#grow()
    scratch.copy(this.#body!.bytes, this.#filledBytes, position, position + wanted)
    this.#filledBytes += wanted
    if (this.#filledBytes === this.#bodyBytes) this.#finishBody()
    return position + wanted
  }

  /** Reads a length prefix that was cut by the end of a read byte by byte. */
  #takePrefixByte(position: number, length: number): number {
    this.#prefix = (this.#prefix << 8) | scratch[position]!
    this.#prefixBytes += 1
    if (this.#prefixBytes < lengthBytes) return position + 1
    const announced = this.#prefix
    this.#prefix = 0
    this.#prefixBytes = 0
    return this.#takeFrame(announced, position + 1, length)
  }

  /** A frame of so many bytes begins at `position`: shows it when it is all there, else keeps what there is. Returns where the next begins. */
  #takeFrame(announcedBytes: number, position: number, length: number): number {
    if (announcedBytes < 0 || announcedBytes > this.#options.frameBytesMax) {
      this.stop()
      this.#options.onInvalid(announcedBytes)
      return length
    }
    const end = position + announcedBytes
    if (end <= length) {
      this.#afterLargeFrame = announcedBytes >= largeFrameBytes
      this.#options.onFrame(scratch.subarray(position, end), undefined)
      return end
    }
    this.#bodyBytes = announcedBytes
    this.#filledBytes = 0
    const firstBytes = this.#afterLargeFrame ? nextAllocationBytes : firstAllocationBytes
    this.#body = memoryPool.take(Math.min(announcedBytes, firstBytes))
    return position
  }

  #grow(): void {
    const body = this.#body!
    const grown = memoryPool.take(Math.min(this.#bodyBytes, body.bytes.length * growthFactor))
    body.bytes.copy(grown.bytes, 0, 0, this.#filledBytes)
    body.release()
    this.#body = grown
  }

  #finishBody(): void {
    const body = this.#body!
    this.#body = undefined
    this.#afterLargeFrame = this.#bodyBytes >= largeFrameBytes
    this.#options.onFrame(body.bytes.subarray(0, this.#bodyBytes), body)
  }
}
