/**
 * Record batches for produce requests and for those who read logs: sound ones, and ones that are wrong in each way that there is. In half the cases the
 * lengths and the checksum are made right again after a change, so that what looks at the inside gets to see it.
 */

import * as Batch from '../../src/protocol/records/batch-header.ts'
import { buildBatch } from '../../src/protocol/records/builder.ts'
import type { BatchOptions, RecordInput } from '../../src/protocol/records/builder.ts'
import { codecOf } from '../../src/protocol/records/compression/index.ts'
import type { CompressionType } from '../../src/protocol/records/compression/index.ts'
import { writeInt32 } from '../../src/protocol/records/int64.ts'
import { buildMessageSet } from '../../src/protocol/records/legacy.ts'
import { crc32c } from '../../src/std/crc32c.ts'
import { SeededRandom } from '../../src/std/random.ts'

const codecs: readonly CompressionType[] = ['none', 'none', 'gzip', 'snappy', 'lz4', 'zstd']
const compressing = ['gzip', 'snappy', 'lz4', 'zstd'] as const

/** Any topic takes records of this time. */
export const RECORDS_MS = 1_700_000_000_000

/** Bytes for a field that holds records; `wrong` is the share of those that no broker may take. */
export function anyRecords(random: SeededRandom, wrong: number): Uint8Array {
  if (!random.chance(wrong)) return soundBatch(random)
  return random.pick(wrongKinds)(random)
}

const pool: Buffer[] = []

/** One of a few hundred: making one, compressed above all, takes longer than all the rest of a frame. The bytes are shared. */
function soundBatch(random: SeededRandom): Buffer {
  const number = random.below(256)
  const batch = pool[number] ?? freshBatch(new SeededRandom(number))
  pool[number] = batch
  return batch
}

export function freshBatch(random: SeededRandom, options: BatchOptions = {}): Buffer {
  const producer: BatchOptions = random.chance(0.2)
    ? { producerId: random.below(50), producerEpoch: random.pick([0, 0, 1]), baseSequence: random.pick([0, 0, 1, 5]) }
    : {}
  return buildBatch(someRecords(random), { compression: random.pick(codecs), ...producer, ...options })
}

function someRecords(random: SeededRandom): RecordInput[] {
  return Array.from({ length: random.pick([1, 1, 1, 2, 5, 20]) }, () => ({
    timestampMs: RECORDS_MS + random.below(1000),
    key: random.chance(0.3) ? null : random.bytes(random.pick([0, 1, 8])),
    value: random.chance(0.1) ? null : random.bytes(random.pick([0, 1, 30, 300])),
    ...(random.chance(0.2) ? { headers: [{ key: 'h', value: random.chance(0.5) ? null : random.bytes(3) }] } : {}),
  }))
}

type WrongKind = (random: SeededRandom) => Uint8Array

const wrongKinds: readonly WrongKind[] = [
  wrongHeader,
  wrongHeader,
  wrongHeader,
  wrongRecords,
  wrongRecords,
  wrongCompression,
  random => flipped(soundBatch(random), random),
  random => soundBatch(random).subarray(0, random.below(70)),
  random => Buffer.concat([soundBatch(random), soundBatch(random)]),
  random => Buffer.concat([soundBatch(random), random.bytes(random.between(1, 80))]),
  random => random.bytes(random.below(120)),
  random => freshBatch(random, { isControl: true }),
  random => freshBatch(random, { isTransactional: true }),
  oldMessageSet,
  bomb,
]

/** One field of the header is another number than it should be. */
function wrongHeader(random: SeededRandom): Buffer {
  const batch = Buffer.from(soundBatch(random))
  const extreme = (): number => random.pick([0, -1, 1, 0x7fff_ffff, -(2 ** 31), batch.length, random.uint32() | 0])
  const wide = (at: number): void => {
    batch.writeInt32BE(extreme(), at)
    batch.writeInt32BE(extreme(), at + 4)
  }
  switch (random.below(11)) {
    case 0:
      wide(0)
      break
    case 1:
      batch.writeInt32BE(extreme(), Batch.LENGTH_AT)
      // The checksum goes over as many bytes as the length says.
      return batch
    case 2:
      batch[Batch.MAGIC_AT] = random.pick([0, 1, 3, 127, 255])
      break
    case 3:
      batch.writeInt16BE(random.uint32() & 0x7fff, Batch.ATTRIBUTES_AT)
      break
    case 4:
      batch.writeInt32BE(extreme(), Batch.LAST_OFFSET_DELTA_AT)
      break
    case 5:
      wide(Batch.BASE_TIMESTAMP_AT)
      break
    case 6:
      wide(Batch.MAX_TIMESTAMP_AT)
      break
    case 7:
      wide(Batch.PRODUCER_ID_AT)
      break
    case 8:
      batch.writeInt16BE(random.pick([-1, -2, 0x7fff, -0x8000]), Batch.PRODUCER_EPOCH_AT)
      break
    case 9:
      batch.writeInt32BE(extreme(), Batch.BASE_SEQUENCE_AT)
      break
    default: {
      // A count that does not match, or one that matches a last delta that lies as well.
      const count = extreme()
      batch.writeInt32BE(count, Batch.RECORD_COUNT_AT)
      if (random.chance(0.5)) batch.writeInt32BE((count - 1) | 0, Batch.LAST_OFFSET_DELTA_AT)
    }
  }
  return random.chance(0.8) ? checksummed(batch) : batch
}

