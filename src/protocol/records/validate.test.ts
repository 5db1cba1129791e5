import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { writeVarint } from '../../std/varint.ts'
import * as Batch from './batch-header.ts'
import type { BatchOptions, RecordInput } from './builder.ts'
import { BatchBuilder, buildBatch } from './builder.ts'
import type { CompressionType } from './compression/index.ts'
import { codecOf } from './compression/index.ts'
import type { BatchError } from './failure.ts'
import { BatchFailure } from './failure.ts'
import { buildMessageSet } from './legacy.ts'
import { recompressBatch } from './recompress.ts'
import type { BatchFacts, ValidationPolicy } from './validate.ts'
import { validateBatch } from './validate.ts'

const NOW = 1_700_000_000_000
const CODECS: readonly CompressionType[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

const POLICY: ValidationPolicy = {
  origin: 'client',
  compactedTopic: false,
  timestampType: 'CreateTime',
  nowMs: NOW,
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
  maxMessageBytes: 1_048_588,
  maxUncompressedBytes: 10_000_000,
}

const record = (index: number, change: Partial<RecordInput> = {}): RecordInput => ({
  timestampMs: NOW + index,
  key: Buffer.from(`k${index}`),
  value: Buffer.from(`value ${index}`),
  ...change,
})

const batchOf3 = (options: BatchOptions = {}): Buffer => buildBatch([record(0), record(1), record(2)], options)

/** A batch that is changed behind its checksum, which is then made right. */
function changed(change: (batch: Buffer) => void, options: BatchOptions = {}): Buffer {
  const batch = batchOf3(options)
  change(batch)
  Batch.stampCrc(batch, 0)
  return batch
}

/** A batch around bytes that claim to be `count` records. */
function around(records: Uint8Array, count: number, compression: CompressionType = 'none'): Buffer {
  const empty = new BatchBuilder({ lastOffsetDelta: count - 1 }).build()
  empty.writeInt32BE(count, Batch.RECORD_COUNT_AT)
  return recompressBatch(empty, 0, records, compression)
}

function accepted(bytes: Uint8Array, policy: Partial<ValidationPolicy> = {}): BatchFacts {
  const result = validateBatch(bytes, 0, bytes.length, { ...POLICY, ...policy })
  assert.ok(!(result instanceof BatchFailure), result instanceof BatchFailure ? result.message : '')
  return result
}

function refused(bytes: Uint8Array, error: BatchError, policy: Partial<ValidationPolicy> = {}): BatchFailure {
  const result = validateBatch(bytes, 0, bytes.length, { ...POLICY, ...policy })
  assert.ok(result instanceof BatchFailure, 'accepted')
  assert.equal(result.error, error, result.message)
  return result
}

for (const compression of CODECS) {
  test(`${compression}: a good batch gives its facts`, () => {
    const records = [
      record(0, { timestampMs: NOW - 5 }),
      record(1, { timestampMs: NOW + 9, key: null }),
      record(2, { timestampMs: NOW + 9, headers: [{ key: 'h', value: null }] }),
      record(3, { timestampMs: -1 }),
    ]
    const batch = buildBatch(records, { compression })
    const facts = accepted(batch)
    assert.equal(facts.sizeInBytes, batch.length)
    assert.equal(facts.recordCount, 4)
    assert.equal(facts.compression, compression)
    assert.equal(facts.maxTimestampMs, NOW + 9)
    assert.equal(facts.offsetDeltaOfMaxTimestamp, 1)
    assert.equal(facts.minTimestampMs, NOW - 5)
    assert.equal(facts.firstNullKeyIndex, 1)
    assert.deepEqual(Buffer.from(facts.uncompressedRecords), buildBatch(records).subarray(Batch.BATCH_HEADER_BYTES))
  })

  test(`${compression}: a record count that is not the number of records is refused`, () => {
    const claim = (count: number, lastOffsetDelta: number) =>
      changed(
        batch => {
          batch.writeInt32BE(count, Batch.RECORD_COUNT_AT)
          batch.writeInt32BE(lastOffsetDelta, Batch.LAST_OFFSET_DELTA_AT)
        },
        { compression },
      )
    for (const [count, lastOffsetDelta] of [
      [2, 1],
      [4, 3],
      [2, 2],
      [3, 3],
      [3, 1],
      [0, -1],
      [-1, -2],
      [3, -5],
      [0x7fff_ffff, 0x7fff_fffe],
    ] as const) {
      refused(claim(count, lastOffsetDelta), 'INVALID_RECORD')
    }
  })

  test(`${compression}: a timestamp out of bounds is refused by record, on topics with CreateTime only`, () => {
    const records = [record(0), record(1, { timestampMs: NOW + 3_600_001 }), record(2, { timestampMs: 5 })]
    const batch = buildBatch(records, { compression })
    const failure = refused(batch, 'INVALID_TIMESTAMP', { timestampBeforeMaxMs: 1000 })
    assert.deepEqual(
      failure.recordErrors.map(error => error.batchIndex),
      [1, 2],
    )
    assert.deepEqual(
      refused(batch, 'INVALID_TIMESTAMP').recordErrors.map(error => error.batchIndex),
      [1],
    )
    accepted(batch, { timestampType: 'LogAppendTime', timestampBeforeMaxMs: 1000 })
    accepted(buildBatch([record(0, { timestampMs: NOW + 3_600_000 })], { compression }))
    accepted(buildBatch([record(0), record(1, { timestampMs: -1 })], { compression }), { timestampBeforeMaxMs: 1000 })
  })

  test(`${compression}: a compacted topic takes no records without a key, and says which`, () => {
    const batch = buildBatch([record(0), record(1, { key: null }), record(2, { key: Buffer.alloc(0) })], {
      compression,
    })
    accepted(batch)
    const failure = refused(batch, 'INVALID_RECORD', { compactedTopic: true })
    assert.deepEqual(
      failure.recordErrors.map(error => error.batchIndex),
      [1],
    )
  })

  test(`${compression}: offset deltas that are not consecutive are refused`, () => {
    const builder = new BatchBuilder({ compression, lastOffsetDelta: 1 })
    builder.append(NOW, null, null)
    const good = builder.build()
    const gap = new BatchBuilder({ compression })
    gap.append(NOW, null, null)
    gap.append(NOW, null, null, undefined, 2)
    const batch = gap.build()
    batch.writeInt32BE(1, Batch.LAST_OFFSET_DELTA_AT)
    Batch.stampCrc(batch, 0)
    refused(batch, 'INVALID_RECORD')
    refused(good, 'INVALID_RECORD')
  })
}

test('bytes that hold no whole batch, or more than one, are refused; an incomplete one behind is left out', () => {
  const batch = batchOf3()
  refused(Buffer.alloc(0), 'INVALID_RECORD')
  for (let cut = 1; cut < batch.length; cut++) refused(batch.subarray(0, cut), 'INVALID_RECORD')
  refused(Buffer.concat([batch, batch]), 'INVALID_RECORD')
  assert.equal(accepted(Buffer.concat([batch, batch.subarray(0, 60)])).sizeInBytes, batch.length)
  refused(Buffer.concat([batch, Buffer.alloc(30)]), 'CORRUPT_MESSAGE')
})

test('what is no batch of the current format is corrupt or, in an older format, invalid', () => {
  refused(Buffer.alloc(100, 7), 'CORRUPT_MESSAGE')
  refused(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 'CORRUPT_MESSAGE')
  refused(
    changed(batch => {
      batch[Batch.MAGIC_AT] = 3
    }),
    'CORRUPT_MESSAGE',
  )
  refused(buildMessageSet([record(0)], { magic: 1 }), 'INVALID_RECORD')
  refused(buildMessageSet([record(0)], { magic: 0, compression: 'gzip' }), 'INVALID_RECORD')
})

test('every flipped bit behind the checksum is CORRUPT_MESSAGE', () => {
  const batch = batchOf3()
  for (let at = Batch.CRC_AT; at < batch.length; at++) {
    const flipped = Buffer.from(batch)
    flipped[at]! ^= 1 << (at % 8)
    // A producer id beyond the safe range is refused before the checksum is looked at.
    const inProducerId = at >= Batch.PRODUCER_ID_AT && at < Batch.PRODUCER_ID_AT + 2
    const failure = validateBatch(flipped, 0, flipped.length, POLICY)
    assert.ok(failure instanceof BatchFailure)
    if (!inProducerId) assert.equal(failure.error, 'CORRUPT_MESSAGE', `byte ${at}`)
  }
})

test('a client may not choose offsets, write control batches or leave out sequences; a coordinator may', () => {
  const coordinator = { origin: 'coordinator' } as const
  for (const options of [
    { baseOffset: 5 },
    { isControl: true },
    { producerId: 4, producerEpoch: 0, baseSequence: -1 },
    { producerId: 4, producerEpoch: 0, baseSequence: -2 },
  ]) {
    refused(batchOf3(options), 'INVALID_RECORD')
    accepted(batchOf3(options), coordinator)
  }
  const atNegative = batchOf3()
  atNegative.writeBigInt64BE(-1n, 0)
  refused(atNegative, 'INVALID_RECORD')
})

test('a producer may not claim log-append time', () => {
  const failure = refused(batchOf3({ logAppendTimeMs: NOW }), 'INVALID_TIMESTAMP')
  assert.equal(failure.recordErrors.length, 3)
  refused(batchOf3({ logAppendTimeMs: NOW }), 'INVALID_TIMESTAMP', { timestampType: 'LogAppendTime' })
})

test('a wrong maximum timestamp in the header is no failure: the facts have the true one', () => {
  const batch = changed(bytes => bytes.writeBigInt64BE(2n ** 60n, Batch.MAX_TIMESTAMP_AT))
  const { maxTimestampMs } = accepted(batch)
  assert.equal(maxTimestampMs, NOW + 2)
  assert.equal(Batch.stampMaxTimestamp(batch, 0, 'CreateTime', maxTimestampMs), true)
  assert.equal(accepted(batch).maxTimestampMs, NOW + 2)
})

test('a record’s timestamp beyond the safe range is refused whatever the bounds', () => {
  const policy = { timestampAfterMaxMs: Infinity }
  const batch = changed(bytes => bytes.writeBigInt64BE(2n ** 60n, Batch.BASE_TIMESTAMP_AT))
  refused(batch, 'INVALID_TIMESTAMP', policy)
  const atEdge = changed(bytes => bytes.writeBigInt64BE(2n ** 53n - 1n, Batch.BASE_TIMESTAMP_AT))
  refused(atEdge, 'INVALID_TIMESTAMP', policy)
})

test('a batch beyond max.message.bytes is MESSAGE_TOO_LARGE, even when it is corrupt too', () => {
  const batch = batchOf3()
  accepted(batch, { maxMessageBytes: batch.length })
  refused(batch, 'MESSAGE_TOO_LARGE', { maxMessageBytes: batch.length - 1 })
  batch[batch.length - 1]! ^= 1
  refused(batch, 'MESSAGE_TOO_LARGE', { maxMessageBytes: batch.length - 1 })
})

test('codecs that do not exist are UNSUPPORTED_COMPRESSION_TYPE, other bytes than the codec’s INVALID_RECORD', () => {
  for (const id of [5, 6, 7]) {
    refused(
      changed(batch => {
        batch[Batch.ATTRIBUTES_AT + 1] = id
      }),
      'UNSUPPORTED_COMPRESSION_TYPE',
    )
  }
  for (const id of [1, 2, 3, 4]) {
    refused(
      changed(batch => {
        batch[Batch.ATTRIBUTES_AT + 1] = id
      }),
      'INVALID_RECORD',
    )
  }
})

test('a decompression bomb is MESSAGE_TOO_LARGE', () => {
  const bomb = Buffer.alloc(40_000_000)
  for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
    const batch = around(bomb, 1, compression)
    refused(batch, 'MESSAGE_TOO_LARGE', { maxMessageBytes: 40_000_000 })
  }
})

