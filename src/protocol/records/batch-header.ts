/**
 * The header of a record batch of magic 2, read and stamped in place: batches stay the bytes that arrived, and nothing is made of
 * them to look at a field. All functions take the bytes and the position at which the batch begins.
 *
 * Fields in order: base offset (8), length of what follows (4), partition leader epoch (4), magic (1), CRC-32C of what follows (4),
 * attributes (2), last offset delta (4), base timestamp (8), max timestamp (8), producer id (8), producer epoch (2), base sequence (4),
 * record count (4), records. Base offset and leader epoch lie outside the CRC, so a leader stamps them freely.
 *
 * These functions expect a whole batch that `walk.ts` has looked at: offsets and producer ids are asserted safe here, and the walk
 * refuses bytes in which they are not. Timestamps may be anything on the wire; beyond ±2^53 they read as the nearest double.
 * Source: Kafka protocol guide, "Record Batch"; KIP-98, KIP-534 (delete horizon).
 */

import { assert, assertSafeInteger } from '../../std/assert.ts'
import { crc32c } from '../../std/crc32c.ts'
import { readInt16, readInt32, readInt64, readUint32, writeInt16, writeInt32, writeInt64 } from './int64.ts'
import type { CompressionType } from './compression/index.ts'
import { compressionTypeOf } from './compression/index.ts'

/** Base offset and length: what precedes the counted part of any batch or message. */
export const LOG_OVERHEAD_BYTES = 12
/** Size of a magic 2 header: no batch is smaller. */
export const BATCH_HEADER_BYTES = 61

export const LENGTH_AT = 8
export const LEADER_EPOCH_AT = 12
export const MAGIC_AT = 16
export const CRC_AT = 17
export const ATTRIBUTES_AT = 21
export const LAST_OFFSET_DELTA_AT = 23
export const BASE_TIMESTAMP_AT = 27
export const MAX_TIMESTAMP_AT = 35
export const PRODUCER_ID_AT = 43
export const PRODUCER_EPOCH_AT = 51
export const BASE_SEQUENCE_AT = 53
export const RECORD_COUNT_AT = 57

export const COMPRESSION_MASK = 0x07
export const LOG_APPEND_TIME_FLAG = 0x08
export const TRANSACTIONAL_FLAG = 0x10
export const CONTROL_FLAG = 0x20
export const DELETE_HORIZON_FLAG = 0x40

export const NO_TIMESTAMP = -1
export const NO_PRODUCER_ID = -1
export const NO_PRODUCER_EPOCH = -1
export const NO_SEQUENCE = -1
export const NO_LEADER_EPOCH = -1

/** As in the topic setting `message.timestamp.type`; messages of magic 0 have none. */
export type TimestampType = 'CreateTime' | 'LogAppendTime'

function safe(value: number, what: string): number {
  assertSafeInteger(value, what)
  return value
}

export function baseOffset(bytes: Uint8Array, at: number): number {
  return safe(readInt64(bytes, at), 'base offset')
}

/** The whole batch, base offset and length included. */
export function sizeInBytes(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + LENGTH_AT) + LOG_OVERHEAD_BYTES
}

export function partitionLeaderEpoch(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + LEADER_EPOCH_AT)
}

/** Signed, as hostile bytes may have it; at the same place in magic 0 and 1. */
export function magic(bytes: Uint8Array, at: number): number {
  return (bytes[at + MAGIC_AT]! << 24) >> 24
}

/** Unsigned. */
export function crc(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + CRC_AT)
}

export function attributes(bytes: Uint8Array, at: number): number {
  return readInt16(bytes, at + ATTRIBUTES_AT)
}

/** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5 to 7 mean nothing yet. */
export function compressionId(bytes: Uint8Array, at: number): number {
  return bytes[at + ATTRIBUTES_AT + 1]! & COMPRESSION_MASK
}

/** `undefined` for an id that means nothing yet. */
export function compression(bytes: Uint8Array, at: number): CompressionType | undefined {
  return compressionTypeOf(compressionId(bytes, at))
}

