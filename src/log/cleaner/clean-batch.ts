/**
 * Filters one batch: what is left of it when the records that nobody needs are gone.
 *
 * Records that stay keep their bytes, headers and all, and their offsets: base offset, last offset delta and sequences are those of the batch as it was written, so that there may be gaps, and
 * the producer's state can still be read from it. A batch whose tombstones or marker are now waiting to be removed is told until when: the delete horizon
 * takes the place of the base timestamp, from which the timestamps of the records then count (KIP-534).
 */
import * as header from '../../protocol/records/batch-header.ts'
import { codecById } from '../../protocol/records/compression/index.ts'
import { BatchFailure } from '../../protocol/records/failure.ts'
import type { RecordCursor } from '../../protocol/records/record-cursor.ts'
import { openRecords } from '../../protocol/records/uncompressed.ts'
import { varlongSize, writeUnsignedVarint, writeVarlong } from '../../std/varint.ts'
import { damaged } from '../log-context.ts'
import { cleanMessage } from './clean-message.ts'

/** What decides about a record, besides its offset: a cursor at it, for one. */
export interface JudgedRecord {
  readonly bytes: Uint8Array
  readonly keyAt: number
  /** Below zero for null, as is that of the value. */
  readonly keyLength: number
  readonly valueLength: number
}

/** Whether a record stays, by its absolute offset. */
export type RecordTest = (offset: number, record: JudgedRecord) => boolean

export interface BatchPlan {
  /** Nothing of its records is needed. */
  readonly dropsRecords: boolean
  /** The batch stays when it has no records any more: what its header says is still needed. */
  readonly keepsEmpty: boolean
  /** It is the marker of a transaction of which nothing else is left: it may go after the delete horizon. */
  readonly endsEmptyTransaction: boolean
  readonly retains: RecordTest
  /** The delete horizon for a batch that needs one and has none. */
  readonly deleteHorizonMs: number
}

export interface CleanedBatch {
  /** The batch as it was, made anew, or gone. */
  readonly kind: 'kept' | 'rewritten' | 'dropped'
  /** Only of one that was made anew. */
  readonly bytes: Uint8Array
  readonly recordsRead: number
  readonly recordsRetained: number
}

/** Records between two opportunities to pause. */
const recordsPerStep = 128
const nothing = new Uint8Array(0)

/** What is kept of a batch's records. */
interface Kept {
  /** Where each begins and ends, and its timestamp delta, one after the other. */
  readonly spans: number[]
  readonly isWhole: boolean
  readonly hasTombstones: boolean
  readonly maxTimestampDelta: number
  readonly bytes: Uint8Array
}

/** The whole batch lies at `at`, and its checksum has been verified. Yields now and then; throws a damage error when its records cannot be read. */
export function* cleanBatch(bytes: Uint8Array, at: number, plan: BatchPlan): Generator<void, CleanedBatch> {
  if (header.magic(bytes, at) < 2) return cleanMessage(bytes, at, plan.retains)
  const recordsRead = header.recordCount(bytes, at)
  const kept = plan.dropsRecords || recordsRead === 0 ? undefined : yield* filterRecords(bytes, at, plan.retains)
  if (kept === undefined || kept.spans.length === 0) {
    return plan.keepsEmpty
      ? { kind: 'rewritten', bytes: emptyBatch(bytes, at), recordsRead, recordsRetained: 0 }
      : { kind: 'dropped', bytes: nothing, recordsRead, recordsRetained: 0 }
  }
  const recordsRetained = kept.spans.length / 3
  const needsHorizon = (kept.hasTombstones || plan.endsEmptyTransaction) && !header.hasDeleteHorizon(bytes, at)
  if (kept.isWhole && !needsHorizon) return { kind: 'kept', bytes: nothing, recordsRead, recordsRetained }
  const horizonMs = needsHorizon ? plan.deleteHorizonMs : undefined
  return { kind: 'rewritten', bytes: rewrite(bytes, at, kept, horizonMs), recordsRead, recordsRetained }
}

/** A cursor before the first record. Throws a damage error where the records are not what they should be. */
export function recordsOf(bytes: Uint8Array, at: number): RecordCursor {
  const cursor = openRecords(bytes, at)
  if (cursor instanceof BatchFailure)
    throw damaged(`batch at offset ${header.baseOffset(bytes, at)}: ${cursor.message}`)
  return cursor
}

/** Behind the last record. Throws a damage error where that was not the last one. */
export function checkRead(cursor: RecordCursor, bytes: Uint8Array, at: number): void {
  if (cursor.failure !== undefined) throw damaged(`batch at offset ${header.baseOffset(bytes, at)}: ${cursor.failure}`)
}

