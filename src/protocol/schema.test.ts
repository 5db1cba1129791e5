import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import type { Codec } from './codec.ts'
import { codecOf, decodeMessage, encodeMessage } from './codec.ts'
import { interpret } from './interpreter.ts'
import { layoutOf } from './layout.ts'
import { FetchRequest, FetchResponse } from './messages/fetch.ts'
import { ProduceRequest } from './messages/produce.ts'
import {
  array,
  boolean,
  bytes,
  int16,
  int32,
  int64,
  int64Exact,
  message,
  parseVersions,
  SchemaError,
  string,
  struct,
} from './schema.ts'
import type { Infer, Input, Message } from './schema.ts'

/** Hex in readable groups. */
function bare(groups: string): string {
  return groups.replaceAll(' ', '')
}

const Sample = message({
  name: 'Sample',
  versions: '0-4',
  flexibleSince: 3,
  fields: {
    always: int32.default(-1),
    old: string.until(1),
    oldList: array(int16).until(1),
    added: boolean.since(1),
    hint: int32.since(2).default(7).ignorable(),
    note: string.nullable(2).since(1),
    payload: bytes.nullable().since(2).default(null),
    owner: struct({ name: string, age: int32.since(3).default(-1) })
      .nullable()
      .since(2)
      .default(null),
    position: struct({ epoch: int32.default(-1), offset: int64.default(-1) })
      .since(3)
      .tagged(0),
    label: string.nullable().since(4).tagged(2).default(null),
  },
})
type Sample = Infer<typeof Sample>

const defaults: Sample = {
  always: -1,
  old: '',
  oldList: [],
  added: false,
  hint: 7,
  note: '',
  payload: null,
  owner: null,
  position: { epoch: -1, offset: -1 },
  label: null,
}

/** Each test holds for both kinds of codec. */
const kinds: readonly [string, (schema: Message, version: number) => Codec<unknown>][] = [
  ['compiled', (schema, version) => codecOf(schema, version)],
  ['interpreted', (schema, version) => interpret(layoutOf(schema, version, false))],
]

