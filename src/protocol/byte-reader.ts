/**
 * Reads Kafka's primitive types from one frame, never past its end, and never believes a length.
 *
 * One reader serves any number of connections: `reset` points it at the next frame. Strings are copied; bytes, records and
 * unknown tagged fields are views on the frame. Whatever is wrong with the input throws a ProtocolError, which the connection
 * catches in one place.
 */

import { isUtf8 } from 'node:buffer'

import { assert } from '../std/assert.ts'
import { RecentValues } from './recent-values.ts'
import { UUID_BYTES, ZERO_UUID } from './uuid.ts'
import type { Uuid } from './uuid.ts'
import type { UnknownTaggedField } from './schema.ts'

/** Bytes that are no message of the protocol: cut short, or with lengths and values that cannot be. */
export class ProtocolError extends Error {
  override readonly name: string

  /** Without a stack, which would be most of what a bad frame costs and says nothing that the message does not. */
  constructor(message: string) {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = limit
    this.name = 'ProtocolError'
  }
}

declare global {
  interface Buffer {
    /** What `toString('utf8', start, end)` calls, without its checks: as old as Buffer itself, and twice as fast for short strings. */
    utf8Slice(start: number, end: number): string
    base64urlSlice(start: number, end: number): string
  }
}

/** The longest string that Kafka lets a message hold, in UTF-8 bytes. */
export const STRING_BYTES_MAX = 0x7fff

/** A frame of one gigabyte could otherwise ask for a billion objects. Metadata of a million partitions still fits. */
export const OBJECTS_MAX = 1_000_000

/** Numbers in arrays become up to eight times as large as they are in the frame. As many as a million partitions with some replicas each need. */
export const NUMBERS_MAX = 16_000_000

export class ByteReader {
  /** Of all memory that the frame lies in, at the places that `advance` returns: for generated code, and so that the next frame in it is cheap. */
  view: DataView
  #memory: ArrayBufferLike
  #buffer: Buffer
  /** The next byte to read, the frame's first byte and the one behind its last, as places in `#memory`. */
  #at: number
  #origin: number
  #end: number
  #objectsLeft: number
  #numbersLeft: number
  readonly #objectsMax: number
  readonly #numbersMax: number
  #recent: RecentValues | undefined

