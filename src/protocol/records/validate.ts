/**
 * The leader's check of what a producer sent, before it becomes part of a log: exactly one batch of magic 2, checksum, header, and then
 * every record, decompressed where it must be, keys and values skipped. What passes may be appended as the bytes that it is.
 *
 * Which malformation gives which error was compared with `ProduceRequest.validateRecords` and `UnifiedLog.appendAsLeader` of Kafka 4.3.1.
 * On purpose different: offset deltas other than 0, 1, 2, … are refused (Kafka stores them uncompressed, and fails with
 * UNKNOWN_SERVER_ERROR when compressed); the LogAppendTime type is refused on any topic (Kafka lets it pass on CreateTime topics, which dodges the
 * timestamp bounds); record lengths are checked in compressed batches too; where Kafka answers UNKNOWN_SERVER_ERROR, what does not
 * decompress or has overlong varints is INVALID_RECORD, and an unknown codec UNSUPPORTED_COMPRESSION_TYPE; what decompresses beyond the
 * cap is MESSAGE_TOO_LARGE; record timestamps and producer ids beyond ±2^53 are refused.
 */

import type { TimestampType } from './batch-header.ts'
import * as Batch from './batch-header.ts'
import type { CompressionType } from './compression/index.ts'
import type { RecordError } from './failure.ts'
import { BatchFailure } from './failure.ts'
import { readInt32, readInt64 } from './int64.ts'
import type { RecordCursor } from './record-cursor.ts'
import { closeRecords, openRecords } from './uncompressed.ts'
import { batchSizeAt, CORRUPT, INCOMPLETE } from './walk.ts'

export interface ValidationPolicy {
  /** Coordinators write control batches and no sequences, and choose base offsets; clients may not. */
  readonly origin: 'client' | 'coordinator'
  /** Every record needs a key. */
  readonly compactedTopic: boolean
  /** `message.timestamp.type`: the bounds hold for CreateTime only. */
  readonly timestampType: TimestampType
  readonly nowMs: number
  /** `message.timestamp.before.max.ms` */
  readonly timestampBeforeMaxMs: number
  /** `message.timestamp.after.max.ms` */
  readonly timestampAfterMaxMs: number
  /** `max.message.bytes`, for the batch as it came. */
  readonly maxMessageBytes: number
  /** What the records may decompress to. */
  readonly maxUncompressedBytes: number
}

/** What the walk found out about a batch that may be appended. */
export interface BatchFacts {
  /** The batch; bytes behind it that make no whole batch are to be dropped. */
  readonly sizeInBytes: number
  readonly recordCount: number
  readonly compression: CompressionType
  /** The records without the batch header: a view of the batch where it is uncompressed. For `recompressBatch`, and then for `closeRecords`. */
  readonly uncompressedRecords: Uint8Array
  /** The largest timestamp of the records, whatever the header says; −1 where none has one. */
  readonly maxTimestampMs: number
  /** Offset of the first record with `maxTimestampMs`, counted from the batch's base offset. */
  readonly offsetDeltaOfMaxTimestamp: number
  /** The smallest timestamp of the records that have one; −1 where none has. */
  readonly minTimestampMs: number
  /** Index of the first record without a key; −1 where all have one. */
  readonly firstNullKeyIndex: number
}

/** As many refused records are listed one by one; the response must not outgrow the request. */
const RECORD_ERRORS_MOST = 100

/** Checks `bytes[start, end)`: the records that a Produce request has for one partition. Reads only. */
export function validateBatch(
  bytes: Uint8Array,
  start: number,
  end: number,
  policy: ValidationPolicy,
): BatchFacts | BatchFailure {
  return checkExtent(bytes, start, end) ?? checkHeader(bytes, start, policy) ?? checkRecords(bytes, start, policy)
}

/** One whole batch of the current magic, and no second one behind it. */
function checkExtent(bytes: Uint8Array, start: number, end: number): BatchFailure | undefined {
  const size = batchSizeAt(bytes, start, end)
  if (size === INCOMPLETE) return invalid(`no whole record batch in ${end - start} bytes`)
  if (size === CORRUPT) return describeCorruption(bytes, start)
  const magic = Batch.magic(bytes, start)
  if (magic !== 2) return invalid(`record batches must have magic 2, this one has ${magic}`)
  const behind = batchSizeAt(bytes, start + size, end)
  if (behind === CORRUPT) return describeCorruption(bytes, start + size)
  return behind === INCOMPLETE ? undefined : invalid('more than one record batch for a partition')
}