for (const [kind, make] of kinds) {
  const encode = (version: number, value: Input<typeof Sample>): Uint8Array => {
    const writer = new ByteWriter()
    make(Sample, version).encode(value, writer)
    return writer.toBytes()
  }
  const decode = (version: number, frame: Uint8Array): Sample =>
    make(Sample, version).decode(new ByteReader(frame)) as Sample
  const roundTrip = (version: number, value: Input<typeof Sample>): Sample => decode(version, encode(version, value))

  describe(`a message, ${kind}`, () => {
    test('absent fields are written as their defaults, and all fields are read', () => {
      for (const version of Sample.versions) assert.deepEqual(roundTrip(version, {}), defaults)
      assert.deepEqual(roundTrip(4, { always: undefined, label: undefined }), defaults)
    })

    test('fields come in their order and in the form of the version', () => {
      const hex = (version: number, value: Input<typeof Sample>): string =>
        Buffer.from(encode(version, value)).toString('hex')
      assert.equal(hex(0, { old: 'a', oldList: [1, 2] }), bare('ffffffff 000161 00000002 0001 0002'))
      assert.equal(hex(1, { added: true, note: 'n' }), bare('ffffffff 0000 00000000 01 00016e'))
      assert.equal(hex(2, { note: null }), bare('ffffffff 00 00000007 ffff ffffffff ff'))
      assert.equal(
        hex(4, { owner: { name: 'o', age: 3 }, label: 'x', position: { epoch: 1 } }),
        bare('ffffffff00 00000007 01 00 01026f0000000300 02 000d00000001ffffffffffffffff00 02020278'),
      )
    })

    test('a value in a field that the version lacks is refused', () => {
      assert.throws(() => encode(0, { added: true }), /Sample.added is not in this version/)
      assert.throws(() => encode(2, { old: 'x' }), SchemaError)
      assert.throws(() => encode(2, { oldList: [1] }), SchemaError)
      assert.throws(() => encode(1, { payload: new Uint8Array(0) }), SchemaError)
      assert.throws(() => encode(1, { owner: { name: 'x' } }), SchemaError)
      assert.throws(() => encode(2, { owner: { name: 'x', age: 3 } }), /Sample.owner.age is not/)
      assert.throws(() => encode(2, { position: { epoch: 3 } }), SchemaError)
      assert.throws(() => encode(3, { label: '' }), SchemaError)
    })

    test('a default in a field that the version lacks is not in the way', () => {
      assert.deepEqual(roundTrip(0, defaults), defaults)
      assert.deepEqual(roundTrip(2, { ...defaults, position: {}, oldList: [] }), defaults)
    })

    test('a value in an ignorable field is dropped in versions without it', () => {
      assert.equal(roundTrip(1, { hint: 99 }).hint, 7)
      assert.equal(roundTrip(2, { hint: 99 }).hint, 99)
    })

    test('null is refused in versions that have no form for it', () => {
      assert.throws(() => encode(1, { note: null }), /Sample.note may not be null in this version/)
      assert.equal(roundTrip(2, { note: null }).note, null)
      assert.throws(() => encode(4, { always: null as unknown as number }), SchemaError)
    })

    test('a number that does not fit names its field', () => {
      if (kind === 'compiled')
        assert.throws(() => encode(0, { always: 2 ** 31 }), /Sample.always: int32 cannot hold 2147483648/)
      assert.throws(() => encode(0, { oldList: [0x8000] }), SchemaError)
      assert.throws(() => encode(3, { position: { offset: 0.5 } }), SchemaError)
    })

    test('unknown tagged fields survive between known ones, in structs too', () => {
      const unknownTaggedFields = [
        { tag: 1, data: Buffer.from('aa', 'hex') },
        { tag: 9, data: Buffer.from('', 'hex') },
      ]
      const value = {
        owner: { name: 'o', unknownTaggedFields },
        position: { epoch: 4, unknownTaggedFields },
        label: 'x',
        unknownTaggedFields,
      }
      const frame = encode(4, value)
      const decoded = decode(4, frame)
      assert.deepEqual(decoded, {
        ...defaults,
        ...value,
        owner: { age: -1, ...value.owner },
        position: { offset: -1, ...value.position },
      })
      assert.deepEqual(encode(4, decoded), frame)
    })

    test('a tagged field of a later version is unknown to an earlier one, and survives', () => {
      const frame = encode(4, { label: 'x' })
      const older = decode(3, frame)
      assert.equal(older.label, null)
      assert.equal(older.unknownTaggedFields?.length, 1)
      assert.deepEqual(encode(3, older), frame)
    })

    test('unknown tagged fields are refused in versions without tags', () => {
      const unknownTaggedFields = [{ tag: 1, data: new Uint8Array(1) }]
      assert.throws(() => encode(2, { unknownTaggedFields }), SchemaError)
      assert.deepEqual(roundTrip(2, { unknownTaggedFields: [] }), defaults)
    })

    test('a known tagged field that comes twice, or with the wrong size, is refused', () => {
      const fixed = encode(4, {}).subarray(0, -1)
      const withTags = (hex: string): Uint8Array => Buffer.concat([fixed, Buffer.from(hex, 'hex')])
      assert.deepEqual(decode(4, withTags(bare('01 02020261'))).label, 'a')
      assert.throws(() => decode(4, withTags(bare('02 02020261 02020261'))), /tagged field 2 comes twice/)
      assert.throws(() => decode(4, withTags(bare('01 02030261'))), /3 bytes wanted/)
      assert.throws(() => decode(4, withTags(bare('01 0203026100'))), /tagged field 2 says/)
      assert.throws(() => decode(4, withTags(bare('01 02010261'))), /tagged field 2 says/)
      assert.throws(() => decode(4, withTags(bare('01 0280808080100261'))), /longer than 32 bits/)
    })

    test('defaults are not shared between messages', () => {
      const [first, second] = [roundTrip(2, {}), roundTrip(2, {})]
      first.position.epoch = 5
      first.oldList.push(1)
      assert.deepEqual(second, defaults)
    })
  })
}

