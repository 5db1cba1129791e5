/** Finds the uncompressed records of a magic 2 batch: in place, or decompressed under a cap. */

import * as Batch from './batch-header.ts'
import { codecById, DecompressionFailure, freeOwnMemory } from './compression/index.ts'
import { BatchFailure } from './failure.ts'
import { RecordCursor } from './record-cursor.ts'

/**
 * What the records of one batch may decompress to where the caller has no better bound: `socket.request.max.bytes` by default,
 * beyond which nobody could have sent them uncompressed.
 */
export const DEFAULT_MAX_UNCOMPRESSED_BYTES = 100 * 1024 * 1024

/**
 * A cursor before the first record of the whole batch at `at`. The checksum is not looked at.
 * Fails with UNSUPPORTED_COMPRESSION_TYPE, MESSAGE_TOO_LARGE (beyond the cap), INVALID_RECORD (not what the codec writes, negative count).
 */
export function openRecords(
  bytes: Uint8Array,
  at: number,
  maxUncompressedBytes: number = DEFAULT_MAX_UNCOMPRESSED_BYTES,
): RecordCursor | BatchFailure {
  const start = at + Batch.BATCH_HEADER_BYTES
  const end = at + Batch.sizeInBytes(bytes, at)
  const count = Batch.recordCount(bytes, at)
  if (count < 0) return new BatchFailure('INVALID_RECORD', `record count ${count}`)
  const compressionId = Batch.compressionId(bytes, at)
  if (compressionId === 0) return new RecordCursor(bytes, start, end, count)
  const codec = codecById(compressionId)
  if (codec === undefined) {
    return new BatchFailure('UNSUPPORTED_COMPRESSION_TYPE', `unknown compression id ${compressionId}`)
  }
  const records = codec.decompress(bytes.subarray(start, end), maxUncompressedBytes)
  if (records instanceof DecompressionFailure) {
    return records.reason === 'too-large'
      ? new BatchFailure('MESSAGE_TOO_LARGE', `the batch ${records.message}`)
      : new BatchFailure('INVALID_RECORD', `the records are not ${codec.type}: ${records.message}`)
  }
  return new RecordCursor(records, 0, records.length, count)
}

/** The records that `openRecords` gave of a batch in `bytes` are not needed any more, and nor is anything that points into them. Where they were uncompressed they are the batch's, and stay. */
export function closeRecords(records: Uint8Array, bytes: Uint8Array): void {
  freeOwnMemory(records, bytes)
}
