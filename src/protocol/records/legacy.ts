/**
 * Message sets of magic 0 and 1, the formats before record batches. A message stands alone, or wraps a compressed message set as its value.
 * Kafka 4 neither takes nor sends them, but logs that were written before 0.11 hold them, and old clients' ways are tested against them.
 *
 * A message: offset (8), length of what follows (4), CRC-32 of what follows (4), magic (1), attributes (1), timestamp (8, magic 1 only),
 * key (4 + n), value (4 + n); null has length −1. The offsets inside a wrapper are absolute in magic 0 and count from 0 in magic 1 (KIP-31);
 * the wrapper has the offset of its last message.
 */

import { crc32 } from 'node:zlib'
import { assert, assertSafeInteger } from '../../std/assert.ts'
import * as Batch from './batch-header.ts'
import type { RecordInput } from './builder.ts'
import type { CompressionType } from './compression/index.ts'
import { codecById, codecOf, DecompressionFailure } from './compression/index.ts'
import { BatchFailure } from './failure.ts'
import { readInt32, readInt64, readUint32, writeInt32, writeInt64 } from './int64.ts'
import type { RecordContext } from './record.ts'
import { Record } from './record.ts'
import { batchSizeAt } from './walk.ts'

const MESSAGE_CRC_AT = 12
const MESSAGE_ATTRIBUTES_AT = 17
const MESSAGE_TIMESTAMP_AT = 18

/** Both fields lie elsewhere than in a batch. */
export function messageTimestampMs(bytes: Uint8Array, at: number): number {
  return Batch.magic(bytes, at) === 0 ? Batch.NO_TIMESTAMP : readInt64(bytes, at + MESSAGE_TIMESTAMP_AT)
}

/** Whether the stored checksum of the whole message at `at` is that of its bytes. */
export function verifyMessageCrc(bytes: Uint8Array, at: number): boolean {
  const end = at + Batch.sizeInBytes(bytes, at)
  return readUint32(bytes, at + MESSAGE_CRC_AT) === crc32(bytes.subarray(at + Batch.MAGIC_AT, end))
}

/** The message at `at`, or those that it wraps, as records. Fails as `decodeBatch` does. */
export function decodeMessage(bytes: Uint8Array, at: number, maxUncompressedBytes: number): Record[] | BatchFailure {
  const fields = messageFields(bytes, at)
  if (fields === undefined) return invalid(`key and value do not fill the message at byte ${at}`)
  const attributes = bytes[at + MESSAGE_ATTRIBUTES_AT]!
  const compressionId = attributes & Batch.COMPRESSION_MASK
  if (compressionId === 0) return [recordOf(bytes, at, fields, Batch.baseOffset(bytes, at), undefined)]

  const magic = Batch.magic(bytes, at)
  const codec = codecById(compressionId)
  if (codec === undefined) {
    return new BatchFailure('UNSUPPORTED_COMPRESSION_TYPE', `unknown compression id ${compressionId}`)
  }
  if (codec.type === 'zstd') return invalid(`zstd in a message of magic ${magic}`)
  if (fields.valueLength < 0) return invalid('a wrapper message has the value null')
  const wrapped = bytes.subarray(fields.valueAt, fields.valueAt + fields.valueLength)
  const inner = codec.decompress(wrapped, maxUncompressedBytes, { magic0: magic === 0 })
  if (inner instanceof DecompressionFailure) {
    return inner.reason === 'too-large'
      ? new BatchFailure('MESSAGE_TOO_LARGE', `the message set ${inner.message}`)
      : invalid(`the wrapped messages are not ${codec.type}: ${inner.message}`)
  }
  const logAppendTime = magic === 1 && (attributes & Batch.LOG_APPEND_TIME_FLAG) !== 0
  return decodeInner(inner, {
    magic,
    offset: Batch.baseOffset(bytes, at),
    logAppendTimeMs: logAppendTime ? messageTimestampMs(bytes, at) : undefined,
  })
}

interface Wrapper {
  readonly magic: number
  readonly offset: number
  readonly logAppendTimeMs: number | undefined
}

function decodeInner(inner: Uint8Array, wrapper: Wrapper): Record[] | BatchFailure {
  const positions: number[] = []
  for (let at = 0; at < inner.length;) {
    const size = batchSizeAt(inner, at, inner.length)
    if (size < 0 || Batch.magic(inner, at) > 1) return invalid(`no wrapped message begins at byte ${at}`)
    positions.push(at)
    at += size
  }
  const last = positions.at(-1)
  if (last === undefined) return invalid('a wrapper message wraps nothing')
  const base = wrapper.magic === 0 ? 0 : baseOfRelativeOffsets(wrapper.offset, Batch.baseOffset(inner, last))
  if (base === undefined) return invalid(`wrapper offset ${wrapper.offset} is below that of the last message in it`)

  const records: Record[] = []
  for (const at of positions) {
    const fields = messageFields(inner, at)
    if (fields === undefined) return invalid(`key and value do not fill the wrapped message at byte ${at}`)
    if ((inner[at + MESSAGE_ATTRIBUTES_AT]! & Batch.COMPRESSION_MASK) !== 0)
      return invalid('a wrapper within a wrapper')
    const offset = base + Batch.baseOffset(inner, at)
    if (!Number.isSafeInteger(offset)) return invalid(`the wrapped message at byte ${at} has offset ${offset}`)
    records.push(recordOf(inner, at, fields, offset, wrapper.logAppendTimeMs))
  }
  return records
}

