/**
 * Replays what a coordinator's partition holds into a shard, a step at a time, so that whoever drives it can let other work go on in between.
 */

import { ByteReader } from '../../protocol/byte-reader.ts'
import * as Batch from '../../protocol/records/batch-header.ts'
import { endTransactionMarker } from '../../protocol/records/control.ts'
import { decodeBatch, verifyChecksum } from '../../protocol/records/decode.ts'
import { BatchFailure } from '../../protocol/records/failure.ts'
import type { RecordCursor } from '../../protocol/records/record-cursor.ts'
import { openRecords } from '../../protocol/records/uncompressed.ts'
import { batchSizeAt } from '../../protocol/records/walk.ts'
import type { CoordinatorShard, RecordFormat, RecordPlace, TransactionResult } from './coordinator.ts'
import type { Timeline } from './timeline.ts'

/**
 * The partition holds what no coordinator wrote: somebody else has, or the disk has spoiled it. What was replayed of it cannot be trusted to be whole, and is dropped. Whatever a format or a shard
 * throws here ends in one of these, assertions too: they are about a state that others made. The same assertion about a record that this broker writes is a bug, and stays one.
 */
export class ReplayError extends Error {
  override readonly name = 'ReplayError'
  /** Of the record, or of the batch that it is in. */
  readonly offset: number

  constructor(offset: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.offset = offset
  }
}

/** What was passed over, since it is of a type or version that this one does not know: it may be left over from a newer one. */
export interface PassedOver {
  readonly count: number
  readonly firstOffset: number
}

export interface ReplayTarget<R> {
  readonly shard: CoordinatorShard<R>
  readonly format: RecordFormat<R>
  readonly timeline: Timeline
  /** Records below are committed: what they change needs no way back. */
  readonly committedOffset: number
}

const noBytes = new Uint8Array(0)

/** Records between two looks at the clock. */
const recordsPerStep = 128

export class Replay<R> {
  readonly #target: ReplayTarget<R>
  /** One each for all keys and all values: a view of its own for each would cost more than what is in it. */
  readonly #key = new ByteReader(noBytes)
  readonly #value = new ByteReader(noBytes)
  #passedOver: PassedOver | undefined

  constructor(target: ReplayTarget<R>) {
    this.#target = target
    this.#key.rememberValues()
    this.#value.rememberValues()
  }

  get passedOver(): PassedOver | undefined {
    return this.#passedOver
  }

  /**
   * Yields after every few records. Batches may begin before `fromOffset`; records below it are passed over. Throws ReplayError.
   * Returns how many records were replayed.
   */
  *batches(bytes: Uint8Array, fromOffset: number): Generator<undefined, number> {
    let replayed = 0
    for (let at = 0; at < bytes.length;) {
      const size = batchSizeAt(bytes, at)
      if (size < 0)
        throw new ReplayError(fromOffset, `no batch begins at byte ${at} of what was read from ${fromOffset}`)
      if (!verifyChecksum(bytes, at)) throw unreadable(bytes, at, 'it does not match its checksum')
      const isPlain = Batch.magic(bytes, at) === 2 && !Batch.isControl(bytes, at)
      replayed += yield* isPlain ? this.#plainBatch(bytes, at, fromOffset) : this.#otherBatch(bytes, at, fromOffset)
      at += size
    }
    return replayed
  }

  /** Nearly all there are. Nothing is made of a record but what the coordinator makes of it. */
  *#plainBatch(bytes: Uint8Array, at: number, fromOffset: number): Generator<undefined, number> {
    const cursor = openRecords(bytes, at)
    if (cursor instanceof BatchFailure) throw unreadable(bytes, at, cursor.message)
    const baseOffset = Batch.baseOffset(bytes, at)
    const isTransactional = Batch.isTransactional(bytes, at)
    const producerId = isTransactional ? Batch.producerId(bytes, at) : -1
    const producerEpoch = isTransactional ? Batch.producerEpoch(bytes, at) : -1
    // One for all records: nobody keeps it.
    const place = { offset: 0, producerId, producerEpoch }
    let replayed = 0
    while (cursor.next()) {
      const offset = baseOffset + cursor.offsetDelta
      if (offset < fromOffset) continue
      if (cursor.keyLength < 0) throw withoutKey(offset)
      this.#moveTo(offset)
      place.offset = offset
      if (!this.#recordBytes(cursor, place)) this.#record(this.#key, this.#begin(cursor), place)
      replayed += 1
      if (replayed % recordsPerStep === 0) yield
    }
    if (cursor.failure !== undefined) throw unreadable(bytes, at, cursor.failure)
    yield
    return replayed
  }