describe('the schemas of Kafka', () => {
  test('a request written with what matters reads with everything', () => {
    const request = { topics: [{ topic: 'orders', partitions: [{ partition: 3, fetchOffset: 5_000_000_000 }] }] }
    const decoded = decodeMessage(FetchRequest, 12, encodeMessage(FetchRequest, 12, request))
    const [topic] = decoded.topics
    assert.equal(topic!.partitions[0]!.fetchOffset, 5_000_000_000)
    assert.equal(decoded.maxBytes, 2 ** 31 - 1)
    assert.equal(decoded.replicaState.replicaId, -1)
    assert.equal(topic!.partitions[0]!.highWatermark, 2n ** 63n - 1n)
  })

  test('records are views when read, and may be several slices when written', () => {
    const pieces = [new Uint8Array(1500).fill(1), new Uint8Array(70).fill(2)]
    const writer = new ByteWriter()
    codecOf(FetchResponse, 12).encode({ responses: [{ topic: 'orders', partitions: [{ records: pieces }] }] }, writer)
    const entries = writer.finish()
    assert.equal(entries[1], pieces[0])
    const frame = Buffer.concat(entries)
    const { records } = codecOf(FetchResponse, 12).decode(new ByteReader(frame)).responses[0]!.partitions[0]!
    assert.deepEqual(new Uint8Array(records!), new Uint8Array(Buffer.concat(pieces)))
    assert.equal(records!.buffer, frame.buffer)
  })

  test('null records and empty records are told apart', () => {
    for (const version of [3, 9]) {
      for (const records of [null, new Uint8Array(0), []]) {
        const frame = encodeMessage(ProduceRequest, version, { topicData: [{ partitionData: [{ records }] }] })
        const decoded = decodeMessage(ProduceRequest, version, frame).topicData[0]!.partitionData[0]!.records
        assert.equal(decoded?.length, records?.length)
      }
    }
  })
})

describe('declarations', () => {
  test('versions are a number, a range or a list', () => {
    assert.deepEqual(parseVersions('3'), [3])
    assert.deepEqual(parseVersions('2-4'), [2, 3, 4])
    assert.deepEqual(parseVersions('0,8'), [0, 8])
    for (const text of ['', 'a', '4-2', '1-']) assert.throws(() => parseVersions(text))
  })

  test('names that could not stand in code are refused', () => {
    assert.throws(() => message({ name: 'A b', versions: '0', fields: {} }), /not a message's name/)
    assert.throws(() => message({ name: 'A', versions: '0', fields: { 'a;b': int32 } }), /not a field's name/)
    assert.throws(() => array({ unknownTaggedFields: int32 }), /not a field's name/)
  })

  test('tags beyond what codecs can watch for duplicates are refused', () => {
    assert.throws(() => int32.tagged(31), /tag 31/)
    assert.throws(() => int32.tagged(-1), /tag -1/)
  })

  test('a tagged field in a version that is not flexible is refused', () => {
    const schema = message({ name: 'A', versions: '0-1', flexibleSince: 1, fields: { a: int32.tagged(0) } })
    assert.throws(() => codecOf(schema, 0), SchemaError)
  })

  test('exact codecs give bigints for every int64, defaults included', () => {
    const schema = message({
      name: 'A',
      versions: '0',
      fields: { a: int64, b: int64.since(1).default(-1), c: int64Exact },
    })
    const writer = new ByteWriter()
    const codec = codecOf(schema, 0, { exact: true })
    codec.encode({ a: 2n ** 63n - 1n, c: -(2n ** 63n) }, writer)
    const decoded = codec.decode(new ByteReader(writer.toBytes()))
    assert.deepEqual(decoded, { a: 2n ** 63n - 1n, b: -1n, c: -(2n ** 63n) })
  })
})
