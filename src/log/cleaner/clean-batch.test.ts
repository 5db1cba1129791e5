import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as header from '../../protocol/records/batch-header.ts'
import { buildBatch } from '../../protocol/records/builder.ts'
import type { RecordInput } from '../../protocol/records/builder.ts'
import { buildEndTransactionBatch } from '../../protocol/records/control.ts'
import { decodeBatch, decodeBatches, verifyChecksum } from '../../protocol/records/decode.ts'
import { buildMessageSet } from '../../protocol/records/legacy.ts'
import type { Record } from '../../protocol/records/record.ts'
import { cleanBatch } from './clean-batch.ts'
import type { BatchPlan, CleanedBatch } from './clean-batch.ts'

const plan: BatchPlan = {
  dropsRecords: false,
  keepsEmpty: false,
  endsEmptyTransaction: false,
  retains: () => true,
  deleteHorizonMs: 2_000_000_000_000,
}

function clean(bytes: Uint8Array, changes: Partial<BatchPlan>): CleanedBatch {
  const steps = cleanBatch(bytes, 0, { ...plan, ...changes })
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

function recordsOf(bytes: Uint8Array): Record[] {
  assert.ok(verifyChecksum(bytes, 0))
  const records = decodeBatch(bytes, 0)
  assert.ok(Array.isArray(records))
  return records
}

const text = (bytes: Uint8Array | null): string | undefined => bytes?.toString()
const input = (key: string, value: string | null, timestampMs: number): RecordInput => ({
  timestampMs,
  key: Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: [
    { key: 'trace', value: Buffer.from([0, 255, 1]) },
    { key: 'trace', value: null },
  ],
})
const four = [input('a', '1', 1000), input('b', '2', 1050), input('c', '3', 990), input('d', '4', 1010)]
const options = {
  baseOffset: 100,
  partitionLeaderEpoch: 3,
  producerId: 7,
  producerEpoch: 2,
  baseSequence: 40,
}

describe('cleanBatch', () => {
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    test(`${compression}: what stays keeps its offset, timestamp and headers, and the batch its offsets and sequences`, () => {
      const batch = buildBatch(four, { ...options, compression })
      const cleaned = clean(batch, { retains: offset => offset === 100 || offset === 102 })
      assert.equal(cleaned.kind, 'rewritten')
      assert.deepEqual([cleaned.recordsRead, cleaned.recordsRetained], [4, 2])
      const { bytes } = cleaned
      assert.equal(header.compression(bytes, 0), compression)
      assert.equal(header.baseOffset(bytes, 0), 100)
      assert.equal(header.lastOffset(bytes, 0), 103)
      assert.equal(header.lastSequence(bytes, 0), 43)
      assert.equal(header.partitionLeaderEpoch(bytes, 0), 3)
      assert.equal(header.maxTimestampMs(bytes, 0), 1000)
      const records = recordsOf(bytes)
      assert.deepEqual(
        records.map(({ offset, timestampMs, key, value }) => [offset, timestampMs, text(key), text(value)]),
        [
          [100, 1000, 'a', '1'],
          [102, 990, 'c', '3'],
        ],
      )
      assert.deepEqual(
        records[1]!.headers.map(({ key, value }) => [key, value === null ? null : [...value]]),
        [
          ['trace', [0, 255, 1]],
          ['trace', null],
        ],
      )
    })
  }

  test('a batch of which everything stays is left as it is', () => {
    assert.equal(clean(buildBatch(four, options), {}).kind, 'kept')
  })

  test('a tombstone that stays is given a delete horizon, in the place of the base timestamp, and all timestamps remain', () => {
    const records = [input('a', '1', 1000), input('b', null, 1050), input('c', '3', 990)]
    const cleaned = clean(buildBatch(records, { ...options, compression: 'lz4' }), { retains: offset => offset > 100 })
    const { bytes } = cleaned
    assert.equal(header.deleteHorizonMs(bytes, 0), 2_000_000_000_000)
    assert.equal(header.maxTimestampMs(bytes, 0), 1050)
    assert.deepEqual(
      recordsOf(bytes).map(({ offset, timestampMs, headerCount }) => [offset, timestampMs, headerCount]),
      [
        [101, 1050, 2],
        [102, 990, 2],
      ],
    )
  })

  test('a horizon once given stays, with the batch as it is', () => {
    const given = buildBatch([input('b', null, 1050), input('c', '3', 990)], { ...options, deleteHorizonMs: 5000 })
    assert.equal(clean(given, {}).kind, 'kept')
    const { bytes } = clean(given, { retains: offset => offset === 101 })
    assert.equal(header.deleteHorizonMs(bytes, 0), 5000)
    assert.equal(recordsOf(bytes)[0]!.timestampMs, 990)
  })

  test('with LogAppendTime all records keep the one timestamp, and their own beneath', () => {
    const { bytes } = clean(buildBatch(four, { ...options, logAppendTimeMs: 7777 }), {
      retains: offset => offset === 103,
    })
    assert.equal(header.timestampType(bytes, 0), 'LogAppendTime')
    const [record] = recordsOf(bytes)
    assert.deepEqual([record!.timestampMs, record!.createTimestampMs], [7777, 1010])
  })

  test('a batch without records left is dropped, or kept as a header that tells of its producer', () => {
    const batch = buildBatch(four, { ...options, compression: 'zstd', isTransactional: true })
    assert.equal(clean(batch, { dropsRecords: true }).kind, 'dropped')
    const { bytes } = clean(batch, { retains: () => false, keepsEmpty: true })
    assert.equal(bytes.length, header.BATCH_HEADER_BYTES)
    assert.deepEqual(recordsOf(bytes), [])
    assert.equal(header.compression(bytes, 0), 'none')
    assert.equal(header.isTransactional(bytes, 0), true)
    assert.deepEqual([header.producerId(bytes, 0), header.producerEpoch(bytes, 0)], [7, 2])
    assert.deepEqual([header.lastOffset(bytes, 0), header.lastSequence(bytes, 0)], [103, 43])
    assert.equal(header.maxTimestampMs(bytes, 0), 1050)
    // The next cleaning may drop it, or keep it once more.
    assert.equal(clean(bytes, {}).kind, 'dropped')
    assert.deepEqual(clean(bytes, { keepsEmpty: true }).bytes, bytes)
  })

  test('the marker of an empty transaction is given a delete horizon', () => {
    const marker = buildEndTransactionBatch(
      { type: 'ABORT', coordinatorEpoch: 4 },
      { producerId: 7, producerEpoch: 2, timestampMs: 500, baseOffset: 9 },
    )
    const { kind, bytes } = clean(marker, { endsEmptyTransaction: true })
    assert.equal(kind, 'rewritten')
    assert.equal(header.isControl(bytes, 0), true)
    assert.equal(header.deleteHorizonMs(bytes, 0), 2_000_000_000_000)
    assert.equal(recordsOf(bytes)[0]!.timestampMs, 500)
  })

  test('records that cannot be read end the cleaning', () => {
    const batch = buildBatch(four, { ...options, compression: 'gzip' })
    batch[header.BATCH_HEADER_BYTES + 3]! ^= 0xff
    assert.throws(() => clean(batch, {}), { code: 'EDAMAGED' })
  })

  for (const magic of [0, 1] as const) {
    for (const compression of ['none', 'gzip'] as const) {
      test(`messages of magic ${magic}, ${compression}: what stays keeps offset, timestamp and codec`, () => {
        const plain = four.map(record => ({ ...record, headers: [] }))
        const set = buildMessageSet(compression === 'none' ? plain.slice(0, 1) : plain, {
          magic,
          baseOffset: 100,
          compression,
        })
        assert.equal(clean(set, {}).kind, 'kept')
        assert.equal(clean(set, { retains: () => false }).kind, 'dropped')
        if (compression === 'none') return
        const { bytes } = clean(set, { retains: offset => offset !== 101 })
        const records = decodeBatches(bytes)
        assert.ok(Array.isArray(records))
        assert.deepEqual(
          records.map(({ offset, timestampMs, key }) => [offset, timestampMs, text(key)]),
          [
            [100, magic === 0 ? -1 : 1000, 'a'],
            [102, magic === 0 ? -1 : 990, 'c'],
            [103, magic === 0 ? -1 : 1010, 'd'],
          ],
        )
      })
    }
  }
})