  /** Markers of transactions, and what older versions of Kafka wrote. */
  *#otherBatch(bytes: Uint8Array, at: number, fromOffset: number): Generator<undefined, number> {
    const records = decodeBatch(bytes, at)
    if (records instanceof BatchFailure) throw unreadable(bytes, at, records.message)
    const isControl = Batch.magic(bytes, at) === 2
    let replayed = 0
    for (const record of records) {
      const { offset } = record
      if (offset < fromOffset) continue
      this.#moveTo(offset)
      if (isControl) {
        const type = endTransactionMarker(record)?.type
        if (type !== undefined) this.#marker(Batch.producerId(bytes, at), Batch.producerEpoch(bytes, at), type, offset)
      } else {
        const key = record.readKey(this.#key)
        if (key === null) throw withoutKey(offset)
        this.#record(key, record.readValue(this.#value), { offset, producerId: -1, producerEpoch: -1 })
      }
      replayed += 1
      if (replayed % recordsPerStep === 0) yield
    }
    yield
    return replayed
  }

  #moveTo(offset: number): void {
    const { timeline, committedOffset } = this.#target
    timeline.isSettled = offset < committedOffset
    timeline.moveTo(offset)
  }

  /** Puts the readers at the start of key and value; gives that of the value. */
  #begin({ bytes, keyAt, keyLength, valueAt, valueLength }: RecordCursor): ByteReader | null {
    this.#key.reset(bytes, keyAt, keyAt + keyLength)
    if (valueLength < 0) return null
    this.#value.reset(bytes, valueAt, valueAt + valueLength)
    return this.#value
  }

  #recordBytes(cursor: RecordCursor, place: RecordPlace): boolean {
    const { shard } = this.#target
    if (shard.replayBytes === undefined) return false
    try {
      return shard.replayBytes(this.#key, this.#begin(cursor), place)
    } catch (cause) {
      throw refused(place.offset, `the record at offset ${place.offset}`, cause)
    }
  }

  #record(key: ByteReader, value: ByteReader | null, place: RecordPlace): void {
    const { format, shard } = this.#target
    let record: R | undefined
    try {
      record = format.decode(key, value)
      if (record !== undefined) shard.replay(record, place)
    } catch (cause) {
      const what = record === undefined ? '' : `, ${format.nameOf(record)},`
      throw refused(place.offset, `the record at offset ${place.offset}${what}`, cause)
    }
    if (record !== undefined) return
    const { count, firstOffset } = this.#passedOver ?? { count: 0, firstOffset: place.offset }
    this.#passedOver = { count: count + 1, firstOffset }
  }

  #marker(producerId: number, producerEpoch: number, type: TransactionResult, offset: number): void {
    try {
      this.#target.shard.replayEndTransaction?.(producerId, producerEpoch, type, offset)
    } catch (cause) {
      throw refused(offset, `the ${type} marker at offset ${offset} of producer ${producerId}`, cause)
    }
  }
}

function unreadable(bytes: Uint8Array, at: number, problem: string): ReplayError {
  const offset = Batch.baseOffset(bytes, at)
  return new ReplayError(offset, `the batch at offset ${offset} cannot be read: ${problem}`)
}

function withoutKey(offset: number): ReplayError {
  return new ReplayError(offset, `the record at offset ${offset} has no key`)
}

function refused(offset: number, what: string, cause: unknown): ReplayError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new ReplayError(offset, `${what} is not what a coordinator writes there: ${why}`, { cause })
}