export function isCompressed(bytes: Uint8Array, at: number): boolean {
  return compressionId(bytes, at) !== 0
}

export function timestampType(bytes: Uint8Array, at: number): TimestampType {
  return (bytes[at + ATTRIBUTES_AT + 1]! & LOG_APPEND_TIME_FLAG) === 0 ? 'CreateTime' : 'LogAppendTime'
}

export function isTransactional(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + ATTRIBUTES_AT + 1]! & TRANSACTIONAL_FLAG) !== 0
}

export function isControl(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + ATTRIBUTES_AT + 1]! & CONTROL_FLAG) !== 0
}

export function hasDeleteHorizon(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + ATTRIBUTES_AT + 1]! & DELETE_HORIZON_FLAG) !== 0
}

/** The time after which the cleaner may drop tombstones and markers of this batch, kept in the base timestamp (KIP-534). */
export function deleteHorizonMs(bytes: Uint8Array, at: number): number | undefined {
  return hasDeleteHorizon(bytes, at) ? baseTimestampMs(bytes, at) : undefined
}

export function lastOffsetDelta(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + LAST_OFFSET_DELTA_AT)
}

export function lastOffset(bytes: Uint8Array, at: number): number {
  return baseOffset(bytes, at) + lastOffsetDelta(bytes, at)
}

/** The offset of whatever comes behind this batch. */
export function nextOffset(bytes: Uint8Array, at: number): number {
  return lastOffset(bytes, at) + 1
}

/** What the records' timestamp deltas count from. */
export function baseTimestampMs(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + BASE_TIMESTAMP_AT)
}

/** The largest timestamp of the records, or the one timestamp of them all when the type is LogAppendTime. */
export function maxTimestampMs(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + MAX_TIMESTAMP_AT)
}

export function producerId(bytes: Uint8Array, at: number): number {
  return safe(readInt64(bytes, at + PRODUCER_ID_AT), 'producer id')
}

export function hasProducerId(bytes: Uint8Array, at: number): boolean {
  return producerId(bytes, at) > NO_PRODUCER_ID
}

export function producerEpoch(bytes: Uint8Array, at: number): number {
  return readInt16(bytes, at + PRODUCER_EPOCH_AT)
}

export function baseSequence(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + BASE_SEQUENCE_AT)
}

/** The sequence of the last record: they wrap from 2^31−1 to 0. −1 where the batch has none. */
export function lastSequence(bytes: Uint8Array, at: number): number {
  const base = baseSequence(bytes, at)
  return base === NO_SEQUENCE ? NO_SEQUENCE : incrementSequence(base, lastOffsetDelta(bytes, at))
}

/** `sequence + increment` in the circle [0, 2^31). */
export function incrementSequence(sequence: number, increment: number): number {
  return (sequence + increment) % 0x8000_0000
}

export function recordCount(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + RECORD_COUNT_AT)
}

/** Whether the stored checksum is that of the bytes. The batch must be there whole. */
export function verifyCrc(bytes: Uint8Array, at: number): boolean {
  return crc(bytes, at) === computeCrc(bytes, at)
}

/** The checksum from the attributes to the end of the batch. */
export function computeCrc(bytes: Uint8Array, at: number): number {
  const end = at + sizeInBytes(bytes, at)
  assert(end - at >= BATCH_HEADER_BYTES && end <= bytes.length, () => `batch at ${at} is not whole: ends at ${end}`)
  return crc32c(bytes, at + ATTRIBUTES_AT, end)
}

/** Makes the checksum match after a change behind it. */
export function stampCrc(bytes: Uint8Array, at: number): void {
  writeInt32(bytes, at + CRC_AT, computeCrc(bytes, at))
}

/** Outside the CRC. */
export function stampBaseOffset(bytes: Uint8Array, at: number, offset: number): void {
  assert(Number.isSafeInteger(offset) && offset >= 0, () => `base offset ${offset}`)
  writeInt64(bytes, at, offset)
}