  /**
   * Reads `bytes` from `start` up to `end`. `objectsMax` bounds how many array elements other than numbers one frame may make, `numbersMax` how many
   * that are numbers.
   */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length, objectsMax = OBJECTS_MAX, numbersMax = NUMBERS_MAX) {
    assertWithin(bytes, start, end)
    this.#memory = bytes.buffer
    this.#buffer = Buffer.from(bytes.buffer)
    this.view = new DataView(bytes.buffer)
    this.#origin = bytes.byteOffset
    this.#at = bytes.byteOffset + start
    this.#end = bytes.byteOffset + end
    this.#objectsMax = objectsMax
    this.#objectsLeft = objectsMax
    this.#numbersMax = numbersMax
    this.#numbersLeft = numbersMax
  }

  /** Goes on with another frame, cheaply when that lies in the same memory as the one before. */
  reset(bytes: Uint8Array, start = 0, end = bytes.length): void {
    assertWithin(bytes, start, end)
    const memory = bytes.buffer
    if (memory !== this.#memory) {
      this.#memory = memory
      this.#buffer = Buffer.from(memory)
      this.view = new DataView(memory)
    }
    const origin = bytes.byteOffset
    this.#origin = origin
    this.#at = origin + start
    this.#end = origin + end
    this.#objectsLeft = this.#objectsMax
    this.#numbersLeft = this.#numbersMax
  }

  /** For who reads many frames that hold the same strings and ids: remembers the last ones, and gives them again instead of making new ones. */
  rememberValues(): void {
    this.#recent ??= new RecentValues()
  }

  /** The next byte to read, counted from the start of the bytes that the reader was given. */
  get position(): number {
    return this.#at - this.#origin
  }

  get remaining(): number {
    return this.#end - this.#at
  }

  /** Steps over `byteCount` bytes and returns the place in `view` at which they start. */
  advance(byteCount: number): number {
    const start = this.#at
    if (byteCount > this.#end - start) this.#failTruncated(byteCount)
    this.#at = start + byteCount
    return start
  }

  boolean(): boolean {
    return this.view.getInt8(this.advance(1)) !== 0
  }

  int8(): number {
    return this.view.getInt8(this.advance(1))
  }

  int16(): number {
    return this.view.getInt16(this.advance(2))
  }

  uint16(): number {
    return this.view.getUint16(this.advance(2))
  }

  int32(): number {
    return this.view.getInt32(this.advance(4))
  }

  uint32(): number {
    return this.view.getUint32(this.advance(4))
  }

  /** Rounded to the nearest double beyond ±2^53. */
  int64(): number {
    return this.int64At(this.advance(8))
  }

  int64At(position: number): number {
    return this.view.getInt32(position) * 0x1_0000_0000 + this.view.getUint32(position + 4)
  }

  int64Exact(): bigint {
    return this.view.getBigInt64(this.advance(8))
  }

  float64(): number {
    return this.view.getFloat64(this.advance(8))
  }

  /** Up to five bytes of seven bits, the lowest first; more than 32 bits are refused. */
  unsignedVarint(): number {
    const first = this.view.getUint8(this.advance(1))
    return first < 0x80 ? first : this.#unsignedVarintRest(first & 0x7f)
  }

  #unsignedVarintRest(first: number): number {
    let value = first
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.view.getUint8(this.advance(1))
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    const last = this.view.getUint8(this.advance(1))
    if (last > 0x0f) throw new ProtocolError(`a varint at byte ${this.position - 5} is longer than 32 bits`)
    return (value | (last << 28)) >>> 0
  }

  /** Zigzag: small numbers of either sign take few bytes. */
  varint(): number {
    const value = this.unsignedVarint()
    return (value >>> 1) ^ -(value & 1)
  }

  uuid(): Uuid {
    return this.uuidAt(this.advance(UUID_BYTES))
  }

  uuidAt(position: number): Uuid {
    const { view } = this
    const bits =
      view.getInt32(position) | view.getInt32(position + 4) | view.getInt32(position + 8) | view.getInt32(position + 12)
    if (bits === 0) return ZERO_UUID
    const recent = this.#recent?.uuid(view, position)
    if (recent !== undefined) return recent
    const uuid = this.#buffer.base64urlSlice(position, position + UUID_BYTES)
    this.#recent?.keepUuid(uuid, view, position)
    return uuid
  }

  string(): string {
    return this.#utf8(this.#presentLength(this.int16(), 'string'))
  }

  nullableString(): string | null {
    const length = this.int16()
    return length < 0 ? null : this.#utf8(length)
  }

  compactString(): string {
    return this.#utf8(this.#presentLength(this.unsignedVarint() - 1, 'string'))
  }

  nullableCompactString(): string | null {
    const length = this.unsignedVarint() - 1
    return length < 0 ? null : this.#utf8(length)
  }

  #utf8(byteCount: number): string {
    if (byteCount === 0) return ''
    if (byteCount > STRING_BYTES_MAX) {
      throw new ProtocolError(
        `a string of ${byteCount} bytes at byte ${this.position}, ${STRING_BYTES_MAX} are allowed`,
      )
    }
    const start = this.advance(byteCount)
    const recent = this.#recent?.string(this.view, start, byteCount)
    if (recent !== undefined) return recent
    const text = this.#buffer.utf8Slice(start, start + byteCount)
    // The replacement character is what bad input decodes to, but it may also have been sent.
    if (text.includes('\uFFFD') && !isUtf8(this.#buffer.subarray(start, start + byteCount))) {
      throw new ProtocolError(`a string that ends at byte ${this.position} is not UTF-8`)
    }
    this.#recent?.keepString(text, byteCount)
    return text
  }

  bytes(): Uint8Array {
    return this.rawBytes(this.#presentLength(this.int32(), 'bytes'))
  }

  nullableBytes(): Uint8Array | null {
    const length = this.int32()
    return length < 0 ? null : this.rawBytes(length)
  }

  compactBytes(): Uint8Array {
    return this.rawBytes(this.#presentLength(this.unsignedVarint() - 1, 'bytes'))
  }

  nullableCompactBytes(): Uint8Array | null {
    const length = this.unsignedVarint() - 1
    return length < 0 ? null : this.rawBytes(length)
  }

  /** The next bytes as they are, without a copy. */
  rawBytes(byteCount: number): Uint8Array {
    const start = this.advance(byteCount)
    return this.#buffer.subarray(start, start + byteCount)
  }

  /** The length of an array whose elements take `bytesMin` bytes or more, checked against what is left of the frame. */
  arrayLength(bytesMin: number): number {
    return this.#fittingLength(this.#presentLength(this.int32(), 'array'), bytesMin)
  }

  /** -1 for null. */
  nullableArrayLength(bytesMin: number): number {
    const length = this.int32()
    return length < 0 ? -1 : this.#fittingLength(length, bytesMin)
  }

  compactArrayLength(bytesMin: number): number {
    return this.#fittingLength(this.#presentLength(this.unsignedVarint() - 1, 'array'), bytesMin)
  }

  /** -1 for null. */
  nullableCompactArrayLength(bytesMin: number): number {
    const length = this.unsignedVarint() - 1
    return length < 0 ? -1 : this.#fittingLength(length, bytesMin)
  }

  #fittingLength(length: number, bytesMin: number): number {
    if (length * bytesMin > this.remaining) {
      throw new ProtocolError(
        `an array of ${length} elements at byte ${this.position} needs ${length * bytesMin} bytes, ${this.remaining} are left`,
      )
    }
    return length
  }

  /** Called with the length of each array before its elements are made, unless they are plain numbers. */
  spendObjects(count: number): void {
    this.#objectsLeft -= count
    if (this.#objectsLeft < 0) throw new ProtocolError(`more than ${this.#objectsMax} objects in one message`)
  }

  /** The same for elements that are plain numbers, booleans or ids. */
  spendNumbers(count: number): void {
    this.#numbersLeft -= count
    if (this.#numbersLeft < 0) throw new ProtocolError(`more than ${this.#numbersMax} numbers in one message`)
  }

  #presentLength(length: number, what: string): number {
    if (length < 0) throw new ProtocolError(`null at byte ${this.position}, where ${what} may not be null`)
    return length
  }

  /** Enters a known tagged field: reads its size and returns where it must end. */
  beginTaggedField(): number {
    const byteCount = this.unsignedVarint()
    if (byteCount > this.remaining) this.#failTruncated(byteCount)
    return this.position + byteCount
  }

  endTaggedField(tag: number, end: number): void {
    if (this.position !== end) {
      throw new ProtocolError(`tagged field ${tag} says that it ends at byte ${end}, but it ends at ${this.position}`)
    }
  }

  failDuplicateTag(tag: number): never {
    throw new ProtocolError(`tagged field ${tag} comes twice before byte ${this.position}`)
  }

  /** Appends the tagged field whose tag was just read to `fields`. They must ascend, which also makes a duplicate cheap to find. */
  unknownTaggedField(tag: number, fields: UnknownTaggedField[] | undefined): UnknownTaggedField[] {
    this.spendObjects(1)
    const data = this.rawBytes(this.unsignedVarint())
    if (fields === undefined) return [{ tag, data }]
    const previous = fields.at(-1)!.tag
    if (tag === previous) this.failDuplicateTag(tag)
    if (tag < previous) throw new ProtocolError(`tagged field ${tag} comes after ${previous} at byte ${this.position}`)
    fields.push({ tag, data })
    return fields
  }

  /** A whole tagged section of which no tag is known; undefined when it is empty, as it nearly always is. */
  unknownTaggedFields(): UnknownTaggedField[] | undefined {
    let fields: UnknownTaggedField[] | undefined
    for (let left = this.unsignedVarint(); left > 0; left--)
      fields = this.unknownTaggedField(this.unsignedVarint(), fields)
    return fields
  }

  #failTruncated(byteCount: number): never {
    throw new ProtocolError(`${byteCount} bytes wanted at byte ${this.position}, ${this.remaining} are left`)
  }
}

/** What lies beside the frame belongs to somebody else. */
function assertWithin(bytes: Uint8Array, start: number, end: number): void {
  const isWithin = start >= 0 && start <= end && end <= bytes.length
  // A function for the message would be made for every frame and every record.
  if (!isWithin) assert(isWithin, `bytes ${start} to ${end} of ${bytes.length}`)
}
