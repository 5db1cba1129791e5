/**
 * A record as it comes out of a batch, whatever the magic. Key and value are views into the batch's bytes, made when they are asked
 * for: many readers look at a few of them only. Records are checked whole when they are decoded, so nothing here can fail later.
 */

import { VarintReader } from '../../std/varint.ts'
import type { ByteReader } from '../byte-reader.ts'

/** Kafka's headers have no particular order and may repeat a key. */
export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

/** What the records of one batch share. */
export interface RecordContext {
  /** The batch's bytes, or what its records decompress to. */
  readonly bytes: Uint8Array
  readonly baseOffset: number
  readonly baseTimestampMs: number
  /** The timestamp of all records where the type is LogAppendTime. */
  readonly logAppendTimeMs: number | undefined
}

const NO_HEADERS: readonly RecordHeader[] = []

/** A decoded record. Only the decoders make one. */
export class Record {
  readonly #context: RecordContext
  readonly #offsetDelta: number
  readonly #timestampDelta: number
  readonly #keyAt: number
  /** Below zero for null. */
  readonly keyLength: number
  readonly #valueAt: number
  /** Below zero for null. */
  readonly valueLength: number
  readonly headerCount: number

  constructor(
    context: RecordContext,
    offsetDelta: number,
    timestampDelta: number,
    keyAt: number,
    keyLength: number,
    valueAt: number,
    valueLength: number,
    headerCount: number,
  ) {
    this.#context = context
    this.#offsetDelta = offsetDelta
    this.#timestampDelta = timestampDelta
    this.#keyAt = keyAt
    this.keyLength = keyLength
    this.#valueAt = valueAt
    this.valueLength = valueLength
    this.headerCount = headerCount
  }

  get offset(): number {
    return this.#context.baseOffset + this.#offsetDelta
  }

  /** Milliseconds since 1970; −1 where the record has none. */
  get timestampMs(): number {
    return this.#context.logAppendTimeMs ?? this.createTimestampMs
  }

  /** What the producer wrote, also where the broker's append time stands in for it. */
  get createTimestampMs(): number {
    return this.#context.baseTimestampMs + this.#timestampDelta
  }

  /** A view: it keeps the whole batch in memory. */
  get key(): Uint8Array | null {
    return this.keyLength < 0 ? null : this.#context.bytes.subarray(this.#keyAt, this.#keyAt + this.keyLength)
  }

  /** A view: it keeps the whole batch in memory. */
  get value(): Uint8Array | null {
    return this.valueLength < 0 ? null : this.#context.bytes.subarray(this.#valueAt, this.#valueAt + this.valueLength)
  }

  /** Has `reader` read the key, which is quicker than a view where many records are read; null where there is none. */
  readKey(reader: ByteReader): ByteReader | null {
    if (this.keyLength < 0) return null
    reader.reset(this.#context.bytes, this.#keyAt, this.#keyAt + this.keyLength)
    return reader
  }

  /** The same with the value. */
  readValue(reader: ByteReader): ByteReader | null {
    if (this.valueLength < 0) return null
    reader.reset(this.#context.bytes, this.#valueAt, this.#valueAt + this.valueLength)
    return reader
  }

  get headers(): readonly RecordHeader[] {
    if (this.headerCount === 0) return NO_HEADERS
    // The header count stands, as a varint that is read over, between value and headers.
    const reader = new VarintReader(this.#context.bytes, this.#valueAt + Math.max(0, this.valueLength))
    reader.varint()
    return readHeaders(reader, this.headerCount)
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function readHeaders(reader: VarintReader, count: number): RecordHeader[] {
  const headers: RecordHeader[] = []
  for (let index = 0; index < count; index++) {
    const key = decoder.decode(take(reader, reader.varint()))
    const valueLength = reader.varint()
    headers.push({ key, value: valueLength < 0 ? null : take(reader, valueLength) })
  }
  return headers
}

function take(reader: VarintReader, length: number): Uint8Array {
  const start = reader.position
  reader.position += length
  return reader.bytes.subarray(start, start + length)
}