/** One record of which every part can be lied about. */
function rawRecord(lies: {
  attributes?: number
  keyLength?: number
  valueLength?: number
  headerCount?: number
  header?: readonly [number, number]
  lengthError?: number
}): Buffer {
  const body = Buffer.alloc(64)
  const write = (value: number): void => {
    end = writeVarint(body, end, value)
  }
  let end = 1
  body[0] = lies.attributes ?? 0
  write(0)
  write(0)
  write(lies.keyLength ?? 1)
  if ((lies.keyLength ?? 1) > 0) body[end++] = 65
  write(lies.valueLength ?? 1)
  if ((lies.valueLength ?? 1) > 0) body[end++] = 66
  write(lies.headerCount ?? (lies.header === undefined ? 0 : 1))
  for (const length of lies.header ?? []) {
    write(length)
    end += Math.max(0, length)
  }
  const length = Buffer.alloc(5)
  const lengthEnd = writeVarint(length, 0, end + (lies.lengthError ?? 0))
  return Buffer.concat([length.subarray(0, lengthEnd), body.subarray(0, end)])
}

for (const compression of CODECS) {
  test(`${compression}: malformed records are INVALID_RECORD, odd but unambiguous ones pass`, () => {
    for (const fine of [
      {},
      { attributes: 0xff },
      { keyLength: -5 },
      { valueLength: -5 },
      { header: [1, -1] },
      { header: [0, -7] },
    ] as const) {
      accepted(around(rawRecord(fine), 1, compression))
    }
    for (const lie of [
      { keyLength: 200 },
      { valueLength: 200 },
      { keyLength: 2 ** 31 - 1 },
      { headerCount: -1 },
      { headerCount: 1 },
      { headerCount: 2 ** 31 - 1 },
      { header: [-1, 1] },
      { header: [1, 2 ** 31 - 1] },
      { lengthError: 1 },
      { lengthError: -1 },
      { lengthError: -40 },
      { lengthError: 2 ** 30 },
    ] as const) {
      refused(around(rawRecord(lie), 1, compression), 'INVALID_RECORD')
    }
    refused(around(Buffer.concat([rawRecord({}), Buffer.of(0)]), 1, compression), 'INVALID_RECORD')
    refused(around(Buffer.from('ffffffffff01', 'hex'), 1, compression), 'INVALID_RECORD')
    refused(around(Buffer.from('808080808000', 'hex'), 1, compression), 'INVALID_RECORD')
  })
}

