/** Record batches that are not what they say: refused one partition at a time, on a connection that stays, at a cost that others do not feel. */

import assert from 'node:assert/strict'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { after, before, describe, it } from 'node:test'
import { apis } from '../src/protocol/apis.ts'
import * as Batch from '../src/protocol/records/batch-header.ts'
import { codecOf } from '../src/protocol/records/compression/index.ts'
import type { CompressionType } from '../src/protocol/records/compression/index.ts'
import type { Infer } from '../src/protocol/schema.ts'
import {
  BrokerProcess,
  GoodClient,
  MiB,
  Peer,
  batchOf,
  decodeAnswer,
  errorName,
  eventually,
  onLinux,
  produceBody,
  requestBytes,
} from './hostile.fixture.ts'

let broker: BrokerProcess
let good: GoodClient
let peer: Peer

before(async () => {
  broker = await BrokerProcess.start({})
  good = await GoodClient.start(broker.port)
  peer = await Peer.connect(broker.port)
  await peer.createTopic('records', 3)
})

after(async () => {
  await good.stop()
  await broker.stop()
})

/** A batch of three records with something changed, and its checksum made right again unless that is what is wrong. */
function spoiled(change: (bytes: Buffer) => void, crc: 'right' | 'wrong' = 'right'): Buffer {
  const bytes = batchOf(['one', 'two', 'three'])
  change(bytes)
  if (crc === 'right') Batch.stampCrc(bytes, 0)
  return bytes
}

/** A batch whose compressed records are these bytes. */
function compressedBatch(compression: CompressionType, records: Uint8Array, count = 1): Buffer {
  const bytes = Buffer.concat([batchOf(['x']).subarray(0, Batch.BATCH_HEADER_BYTES), records])
  bytes.writeInt32BE(bytes.length - Batch.LOG_OVERHEAD_BYTES, Batch.LENGTH_AT)
  bytes.writeInt16BE(codecOf(compression).id, Batch.ATTRIBUTES_AT)
  bytes.writeInt32BE(count - 1, Batch.LAST_OFFSET_DELTA_AT)
  bytes.writeInt32BE(count, Batch.RECORD_COUNT_AT)
  Batch.stampCrc(bytes, 0)
  return bytes
}

const firstRecordAt = Batch.BATCH_HEADER_BYTES

