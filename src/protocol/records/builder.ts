/**
 * Builds a batch of magic 2: one growing buffer, into which each record is written once, behind room for the header. Used by producers,
 * coordinators, the leader when it must write a batch anew, and the cleaner, which keeps offsets with gaps.
 */

import { assert, assertSafeInteger } from '../../std/assert.ts'
import {
  unsignedVarintSize,
  varintSize,
  varlongSize,
  writeUnsignedVarint,
  writeVarint,
  writeVarlong,
} from '../../std/varint.ts'
import * as Batch from './batch-header.ts'
import type { CompressionType } from './compression/index.ts'
import { codecOf, isValidLevel } from './compression/index.ts'
import type { RecordHeader } from './record.ts'

export interface BatchOptions {
  readonly baseOffset?: number
  readonly partitionLeaderEpoch?: number
  readonly compression?: CompressionType
  /** The codec's default where absent. */
  readonly compressionLevel?: number
  /** Gives all records this timestamp, with the type LogAppendTime; each keeps its own beneath. */
  readonly logAppendTimeMs?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly isTransactional?: boolean
  readonly isControl?: boolean
  /** KIP-534: when the cleaner may drop this batch's tombstones. Takes the place of the base timestamp. */
  readonly deleteHorizonMs?: number
  /** Where the batch covers more offsets than it has records, as after compaction. At least that of the last record. */
  readonly lastOffsetDelta?: number
  /** The maximum timestamp of a batch whose records are all gone. */
  readonly emptiedMaxTimestampMs?: number
  /** A guess of the records' size, which saves growing. */
  readonly expectedBytes?: number
  /**
   * Memory to build in for as long as the batch fits: taking fresh memory costs more than filling it, so who builds many batches
   * lends the same memory again. An uncompressed batch is then a view of it.
   */
  readonly buffer?: Buffer
}

/** A record to be written. */
export interface RecordInput {
  /** Milliseconds since 1970; −1 for none. */
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: readonly RecordHeader[]
}

/** Longer ranges are copied by `set`, whose call costs as much as copying this many bytes here. */
const COPY_HERE_BYTES = 24

export class BatchBuilder {
  readonly #options: BatchOptions
  #buffer: Buffer
  #end = Batch.BATCH_HEADER_BYTES
  #recordCount = 0
  #lastOffsetDelta = -1
  #baseTimestampMs: number
  #maxTimestampMs = Batch.NO_TIMESTAMP
  #built = false