test('every truncation of the records is refused', () => {
  const records = batchOf3().subarray(Batch.BATCH_HEADER_BYTES)
  for (let length = 0; length < records.length; length++) {
    refused(around(records.subarray(0, length), 3), 'INVALID_RECORD')
  }
})

test('random changes behind a right checksum never throw and never give facts that are not true', () => {
  const original = batchOf3().subarray(Batch.BATCH_HEADER_BYTES)
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }), changes => {
      const records = Buffer.from(original)
      for (const [at, byte] of changes) records[at % records.length] = byte
      const batch = around(records, 3)
      const result = validateBatch(batch, 0, batch.length, { ...POLICY, timestampAfterMaxMs: Infinity })
      if (result instanceof BatchFailure) return
      assert.equal(result.recordCount, 3)
      assert.deepEqual(Buffer.from(result.uncompressedRecords), records)
      assert.ok(Number.isSafeInteger(result.maxTimestampMs) && Number.isSafeInteger(result.minTimestampMs))
    }),
    { numRuns: 2000 },
  )
})

test('recompressing keeps every record and every header field but the codec', () => {
  const options: BatchOptions = { producerId: 9, producerEpoch: 1, baseSequence: 4, isTransactional: true }
  const plain = batchOf3({ ...options, compression: 'none' })
  for (const from of CODECS) {
    for (const to of CODECS) {
      const batch = batchOf3({ ...options, compression: from })
      const { uncompressedRecords } = accepted(batch)
      const recompressed = recompressBatch(batch, 0, uncompressedRecords, to)
      assert.equal(accepted(recompressed).compression, to)
      const back = recompressBatch(recompressed, 0, accepted(recompressed).uncompressedRecords, 'none')
      assert.deepEqual(back, plain)
    }
  }
  assert.throws(() => recompressBatch(plain, 0, plain.subarray(61), 'gzip', 10), /compression level 10 for gzip/)
  assert.equal(codecOf('gzip').levels?.most, 9)
})
