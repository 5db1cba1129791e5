import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Batch from './batch-header.ts'
import { BatchBuilder } from './builder.ts'

/** A batch that does not begin at position 0, so that forgotten positions show. */
const AT = 7

function batchAt7(): Buffer {
  const builder = new BatchBuilder({
    baseOffset: 2 ** 40 + 5,
    partitionLeaderEpoch: 9,
    producerId: 2 ** 33 + 1,
    producerEpoch: 32_767,
    baseSequence: 2 ** 31 - 2,
    isTransactional: true,
  })
  builder.append(1_700_000_000_000, null, Buffer.from('a'))
  builder.append(1_700_000_000_700, Buffer.from('k'), null)
  builder.append(1_700_000_000_500, null, null)
  return Buffer.concat([Buffer.alloc(AT, 0xee), builder.build(), Buffer.alloc(3, 0xee)])
}

test('every header field is read where the builder wrote it', () => {
  const bytes = batchAt7()
  assert.equal(Batch.baseOffset(bytes, AT), 2 ** 40 + 5)
  assert.equal(Batch.lastOffsetDelta(bytes, AT), 2)
  assert.equal(Batch.lastOffset(bytes, AT), 2 ** 40 + 7)
  assert.equal(Batch.nextOffset(bytes, AT), 2 ** 40 + 8)
  assert.equal(Batch.sizeInBytes(bytes, AT), bytes.length - AT - 3)
  assert.equal(Batch.partitionLeaderEpoch(bytes, AT), 9)
  assert.equal(Batch.magic(bytes, AT), 2)
  assert.equal(Batch.compression(bytes, AT), 'none')
  assert.equal(Batch.isCompressed(bytes, AT), false)
  assert.equal(Batch.timestampType(bytes, AT), 'CreateTime')
  assert.equal(Batch.isTransactional(bytes, AT), true)
  assert.equal(Batch.isControl(bytes, AT), false)
  assert.equal(Batch.deleteHorizonMs(bytes, AT), undefined)
  assert.equal(Batch.baseTimestampMs(bytes, AT), 1_700_000_000_000)
  assert.equal(Batch.maxTimestampMs(bytes, AT), 1_700_000_000_700)
  assert.equal(Batch.producerId(bytes, AT), 2 ** 33 + 1)
  assert.equal(Batch.producerEpoch(bytes, AT), 32_767)
  assert.equal(Batch.baseSequence(bytes, AT), 2 ** 31 - 2)
  assert.equal(Batch.recordCount(bytes, AT), 3)
  assert.equal(Batch.verifyCrc(bytes, AT), true)
})

test('sequences wrap from the largest int32 to 0', () => {
  assert.equal(Batch.lastSequence(batchAt7(), AT), 0)
  assert.equal(Batch.incrementSequence(2 ** 31 - 1, 1), 0)
  assert.equal(Batch.incrementSequence(5, 7), 12)
  const without = new BatchBuilder()
  without.append(0, null, null)
  assert.equal(Batch.lastSequence(without.build(), 0), Batch.NO_SEQUENCE)
})

test('base offset and leader epoch are stamped without touching the checksum', () => {
  const bytes = batchAt7()
  const crc = Batch.crc(bytes, AT)
  Batch.stampBaseOffset(bytes, AT, 2 ** 52 + 1)
  Batch.stampLeaderEpoch(bytes, AT, 2 ** 31 - 1)
  assert.equal(Batch.baseOffset(bytes, AT), 2 ** 52 + 1)
  assert.equal(Batch.partitionLeaderEpoch(bytes, AT), 2 ** 31 - 1)
  assert.equal(Batch.crc(bytes, AT), crc)
  assert.equal(Batch.verifyCrc(bytes, AT), true)
})

test('stamping the maximum timestamp that is there already changes nothing', () => {
  const bytes = batchAt7()
  const before = Buffer.from(bytes)
  assert.equal(Batch.stampMaxTimestamp(bytes, AT, 'CreateTime', 1_700_000_000_700), false)
  assert.deepEqual(bytes, before)
})

test('stamping log-append time sets flag, timestamp and checksum, and can be undone', () => {
  const bytes = batchAt7()
  assert.equal(Batch.stampMaxTimestamp(bytes, AT, 'LogAppendTime', 1_800_000_000_000), true)
  assert.equal(Batch.timestampType(bytes, AT), 'LogAppendTime')
  assert.equal(Batch.maxTimestampMs(bytes, AT), 1_800_000_000_000)
  assert.equal(Batch.isTransactional(bytes, AT), true)
  assert.equal(Batch.verifyCrc(bytes, AT), true)
  assert.equal(Batch.stampMaxTimestamp(bytes, AT, 'CreateTime', -1), true)
  assert.equal(Batch.timestampType(bytes, AT), 'CreateTime')
  assert.equal(Batch.maxTimestampMs(bytes, AT), -1)
  assert.equal(Batch.verifyCrc(bytes, AT), true)
})

test('stamping another producer keeps the batch valid', () => {
  const bytes = batchAt7()
  Batch.stampProducer(bytes, AT, { producerId: 77, producerEpoch: 3, baseSequence: 12 })
  assert.equal(Batch.producerId(bytes, AT), 77)
  assert.equal(Batch.producerEpoch(bytes, AT), 3)
  assert.equal(Batch.lastSequence(bytes, AT), 14)
  assert.equal(Batch.verifyCrc(bytes, AT), true)
})

test('a flipped bit anywhere behind the checksum is found by it', () => {
  const bytes = batchAt7()
  const end = AT + Batch.sizeInBytes(bytes, AT)
  for (let at = AT + Batch.CRC_AT; at < end; at++) {
    for (let bit = 0; bit < 8; bit++) {
      bytes[at]! ^= 1 << bit
      assert.equal(Batch.verifyCrc(bytes, AT), false, `bit ${bit} of byte ${at}`)
      bytes[at]! ^= 1 << bit
    }
  }
})

test('offsets beyond the safe range are a bug to write and to read', () => {
  const bytes = batchAt7()
  assert.throws(() => Batch.stampBaseOffset(bytes, AT, 2 ** 53), /base offset/)
  assert.throws(() => Batch.stampBaseOffset(bytes, AT, -1), /base offset/)
  bytes.writeBigInt64BE(2n ** 60n, AT)
  assert.throws(() => Batch.baseOffset(bytes, AT), /not a safe integer/)
})

test('timestamps beyond the safe range read as the nearest double', () => {
  const bytes = batchAt7()
  bytes.writeBigInt64BE(2n ** 63n - 1n, AT + Batch.MAX_TIMESTAMP_AT)
  assert.equal(Batch.maxTimestampMs(bytes, AT), 2 ** 63)
})
