import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import * as Batch from './batch-header.ts'
import type { RecordInput } from './builder.ts'
import { codecOf } from './compression/index.ts'
import { decodeBatch, decodeBatches } from './decode.ts'
import { BatchFailure } from './failure.ts'
import { buildMessageSet } from './legacy.ts'
import type { Record } from './record.ts'

const NOW = 1_700_000_000_000
const RECORDS: readonly RecordInput[] = [
  { timestampMs: NOW, key: Buffer.from('k'), value: Buffer.from('one') },
  { timestampMs: NOW + 7, key: null, value: Buffer.alloc(0) },
  { timestampMs: NOW + 3, key: Buffer.alloc(0), value: null },
]
const CODECS = ['none', 'gzip', 'snappy', 'lz4'] as const

function decoded(bytes: Uint8Array): Record[] {
  const result = decodeBatches(bytes)
  assert.ok(!(result instanceof BatchFailure), result instanceof BatchFailure ? result.message : '')
  return result
}

function refused(bytes: Uint8Array): BatchFailure {
  const result = decodeBatches(bytes)
  assert.ok(result instanceof BatchFailure, 'decoded')
  return result
}

const shapes = (records: readonly Record[]): unknown[] =>
  records.map(({ offset, timestampMs, key, value, headers }) => [offset, timestampMs, key, value, headers.length])

test('messages of both formats survive every codec, with absolute and with relative inner offsets', () => {
  for (const magic of [0, 1] as const) {
    for (const compression of CODECS) {
      const set = buildMessageSet(RECORDS, { magic, baseOffset: 1000, compression })
      assert.deepEqual(
        shapes(decoded(set)),
        RECORDS.map(({ timestampMs, key, value }, index) => [
          1000 + index,
          magic === 0 ? -1 : timestampMs,
          key,
          value,
          0,
        ]),
        `magic ${magic} ${compression}`,
      )
      if (compression !== 'none') assert.equal(Batch.baseOffset(set, 0), 1002)
    }
  }
})

test('log-append time of a wrapper is the timestamp of all that it wraps', () => {
  for (const compression of CODECS) {
    const records = decoded(buildMessageSet(RECORDS, { magic: 1, compression, logAppendTimeMs: 99 }))
    assert.deepEqual(
      records.map(record => record.timestampMs),
      [99, 99, 99],
    )
  }
})

test('a wrapper with offset 0 counts its messages from 0, as old librdkafka sent them', () => {
  const set = buildMessageSet(RECORDS, { magic: 1, compression: 'gzip' })
  // The offset is outside the checksum.
  set.writeBigInt64BE(0n, 0)
  assert.deepEqual(
    decoded(set).map(record => record.offset),
    [0, 1, 2],
  )
  set.writeBigInt64BE(1n, 0)
  assert.match(refused(set).message, /wrapper offset 1/)
})

test('every flipped bit behind the offset is refused', () => {
  for (const magic of [0, 1] as const) {
    const set = buildMessageSet(RECORDS.slice(0, 1), { magic })
    for (let at = Batch.MAGIC_AT - 4; at < set.length; at++) {
      const flipped = Buffer.from(set)
      flipped[at]! ^= 1 << (at % 8)
      // A magic that has become 2 makes the length too small, other ones are unknown: all are CORRUPT_MESSAGE.
      assert.equal(refused(flipped).error, 'CORRUPT_MESSAGE', `magic ${magic}, byte ${at}`)
    }
  }
})

test('lengths of key and value that do not fill the message are refused, whatever the checksum', () => {
  fc.assert(
    fc.property(fc.constantFrom<0 | 1>(0, 1), fc.integer(), fc.boolean(), (magic, length, ofKey) => {
      const set = buildMessageSet([{ timestampMs: 0, key: Buffer.from('abc'), value: Buffer.from('defg') }], {
        magic,
      })
      const keyLengthAt = magic === 0 ? 18 : 26
      const at = ofKey ? keyLengthAt : keyLengthAt + 7
      if (length === set.readInt32BE(at)) return
      set.writeInt32BE(length, at)
      assert.ok(decodeBatch(set, 0) instanceof BatchFailure)
    }),
  )
})

test('wrappers of null, of zstd, of an unknown codec and of garbage are refused', () => {
  const wrapper = (change: (set: Buffer) => void): BatchFailure => {
    const set = buildMessageSet(RECORDS, { magic: 1, compression: 'gzip' })
    change(set)
    const result = decodeBatch(set, 0)
    assert.ok(result instanceof BatchFailure)
    return result
  }
  assert.match(wrapper(set => (set[17] = 4)).message, /zstd in a message/)
  assert.equal(wrapper(set => (set[17] = 5)).error, 'UNSUPPORTED_COMPRESSION_TYPE')
  assert.match(wrapper(set => (set[17] = 2)).message, /not snappy/)

  const nothing = buildMessageSet([{ timestampMs: 0, key: null, value: null }], { magic: 1 })
  nothing[17] = 1
  const ofNull = decodeBatch(nothing, 0)
  assert.ok(ofNull instanceof BatchFailure && /value null/.test(ofNull.message))
})

test('a wrapper within a wrapper, and a wrapper of nothing, are refused', () => {
  const inner = buildMessageSet(RECORDS, { magic: 1, compression: 'gzip' })
  for (const [wrapped, problem] of [
    [inner, /wrapper within a wrapper/],
    [Buffer.alloc(0), /wraps nothing/],
  ] as const) {
    const value = codecOf('gzip').compress(wrapped)
    const outer = buildMessageSet([{ timestampMs: 0, key: null, value }], { magic: 1 })
    outer[17] = 1
    const result = decodeBatch(outer, 0)
    assert.ok(result instanceof BatchFailure)
    assert.match(result.message, problem)
  }
})
