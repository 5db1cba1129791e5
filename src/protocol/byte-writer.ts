/**
 * Writes Kafka's primitive types into frames that go to a socket as a gather list.
 *
 * Small values are laid down in a block that grows by doubling; large byte strings are not copied but become entries of the list
 * themselves. `finish` takes out what was written and the writer goes on in the rest of the block, so one writer can serve many
 * connections for as long as they last. Who hands over bytes must leave them alone until they have been sent.
 */

import { assert } from '../std/assert.ts'
import { unsignedVarintSize } from '../std/varint.ts'
import { STRING_BYTES_MAX } from './byte-reader.ts'
import { INT64_MAX, SchemaError } from './schema.ts'
import type { UnknownTaggedField } from './schema.ts'
import { UUID_BYTES, UUID_CHARS, ZERO_UUID } from './uuid.ts'
import type { Uuid } from './uuid.ts'

declare global {
  interface Buffer {
    utf8Write(text: string, position: number, byteCount: number): number
    base64urlWrite(text: string, position: number, byteCount: number): number
  }
}

/** From this size on, handing bytes over by reference is cheaper than copying them. */
const REFERENCE_BYTES_MIN = 1024

/** Up to here a loop over the characters beats the call into native code; it must stay below 127 for one-byte compact lengths. */
const SHORT_STRING_CHARS_MAX = 32

const VARINT_BYTES_MAX = 5

const BLOCK_BYTES = 16_384
/** A block this many times the usual size is not used again. */
const LARGE_BLOCKS = 4

const NO_BLOCK = Buffer.alloc(0)
const NO_VIEW = viewOf(NO_BLOCK)

export class ByteWriter {
  /** For generated code, which writes runs of fixed-size fields through `view` after one `reserve`. It changes when the block does. */
  view = NO_VIEW
  #buffer = NO_BLOCK
  readonly #blockBytes: number
  /** Where the next byte goes in the block, and where the block ends. */
  #position = 0
  #end = 0
  /** The first byte of the block that is not yet part of an entry. */
  #start = 0
  #entries: Uint8Array[] = []
  /** Bytes in `#entries`. */
  #entriesBytes = 0
  /** Above 0 inside of tagged fields, whose bytes may still move. */
  #taggedDepth = 0

  /** Blocks have at least `blockBytes`; the first is made when something is written. */
  constructor(blockBytes = BLOCK_BYTES) {
    this.#blockBytes = blockBytes
  }

  /** Bytes written since the last `finish`. */
  get length(): number {
    return this.#entriesBytes + this.#position - this.#start
  }

  /** Makes room for `byteCount` bytes, every one of which the caller now sets through `view`; returns where they start. */
  reserve(byteCount: number): number {
    const position = this.#position
    if (position + byteCount > this.#end) return this.#reserveInNewBlock(byteCount)
    this.#position = position + byteCount
    return position
  }

  #reserveInNewBlock(byteCount: number): number {
    this.#grow(byteCount)
    const position = this.#position
    this.#position = position + byteCount
    return position
  }

  /** A new block, at least twice as large as what it must hold. What is in entries stays where it is. */
  #grow(byteCount: number): void {
    const pending = this.#position - this.#start
    const size = Math.max(this.#blockBytes, 2 * (pending + byteCount))
    const block = Buffer.allocUnsafe(size)
    this.#buffer.copy(block, 0, this.#start, this.#position)
    this.#buffer = block
    this.view = viewOf(block)
    this.#start = 0
    this.#position = pending
    this.#end = size
  }

  boolean(value: boolean): void {
    const position = this.reserve(1)
    this.view.setInt8(position, value ? 1 : 0)
  }

