import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Batch from './batch-header.ts'
import { buildBatch } from './builder.ts'
import { buildMessageSet } from './legacy.ts'
import { batchSizeAt, CORRUPT, forEachBatch, INCOMPLETE } from './walk.ts'

const RECORD = { timestampMs: 1, key: null, value: Buffer.from('value') }
const current = buildBatch([RECORD, RECORD])
const older = buildMessageSet([RECORD], { magic: 1 })
const oldest = buildMessageSet([RECORD], { magic: 0 })

test('batches and messages of all formats are visited in order with their sizes', () => {
  const bytes = Buffer.concat([current, oldest, older, current])
  const seen: [number, number][] = []
  const end = forEachBatch(bytes, 0, bytes.length, (at, size) => {
    seen.push([at, size])
  })
  assert.deepEqual(end, { position: bytes.length, reason: 'end' })
  assert.deepEqual(
    seen.map(([, size]) => size),
    [current.length, oldest.length, older.length, current.length],
  )
  assert.equal(seen[3]![0], bytes.length - current.length)
})

test('every cut of the last batch is incomplete, never corrupt', () => {
  const bytes = Buffer.concat([current, current])
  for (let cut = current.length + 1; cut < bytes.length; cut++) {
    const end = forEachBatch(bytes, 0, cut, () => {})
    assert.deepEqual(end, { position: current.length, reason: 'incomplete' }, `cut at ${cut}`)
    // The same where the bytes really end.
    assert.equal(batchSizeAt(Buffer.from(bytes.subarray(0, cut)), current.length), INCOMPLETE)
  }
})

test('the smallest messages and batches are accepted, one byte less is corrupt', () => {
  for (const [magic, least] of [
    [0, 26],
    [1, 34],
    [2, 61],
  ] as const) {
    const bytes = Buffer.alloc(least)
    bytes[Batch.MAGIC_AT] = magic
    bytes.writeInt32BE(least - 12, Batch.LENGTH_AT)
    assert.equal(batchSizeAt(bytes, 0), least)
    bytes.writeInt32BE(least - 13, Batch.LENGTH_AT)
    assert.equal(batchSizeAt(bytes, 0), CORRUPT)
  }
})

test('impossible lengths, unknown magic and unsafe numbers are corrupt, whatever follows', () => {
  const corrupt = (change: (bytes: Buffer) => void): void => {
    const bytes = Buffer.from(current)
    change(bytes)
    assert.equal(batchSizeAt(bytes, 0), CORRUPT)
    assert.deepEqual(
      forEachBatch(Buffer.concat([bytes, current]), 0, 2 * current.length, () => {}),
      { position: 0, reason: 'corrupt' },
    )
  }
  corrupt(bytes => bytes.writeInt32BE(-1, Batch.LENGTH_AT))
  corrupt(bytes => bytes.writeInt32BE(0, Batch.LENGTH_AT))
  corrupt(bytes => (bytes[Batch.MAGIC_AT] = 3))
  corrupt(bytes => (bytes[Batch.MAGIC_AT] = 0xff))
  corrupt(bytes => bytes.writeBigInt64BE(-1n, 0))
  corrupt(bytes => bytes.writeBigInt64BE(2n ** 53n - 1n, 0))
  corrupt(bytes => bytes.writeBigInt64BE(2n ** 62n, Batch.PRODUCER_ID_AT))
})

test('a length beyond the caller’s bound is corrupt before the bytes have arrived', () => {
  const start = Buffer.from(current.subarray(0, 20))
  start.writeInt32BE(2_000_000, Batch.LENGTH_AT)
  assert.equal(batchSizeAt(start, 0), INCOMPLETE)
  assert.equal(batchSizeAt(start, 0, start.length, 1_000_000), CORRUPT)
})

test('the visitor stops the walk by returning false', () => {
  const bytes = Buffer.concat([current, current])
  const end = forEachBatch(bytes, 0, bytes.length, () => false)
  assert.deepEqual(end, { position: current.length, reason: 'stopped' })
})
