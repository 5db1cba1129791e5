import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'

import { apiList } from './apis.ts'
import { ByteReader, ProtocolError } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { codecOf, decodeMessage, decodeVersioned, encodeMessage, encodeVersioned, versionOf } from './codec.ts'
import type { Codec } from './codec.ts'
import { compile } from './compiler.ts'
import { internalMessages } from './internal-messages.ts'
import { ConsumerProtocolSubscription } from './internal/consumer-protocol.ts'
import { interpret } from './interpreter.ts'
import { layoutOf } from './layout.ts'
import type { Layout, LayoutField, LayoutType } from './layout.ts'
import { FetchRequest } from './messages/fetch.ts'
import { MetadataResponse } from './messages/metadata.ts'
import { SchemaError } from './schema.ts'

const allMessages = [...apiList.flatMap(api => [api.request, api.response]), ...internalMessages]
const layouts = allMessages.flatMap(message => message.versions.map(version => layoutOf(message, version, false)))
const exactLayouts = allMessages.flatMap(message => message.versions.map(version => layoutOf(message, version, true)))

const uuids = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => Buffer.from(bytes).toString('base64url'))
const bytes = fc.uint8Array({ maxLength: 40 })

function valuesOf(type: LayoutType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'boolean':
      return fc.boolean()
    case 'int8':
      return fc.integer({ min: -128, max: 127 })
    case 'int16':
      return fc.integer({ min: -0x8000, max: 0x7fff })
    case 'uint16':
      return fc.integer({ min: 0, max: 0xffff })
    case 'int32':
      return fc.integer()
    case 'uint32':
      return fc.integer({ min: 0, max: 2 ** 32 - 1 })
    case 'int64':
      return fc.maxSafeInteger()
    case 'int64Exact':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case 'float64':
      return fc.double()
    case 'uuid':
      return uuids
    case 'string':
      return fc.string({ unit: 'binary', maxLength: 50 })
    case 'bytes':
      return bytes
    case 'records':
      return bytes
    case 'array':
      return fc.array(valuesOf(type.element), { maxLength: 3 })
    case 'struct':
      return structsOf(type.layout)
  }
}

function fieldValuesOf(field: LayoutField): fc.Arbitrary<unknown> {
  return field.isNullable ? fc.option(valuesOf(field.type)) : valuesOf(field.type)
}

/** Some of the fields that the version has, and sometimes tagged fields that nobody knows. */
function structsOf(layout: Layout): fc.Arbitrary<Record<string, unknown>> {
  const present = layout.fields.filter(field => field.isPresent)
  const fields = fc.record(Object.fromEntries(present.map(field => [field.name, fieldValuesOf(field)])), {
    requiredKeys: [],
    noNullPrototype: true,
  })
  if (!layout.isFlexible) return fields
  const unknown = fc.uniqueArray(fc.record({ tag: fc.integer({ min: 31, max: 70_000 }), data: bytes }), {
    selector: field => field.tag,
    minLength: 1,
    maxLength: 3,
  })
  return fc.tuple(fields, fc.option(unknown, { freq: 3 })).map(([struct, tags]) => {
    if (tags !== null) struct['unknownTaggedFields'] = tags.toSorted((a, b) => a.tag - b.tag)
    return struct
  })
}

function encoded(codec: Codec<unknown>, value: unknown): Buffer {
  const writer = new ByteWriter(64)
  codec.encode(value, writer)
  return Buffer.from(writer.toBytes())
}

/** What decoding gives: the value, or why not. Compiled codecs find the end of the frame a run of fields earlier. */
function outcome(codec: Codec<unknown>, frame: Uint8Array): unknown {
  const reader = new ByteReader(frame)
  try {
    return { value: codec.decode(reader), position: reader.position }
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error))
    return / bytes wanted at /.test(error.message) ? 'cut short' : error.message
  }
}

/** A layout of any message and version, the two codecs for it, and a value. */
function cases(
  of: readonly Layout[],
): fc.Arbitrary<{ compiled: Codec<unknown>; plain: Codec<unknown>; value: unknown }> {
  return fc
    .constantFrom(...of)
    .chain(layout => structsOf(layout).map(value => ({ compiled: compile(layout)!, plain: interpret(layout), value })))
}