  int8(value: number): void {
    if ((value << 24) >> 24 !== value) failRange('int8', value)
    const position = this.reserve(1)
    this.view.setInt8(position, value)
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) failRange('int16', value)
    const position = this.reserve(2)
    this.view.setInt16(position, value)
  }

  uint16(value: number): void {
    if ((value & 0xffff) !== value) failRange('uint16', value)
    const position = this.reserve(2)
    this.view.setUint16(position, value)
  }

  int32(value: number): void {
    if ((value | 0) !== value) failRange('int32', value)
    const position = this.reserve(4)
    this.view.setInt32(position, value)
  }

  uint32(value: number): void {
    if (value >>> 0 !== value) failRange('uint32', value)
    const position = this.reserve(4)
    this.view.setUint32(position, value)
  }

  /** A whole number; 2^63, to which 2^63 − 1 was rounded when it was read, is written as 2^63 − 1. */
  int64(value: number): void {
    const position = this.reserve(8)
    putInt64(this.view, position, value, 'int64')
  }

  int64Exact(value: bigint): void {
    const position = this.reserve(8)
    putInt64Exact(this.view, position, value, 'int64')
  }

  float64(value: number): void {
    const position = this.reserve(8)
    this.view.setFloat64(position, value)
  }

  unsignedVarint(value: number): void {
    if ((value & 0x7f) !== value) {
      this.#longVarint(value)
      return
    }
    const position = this.reserve(1)
    this.view.setUint8(position, value)
  }

  /** One byte: the null or empty of most compact forms, and the empty tagged section. */
  zero(): void {
    const position = this.reserve(1)
    this.view.setUint8(position, 0)
  }

  #longVarint(value: number): void {
    if (value >>> 0 !== value) failRange('unsigned varint', value)
    let position = this.reserve(VARINT_BYTES_MAX)
    let left = value
    for (; left >= 0x80; left >>>= 7) this.view.setUint8(position++, (left & 0x7f) | 0x80)
    this.view.setUint8(position++, left)
    this.#position = position
  }

  varint(value: number): void {
    if ((value | 0) !== value) failRange('varint', value)
    this.unsignedVarint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  uuid(value: Uuid): void {
    this.putUuid(this.reserve(UUID_BYTES), value)
  }

  /** Into bytes that were reserved before. */
  putUuid(position: number, value: Uuid): void {
    if (value === ZERO_UUID) {
      this.#buffer.fill(0, position, position + UUID_BYTES)
      return
    }
    // The decoder skips what is not base64, so that bytes are missing then.
    const isWhole =
      value.length === UUID_CHARS && this.#buffer.base64urlWrite(value, position, UUID_BYTES) === UUID_BYTES
    if (!isWhole) throw new SchemaError(`not a uuid: ${value}`)
  }

  string(value: string): void {
    const chars = value.length
    if (chars <= SHORT_STRING_CHARS_MAX) {
      const position = this.reserve(chars + 2)
      if (this.#putAscii(value, position + 2)) {
        this.view.setInt16(position, chars)
        return
      }
      this.#position = position
    }
    const byteCount = stringBytes(value)
    this.int16(byteCount)
    this.#utf8(value, byteCount)
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1)
    else this.string(value)
  }

  compactString(value: string): void {
    const chars = value.length
    if (chars <= SHORT_STRING_CHARS_MAX) {
      const position = this.reserve(chars + 1)
      if (this.#putAscii(value, position + 1)) {
        this.view.setUint8(position, chars + 1)
        return
      }
      this.#position = position
    }
    const byteCount = stringBytes(value)
    this.unsignedVarint(byteCount + 1)
    this.#utf8(value, byteCount)
  }

  nullableCompactString(value: string | null): void {
    if (value === null) this.zero()
    else this.compactString(value)
  }

  /** False, with rubbish in the reserved bytes, when `text` is not plain ASCII. */
  #putAscii(text: string, position: number): boolean {
    const buffer = this.#buffer
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      if (code >= 0x80) return false
      buffer[position + index] = code
    }
    return true
  }

  #utf8(text: string, byteCount: number): void {
    const position = this.reserve(byteCount)
    this.#buffer.utf8Write(text, position, byteCount)
  }

  bytes(value: Uint8Array): void {
    this.int32(value.length)
    this.rawBytes(value)
  }

  nullableBytes(value: Uint8Array | null): void {
    if (value === null) this.int32(-1)
    else this.bytes(value)
  }

  compactBytes(value: Uint8Array): void {
    this.unsignedVarint(value.length + 1)
    this.rawBytes(value)
  }

  nullableCompactBytes(value: Uint8Array | null): void {
    if (value === null) this.zero()
    else this.compactBytes(value)
  }

  records(value: Uint8Array | readonly Uint8Array[]): void {
    if (isOnePiece(value)) {
      this.bytes(value)
      return
    }
    this.int32(piecesBytes(value))
    for (const piece of value) this.rawBytes(piece)
  }

  nullableRecords(value: Uint8Array | readonly Uint8Array[] | null): void {
    if (value === null) this.int32(-1)
    else this.records(value)
  }

  compactRecords(value: Uint8Array | readonly Uint8Array[]): void {
    if (isOnePiece(value)) {
      this.compactBytes(value)
      return
    }
    this.unsignedVarint(piecesBytes(value) + 1)
    for (const piece of value) this.rawBytes(piece)
  }

  nullableCompactRecords(value: Uint8Array | readonly Uint8Array[] | null): void {
    if (value === null) this.zero()
    else this.compactRecords(value)
  }

  /** Bytes without a length: copied when they are few, handed over when they are many. */
  rawBytes(value: Uint8Array): void {
    if (value.length < REFERENCE_BYTES_MIN || this.#taggedDepth > 0) {
      const position = this.reserve(value.length)
      this.#buffer.set(value, position)
      return
    }
    this.#closeEntry()
    this.#entries.push(value)
    this.#entriesBytes += value.length
  }

  /** The length of an array; -1 for null. */
  arrayLength(length: number): void {
    this.int32(length)
  }

  compactArrayLength(length: number): void {
    this.unsignedVarint(length + 1)
  }

  /** Starts a tagged field of yet unknown size; returns what `endTaggedField` needs. */
  beginTaggedField(tag: number): number {
    this.unsignedVarint(tag)
    this.#taggedDepth++
    // Relative to #start: the block may be replaced meanwhile.
    return this.reserve(1) - this.#start
  }

  /** Puts the size in front of what was written since `beginTaggedField`; it moves when one byte is not enough for that. */
  endTaggedField(mark: number): void {
    this.#taggedDepth--
    const byteCount = this.#position - this.#start - mark - 1
    const sizeBytes = unsignedVarintSize(byteCount)
    if (sizeBytes > 1) this.reserve(sizeBytes - 1)
    const sizeStart = this.#start + mark
    if (sizeBytes > 1) this.#buffer.copyWithin(sizeStart + sizeBytes, sizeStart + 1, sizeStart + 1 + byteCount)
    let left = byteCount
    for (let index = 0; index < sizeBytes; index++, left >>>= 7) {
      this.#buffer[sizeStart + index] = (left & 0x7f) | (index < sizeBytes - 1 ? 0x80 : 0)
    }
  }

  /** A tagged section that holds nothing but what an earlier reader did not know. */
  unknownTaggedFields(fields: readonly UnknownTaggedField[]): void {
    this.unsignedVarint(fields.length)
    this.unknownTaggedFieldsBelow(fields, 0, Infinity)
  }

  /** Writes the unknown tagged fields from `index` on whose tag is below `tag`, and returns the index of the first that is not. */
  unknownTaggedFieldsBelow(fields: readonly UnknownTaggedField[], index: number, tag: number): number {
    let next = index
    for (; next < fields.length && fields[next]!.tag < tag; next++) {
      const field = fields[next]!
      if (next > 0 && fields[next - 1]!.tag >= field.tag) {
        throw new SchemaError(`unknown tagged fields do not ascend: ${field.tag} after ${fields[next - 1]!.tag}`)
      }
      this.unsignedVarint(field.tag)
      this.unsignedVarint(field.data.length)
      this.rawBytes(field.data)
    }
    if (fields[next]?.tag === tag)
      throw new SchemaError(`tagged field ${tag} is known, yet also among the unknown ones`)
    return next
  }

  /** Overwrites four bytes that were written before, `offset` counted from the last `finish`: a frame's size, once it is known. */
  patchInt32(offset: number, value: number): void {
    let entryStart = 0
    for (const entry of this.#entries) {
      const within = offset - entryStart
      if (within < entry.length) {
        assert(within >= 0 && within + 4 <= entry.length, `int32 at ${offset} is split between entries`)
        viewOf(entry).setInt32(within, value)
        return
      }
      entryStart += entry.length
    }
    const position = this.#start + offset - entryStart
    assert(position + 4 <= this.#position, `int32 at ${offset} is beyond ${this.length} bytes written`)
    this.view.setInt32(position, value)
  }

  /** Takes out all that was written, in order, for one `writev`; the writer is empty afterwards. */
  finish(): Uint8Array[] {
    if (this.#entries.length === 0) return this.#finishOnly()
    this.#closeEntry()
    const entries = this.#entries
    this.#entries = []
    this.#entriesBytes = 0
    if (this.#end > LARGE_BLOCKS * this.#blockBytes) this.#releaseBlock()
    return entries
  }

  /** Nearly all messages are one piece: a list that grows has room for many more than that. */
  #finishOnly(): Uint8Array[] {
    if (this.#position === this.#start) return []
    const only = [this.#buffer.subarray(this.#start, this.#position)]
    this.#start = this.#position
    if (this.#end > LARGE_BLOCKS * this.#blockBytes) this.#releaseBlock()
    return only
  }

  /** One large message shall not leave a large block behind, alive for as long as the last small message cut from it. */
  #releaseBlock(): void {
    this.#buffer = NO_BLOCK
    this.view = NO_VIEW
    this.#position = 0
    this.#start = 0
    this.#end = 0
  }

  /** Takes out all that was written as one piece of memory of its own. */
  toBytes(): Uint8Array {
    const all = new Uint8Array(this.length)
    let position = 0
    for (const entry of this.finish()) {
      all.set(entry, position)
      position += entry.length
    }
    return all
  }

  /** Forgets what was written since the last `finish`, for example because encoding failed half-way. */
  discard(): void {
    this.#position = this.#start
    this.#entries = []
    this.#entriesBytes = 0
    this.#taggedDepth = 0
  }

  #closeEntry(): void {
    if (this.#position === this.#start) return
    this.#entries.push(this.#buffer.subarray(this.#start, this.#position))
    this.#entriesBytes += this.#position - this.#start
    this.#start = this.#position
  }
}

/** Sets eight reserved bytes; `what` names the field should `value` be no int64. */
export function putInt64(view: DataView, position: number, value: number, what: string): void {
  if ((value | 0) === value) {
    view.setInt32(position, value >> 31)
    view.setInt32(position + 4, value)
  } else if (Number.isSafeInteger(value)) {
    const high = Math.floor(value / 0x1_0000_0000)
    view.setInt32(position, high)
    view.setInt32(position + 4, value - high * 0x1_0000_0000)
  } else {
    putInt64Edge(view, position, value, what)
  }
}

function putInt64Edge(view: DataView, position: number, value: number, what: string): void {
  if (!Number.isInteger(value) || value < -(2 ** 63) || value > 2 ** 63) failRange(what, value)
  view.setBigInt64(position, value === 2 ** 63 ? INT64_MAX : BigInt(value))
}

export function putInt64Exact(view: DataView, position: number, value: bigint, what: string): void {
  if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) failRange(what, value)
  view.setBigInt64(position, value)
}

function stringBytes(text: string): number {
  const byteCount = Buffer.byteLength(text)
  if (byteCount > STRING_BYTES_MAX) {
    throw new SchemaError(`a string of ${byteCount} bytes, ${STRING_BYTES_MAX} are allowed`)
  }
  return byteCount
}

function isOnePiece(value: Uint8Array | readonly Uint8Array[]): value is Uint8Array {
  return value instanceof Uint8Array
}

function piecesBytes(pieces: readonly Uint8Array[]): number {
  let byteCount = 0
  for (const piece of pieces) byteCount += piece.length
  return byteCount
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function failRange(what: string, value: number | bigint): never {
  throw new SchemaError(`${what} cannot hold ${value}`)
}
