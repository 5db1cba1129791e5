/**
 * Decodes the records of batches, whatever the magic, to one shape. For readers: consumers, coordinators that load their state, tools.
 * A record is checked whole when it is decoded; its key, value and headers are made on demand.
 */

import * as Batch from './batch-header.ts'
import { BatchFailure } from './failure.ts'
import { decodeMessage, verifyMessageCrc } from './legacy.ts'
import type { RecordContext } from './record.ts'
import { Record } from './record.ts'
import { DEFAULT_MAX_UNCOMPRESSED_BYTES, openRecords } from './uncompressed.ts'
import { batchSizeAt, INCOMPLETE } from './walk.ts'

/**
 * The records of the whole batch (or, before magic 2, the message or wrapper message) at `at`. The checksum is the caller's to verify.
 * Fails like `openRecords`, and with INVALID_RECORD where a record is not what its length says.
 */
export function decodeBatch(
  bytes: Uint8Array,
  at: number,
  maxUncompressedBytes: number = DEFAULT_MAX_UNCOMPRESSED_BYTES,
): Record[] | BatchFailure {
  if (Batch.magic(bytes, at) < 2) return decodeMessage(bytes, at, maxUncompressedBytes)
  const cursor = openRecords(bytes, at, maxUncompressedBytes)
  if (cursor instanceof BatchFailure) return cursor
  const context: RecordContext = {
    bytes: cursor.bytes,
    baseOffset: Batch.baseOffset(bytes, at),
    baseTimestampMs: Batch.baseTimestampMs(bytes, at),
    logAppendTimeMs: Batch.timestampType(bytes, at) === 'LogAppendTime' ? Batch.maxTimestampMs(bytes, at) : undefined,
  }
  const records: Record[] = []
  while (cursor.next()) {
    records.push(
      new Record(
        context,
        cursor.offsetDelta,
        cursor.timestampDelta,
        cursor.keyAt,
        cursor.keyLength,
        cursor.valueAt,
        cursor.valueLength,
        cursor.headerCount,
      ),
    )
  }
  return cursor.failure === undefined ? records : new BatchFailure('INVALID_RECORD', cursor.failure)
}

/** Whether the whole batch or message at `at` has the checksum that it states. */
export function verifyChecksum(bytes: Uint8Array, at: number): boolean {
  return Batch.magic(bytes, at) === 2 ? Batch.verifyCrc(bytes, at) : verifyMessageCrc(bytes, at)
}

/**
 * The records of all whole batches in `bytes[start, end)`, whose checksums are verified. An incomplete batch at the end, as a Fetch response may have,
 * is left out; anything else that is wrong fails the whole.
 */
export function decodeBatches(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
  maxUncompressedBytes: number = DEFAULT_MAX_UNCOMPRESSED_BYTES,
): Record[] | BatchFailure {
  const records: Record[] = []
  for (let at = start; at < end;) {
    const size = batchSizeAt(bytes, at, end)
    if (size === INCOMPLETE) break
    if (size < 0) return new BatchFailure('CORRUPT_MESSAGE', `no record batch begins at byte ${at}`)
    if (!verifyChecksum(bytes, at)) {
      return new BatchFailure('CORRUPT_MESSAGE', `the batch at byte ${at} does not match its checksum`)
    }
    const decoded = decodeBatch(bytes, at, maxUncompressedBytes)
    if (decoded instanceof BatchFailure) return decoded
    for (const record of decoded) records.push(record)
    at += size
  }
  return records
}