describe('compiled codecs and the interpreter', () => {
  for (const [name, of] of [
    ['numbers', layouts],
    ['bigints', exactLayouts],
  ] as const) {
    test(`agree on random values of random messages, with int64 as ${name}`, () => {
      fc.assert(
        fc.property(cases(of), ({ compiled, plain, value }) => {
          const frame = encoded(compiled, value)
          assert.deepEqual(encoded(plain, value), frame)
          const decoded = compiled.decode(new ByteReader(frame))
          assert.deepEqual(plain.decode(new ByteReader(frame)), decoded)
          assert.deepEqual(Object.keys(plain.decode(new ByteReader(frame)) as object), Object.keys(decoded as object))
          assert.deepEqual(encoded(compiled, decoded), frame)
          assert.deepEqual(encoded(plain, decoded), frame)
        }),
        { numRuns: 400 },
      )
    })
  }

  test('agree on the defaults of every message in every version', () => {
    for (const layout of [...layouts, ...exactLayouts]) {
      const [compiled, plain] = [compile(layout)!, interpret(layout)]
      const frame = encoded(compiled, {})
      assert.deepEqual(encoded(plain, {}), frame)
      assert.deepEqual(compiled.decode(new ByteReader(frame)), plain.decode(new ByteReader(frame)))
    }
  })

  test('agree on what is wrong with a frame that was damaged or cut short', () => {
    const damage = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), cut: fc.nat({ max: 10 }) })
    fc.assert(
      fc.property(cases(layouts), fc.array(damage, { maxLength: 4 }), ({ compiled, plain, value }, damages) => {
        let frame = encoded(plain, value)
        for (const { at, byte, cut } of damages) {
          if (frame.length === 0) break
          frame[at % frame.length] = byte
          frame = frame.subarray(0, frame.length - (cut === 0 ? at % frame.length : 0))
        }
        assert.deepEqual(outcome(compiled, frame), outcome(plain, frame))
      }),
      { numRuns: 600 },
    )
  })

  test('read any bytes as a message or refuse them with a ProtocolError', () => {
    fc.assert(
      fc.property(fc.constantFrom(...layouts), fc.uint8Array({ maxLength: 200 }), (layout, frame) => {
        assert.deepEqual(outcome(compile(layout)!, frame), outcome(interpret(layout), frame))
      }),
      { numRuns: 600 },
    )
  })

  test('every message is refused wherever it is cut', () => {
    const value: MetadataResponse = decodeMessage(
      MetadataResponse,
      12,
      encodeMessage(MetadataResponse, 12, {
        brokers: [{ nodeId: 1, host: 'localhost', port: 9092, rack: 'a' }],
        topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, replicaNodes: [1], isrNodes: [1] }] }],
      }),
    )
    const frame = encodeMessage(MetadataResponse, 12, value)
    for (const codec of [codecOf(MetadataResponse, 12), interpret(layoutOf(MetadataResponse, 12, false))]) {
      for (let length = 0; length < frame.length; length++) {
        assert.throws(() => codec.decode(new ByteReader(frame.subarray(0, length))), ProtocolError)
      }
    }
  })

  test('a count of elements that the frame cannot hold costs nothing', () => {
    const version = 12
    const topicsAt = 4 + 4 + 4 + 4 + 1 + 4 + 4
    const frame = Buffer.from(encodeMessage(FetchRequest, version, {}))
    const bomb = Buffer.concat([
      frame.subarray(0, topicsAt),
      Buffer.from('ffffffff0f', 'hex'),
      frame.subarray(topicsAt + 1),
    ])
    for (const codec of [codecOf(FetchRequest, version), interpret(layoutOf(FetchRequest, version, false))]) {
      assert.throws(() => codec.decode(new ByteReader(bomb)), /an array of 4294967294 elements/)
    }
  })

  test('a frame of very many tiny elements is refused by the budget', () => {
    const partitions = Array.from({ length: 300 }, (_, partition) => ({ partition }))
    const frame = encodeMessage(FetchRequest, 12, { topics: [{ topic: 'orders', partitions }] })
    for (const codec of [codecOf(FetchRequest, 12), interpret(layoutOf(FetchRequest, 12, false))]) {
      codec.decode(new ByteReader(frame, 0, frame.length, 301))
      assert.throws(() => codec.decode(new ByteReader(frame, 0, frame.length, 300)), /more than 300 objects/)
    }
  })

  test('a frame of very many numbers is refused by theirs', () => {
    const forgottenTopicsData = [{ topic: 'orders', partitions: Array.from({ length: 300 }, (_, index) => index) }]
    const frame = encodeMessage(FetchRequest, 12, { forgottenTopicsData })
    for (const codec of [codecOf(FetchRequest, 12), interpret(layoutOf(FetchRequest, 12, false))]) {
      codec.decode(new ByteReader(frame, 0, frame.length, 1, 300))
      assert.throws(() => codec.decode(new ByteReader(frame, 0, frame.length, 1, 299)), /more than 299 numbers/)
    }
  })
})

test('a codec is made once', () => {
  assert.equal(codecOf(FetchRequest, 12), codecOf(FetchRequest, 12))
  assert.notEqual(codecOf(FetchRequest, 12), codecOf(FetchRequest, 13))
})

test('a version that never was is refused', () => {
  assert.throws(() => codecOf(FetchRequest, 99), SchemaError)
  assert.throws(() => codecOf(FetchRequest, -1), /FetchRequest has no version -1/)
})

test('the interpreter stands in where code may not be generated', () => {
  const script = `
    const { codecOf } = await import('./codec.ts')
    const { encodeMessage, decodeMessage } = await import('./codec.ts')
    const { ApiVersionsRequest } = await import('./messages/api-versions.ts')
    const value = { clientSoftwareName: 'ottla', clientSoftwareVersion: '1' }
    console.log(JSON.stringify(decodeMessage(ApiVersionsRequest, 3, encodeMessage(ApiVersionsRequest, 3, value))))`
  const child = spawnSync(
    process.execPath,
    ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', script],
    { cwd: import.meta.dirname, encoding: 'utf8' },
  )
  assert.equal(child.stderr, '')
  assert.equal(child.stdout.trim(), '{"clientSoftwareName":"ottla","clientSoftwareVersion":"1"}')
})

test('a versioned message carries its version in front', () => {
  const subscription = encodeVersioned(ConsumerProtocolSubscription, 3, { topics: ['orders'], rackId: 'a' })
  assert.equal(versionOf(subscription), 3)
  assert.equal(decodeVersioned(ConsumerProtocolSubscription, subscription).rackId, 'a')
  assert.equal(versionOf(Buffer.from('ffff', 'hex')), -1)
  assert.equal(versionOf(new Uint8Array(1)), -1)
})