/** Records that are wrong within a batch whose length and checksum are right, compressed or not. */
function wrongRecords(random: SeededRandom): Buffer {
  const batch = freshBatch(random, { compression: 'none' })
  let records: Uint8Array = batch.subarray(Batch.BATCH_HEADER_BYTES)
  for (let times = random.between(1, 3); times > 0; times--) records = changedRecords(records, random)
  return rebuilt(batch, records, random.pick(codecs), random)
}

/** What no encoder writes as a varint, or not as a length that fits. */
const varintBombs: readonly Uint8Array[] = [
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f),
  Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0x0f),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
  Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80),
  Uint8Array.of(0x01),
  Uint8Array.of(0x80, 0x00),
]

function changedRecords(records: Uint8Array, random: SeededRandom): Uint8Array {
  const at = random.below(records.length + 1)
  // The first few bytes are lengths and deltas; further in lie mostly keys and values.
  const near = Math.min(records.length, random.below(12))
  switch (random.below(5)) {
    case 0:
      return flipped(records, random)
    case 1:
      return records.subarray(0, at)
    case 2:
      return Buffer.concat([records, random.bytes(random.between(1, 20))])
    case 3:
      return Buffer.concat([records.subarray(0, near), random.pick(varintBombs), records.subarray(near)])
    default: {
      const bomb = random.pick(varintBombs)
      return Buffer.concat([records.subarray(0, near), bomb, records.subarray(near + bomb.length)])
    }
  }
}

/** Compressed bytes that do not decompress, or to something else than they say. */
function wrongCompression(random: SeededRandom): Buffer {
  const batch = freshBatch(random, { compression: 'none' })
  const codec = codecOf(random.pick(compressing))
  let compressed: Uint8Array = codec.compress(batch.subarray(Batch.BATCH_HEADER_BYTES))
  switch (random.below(4)) {
    case 0:
      compressed = flipped(compressed, random)
      break
    case 1:
      compressed = compressed.subarray(0, random.below(compressed.length))
      break
    case 2:
      compressed = Buffer.concat([compressed, random.bytes(random.between(1, 40))])
      break
    default:
      // The header of the format, where sizes and flags are.
      compressed = Buffer.concat([compressed.subarray(0, random.below(8)), random.bytes(8), compressed.subarray(8)])
  }
  return assembled(batch, compressed, random.chance(0.1) ? random.below(8) : codec.id)
}

function oldMessageSet(random: SeededRandom): Buffer {
  const magic = random.pick([0, 1] as const)
  const records = someRecords(random).map(({ timestampMs, key, value }) => ({ timestampMs, key, value }))
  const compression = random.pick(['none', 'gzip', 'snappy', 'lz4'] as const)
  const set = buildMessageSet(records, { magic, compression })
  if (random.chance(0.4)) return set
  if (random.chance(0.5)) return flipped(set, random)
  // A wrapper within a wrapper, as deep as it fits.
  let wrapped = set
  for (let depth = random.between(1, 4); depth > 0; depth--) {
    const value: RecordInput = { timestampMs: RECORDS_MS, key: null, value: wrapped }
    wrapped = buildMessageSet([value], { magic, compression: 'gzip' })
  }
  return wrapped
}

const bombs = new Map<string, Buffer>()

/** A few KB that decompress to megabytes: one record of zeros, or none at all and megabytes of rubbish behind it. */
function bomb(random: SeededRandom): Buffer {
  const type = random.pick(compressing)
  const megabytes = random.pick([1, 2, 16])
  const isRecord = random.chance(0.5)
  // Making one takes longer than a thousand other frames.
  const name = `${type} ${megabytes} ${isRecord}`
  const known = bombs.get(name)
  if (known !== undefined) return known
  const zeros = Buffer.alloc(megabytes * 1024 * 1024)
  const record: RecordInput = { timestampMs: RECORDS_MS, key: null, value: isRecord ? zeros : Buffer.alloc(1) }
  const batch = buildBatch([record], { compression: 'none' })
  const records = batch.subarray(Batch.BATCH_HEADER_BYTES)
  const codec = codecOf(type)
  const made = assembled(batch, codec.compress(isRecord ? records : Buffer.concat([records, zeros])), codec.id)
  bombs.set(name, made)
  return made
}

function rebuilt(header: Buffer, records: Uint8Array, type: CompressionType, random: SeededRandom): Buffer {
  const codec = codecOf(type)
  const batch = assembled(header, codec.compress(records), codec.id)
  return random.chance(0.9) ? batch : flipped(batch, random)
}

function assembled(header: Buffer, body: Uint8Array, codecId: number): Buffer {
  const batch = Buffer.concat([header.subarray(0, Batch.BATCH_HEADER_BYTES), body])
  batch[Batch.ATTRIBUTES_AT + 1] = (batch[Batch.ATTRIBUTES_AT + 1]! & ~Batch.COMPRESSION_MASK) | codecId
  writeInt32(batch, Batch.LENGTH_AT, batch.length - Batch.LOG_OVERHEAD_BYTES)
  return checksummed(batch)
}

/** Over all that follows, whatever the length field says. */
function checksummed(batch: Buffer): Buffer {
  if (batch.length >= Batch.BATCH_HEADER_BYTES) {
    batch.writeUInt32BE(crc32c(batch, Batch.ATTRIBUTES_AT, batch.length), Batch.CRC_AT)
  }
  return batch
}

/** One to eight bits are the other way round. */
export function flipped(bytes: Uint8Array, random: SeededRandom): Buffer {
  const copy = Buffer.from(bytes)
  if (copy.length === 0) return copy
  for (let times = random.between(1, 8); times > 0; times--) {
    const at = random.below(copy.length)
    copy[at] = copy[at]! ^ (1 << random.below(8))
  }
  return copy
}
