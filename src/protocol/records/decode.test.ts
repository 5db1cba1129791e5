import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import * as Batch from './batch-header.ts'
import type { RecordInput } from './builder.ts'
import { BatchBuilder, buildBatch } from './builder.ts'
import { decodeBatch, decodeBatches } from './decode.ts'
import { BatchFailure } from './failure.ts'
import type { Record } from './record.ts'

const NOW = 1_700_000_000_000
const compression = fc.constantFrom('none', 'gzip', 'snappy', 'lz4', 'zstd')
const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 200 }))
const record = fc.record<RecordInput>({
  timestampMs: fc.oneof(
    fc.constant(-1),
    fc.integer({ min: 0, max: 2 ** 45 }),
    fc.integer({ min: NOW, max: NOW + 9999 }),
  ),
  key: bytesOrNull,
  value: bytesOrNull,
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 9 }), value: bytesOrNull }), {
    maxLength: 3,
  }),
})

function decoded(result: Record[] | BatchFailure): Record[] {
  assert.ok(!(result instanceof BatchFailure), result instanceof BatchFailure ? result.message : '')
  return result
}

const plain = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('hex'))

function shape(item: RecordInput, offset: number): unknown {
  const headers = (item.headers ?? []).map(header => [header.key, plain(header.value)])
  return [offset, item.timestampMs, plain(item.key), plain(item.value), headers]
}

test('records survive a batch of any codec: offsets, timestamps, nulls, headers', () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 30 }),
      compression,
      fc.integer({ min: 0, max: 2 ** 50 }),
      (records, codec, baseOffset) => {
        const batch = buildBatch(records, { compression: codec, baseOffset })
        assert.equal(Batch.verifyCrc(batch, 0), true)
        assert.equal(Batch.nextOffset(batch, 0), baseOffset + records.length)
        assert.equal(Batch.maxTimestampMs(batch, 0), Math.max(...records.map(item => item.timestampMs)))
        const actual = decoded(decodeBatches(batch)).map(item => shape(item, item.offset))
        assert.deepEqual(
          actual,
          records.map((item, index) => shape(item, baseOffset + index)),
        )
      },
    ),
    { numRuns: 300 },
  )
})

test('log-append time stands in for the producer’s timestamps, which stay beneath', () => {
  const batch = buildBatch(
    [
      { timestampMs: 5, key: null, value: null },
      { timestampMs: 9, key: null, value: null },
    ],
    { logAppendTimeMs: NOW },
  )
  const records = decoded(decodeBatch(batch, 0))
  assert.deepEqual(
    records.map(item => [item.timestampMs, item.createTimestampMs]),
    [
      [NOW, 5],
      [NOW, 9],
    ],
  )
})

test('offsets keep their gaps, and an emptied batch its extent, as the cleaner needs', () => {
  const builder = new BatchBuilder({ baseOffset: 100, lastOffsetDelta: 9, deleteHorizonMs: NOW })
  builder.append(NOW + 1, Buffer.from('a'), null, undefined, 2)
  builder.append(NOW + 2, Buffer.from('b'), null, undefined, 7)
  assert.equal(builder.recordCount, 2)
  const batch = builder.build()
  assert.equal(Batch.lastOffset(batch, 0), 109)
  assert.equal(Batch.deleteHorizonMs(batch, 0), NOW)
  assert.deepEqual(
    decoded(decodeBatch(batch, 0)).map(item => [item.offset, item.timestampMs]),
    [
      [102, NOW + 1],
      [107, NOW + 2],
    ],
  )
  const emptied = new BatchBuilder({
    baseOffset: 100,
    lastOffsetDelta: 9,
    compression: 'gzip',
    emptiedMaxTimestampMs: NOW,
  })
  const empty = emptied.build()
  assert.equal(empty.length, Batch.BATCH_HEADER_BYTES)
  assert.equal(Batch.isCompressed(empty, 0), false)
  assert.equal(Batch.maxTimestampMs(empty, 0), NOW)
  assert.deepEqual(decodeBatch(empty, 0), [])
})

test('a lent buffer is built in while the batch fits, and left alone when it does not', () => {
  const buffer = Buffer.alloc(100)
  const small = new BatchBuilder({ buffer })
  small.append(0, null, Buffer.from('x'))
  assert.equal(small.build().buffer, buffer.buffer)
  const large = new BatchBuilder({ buffer })
  large.append(0, null, Buffer.alloc(500, 1))
  const batch = large.build()
  assert.notEqual(batch.buffer, buffer.buffer)
  assert.equal(decoded(decodeBatch(batch, 0))[0]!.valueLength, 500)
})

test('misuse of a builder is a bug that is asserted', () => {
  assert.throws(() => new BatchBuilder().build(), /last offset delta/)
  assert.throws(() => new BatchBuilder({ compression: 'snappy', compressionLevel: 1 }), /compression level/)
  const builder = new BatchBuilder()
  builder.append(0, null, null, undefined, 3)
  assert.throws(() => builder.append(0, null, null, undefined, 3), /offset delta 3 behind 3/)
  assert.throws(() => builder.append(2 ** 60, null, null), /timestamp is not a safe integer/)
  builder.build()
  assert.throws(() => builder.append(0, null, null), /has been built/)
  assert.throws(() => builder.build(), /built once/)
})

test('several batches are decoded in order, an incomplete one at the end is left out, a damaged one fails the whole', () => {
  const one = buildBatch([{ timestampMs: 1, key: null, value: Buffer.from('a') }], { baseOffset: 5 })
  const two = buildBatch([{ timestampMs: 1, key: null, value: Buffer.from('b') }], { baseOffset: 6 })
  const bytes = Buffer.concat([one, two, one.subarray(0, 30)])
  assert.deepEqual(
    decoded(decodeBatches(bytes)).map(item => item.offset),
    [5, 6],
  )
  bytes[one.length + 66]! ^= 4
  const failed = decodeBatches(bytes)
  assert.ok(failed instanceof BatchFailure)
  assert.equal(failed.error, 'CORRUPT_MESSAGE')
  const garbage = decodeBatches(Buffer.alloc(70, 9))
  assert.ok(garbage instanceof BatchFailure)
  assert.equal(garbage.error, 'CORRUPT_MESSAGE')
})

test('a count that the bytes cannot hold, and a bomb, fail without memory being taken for them', () => {
  const batch = buildBatch([{ timestampMs: 1, key: null, value: Buffer.from('a') }])
  batch.writeInt32BE(0x7fff_ffff, Batch.RECORD_COUNT_AT)
  assert.ok(decodeBatch(batch, 0) instanceof BatchFailure)
  batch.writeInt32BE(-1, Batch.RECORD_COUNT_AT)
  assert.ok(decodeBatch(batch, 0) instanceof BatchFailure)
  const bomb = buildBatch([{ timestampMs: 1, key: null, value: Buffer.alloc(5_000_000) }], { compression: 'zstd' })
  const failed = decodeBatch(bomb, 0, 1_000_000)
  assert.ok(failed instanceof BatchFailure)
  assert.equal(failed.error, 'MESSAGE_TOO_LARGE')
})

test('timestamp deltas of any size are read', () => {
  const timestamps = [0, 63, 64, 8191, 8192, 2 ** 31, 2 ** 40, 2 ** 52, 1, -1]
  const batch = buildBatch(timestamps.map(timestampMs => ({ timestampMs, key: null, value: null })))
  assert.deepEqual(
    decoded(decodeBatch(batch, 0)).map(item => item.timestampMs),
    timestamps,
  )
})
