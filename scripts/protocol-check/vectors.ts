/**
 * One vector: bytes that Kafka wrote, and the value that it wrote them for. Both implementations of the codecs must get the value from
 * the bytes and the bytes from the value, exactly; the codecs that brokers use, whose int64 are numbers, must agree with them wherever
 * a double can.
 */

import { isDeepStrictEqual } from 'node:util'

import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import type { Codec } from '../../src/protocol/codec.ts'
import { compile } from '../../src/protocol/compiler.ts'
import { interpret } from '../../src/protocol/interpreter.ts'
import { defaultOf, layoutOf } from '../../src/protocol/layout.ts'
import type { Layout, LayoutField, LayoutType } from '../../src/protocol/layout.ts'
import type { Message } from '../../src/protocol/schema.ts'

interface Vector {
  readonly version: number
  readonly bytes: string
  readonly json: unknown
}

type Struct = Record<string, unknown>

/** What is wrong, or null. */
export function checkVector(message: Message, vector: Vector): string | null {
  const bytes = Buffer.from(vector.bytes, 'hex')
  for (const isExact of [true, false]) {
    const layout = layoutOf(message, vector.version, isExact)
    const compiled = compile(layout)
    if (compiled === null) return 'this process may not compile codecs'
    for (const [name, codec] of [
      ['compiled', compiled],
      ['interpreted', interpret(layout)],
    ] as const) {
      const problem = checkCodec(codec, layout, bytes, vector.json, isExact)
      if (problem !== null)
        return `${message.name} ${vector.version}, ${name}${isExact ? '' : ' with numbers'}: ${problem}`
    }
  }
  return null
}

function checkCodec(
  codec: Codec<unknown>,
  layout: Layout,
  bytes: Uint8Array,
  json: unknown,
  isExact: boolean,
): string | null {
  const reader = new ByteReader(bytes)
  const decoded = codec.decode(reader)
  if (reader.remaining > 0) return `${reader.remaining} bytes are left over`
  const expected = expectedStruct(layout, json as Struct)
  const decodedJson = jsonOfStruct(layout, decoded as Struct)
  if (!isDeepStrictEqual(decodedJson, expected)) {
    return `decoded ${JSON.stringify(decodedJson)}, not ${JSON.stringify(expected)}`
  }
  // What lost bits on the way in cannot come out the same.
  if (!isExact && !isSafe(layout, json as Struct)) return null
  const fromJson = valueOfStruct(layout, json as Struct)
  copyUnknownTaggedFields(layout, decoded as Struct, fromJson)
  for (const [what, value] of [
    ['decoded value', decoded],
    ['value of the vector', fromJson],
  ] as const) {
    const writer = new ByteWriter()
    codec.encode(value, writer)
    const written = Buffer.from(writer.toBytes())
    if (!written.equals(bytes)) return `${what} encoded as ${written.toString('hex')}`
  }
  return null
}

function presentFields(layout: Layout): readonly LayoutField[] {
  return layout.fields.filter(field => field.isPresent)
}

/** A decoded struct in the form that vectors have. */
function jsonOfStruct(layout: Layout, struct: Struct): Struct {
  return Object.fromEntries(presentFields(layout).map(field => [field.name, jsonOf(field.type, struct[field.name])]))
}

function jsonOf(type: LayoutType, value: unknown): unknown {
  if (value === null) return null
  switch (type.kind) {
    case 'int64Exact':
      return Number.isSafeInteger(Number(value)) ? Number(value) : (value as bigint).toString()
    case 'bytes':
    case 'records':
      return Buffer.from(value as Uint8Array).toString('base64')
    case 'array':
      return (value as unknown[]).map(element => jsonOf(type.element, element))
    case 'struct':
      return jsonOfStruct(type.layout, value as Struct)
    default:
      return value
  }
}

/** The opposite of `jsonOfStruct`. */
function valueOfStruct(layout: Layout, json: Struct): Struct {
  return Object.fromEntries(presentFields(layout).map(field => [field.name, valueOf(field.type, json[field.name])]))
}

function valueOf(type: LayoutType, json: unknown): unknown {
  if (json === null || json === undefined) return json
  switch (type.kind) {
    case 'int64Exact':
      return BigInt(json as number | string)
    case 'float64':
      return Number(json)
    case 'bytes':
    case 'records':
      return Buffer.from(json as string, 'base64')
    case 'array':
      return (json as unknown[]).map(element => valueOf(type.element, element))
    case 'struct':
      return valueOfStruct(type.layout, json as Struct)
    default:
      return json
  }
}

/**
 * The vector's value as `jsonOfStruct` should give it: tagged fields that it leaves out have their defaults, and int64 are rounded where
 * the layout has numbers.
 */
function expectedStruct(layout: Layout, json: Struct): Struct {
  return Object.fromEntries(
    presentFields(layout).map(field => {
      const isLeftOut = field.tag !== null && json[field.name] === undefined
      return [field.name, isLeftOut ? jsonOf(field.type, defaultOf(field)) : expected(field.type, json[field.name])]
    }),
  )
}

function expected(type: LayoutType, json: unknown): unknown {
  if (json === null) return null
  // JSON has no number for NaN and the infinities, so that they stand as strings.
  if (type.kind === 'int64' || type.kind === 'float64') return Number(json)
  if (type.kind === 'array') return (json as unknown[]).map(element => expected(type.element, element))
  return type.kind === 'struct' ? expectedStruct(type.layout, json as Struct) : json
}

/** Whether a double holds every int64 of the vector; those that it does not hold stand as strings. */
function isSafe(layout: Layout, json: Struct): boolean {
  const isSafeValue = (type: LayoutType, value: unknown): boolean => {
    if (value === null || value === undefined) return true
    if (type.kind === 'array') return (value as unknown[]).every(element => isSafeValue(type.element, element))
    if (type.kind === 'struct') return isSafe(type.layout, value as Struct)
    return type.kind !== 'int64' || typeof value === 'number'
  }
  return presentFields(layout).every(field => isSafeValue(field.type, json[field.name]))
}

/** Vectors have unknown tagged fields in their bytes only, so the value to encode takes them over from the decoded one. */
function copyUnknownTaggedFields(layout: Layout, from: Struct, to: Struct): void {
  if (from['unknownTaggedFields'] !== undefined) to['unknownTaggedFields'] = from['unknownTaggedFields']
  for (const { name, type } of presentFields(layout)) copyInto(type, from[name], to[name])
}

function copyInto(type: LayoutType, from: unknown, to: unknown): void {
  if (from === null || to === null || to === undefined) return
  if (type.kind === 'struct') copyUnknownTaggedFields(type.layout, from as Struct, to as Struct)
  else if (type.kind === 'array') {
    for (const [index, element] of (from as unknown[]).entries())
      copyInto(type.element, element, (to as unknown[])[index])
  }
}