/** Some librdkafka versions send wrappers with offset 0, meaning that the messages count from 0. */
function baseOfRelativeOffsets(wrapperOffset: number, lastInnerOffset: number): number | undefined {
  if (wrapperOffset === 0) return 0
  return wrapperOffset < lastInnerOffset ? undefined : wrapperOffset - lastInnerOffset
}

interface MessageFields {
  readonly keyAt: number
  readonly keyLength: number
  readonly valueAt: number
  readonly valueLength: number
}

/** `undefined` where key and value do not fill the message exactly. */
function messageFields(bytes: Uint8Array, at: number): MessageFields | undefined {
  const end = at + Batch.sizeInBytes(bytes, at)
  const keyAt = at + (Batch.magic(bytes, at) === 0 ? MESSAGE_TIMESTAMP_AT : MESSAGE_TIMESTAMP_AT + 8) + 4
  const keyLength = Math.max(-1, readInt32(bytes, keyAt - 4))
  const valueAt = keyAt + Math.max(0, keyLength) + 4
  if (valueAt > end) return undefined
  const valueLength = Math.max(-1, readInt32(bytes, valueAt - 4))
  return valueAt + Math.max(0, valueLength) === end ? { keyAt, keyLength, valueAt, valueLength } : undefined
}

function recordOf(
  bytes: Uint8Array,
  at: number,
  fields: MessageFields,
  offset: number,
  logAppendTimeMs: number | undefined,
): Record {
  const context: RecordContext = {
    bytes,
    baseOffset: offset,
    baseTimestampMs: messageTimestampMs(bytes, at),
    logAppendTimeMs,
  }
  return new Record(context, 0, 0, fields.keyAt, fields.keyLength, fields.valueAt, fields.valueLength, 0)
}

export interface MessageSetOptions {
  readonly magic: 0 | 1
  readonly baseOffset?: number
  readonly compression?: Exclude<CompressionType, 'zstd'>
  readonly compressionLevel?: number
  /** Magic 1 only: gives all messages this timestamp, with the type LogAppendTime. */
  readonly logAppendTimeMs?: number
}

/** A message set of these records: one message each, or one wrapper around them all. They cannot have headers. */
export function buildMessageSet(records: readonly RecordInput[], options: MessageSetOptions): Buffer {
  const { magic, baseOffset = 0, compression = 'none', logAppendTimeMs } = options
  assert(logAppendTimeMs === undefined || magic === 1, 'messages of magic 0 have no timestamps')
  assert(records.length > 0, 'a message set of no messages')
  const flags = logAppendTimeMs === undefined ? 0 : Batch.LOG_APPEND_TIME_FLAG
  const wraps = compression !== 'none'
  const messages = records.map((record, index) => {
    assert((record.headers?.length ?? 0) === 0, `messages of magic ${magic} have no headers`)
    const offset = wraps && magic === 1 ? index : baseOffset + index
    return buildMessage(magic, offset, flags, logAppendTimeMs ?? record.timestampMs, record.key, record.value)
  })
  const set = Buffer.concat(messages)
  if (!wraps) return set
  const codec = codecOf(compression)
  const level = options.compressionLevel
  const value = codec.compress(set, { magic0: magic === 0, ...(level === undefined ? {} : { level }) })
  const maxTimestampMs = records.reduce((most, record) => Math.max(most, record.timestampMs), Batch.NO_TIMESTAMP)
  const lastOffset = baseOffset + records.length - 1
  return buildMessage(magic, lastOffset, flags | codec.id, logAppendTimeMs ?? maxTimestampMs, null, value)
}

function buildMessage(
  magic: 0 | 1,
  offset: number,
  attributes: number,
  timestampMs: number,
  key: Uint8Array | null,
  value: Uint8Array | null,
): Buffer {
  assertSafeInteger(timestampMs, 'timestamp')
  const keyLengthAt = magic === 0 ? MESSAGE_TIMESTAMP_AT : MESSAGE_TIMESTAMP_AT + 8
  const size = keyLengthAt + 4 + (key?.length ?? 0) + 4 + (value?.length ?? 0)
  const message = Buffer.allocUnsafeSlow(size)
  writeInt64(message, 0, offset)
  writeInt32(message, Batch.LENGTH_AT, size - Batch.LOG_OVERHEAD_BYTES)
  message[Batch.MAGIC_AT] = magic
  message[MESSAGE_ATTRIBUTES_AT] = attributes
  if (magic === 1) writeInt64(message, MESSAGE_TIMESTAMP_AT, timestampMs)
  writeField(message, writeField(message, keyLengthAt, key), value)
  writeInt32(message, MESSAGE_CRC_AT, crc32(message.subarray(Batch.MAGIC_AT)))
  return message
}

function writeField(message: Uint8Array, at: number, bytes: Uint8Array | null): number {
  writeInt32(message, at, bytes === null ? -1 : bytes.length)
  if (bytes !== null) message.set(bytes, at + 4)
  return at + 4 + (bytes?.length ?? 0)
}

function invalid(message: string): BatchFailure {
  return new BatchFailure('INVALID_RECORD', message)
}