const bad: readonly (readonly [what: string, error: string, records: () => Buffer | null])[] = [
  ['a wrong checksum', 'CORRUPT_MESSAGE', () => spoiled(bytes => bytes.writeUInt8(0xff, bytes.length - 1), 'wrong')],
  ['magic 0', 'INVALID_RECORD', () => spoiled(bytes => bytes.writeInt8(0, Batch.MAGIC_AT))],
  ['magic 1', 'INVALID_RECORD', () => spoiled(bytes => bytes.writeInt8(1, Batch.MAGIC_AT))],
  ['magic 3', 'CORRUPT_MESSAGE', () => spoiled(bytes => bytes.writeInt8(3, Batch.MAGIC_AT))],
  ['magic −1', 'CORRUPT_MESSAGE', () => spoiled(bytes => bytes.writeInt8(-1, Batch.MAGIC_AT))],
  ['no records at all', 'INVALID_RECORD', () => null],
  ['no bytes', 'INVALID_RECORD', () => Buffer.alloc(0)],
  ['a batch that is cut off', 'INVALID_RECORD', () => batchOf(['x']).subarray(0, 65)],
  ['a header that is cut off', 'INVALID_RECORD', () => batchOf(['x']).subarray(0, 11)],
  ['a length of 0', 'CORRUPT_MESSAGE', () => spoiled(bytes => bytes.writeInt32BE(0, Batch.LENGTH_AT), 'wrong')],
  ['a length below 0', 'CORRUPT_MESSAGE', () => spoiled(bytes => bytes.writeInt32BE(-1, Batch.LENGTH_AT), 'wrong')],
  [
    'a length over 2 GB',
    'INVALID_RECORD',
    () => spoiled(bytes => bytes.writeInt32BE(2 ** 31 - 1, Batch.LENGTH_AT), 'wrong'),
  ],
  ['two batches', 'INVALID_RECORD', () => Buffer.concat([batchOf(['x']), batchOf(['y'])])],
  ['a batch beyond max.message.bytes', 'MESSAGE_TOO_LARGE', () => batchOf(['x'.repeat(1_100_000)])],
  ['a base offset', 'INVALID_RECORD', () => spoiled(bytes => bytes.writeBigInt64BE(7n, 0))],
  ['a base offset beyond 2^53', 'INVALID_RECORD', () => spoiled(bytes => bytes.writeBigInt64BE(2n ** 62n, 0))],
  ['a base offset below 0', 'INVALID_RECORD', () => spoiled(bytes => bytes.writeBigInt64BE(-1n, 0))],
  [
    'a count that is not the last offset delta + 1',
    'INVALID_RECORD',
    () => spoiled(bytes => bytes.writeInt32BE(4, Batch.RECORD_COUNT_AT)),
  ],
  ['a count below 0', 'INVALID_RECORD', () => spoiled(bytes => bytes.writeInt32BE(-5, Batch.RECORD_COUNT_AT))],
  ['a count of 2 billion', 'INVALID_RECORD', () => spoiled(bytes => setCount(bytes, 2 ** 31 - 1))],
  ['one record more than there is', 'INVALID_RECORD', () => spoiled(bytes => setCount(bytes, 4))],
  ['one record less than there is', 'INVALID_RECORD', () => spoiled(bytes => setCount(bytes, 2))],
  [
    'a control batch',
    'INVALID_RECORD',
    () => batchOf(['x'], { isControl: true, producerId: 1, producerEpoch: 0, baseSequence: 0 }),
  ],
  [
    'a negative sequence',
    'INVALID_RECORD',
    () => batchOf(['x'], { producerId: 1, producerEpoch: 0, baseSequence: -1 }),
  ],
  [
    'a producer id beyond 2^53',
    'INVALID_RECORD',
    () => spoiled(bytes => bytes.writeBigInt64BE(2n ** 60n + 1n, Batch.PRODUCER_ID_AT)),
  ],
  [
    'a base timestamp beyond 2^53',
    'INVALID_TIMESTAMP',
    () => spoiled(bytes => bytes.writeBigInt64BE(2n ** 63n - 1n, Batch.BASE_TIMESTAMP_AT)),
  ],
  [
    'a base timestamp below −2^53',
    'INVALID_TIMESTAMP',
    () => spoiled(bytes => bytes.writeBigInt64BE(-(2n ** 63n), Batch.BASE_TIMESTAMP_AT)),
  ],
  [
    'the timestamp type that is the broker’s',
    'INVALID_TIMESTAMP',
    () => spoiled(bytes => bytes.writeInt16BE(8, Batch.ATTRIBUTES_AT)),
  ],
  [
    'an unknown codec',
    'UNSUPPORTED_COMPRESSION_TYPE',
    () => spoiled(bytes => bytes.writeInt16BE(7, Batch.ATTRIBUTES_AT)),
  ],
  ['a record length below 0', 'INVALID_RECORD', () => spoiled(bytes => bytes.writeUInt8(0x01, firstRecordAt))],
  ['a record length beyond the batch', 'INVALID_RECORD', () => spoiled(bytes => bytes.writeUInt8(0x7e, firstRecordAt))],
  ['a varint that does not end', 'INVALID_RECORD', () => spoiled(bytes => bytes.fill(0xff, firstRecordAt))],
  ['a key longer than the record', 'INVALID_RECORD', () => spoiled(bytes => bytes.writeUInt8(0x7e, firstRecordAt + 4))],
  ['an offset delta out of order', 'INVALID_RECORD', () => spoiled(bytes => bytes.writeUInt8(0x04, firstRecordAt + 3))],
  ['an offset delta twice', 'INVALID_RECORD', () => spoiled(bytes => bytes.writeUInt8(0x00, firstRecordAt + 13))],
  ['gzip that is none', 'INVALID_RECORD', () => compressedBatch('gzip', Buffer.from('not gzip at all'))],
  ['snappy that is none', 'INVALID_RECORD', () => compressedBatch('snappy', Buffer.from('ffffffffffffffffff', 'hex'))],
  ['lz4 that is none', 'INVALID_RECORD', () => compressedBatch('lz4', Buffer.from('not lz4 at all'))],
  ['zstd that is none', 'INVALID_RECORD', () => compressedBatch('zstd', Buffer.from('not zstd at all'))],
  [
    'gzip that is cut off',
    'INVALID_RECORD',
    () => compressedBatch('gzip', gzipSync(Buffer.alloc(1000)).subarray(0, 20)),
  ],
  [
    'zstd that is cut off',
    'INVALID_RECORD',
    () => compressedBatch('zstd', zstdCompressSync(Buffer.alloc(1000)).subarray(0, 12)),
  ],
]