/** Outside the CRC. */
export function stampLeaderEpoch(bytes: Uint8Array, at: number, leaderEpoch: number): void {
  assert(Number.isInteger(leaderEpoch) && leaderEpoch >= NO_LEADER_EPOCH, () => `leader epoch ${leaderEpoch}`)
  writeInt32(bytes, at + LEADER_EPOCH_AT, leaderEpoch)
}

/**
 * Sets the maximum timestamp and the timestamp type, and the checksum with them. Does nothing, and says so by `false`,
 * when both are what they should be, which is the usual case on a topic with CreateTime.
 */
export function stampMaxTimestamp(
  bytes: Uint8Array,
  at: number,
  type: TimestampType,
  maxTimestampMsToBe: number,
): boolean {
  assertSafeInteger(maxTimestampMsToBe, 'max timestamp')
  if (timestampType(bytes, at) === type && maxTimestampMs(bytes, at) === maxTimestampMsToBe) return false
  const flags = bytes[at + ATTRIBUTES_AT + 1]!
  bytes[at + ATTRIBUTES_AT + 1] =
    type === 'LogAppendTime' ? flags | LOG_APPEND_TIME_FLAG : flags & ~LOG_APPEND_TIME_FLAG
  writeInt64(bytes, at + MAX_TIMESTAMP_AT, maxTimestampMsToBe)
  stampCrc(bytes, at)
  return true
}

/** Sets who wrote the batch, and the checksum with it: a producer does so when a batch is sent anew under another epoch. */
export function stampProducer(
  bytes: Uint8Array,
  at: number,
  producer: { producerId: number; producerEpoch: number; baseSequence: number },
): void {
  assertSafeInteger(producer.producerId, 'producer id')
  writeInt64(bytes, at + PRODUCER_ID_AT, producer.producerId)
  writeInt16(bytes, at + PRODUCER_EPOCH_AT, producer.producerEpoch)
  writeInt32(bytes, at + BASE_SEQUENCE_AT, producer.baseSequence)
  stampCrc(bytes, at)
}

/** Every field that `writeBatchHeader` needs; the CRC is computed. */
export interface BatchHeader {
  readonly baseOffset: number
  readonly sizeInBytes: number
  readonly partitionLeaderEpoch: number
  /** As on the wire; see the masks and flags above. */
  readonly attributes: number
  readonly lastOffsetDelta: number
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

/** Writes a header in front of records that are already in place, checksum included. */
export function writeBatchHeader(bytes: Uint8Array, at: number, header: BatchHeader): void {
  assertSafeInteger(header.baseTimestampMs, 'base timestamp')
  assertSafeInteger(header.maxTimestampMs, 'max timestamp')
  assertSafeInteger(header.producerId, 'producer id')
  assert(header.lastOffsetDelta >= 0, () => `last offset delta ${header.lastOffsetDelta}`)
  writeInt32(bytes, at + LENGTH_AT, header.sizeInBytes - LOG_OVERHEAD_BYTES)
  bytes[at + MAGIC_AT] = 2
  stampBaseOffset(bytes, at, header.baseOffset)
  stampLeaderEpoch(bytes, at, header.partitionLeaderEpoch)
  writeInt16(bytes, at + ATTRIBUTES_AT, header.attributes)
  writeInt32(bytes, at + LAST_OFFSET_DELTA_AT, header.lastOffsetDelta)
  writeInt64(bytes, at + BASE_TIMESTAMP_AT, header.baseTimestampMs)
  writeInt64(bytes, at + MAX_TIMESTAMP_AT, header.maxTimestampMs)
  writeInt64(bytes, at + PRODUCER_ID_AT, header.producerId)
  writeInt16(bytes, at + PRODUCER_EPOCH_AT, header.producerEpoch)
  writeInt32(bytes, at + BASE_SEQUENCE_AT, header.baseSequence)
  writeInt32(bytes, at + RECORD_COUNT_AT, header.recordCount)
  stampCrc(bytes, at)
}