function* filterRecords(bytes: Uint8Array, at: number, retains: RecordTest): Generator<void, Kept> {
  const cursor = recordsOf(bytes, at)
  const baseOffset = header.baseOffset(bytes, at)
  const spans: number[] = []
  let hasTombstones = false
  let maxTimestampDelta = -Infinity
  while (cursor.next()) {
    if (retains(baseOffset + cursor.offsetDelta, cursor)) {
      spans.push(cursor.start, cursor.end, cursor.timestampDelta)
      if (cursor.valueLength < 0) hasTombstones = true
      if (cursor.timestampDelta > maxTimestampDelta) maxTimestampDelta = cursor.timestampDelta
    }
    if (cursor.index % recordsPerStep === recordsPerStep - 1) yield
  }
  checkRead(cursor, bytes, at)
  const isWhole = spans.length === 3 * header.recordCount(bytes, at)
  return { spans, isWhole, hasTombstones, maxTimestampDelta, bytes: cursor.bytes }
}

function rewrite(bytes: Uint8Array, at: number, kept: Kept, deleteHorizonMs: number | undefined): Buffer {
  const oldBaseMs = header.baseTimestampMs(bytes, at)
  const baseTimestampMs = deleteHorizonMs ?? oldBaseMs
  const records = deleteHorizonMs === undefined ? copyRecords(kept) : rebaseRecords(kept, oldBaseMs - deleteHorizonMs)
  const codec = codecById(header.compressionId(bytes, at))!
  const payload = codec.type === 'none' ? records : codec.compress(records)
  const batch = Buffer.allocUnsafe(header.BATCH_HEADER_BYTES + payload.length)
  batch.set(payload, header.BATCH_HEADER_BYTES)
  const isLogAppendTime = header.timestampType(bytes, at) === 'LogAppendTime'
  header.writeBatchHeader(batch, 0, {
    ...inherited(bytes, at),
    sizeInBytes: batch.length,
    attributes: header.attributes(bytes, at) | (deleteHorizonMs === undefined ? 0 : header.DELETE_HORIZON_FLAG),
    baseTimestampMs,
    maxTimestampMs: isLogAppendTime ? header.maxTimestampMs(bytes, at) : oldBaseMs + kept.maxTimestampDelta,
    recordCount: kept.spans.length / 3,
  })
  return batch
}

/** A header alone, which tells of a producer's epoch and sequence, or of where the log went to. */
function emptyBatch(bytes: Uint8Array, at: number): Buffer {
  const batch = Buffer.allocUnsafe(header.BATCH_HEADER_BYTES)
  const flags = header.LOG_APPEND_TIME_FLAG | header.TRANSACTIONAL_FLAG | header.CONTROL_FLAG
  header.writeBatchHeader(batch, 0, {
    ...inherited(bytes, at),
    sizeInBytes: batch.length,
    attributes: header.attributes(bytes, at) & flags,
    baseTimestampMs: header.NO_TIMESTAMP,
    maxTimestampMs: header.maxTimestampMs(bytes, at),
    recordCount: 0,
  })
  return batch
}

function inherited(bytes: Uint8Array, at: number) {
  return {
    baseOffset: header.baseOffset(bytes, at),
    partitionLeaderEpoch: header.partitionLeaderEpoch(bytes, at),
    lastOffsetDelta: header.lastOffsetDelta(bytes, at),
    producerId: header.producerId(bytes, at),
    producerEpoch: header.producerEpoch(bytes, at),
    baseSequence: header.baseSequence(bytes, at),
  }
}

function copyRecords({ spans, bytes }: Kept): Buffer {
  let length = 0
  for (let index = 0; index < spans.length; index += 3) length += spans[index + 1]! - spans[index]!
  const records = Buffer.allocUnsafe(length)
  let position = 0
  for (let index = 0; index < spans.length; index += 3) {
    records.set(bytes.subarray(spans[index], spans[index + 1]), position)
    position += spans[index + 1]! - spans[index]!
  }
  return records
}

/** The same records with `shiftMs` added to their timestamp deltas. */
function rebaseRecords({ spans, bytes }: Kept, shiftMs: number): Buffer {
  const lengthMax = 10
  let room = 0
  for (let index = 0; index < spans.length; index += 3) room += spans[index + 1]! - spans[index]! + lengthMax
  const records = Buffer.allocUnsafe(room)
  let position = 0
  for (let index = 0; index < spans.length; index += 3) {
    // Length, attributes, timestamp delta; what comes behind them stays as it is.
    const attributesAt = skipVarint(bytes, spans[index]!)
    const rest = bytes.subarray(skipVarint(bytes, attributesAt + 1), spans[index + 1])
    const timestampDelta = spans[index + 2]! + shiftMs
    const bodyBytes = 1 + varlongSize(timestampDelta) + rest.length
    // A length is never negative: its zig-zag form is its double.
    position = writeUnsignedVarint(records, position, 2 * bodyBytes)
    records[position++] = bytes[attributesAt]!
    position = writeVarlong(records, position, timestampDelta)
    records.set(rest, position)
    position += rest.length
  }
  return records.subarray(0, position)
}

/** Not every writer writes numbers as short as they can be. */
function skipVarint(bytes: Uint8Array, at: number): number {
  while (bytes[at]! >= 0x80) at++
  return at + 1
}