function setCount(bytes: Buffer, count: number): void {
  bytes.writeInt32BE(count, Batch.RECORD_COUNT_AT)
  bytes.writeInt32BE(count - 1, Batch.LAST_OFFSET_DELTA_AT)
}

describe('a batch that is not sound is refused, and what else is in the request is appended', () => {
  for (const [what, error, records] of bad) {
    it(`${what}: ${error}`, async () => {
      const answers = await peer.produce(
        'records',
        new Map([
          [0, batchOf(['before'])],
          [1, records()],
          [2, batchOf(['behind'])],
        ]),
      )
      assert.deepEqual(
        [0, 1, 2].map(partition => answers.get(partition)!.error),
        ['NONE', error, 'NONE'],
        answers.get(1)!.message ?? '',
      )
      assert.notEqual(answers.get(1)!.message ?? '', '', 'it says why')
      assert.equal(answers.get(1)!.baseOffset, -1)
    })
  }

  it('and nothing of the bad ones was kept', async () => {
    assert.equal((await peer.fetch('records', { partition: 1 })).highWatermark, 0)
    assert.equal((await peer.fetch('records', { partition: 0 })).highWatermark, bad.length)
    assert.equal((await peer.fetch('records', { partition: 2 })).highWatermark, bad.length)
  })
})

/** Small batches that decompress to more than anybody could send: honest ones, and those that do not say how large they are. */
const bombs: readonly (readonly [name: string, batch: () => Buffer, error?: string])[] = [
  ['gzip', () => compressedBatch('gzip', gzipSync(zeros))],
  ['gzip in many members', () => compressedBatch('gzip', repeated(gzipSync(Buffer.alloc(10 * MiB)), 30))],
  ['snappy that claims 4 GB', () => compressedBatch('snappy', Buffer.from('ffffffff0f00', 'hex')), 'INVALID_RECORD'],
  ['snappy in many blocks', () => compressedBatch('snappy', snappyBomb()), 'INVALID_RECORD'],
  ['lz4', () => compressedBatch('lz4', codecOf('lz4').compress(zeros))],
  ['zstd', () => compressedBatch('zstd', zstdCompressSync(zeros))],
  ['zstd in many frames', () => compressedBatch('zstd', repeated(zstdCompressSync(Buffer.alloc(10 * MiB)), 30))],
]

const zeros = Buffer.alloc(150 * MiB)

function repeated(bytes: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => bytes))
}

/** Blocks of 64 bytes of input, each of which claims 4 MB: more than snappy can, which is seen before anything is decompressed. */
function snappyBomb(): Buffer {
  const block = Buffer.concat([Buffer.from('80808002', 'hex'), Buffer.alloc(60)])
  const length = Buffer.alloc(4)
  length.writeInt32BE(block.length)
  const header = codecOf('snappy').compress(Buffer.from('x')).subarray(0, 16)
  return Buffer.concat([header, repeated(Buffer.concat([length, block]), 1000)])
}

