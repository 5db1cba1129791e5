/**
 * Replays what a coordinator's partition holds into a shard, a step at a time, so that whoever drives it can let other work go on in between.
 */

import { ByteReader } from '../../protocol/byte-reader.ts'
import * as Batch from '../../protocol/records/batch-header.ts'
import { endTransactionMarker } from '../../protocol/records/control.ts'
import { decodeBatch, verifyChecksum } from '../../protocol/records/decode.ts'
import { BatchFailure } from '../../protocol/records/failure.ts'
import { batchSizeAt } from '../../protocol/records/walk.ts'
import type { CoordinatorShard, RecordFormat } from './coordinator.ts'
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

/**
 * Yields after every few records. Batches may begin before `fromOffset`; records below it are passed over. Throws ReplayError.
 * Returns how many records were replayed.
 */
export function* replayBatches<R>(
  bytes: Uint8Array,
  fromOffset: number,
  target: ReplayTarget<R>,
): Generator<undefined, number> {
  let replayed = 0
  for (let at = 0; at < bytes.length;) {
    const size = batchSizeAt(bytes, at)
    if (size < 0) throw new ReplayError(`no batch begins at byte ${at} of what was read from ${fromOffset}`)
    if (!verifyChecksum(bytes, at))
      throw new ReplayError(`the batch at offset ${Batch.baseOffset(bytes, at)} does not match its checksum`)
    replayed += yield* replayBatch(bytes, at, fromOffset, target)
    at += size
  }
  return replayed
}

function* replayBatch<R>(
  bytes: Uint8Array,
  at: number,
  fromOffset: number,
  target: ReplayTarget<R>,
): Generator<undefined, number> {
  const records = decodeBatch(bytes, at)
  if (records instanceof BatchFailure)
    throw new ReplayError(`the batch at offset ${Batch.baseOffset(bytes, at)} cannot be read: ${records.message}`)
  const isNew = Batch.magic(bytes, at) === 2
  const isControl = isNew && Batch.isControl(bytes, at)
  const isTransactional = isNew && Batch.isTransactional(bytes, at)
  const producerId = isTransactional ? Batch.producerId(bytes, at) : -1
  const producerEpoch = isTransactional ? Batch.producerEpoch(bytes, at) : -1
  // One reader each for all keys and all values: a view of its own for each would cost more than what is in it.
  const key = new ByteReader(noBytes)
  const value = new ByteReader(noBytes)
  let replayed = 0
  for (const record of records) {
    const { offset } = record
    if (offset < fromOffset) continue
    target.timeline.isSettled = offset < target.committedOffset
    target.timeline.moveTo(offset)
    if (isControl) {
      const marker = endTransactionMarker(record)
      if (marker !== undefined) target.shard.replayEndTransaction?.(producerId, producerEpoch, marker.type, offset)
    } else {
      replayRecord(record.readKey(key), record.readValue(value), { offset, producerId, producerEpoch }, target)
    }
    replayed += 1
    if (replayed % recordsPerStep === 0) yield
  }
  yield
  return replayed
}

function replayRecord<R>(
  key: ByteReader | null,
  value: ByteReader | null,
  place: { readonly offset: number; readonly producerId: number; readonly producerEpoch: number },
  target: ReplayTarget<R>,
): void {
  if (key === null) throw new ReplayError(`the record at offset ${place.offset} has no key`)
  let record: R | undefined
  try {
    record = target.format.decode(key, value)
  } catch (cause) {
    throw new ReplayError(`the record at offset ${place.offset} is not of this coordinator`, { cause })
  }
  if (record !== undefined) target.shard.replay(record, place)
}
