/**
 * Writes a message as its layout says, and remembers where each length, count, tag and number lies, so that mutations can aim. Unlike the
 * product's codec it writes whatever it is told: strings that are not UTF-8, tags in any order, twice, or of a field that has another form.
 *
 * Its own code rather than the product's: what both write of a valid message is the same bytes (`generator.test.ts`), written twice.
 */

import { defaultOf, isDefault } from '../../src/protocol/layout.ts'
import type { Layout, LayoutField, LayoutType } from '../../src/protocol/layout.ts'
import { uuidBytes } from '../../src/protocol/uuid.ts'

export type MarkKind =
  /** Of a string, of bytes. */
  | 'length16'
  | 'length32'
  | 'lengthVarint'
  /** Of an array. */
  | 'count32'
  | 'countVarint'
  /** In the tagged section: how many there are, which one, how long it is. */
  | 'tagCount'
  | 'tag'
  | 'tagSize'
  /** Whether a struct is there. */
  | 'presence'
  | 'scalar'

export interface Mark {
  readonly kind: MarkKind
  readonly at: number
  readonly size: number
}

/** A field's value, by name. Strings may be bytes, int64 is a bigint, and tagged fields may be anything. */
export type Struct = Record<string, unknown>

export interface RawTag {
  readonly tag: number
  readonly data: Uint8Array
}

/** Arrays of thousands need no mark for each element. */
const marksMax = 2000

export class MarkedWriter {
  readonly marks: Mark[] = []
  length = 0
  #bytes = Buffer.alloc(512)

  bytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.length))
  }

  room(byteCount: number): number {
    const at = this.length
    const needed = at + byteCount
    if (needed > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(needed, 2 * this.#bytes.length))
      grown.set(this.#bytes.subarray(0, at))
      this.#bytes = grown
    }
    this.length = needed
    return at
  }

  mark(kind: MarkKind, at: number, size: number): void {
    if (this.marks.length < marksMax) this.marks.push({ kind, at, size })
  }

  int8(value: number, kind: MarkKind = 'scalar'): void {
    const at = this.room(1)
    this.#bytes[at] = value & 0xff
    this.mark(kind, at, 1)
  }

  int16(value: number, kind: MarkKind = 'scalar'): void {
    const at = this.room(2)
    this.#bytes.writeUInt16BE(value & 0xffff, at)
    this.mark(kind, at, 2)
  }

  int32(value: number, kind: MarkKind = 'scalar'): void {
    const at = this.room(4)
    this.#bytes.writeInt32BE(value | 0, at)
    this.mark(kind, at, 4)
  }

  int64(value: bigint): void {
    const at = this.room(8)
    this.#bytes.writeBigInt64BE(BigInt.asIntN(64, value), at)
    this.mark('scalar', at, 8)
  }

  float64(value: number): void {
    const at = this.room(8)
    this.#bytes.writeDoubleBE(value, at)
    this.mark('scalar', at, 8)
  }

  varint(value: number, kind: MarkKind): void {
    const at = this.room(varintSize(value))
    let end = at
    let rest = value >>> 0
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[end++] = (rest & 0x7f) | 0x80
    this.#bytes[end++] = rest
    this.mark(kind, at, end - at)
  }

  raw(bytes: Uint8Array): void {
    const at = this.room(bytes.length)
    this.#bytes.set(bytes, at)
  }

  /** What another writer has written, with its marks. */
  append(other: MarkedWriter): void {
    const start = this.length
    this.raw(other.#bytes.subarray(0, other.length))
    for (const { kind, at, size } of other.marks) this.mark(kind, start + at, size)
  }
}

function varintSize(value: number): number {
  let size = 1
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) size++
  return size
}

/** Of an unsigned 32-bit number; `bytesMin` above what it needs makes it overlong. */
export function varintBytes(value: number, bytesMin = 1): Uint8Array {
  const bytes: number[] = []
  let rest = value >>> 0
  while (rest >= 0x80 || bytes.length + 1 < bytesMin) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

export function encodeMarked(layout: Layout, value: Struct, writer: MarkedWriter): void {
  for (const field of layout.fields) {
    if (field.isPresent && field.tag === null) encodeField(field, given(field, value), writer)
  }
  if (layout.isFlexible) encodeTagged(layout, value, writer)
}

function given(field: LayoutField, value: Struct): unknown {
  const own = value[field.name]
  return own === undefined ? defaultOf(field) : own
}

function encodeTagged(layout: Layout, value: Struct, writer: MarkedWriter): void {
  const sections: { tag: number; body: MarkedWriter }[] = []
  for (const field of layout.tagged) {
    if (isDefault(field, value[field.name])) continue
    const body = new MarkedWriter()
    encodeField(field, given(field, value), body)
    sections.push({ tag: field.tag!, body })
  }
  for (const { tag, data } of (value['unknownTaggedFields'] ?? []) as readonly RawTag[]) {
    const body = new MarkedWriter()
    body.raw(data)
    sections.push({ tag, body })
  }
  writer.varint(sections.length, 'tagCount')
  for (const { tag, body } of sections) {
    writer.varint(tag, 'tag')
    writer.varint(body.length, 'tagSize')
    writer.append(body)
  }
}

function encodeField(field: LayoutField, value: unknown, writer: MarkedWriter): void {
  const { type, isCompact } = field
  switch (type.kind) {
    case 'string':
    case 'bytes':
    case 'records':
      encodeBytes(type.kind, isCompact, value as string | Uint8Array | null, writer)
      return
    case 'array':
      encodeArray(field, type.element, value as readonly unknown[] | null, writer)
      return
    case 'struct':
      if (field.isNullable && field.tag === null) writer.int8(value === null ? -1 : 1, 'presence')
      else if (field.isNullable) writer.varint(value === null ? 0 : 1, 'presence')
      if (value !== null) encodeMarked(type.layout, value as Struct, writer)
      return
    default:
      encodeScalar(type.kind, value, writer)
  }
}

function encodeBytes(
  kind: 'string' | 'bytes' | 'records',
  isCompact: boolean,
  value: string | Uint8Array | null,
  writer: MarkedWriter,
): void {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  if (isCompact) writer.varint(bytes === null ? 0 : bytes.length + 1, 'lengthVarint')
  else if (kind === 'string') writer.int16(bytes === null ? -1 : bytes.length, 'length16')
  else writer.int32(bytes === null ? -1 : bytes.length, 'length32')
  if (bytes !== null) writer.raw(bytes)
}

function encodeArray(
  field: LayoutField,
  element: LayoutType,
  values: readonly unknown[] | null,
  writer: MarkedWriter,
): void {
  if (field.isCompact) writer.varint(values === null ? 0 : values.length + 1, 'countVarint')
  else writer.int32(values === null ? -1 : values.length, 'count32')
  const each: LayoutField = { ...field, type: element, isNullable: false }
  for (const value of values ?? []) encodeField(each, value, writer)
}

function encodeScalar(kind: LayoutType['kind'], value: unknown, writer: MarkedWriter): void {
  switch (kind) {
    case 'boolean':
      return writer.int8(value === true ? 1 : 0)
    case 'int8':
      return writer.int8(value as number)
    case 'int16':
    case 'uint16':
      return writer.int16(value as number)
    case 'int32':
    case 'uint32':
      return writer.int32(value as number)
    case 'int64':
    case 'int64Exact':
      return writer.int64(value as bigint)
    case 'float64':
      return writer.float64(value as number)
    default:
      return writer.raw(uuidBytes(value as string))
  }
}
