/**
 * Cuts a stream of bytes into the protocol's frames: an int32 length, then that many bytes.
 *
 * It is the reading half of every Kafka connection, a broker's and a client's alike. Small frames are read many at a time into scratch
 * memory that all connections of the process share, and are copied out into memory of exactly their size; the body of a large frame is
 * read straight into its own memory. So an idle connection owns no buffer, and whoever keeps a frame pins that frame and nothing else.
 */

import { assert } from '../std/assert.ts'

/** Shared by all readers: `received` copies out of it before it returns, so no two connections ever have bytes in it at once. */
const scratch = Buffer.allocUnsafeSlow(256 * 1024)

/** Rests of at least this size are received in place; for smaller ones, reading several frames at once saves more than the copy costs. */
const inPlaceBytesMin = 64 * 1024

/**
 * The first allocation for a large frame. A peer that announces 100 MB and sends nothing costs this much, and the memory
 * doubles only as bytes arrive.
 */
const firstAllocationBytes = 1024 * 1024

const lengthBytes = 4

export interface FrameReaderOptions {
  /** The largest frame that is accepted, `socket.request.max.bytes` at a broker. May be changed while reading. */
  frameBytesMax: number
  /** A whole frame without its length prefix. The memory is the receiver's. */
  readonly onFrame: (frame: Buffer) => void
  /** The stream is not ours (a length that is negative or over the maximum); nothing more will be read. */
  readonly onInvalid: (length: number) => void
}

export class FrameReader {
  /** The body of the frame under way, or undefined between frames. It may be shorter than the frame while that grows. */
  #body: Buffer | undefined
  #bodyBytes = 0
  #filledBytes = 0
  /** Bytes of a length prefix that was cut by the end of a read. */
  #prefix = 0
  #prefixBytes = 0
  #receivingInPlace = false
  #stopped = false
  readonly #options: FrameReaderOptions

  constructor(options: FrameReaderOptions) {
    this.#options = options
  }

  /** Memory that is held for the frame under way. */
  get pendingBytes(): number {
    return this.#body === undefined ? 0 : this.#body.length
  }

  /** True while a frame has been begun and not finished: a peer that stays so for long is a slow sender. */
  get midFrame(): boolean {
    return this.#body !== undefined || this.#prefixBytes > 0
  }

  /** Drops what is under way and ignores everything that still arrives. */
  stop(): void {
    this.#stopped = true
    this.#body = undefined
  }

  /** Where the next bytes shall go; see `SocketHandler.buffer`. */
  buffer(): Buffer {
    const body = this.#body
    this.#receivingInPlace = body !== undefined && this.#bodyBytes - this.#filledBytes >= inPlaceBytesMin
    return this.#receivingInPlace ? body!.subarray(this.#filledBytes) : scratch
  }

  /** `length` bytes were put into the memory that `buffer` gave last. */
  received(length: number): void {
    if (this.#stopped) return
    if (this.#receivingInPlace) this.#receivedInPlace(length)
    else this.#receivedInScratch(length)
  }

  #receivedInPlace(length: number): void {
    this.#filledBytes += length
    assert(
      this.#filledBytes <= this.#body!.length,
      () => `frame overrun: ${this.#filledBytes} of ${this.#body!.length}`,
    )
    if (this.#filledBytes === this.#bodyBytes) this.#finish()
    else if (this.#filledBytes === this.#body!.length) this.#grow()
  }

  #receivedInScratch(length: number): void {
    let position = 0
    while (position < length && !this.#stopped) {
      if (this.#body === undefined) {
        position = this.#takePrefix(position, length)
        continue
      }
      const wanted = Math.min(this.#bodyBytes - this.#filledBytes, length - position)
      while (this.#body.length < this.#filledBytes + wanted) this.#grow()
      scratch.copy(this.#body, this.#filledBytes, position, position + wanted)
      this.#filledBytes += wanted
      position += wanted
      if (this.#filledBytes === this.#bodyBytes) this.#finish()
    }
  }

  /** Reads the length prefix, from the scratch memory at once or, where a read cut it, byte by byte. */
  #takePrefix(position: number, length: number): number {
    if (this.#prefixBytes === 0 && length - position >= lengthBytes) {
      this.#begin(scratch.readInt32BE(position))
      return position + lengthBytes
    }
    this.#prefix = (this.#prefix << 8) | scratch[position]!
    this.#prefixBytes += 1
    if (this.#prefixBytes === lengthBytes) {
      const announced = this.#prefix
      this.#prefix = 0
      this.#prefixBytes = 0
      this.#begin(announced)
    }
    return position + 1
  }

  #begin(announcedBytes: number): void {
    if (announcedBytes < 0 || announcedBytes > this.#options.frameBytesMax) {
      this.stop()
      this.#options.onInvalid(announcedBytes)
      return
    }
    this.#bodyBytes = announcedBytes
    this.#filledBytes = 0
    this.#body = allocate(Math.min(announcedBytes, firstAllocationBytes))
    if (announcedBytes === 0) this.#finish()
  }

  #grow(): void {
    const grown = allocate(Math.min(this.#bodyBytes, this.#body!.length * 2))
    this.#body!.copy(grown, 0, 0, this.#filledBytes)
    this.#body = grown
  }

  #finish(): void {
    const frame = this.#body!
    assert(frame.length === this.#bodyBytes, () => `frame of ${this.#bodyBytes} bytes in ${frame.length}`)
    this.#body = undefined
    this.#options.onFrame(frame)
  }
}

/** Memory of its own above a few KB: a slice of Node's shared pool would pin the pool's block. */
function allocate(bytes: number): Buffer {
  return bytes > 2048 ? Buffer.allocUnsafeSlow(bytes) : Buffer.allocUnsafe(bytes)
}