function describeCorruption(bytes: Uint8Array, at: number): BatchFailure {
  const length = readInt32(bytes, at + Batch.LENGTH_AT)
  const magic = Batch.magic(bytes, at)
  if (length >= Batch.BATCH_HEADER_BYTES - Batch.LOG_OVERHEAD_BYTES && magic === 2) {
    return invalid(`base offset ${readInt64(bytes, at)} or producer id ${readInt64(bytes, at + Batch.PRODUCER_ID_AT)}`)
  }
  return corrupt(`no record batch has length ${length} and magic ${magic}`)
}

function checkHeader(bytes: Uint8Array, at: number, policy: ValidationPolicy): BatchFailure | undefined {
  const fromClient = policy.origin === 'client'
  const baseOffset = Batch.baseOffset(bytes, at)
  if (fromClient && baseOffset !== 0) return invalid(`base offset of a produced batch must be 0, not ${baseOffset}`)
  const size = Batch.sizeInBytes(bytes, at)
  if (size > policy.maxMessageBytes) {
    return new BatchFailure(
      'MESSAGE_TOO_LARGE',
      `batch of ${size} bytes, at most ${policy.maxMessageBytes} are allowed`,
    )
  }
  if (!Batch.verifyCrc(bytes, at)) {
    return corrupt(`stored checksum ${Batch.crc(bytes, at)}, computed ${Batch.computeCrc(bytes, at)}`)
  }
  const count = Batch.recordCount(bytes, at)
  const lastOffsetDelta = Batch.lastOffsetDelta(bytes, at)
  if (count <= 0 || count !== lastOffsetDelta + 1) {
    return invalid(`record count ${count} with last offset delta ${lastOffsetDelta}`)
  }
  if (fromClient && Batch.isControl(bytes, at)) return invalid('control batches are not for clients to write')
  if (fromClient && Batch.hasProducerId(bytes, at) && Batch.baseSequence(bytes, at) < 0) {
    return invalid(`sequence ${Batch.baseSequence(bytes, at)} of producer ${Batch.producerId(bytes, at)}`)
  }
  const baseTimestampMs = Batch.baseTimestampMs(bytes, at)
  if (!Number.isSafeInteger(baseTimestampMs)) {
    return new BatchFailure('INVALID_TIMESTAMP', `base timestamp ${baseTimestampMs}`)
  }
  return undefined
}

function checkRecords(bytes: Uint8Array, at: number, policy: ValidationPolicy): BatchFacts | BatchFailure {
  const cursor = openRecords(bytes, at, policy.maxUncompressedBytes)
  if (cursor instanceof BatchFailure) return cursor
  const facts = walkRecords(bytes, at, cursor)
  if (!(facts instanceof BatchFailure) && followsPolicy(bytes, at, facts, policy)) return facts
  closeRecords(cursor.bytes, bytes)
  return facts instanceof BatchFailure ? facts : blameRecords(bytes, at, policy)
}

function walkRecords(bytes: Uint8Array, at: number, cursor: RecordCursor): BatchFacts | BatchFailure {
  const recordsStart = cursor.end

  let firstNullKeyIndex = -1
  let minDelta = Infinity
  let maxDelta = -Infinity
  let indexOfMax = -1
  // What gives the timestamp −1, "none", which is no minimum.
  const noTimestampDelta = Batch.NO_TIMESTAMP - Batch.baseTimestampMs(bytes, at)
  while (cursor.next()) {
    const index = cursor.index
    if (cursor.offsetDelta !== index) return invalid(`record ${index} has offset delta ${cursor.offsetDelta}`)
    if (cursor.keyLength < 0 && firstNullKeyIndex < 0) firstNullKeyIndex = index
    const delta = cursor.timestampDelta
    if (delta > maxDelta) {
      maxDelta = delta
      indexOfMax = index
    }
    if (delta < minDelta && delta !== noTimestampDelta) minDelta = delta
  }
  if (cursor.failure !== undefined) return invalid(cursor.failure)

  const baseTimestampMs = Batch.baseTimestampMs(bytes, at)
  return {
    sizeInBytes: Batch.sizeInBytes(bytes, at),
    recordCount: Batch.recordCount(bytes, at),
    compression: Batch.compression(bytes, at)!,
    uncompressedRecords: cursor.bytes.subarray(recordsStart, cursor.end),
    maxTimestampMs: Math.max(Batch.NO_TIMESTAMP, baseTimestampMs + maxDelta),
    offsetDeltaOfMaxTimestamp: indexOfMax,
    minTimestampMs: minDelta === Infinity ? Batch.NO_TIMESTAMP : baseTimestampMs + minDelta,
    firstNullKeyIndex,
  }
}