describe('a decompression bomb', () => {
  for (const [name, batch, error = 'MESSAGE_TOO_LARGE'] of bombs) {
    it(`is refused without taking what it promises: ${name}`, async t => {
      const bytes = batch()
      assert.ok(bytes.length < MiB, `${bytes.length} bytes`)
      if (onLinux) broker.forgetPeak()
      const residentBytes = onLinux ? broker.residentBytes : 0
      const answer = (await peer.produce('records', new Map([[1, bytes]]))).get(1)!
      assert.equal(answer.error, error, answer.message ?? '')
      const growthBytes = onLinux ? broker.peakResidentBytes - residentBytes : 0
      t.diagnostic(`${bytes.length} bytes took ${Math.round(growthBytes / MiB)} MiB`)
      // What they may decompress to is 100 MiB, in pieces that are put together at the end.
      assert.ok(growthBytes < 250 * MiB, `${growthBytes / MiB} MiB`)
    })
  }

  it('is forgotten as soon as it is refused, though nothing else happens', { skip: !onLinux }, async () => {
    const bombs = [gzipSync(zeros.subarray(0, 99 * MiB)), zstdCompressSync(zeros.subarray(0, 99 * MiB))] as const
    const residentBytes = broker.residentBytes
    for (const [index, type] of (['gzip', 'zstd'] as const).entries()) {
      broker.forgetPeak()
      const answers = await peer.produce('records', new Map([[1, compressedBatch(type, bombs[index]!)]]))
      assert.equal(answers.get(1)!.error, 'INVALID_RECORD')
      assert.ok(broker.peakResidentBytes - residentBytes > 64 * MiB, 'it took as much as it promised')
      const leftBytes = broker.residentBytes - residentBytes
      assert.ok(leftBytes < 48 * MiB, `${type}: ${Math.round(leftBytes / MiB)} MiB are left of it`)
    }
  })

  it('and more of them in one request hold up nobody but what comes behind them on their connection', async () => {
    const many = 40
    const bomb = compressedBatch('zstd', zstdCompressSync(zeros.subarray(0, 99 * MiB)))
    const attacker = await Peer.connect(broker.port)
    await attacker.createTopic('wide', many)
    const bombs = new Map(Array.from({ length: many }, (_, partition) => [partition, bomb]))
    const behind = new Map([[many - 1, batchOf(['behind'])]])
    const whole = Buffer.concat([
      requestBytes(apis.Produce, 9, 1, produceBody('wide', new Map([...bombs, [many - 1, batchOf(['last'])]]))),
      requestBytes(apis.Produce, 9, 2, produceBody('wide', behind)),
      requestBytes(apis.Metadata, 9, 3, { topics: [] }),
    ])
    await attacker.send(whole)
    let isAnswered = false
    const answer = attacker.nextFrame().finally(() => {
      isAnswered = true
    })
    let others = 0
    for (; !isAnswered; others++) assert.equal(await peer.put('records'), 'NONE')
    const { responses } = decodeAnswer(apis.Produce, 9, 1, await answer) as Infer<typeof apis.Produce.response>
    const errors = responses[0]!.partitionResponses.map(({ errorCode }) => errorName(errorCode))
    assert.deepEqual(errors, [...Array.from({ length: many - 1 }, () => 'INVALID_RECORD'), 'NONE'])
    assert.ok(others >= 5, `${others} requests of another connection went between ${many} bombs`)
    const second = decodeAnswer(apis.Produce, 9, 2, await attacker.nextFrame()) as Infer<typeof apis.Produce.response>
    const offsets = [responses[0]!.partitionResponses.at(-1)!, second.responses[0]!.partitionResponses[0]!].map(
      ({ errorCode, baseOffset }) => [errorName(errorCode), baseOffset],
    )
    assert.deepEqual(offsets, [
      ['NONE', 0],
      ['NONE', 1],
    ])
    decodeAnswer(apis.Metadata, 9, 3, await attacker.nextFrame())
    attacker.close()
  })

  it('and what a client that does not wait has sent is appended to its end when it has gone', async () => {
    const many = 12
    const bomb = compressedBatch('zstd', zstdCompressSync(zeros.subarray(0, 99 * MiB)))
    await peer.createTopic('gone', many)
    const attacker = await Peer.connect(broker.port)
    const batches = new Map(Array.from({ length: many }, (_, partition) => [partition, bomb]))
    await attacker.send(
      requestBytes(apis.Produce, 9, 1, produceBody('gone', new Map([...batches, [many - 1, batchOf(['last'])]]))),
    )
    await eventually('it is being served', async () => (await peer.put('records')) === 'NONE')
    attacker.close()
    await eventually(
      'the last batch is there',
      async () => (await peer.fetch('gone', { partition: many - 1 })).highWatermark === 1,
    )
  })

  it('and more of them sent ahead hold up their own connection, and others go between', async () => {
    const many = 10
    const bomb = compressedBatch('zstd', repeated(zstdCompressSync(Buffer.alloc(10 * MiB)), 30))
    const request = requestBytes(apis.Produce, 9, 1, produceBody('records', new Map([[1, bomb]])))
    const attacker = await Peer.connect(broker.port)
    let answered = 0
    await attacker.send(repeated(request, many))
    const all = (async () => {
      for (; answered < many; answered++) await attacker.nextFrame()
    })()
    await eventually('the first is answered', () => answered > 0)
    await peer.request(apis.ApiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' })
    assert.ok(answered < many, `${answered} went before`)
    await all
    attacker.close()
  })
})