  constructor(options: BatchOptions = {}) {
    const { compression = 'none', compressionLevel } = options
    assert(
      compressionLevel === undefined || isValidLevel(codecOf(compression), compressionLevel),
      () => `compression level ${compressionLevel} for ${compression}`,
    )
    this.#options = options
    this.#buffer = options.buffer ?? Buffer.allocUnsafeSlow(Batch.BATCH_HEADER_BYTES + (options.expectedBytes ?? 1024))
    assert(this.#buffer.length >= Batch.BATCH_HEADER_BYTES, 'the lent buffer has no room for a batch header')
    this.#baseTimestampMs = options.deleteHorizonMs ?? Batch.NO_TIMESTAMP
  }

  get recordCount(): number {
    return this.#recordCount
  }

  /** The batch so far, header included, uncompressed. */
  get uncompressedBytes(): number {
    return this.#end
  }

  /** Adds a record behind the last one, at `offsetDelta` where that is not the next one. Bytes are copied. */
  append(
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers?: readonly RecordHeader[],
    offsetDelta: number = this.#lastOffsetDelta + 1,
  ): void {
    assert(offsetDelta > this.#lastOffsetDelta, () => `offset delta ${offsetDelta} behind ${this.#lastOffsetDelta}`)
    assert(!this.#built, 'append to a batch that has been built')
    // The first record's timestamp is the base, unless the delete horizon has that place. `build` asserts that it is safe.
    if (this.#recordCount === 0) this.#baseTimestampMs = this.#options.deleteHorizonMs ?? timestampMs
    const timestampDelta = timestampMs - this.#baseTimestampMs
    // Nearly every delta is an int32, for which the zig-zag is done here, and which keeps the timestamp whole.
    const shortDelta = timestampDelta | 0
    const isShort = shortDelta === timestampDelta
    if (!isShort) assertSafeInteger(timestampMs, 'timestamp')
    const timestamp = ((shortDelta << 1) ^ (shortDelta >> 31)) >>> 0
    const hasHeaders = headers !== undefined && headers.length > 0
    // What is never negative is zig-zag encoded by doubling; null has the length −1, which is 1.
    const offset = 2 * offsetDelta
    const keyLength = key === null ? 1 : 2 * key.length
    const valueLength = value === null ? 1 : 2 * value.length
    const bodyBytes =
      1 +
      (isShort ? unsignedVarintSize(timestamp) : varlongSize(timestampDelta)) +
      unsignedVarintSize(offset) +
      unsignedVarintSize(keyLength) +
      (keyLength >> 1) +
      unsignedVarintSize(valueLength) +
      (valueLength >> 1) +
      (hasHeaders ? headersSize(headers) : 1)

    if (this.#end + bodyBytes + 5 > this.#buffer.length) this.#grow(bodyBytes + 5)
    const buffer = this.#buffer
    let at = writeUnsignedVarint(buffer, this.#end, 2 * bodyBytes)
    buffer[at++] = 0
    at = isShort ? writeUnsignedVarint(buffer, at, timestamp) : writeVarlong(buffer, at, timestampDelta)
    at = writeUnsignedVarint(buffer, at, offset)
    at = writeUnsignedVarint(buffer, at, keyLength)
    if (key !== null) at = copy(buffer, at, key)
    at = writeUnsignedVarint(buffer, at, valueLength)
    if (value !== null) at = copy(buffer, at, value)
    if (hasHeaders) at = writeHeaders(buffer, at, headers)
    else buffer[at++] = 0

    this.#end = at
    this.#recordCount++
    this.#lastOffsetDelta = offsetDelta
    if (timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs
  }

  /**
   * The finished batch, compressed where asked for. Call once. A batch without records needs `lastOffsetDelta`:
   * the cleaner keeps such ones for the producer state in their header.
   */
  build(): Buffer {
    assert(!this.#built, 'a batch is built once')
    this.#built = true
    const options = this.#options
    const lastOffsetDelta = options.lastOffsetDelta ?? this.#lastOffsetDelta
    assert(
      lastOffsetDelta >= this.#lastOffsetDelta && lastOffsetDelta >= 0,
      () => `last offset delta ${options.lastOffsetDelta} with ${this.#recordCount} records`,
    )
    const batch = this.#compressed()
    Batch.writeBatchHeader(batch, 0, {
      baseOffset: options.baseOffset ?? 0,
      sizeInBytes: batch.length,
      partitionLeaderEpoch: options.partitionLeaderEpoch ?? Batch.NO_LEADER_EPOCH,
      attributes: attributesOf(options, this.#recordCount),
      lastOffsetDelta,
      baseTimestampMs: this.#baseTimestampMs,
      maxTimestampMs: options.logAppendTimeMs ?? this.#maxTimestampOfBatch(),
      producerId: options.producerId ?? Batch.NO_PRODUCER_ID,
      producerEpoch: options.producerEpoch ?? Batch.NO_PRODUCER_EPOCH,
      baseSequence: options.baseSequence ?? Batch.NO_SEQUENCE,
      recordCount: this.#recordCount,
    })
    return batch
  }

  #maxTimestampOfBatch(): number {
    return this.#recordCount === 0 ? (this.#options.emptiedMaxTimestampMs ?? Batch.NO_TIMESTAMP) : this.#maxTimestampMs
  }

  /** The records behind room for the header. */
  #compressed(): Buffer {
    const { compression = 'none', compressionLevel } = this.#options
    if (compression === 'none' || this.#recordCount === 0) return this.#buffer.subarray(0, this.#end)
    const records = this.#buffer.subarray(Batch.BATCH_HEADER_BYTES, this.#end)
    const compressed = codecOf(compression).compress(
      records,
      compressionLevel === undefined ? undefined : { level: compressionLevel },
    )
    const batch = Buffer.allocUnsafeSlow(Batch.BATCH_HEADER_BYTES + compressed.length)
    batch.set(compressed, Batch.BATCH_HEADER_BYTES)
    return batch
  }

  #grow(bytes: number): void {
    const needed = this.#end + bytes
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length))
    grown.set(this.#buffer.subarray(0, this.#end))
    this.#buffer = grown
  }
}

/** A batch of these records, in order. */
export function buildBatch(records: Iterable<RecordInput>, options: BatchOptions = {}): Buffer {
  const builder = new BatchBuilder(options)
  for (const record of records) builder.append(record.timestampMs, record.key, record.value, record.headers)
  return builder.build()
}

function attributesOf(options: BatchOptions, recordCount: number): number {
  const compressed = options.compression !== undefined && recordCount > 0
  let attributes = compressed ? codecOf(options.compression).id : 0
  if (options.logAppendTimeMs !== undefined) attributes |= Batch.LOG_APPEND_TIME_FLAG
  if (options.isTransactional === true) attributes |= Batch.TRANSACTIONAL_FLAG
  if (options.isControl === true) attributes |= Batch.CONTROL_FLAG
  if (options.deleteHorizonMs !== undefined) attributes |= Batch.DELETE_HORIZON_FLAG
  return attributes
}

function copy(target: Uint8Array, at: number, source: Uint8Array): number {
  const length = source.length
  if (length > COPY_HERE_BYTES) target.set(source, at)
  else for (let index = 0; index < length; index++) target[at + index] = source[index]!
  return at + length
}

function headersSize(headers: readonly RecordHeader[]): number {
  let size = varintSize(headers.length)
  for (const { key, value } of headers) {
    const keyBytes = Buffer.byteLength(key)
    size += varintSize(keyBytes) + keyBytes
    size += value === null ? 1 : varintSize(value.length) + value.length
  }
  return size
}

function writeHeaders(target: Buffer, at: number, headers: readonly RecordHeader[]): number {
  at = writeVarint(target, at, headers.length)
  for (const { key, value } of headers) {
    const keyBytes = Buffer.byteLength(key)
    at = writeVarint(target, at, keyBytes)
    at += target.utf8Write(key, at, keyBytes)
    at = writeVarint(target, at, value === null ? -1 : value.length)
    if (value !== null) at = copy(target, at, value)
  }
  return at
}