function followsPolicy(bytes: Uint8Array, at: number, facts: BatchFacts, policy: ValidationPolicy): boolean {
  if (policy.compactedTopic && facts.firstNullKeyIndex >= 0) return false
  if (Batch.timestampType(bytes, at) === 'LogAppendTime' && policy.origin === 'client') return false
  return timestampAllowed(facts.minTimestampMs, policy) && timestampAllowed(facts.maxTimestampMs, policy)
}

function timestampAllowed(timestampMs: number, policy: ValidationPolicy): boolean {
  if (!Number.isSafeInteger(timestampMs)) return false
  if (policy.timestampType === 'LogAppendTime' || timestampMs === Batch.NO_TIMESTAMP) return true
  const ageMs = policy.nowMs - timestampMs
  return ageMs <= policy.timestampBeforeMaxMs && -ageMs <= policy.timestampAfterMaxMs
}

/** The second walk, for a batch that is sound but breaks the topic's rules: names the records that do. */
function blameRecords(bytes: Uint8Array, at: number, policy: ValidationPolicy): BatchFailure {
  const cursor = openRecords(bytes, at, policy.maxUncompressedBytes)
  if (cursor instanceof BatchFailure) return cursor
  const recordErrors: RecordError[] = []
  let refused = 0
  let badTimestamp = false
  while (cursor.next()) {
    const problem = problemOf(bytes, at, cursor, policy)
    if (problem === undefined) continue
    refused++
    badTimestamp ||= problem.error === 'INVALID_TIMESTAMP'
    if (recordErrors.length < RECORD_ERRORS_MOST) {
      recordErrors.push({ batchIndex: cursor.index, message: problem.message })
    }
  }
  closeRecords(cursor.bytes, bytes)
  const first = recordErrors[0]!
  return new BatchFailure(
    badTimestamp ? 'INVALID_TIMESTAMP' : 'INVALID_RECORD',
    `${refused} of ${Batch.recordCount(bytes, at)} records refused, the first of them record ${first.batchIndex}: ${first.message}`,
    recordErrors,
  )
}

function problemOf(
  bytes: Uint8Array,
  at: number,
  cursor: RecordCursor,
  policy: ValidationPolicy,
): { error: 'INVALID_RECORD' | 'INVALID_TIMESTAMP'; message: string } | undefined {
  if (policy.compactedTopic && cursor.keyLength < 0) {
    return { error: 'INVALID_RECORD', message: 'a compacted topic takes no records without a key' }
  }
  if (Batch.timestampType(bytes, at) === 'LogAppendTime' && policy.origin === 'client') {
    return { error: 'INVALID_TIMESTAMP', message: 'the timestamp type LogAppendTime is not for producers to set' }
  }
  const timestampMs = Batch.baseTimestampMs(bytes, at) + cursor.timestampDelta
  if (timestampAllowed(timestampMs, policy)) return undefined
  const from = policy.nowMs - policy.timestampBeforeMaxMs
  const to = policy.nowMs + policy.timestampAfterMaxMs
  return { error: 'INVALID_TIMESTAMP', message: `timestamp ${timestampMs} is not within [${from}, ${to}]` }
}

function invalid(message: string): BatchFailure {
  return new BatchFailure('INVALID_RECORD', message)
}

function corrupt(message: string): BatchFailure {
  return new BatchFailure('CORRUPT_MESSAGE', message)
}
