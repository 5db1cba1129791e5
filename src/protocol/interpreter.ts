/**
 * Walks a layout field by field: the plain meaning of a schema. It stands in where generated code is not allowed, and tests hold
 * the compiler to it.
 */

import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import type { Codec } from './codec.ts'
import { defaultOf, fixedBytes, isDefault, typeBytesMin } from './layout.ts'
import type { Layout, LayoutType } from './layout.ts'
import { SchemaError } from './schema.ts'
import type { UnknownTaggedField } from './schema.ts'

type Struct = Record<string, unknown>

export function interpret(layout: Layout): Codec<unknown> {
  return {
    decode: reader => decodeStruct(layout, reader),
    encode: (value, writer) => encodeStruct(layout, value as Struct, writer),
  }
}

/** What decoding and encoding a value depend on, besides its type. */
interface Form {
  readonly isNullable: boolean
  readonly isCompact: boolean
  readonly tag: number | null
  readonly path: string
}

function decodeStruct(layout: Layout, reader: ByteReader): Struct {
  const struct: Struct = {}
  for (const field of layout.fields) {
    const isFixedPart = field.isPresent && field.tag === null
    struct[field.name] = isFixedPart ? decodeValue(field.type, field, reader) : defaultOf(field)
  }
  if (layout.isFlexible) decodeTaggedFields(layout, struct, reader)
  return struct
}

function decodeTaggedFields(layout: Layout, struct: Struct, reader: ByteReader): void {
  const seen = new Set<number>()
  let unknown: UnknownTaggedField[] | undefined
  for (let left = reader.unsignedVarint(); left > 0; left--) {
    const tag = reader.unsignedVarint()
    const field = layout.tagged.find(candidate => candidate.tag === tag)
    if (field === undefined) {
      unknown = reader.unknownTaggedField(tag, unknown)
      continue
    }
    if (seen.has(tag)) reader.failDuplicateTag(tag)
    seen.add(tag)
    const end = reader.beginTaggedField()
    struct[field.name] = decodeValue(field.type, field, reader)
    reader.endTaggedField(tag, end)
  }
  if (unknown !== undefined) struct['unknownTaggedFields'] = unknown
}

function decodeValue(type: LayoutType, form: Form, reader: ByteReader): unknown {
  const { isNullable, isCompact } = form
  switch (type.kind) {
    case 'string':
      if (isCompact) return isNullable ? reader.nullableCompactString() : reader.compactString()
      return isNullable ? reader.nullableString() : reader.string()
    case 'bytes':
    case 'records':
      if (isCompact) return isNullable ? reader.nullableCompactBytes() : reader.compactBytes()
      return isNullable ? reader.nullableBytes() : reader.bytes()
    case 'array':
      return decodeArray(type.element, form, reader)
    case 'struct':
      return isNullable && isNullStruct(form, reader) ? null : decodeStruct(type.layout, reader)
    default:
      return reader[type.kind]()
  }
}

/** In front of a nullable struct stands a byte, below 0 for null; in the tagged section a varint instead, 0 for null. */
function isNullStruct(form: Form, reader: ByteReader): boolean {
  return form.tag === null ? reader.int8() < 0 : reader.unsignedVarint() === 0
}

function decodeArray(element: LayoutType, form: Form, reader: ByteReader): unknown[] | null {
  const bytesMin = typeBytesMin(element, form.isCompact)
  const length = decodeArrayLength(form, bytesMin, reader)
  if (length < 0) return null
  if (fixedBytes(element.kind) === 0) reader.spendObjects(length)
  else reader.spendNumbers(length)
  const elementForm = { ...form, isNullable: false }
  return Array.from({ length }, () => decodeValue(element, elementForm, reader))
}

function decodeArrayLength(form: Form, bytesMin: number, reader: ByteReader): number {
  if (form.isCompact) {
    return form.isNullable ? reader.nullableCompactArrayLength(bytesMin) : reader.compactArrayLength(bytesMin)
  }
  return form.isNullable ? reader.nullableArrayLength(bytesMin) : reader.arrayLength(bytesMin)
}

function encodeStruct(layout: Layout, struct: Struct, writer: ByteWriter): void {
  for (const field of layout.fields) {
    const value = struct[field.name]
    if (!field.isPresent) {
      if (!field.isIgnorable && !isDefault(field, value)) throw new SchemaError(`${field.path} is not in this version`)
    } else if (field.tag === null) {
      encodeValue(field.type, field, value === undefined ? defaultOf(field) : value, writer)
    }
  }
  const unknown = (struct['unknownTaggedFields'] ?? []) as readonly UnknownTaggedField[]
  if (layout.isFlexible) encodeTaggedFields(layout, struct, unknown, writer)
  else if (unknown.length > 0) throw new SchemaError('tagged fields are not in this version')
}

function encodeTaggedFields(
  layout: Layout,
  struct: Struct,
  unknown: readonly UnknownTaggedField[],
  writer: ByteWriter,
): void {
  const known = layout.tagged.filter(field => !isDefault(field, struct[field.name]))
  writer.unsignedVarint(known.length + unknown.length)
  let nextUnknown = 0
  for (const field of known) {
    nextUnknown = writer.unknownTaggedFieldsBelow(unknown, nextUnknown, field.tag!)
    const mark = writer.beginTaggedField(field.tag!)
    encodeValue(field.type, field, struct[field.name], writer)
    writer.endTaggedField(mark)
  }
  writer.unknownTaggedFieldsBelow(unknown, nextUnknown, Infinity)
}

function encodeValue(type: LayoutType, form: Form, value: unknown, writer: ByteWriter): void {
  const { isNullable, isCompact } = form
  if (value === null && !isNullable) throw new SchemaError(`${form.path} may not be null in this version`)
  switch (type.kind) {
    case 'string':
      if (isCompact) writer.nullableCompactString(value as string | null)
      else writer.nullableString(value as string | null)
      return
    case 'bytes':
      if (isCompact) writer.nullableCompactBytes(value as Uint8Array | null)
      else writer.nullableBytes(value as Uint8Array | null)
      return
    case 'records':
      if (isCompact) writer.nullableCompactRecords(value as Uint8Array | null)
      else writer.nullableRecords(value as Uint8Array | null)
      return
    case 'array':
      encodeArray(type.element, form, value as readonly unknown[] | null, writer)
      return
    case 'struct':
      if (isNullable) writer.int8(value !== null ? 1 : form.tag === null ? -1 : 0)
      if (value !== null) encodeStruct(type.layout, value as Struct, writer)
      return
    default:
      writer[type.kind](value as never)
  }
}

function encodeArray(element: LayoutType, form: Form, values: readonly unknown[] | null, writer: ByteWriter): void {
  const length = values === null ? -1 : values.length
  if (form.isCompact) writer.compactArrayLength(length)
  else writer.arrayLength(length)
  const elementForm = { ...form, isNullable: false }
  for (const value of values ?? []) encodeValue(element, elementForm, value, writer)
}
