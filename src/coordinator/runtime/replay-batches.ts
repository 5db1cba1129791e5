/**
 * Replays what a coordinator's partition holds into a shard, a step at a time, so that whoever drives it can let other work go on in between.
 */

import { ByteReader } from '../../protocol/byte-reader.ts'
import * as Batch from '../../protocol/records/batch-header.ts'
import { endTransactionMarker } from '../../protocol/records/control.ts'
import { decodeBatch, verifyChecksum } from '../../protocol/records/decode.ts'
import { BatchFailure } from '../../protocol/records/failure.ts'
import { openRecords } from '../../protocol/records/uncompressed.ts'
import { batchSizeAt } from '../../protocol/records/walk.ts'
import type { CoordinatorShard, RecordFormat, RecordPlace } from './coordinator.ts'
import type { Timeline } from './timeline.ts'

/** The partition holds what no coordinator wrote; its shard cannot be trusted to be whole. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError'
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

  constructor(target: ReplayTarget<R>) {
    this.#target = target
    this.#key.rememberValues()
    this.#value.rememberValues()
  }

  /**
   * Yields after every few records. Batches may begin before `fromOffset`; records below it are passed over. Throws ReplayError.
   * Returns how many records were replayed.
   */
  *batches(bytes: Uint8Array, fromOffset: number): Generator<undefined, number> {
    let replayed = 0
    for (let at = 0; at < bytes.length;) {
      const size = batchSizeAt(bytes, at)
      if (size < 0) throw new ReplayError(`no batch begins at byte ${at} of what was read from ${fromOffset}`)
      if (!verifyChecksum(bytes, at))
        throw new ReplayError(`the batch at offset ${Batch.baseOffset(bytes, at)} does not match its checksum`)
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
    const key = this.#key
    const value = this.#value
    let replayed = 0
    while (cursor.next()) {
      const offset = baseOffset + cursor.offsetDelta
      if (offset < fromOffset) continue
      const { keyAt, keyLength, valueAt, valueLength } = cursor
      if (keyLength < 0) throw new ReplayError(`the record at offset ${offset} has no key`)
      key.reset(cursor.bytes, keyAt, keyAt + keyLength)
      if (valueLength >= 0) value.reset(cursor.bytes, valueAt, valueAt + valueLength)
      this.#moveTo(offset)
      this.#record(key, valueLength < 0 ? null : value, { offset, producerId, producerEpoch })
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
        const { shard } = this.#target
        if (type !== undefined)
          shard.replayEndTransaction?.(Batch.producerId(bytes, at), Batch.producerEpoch(bytes, at), type, offset)
      } else {
        const key = record.readKey(this.#key)
        if (key === null) throw new ReplayError(`the record at offset ${offset} has no key`)
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

  #record(key: ByteReader, value: ByteReader | null, place: RecordPlace): void {
    const { format, shard } = this.#target
    let record: R | undefined
    try {
      record = format.decode(key, value)
    } catch (cause) {
      throw new ReplayError(`the record at offset ${place.offset} is not of this coordinator`, { cause })
    }
    if (record !== undefined) shard.replay(record, place)
  }
}

function unreadable(bytes: Uint8Array, at: number, problem: string): ReplayError {
  return new ReplayError(`the batch at offset ${Batch.baseOffset(bytes, at)} cannot be read: ${problem}`)
}
