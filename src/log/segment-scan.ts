/**
 * Walks through the batches of a log file from disk, a chunk at a time: for recovery, exact lookups and truncation.
 */
import { batchSizeAt, CORRUPT } from '../protocol/records/walk.ts'
import { BATCH_HEADER_BYTES, LENGTH_AT, LOG_OVERHEAD_BYTES } from '../protocol/records/batch-header.ts'
import { readInt32 } from '../protocol/records/int64.ts'
import type { LazyFile } from './open-files.ts'

/** Called with a whole batch at `at` in `bytes`, which lies at `position` in the file; false ends the scan. The bytes are valid only during the call. */
export type BatchVisitor = (bytes: Uint8Array, at: number, sizeInBytes: number, position: number) => boolean | void

export interface ScanEnd {
  /** In the file: behind the last batch that was visited. */
  readonly position: number
  /** `incomplete`: bytes that are no whole batch are left before the end. `corrupt`: no batch begins with what is there. */
  readonly reason: 'end' | 'incomplete' | 'corrupt' | 'stopped'
}

/** A small first read: most lookups end within one index interval. */
export const lookupChunkBytes = 16 * 1024
const chunkBytesMax = 1024 * 1024

/**
 * Visits the batches in [from, to) of a file, in order. Only the form of a batch is checked (`batchSizeAt`); the visitor may check more. `chunkBytes` is
 * how much is read at first, and grows: small for a lookup that will soon stop. Rejects with a `DiskError`.
 */
export async function scanBatches(
  file: LazyFile,
  from: number,
  to: number,
  visit: BatchVisitor,
  chunkBytes = chunkBytesMax,
): Promise<ScanEnd> {
  let position = from
  let wantedBytes = chunkBytes
  let buffer = new Uint8Array(0)
  while (position < to) {
    const length = Math.min(wantedBytes, to - position)
    if (buffer.length < length) buffer = Buffer.allocUnsafeSlow(length)
    const chunk = buffer.subarray(0, length)
    const start = position
    const read = await file.use(opened => opened.read(chunk, start))
    const walked = walk(chunk.subarray(0, read), position, visit)
    position += walked.bytes
    if (walked.reason === 'stopped' || walked.reason === 'corrupt') return { position, reason: walked.reason }
    if (walked.bytes === 0) {
      // Not even one batch fits: it is larger than the chunk, or the file ends within it.
      const neededBytes =
        read < LOG_OVERHEAD_BYTES ? LOG_OVERHEAD_BYTES : readInt32(chunk, LENGTH_AT) + LOG_OVERHEAD_BYTES
      if (read < length || position + neededBytes > to) return { position, reason: 'incomplete' }
      wantedBytes = Math.max(neededBytes, wantedBytes)
    } else {
      wantedBytes = Math.max(wantedBytes, Math.min(chunkBytesMax, wantedBytes * 4))
    }
  }
  return { position, reason: 'end' }
}

function walk(
  bytes: Uint8Array,
  position: number,
  visit: BatchVisitor,
): { bytes: number; reason: 'more' | 'corrupt' | 'stopped' } {
  let at = 0
  while (at < bytes.length) {
    const size = batchSizeAt(bytes, at, bytes.length)
    if (size === CORRUPT) return { bytes: at, reason: 'corrupt' }
    if (size < 0) break
    if (visit(bytes, at, size, position + at) === false) return { bytes: at + size, reason: 'stopped' }
    at += size
  }
  return { bytes: at, reason: 'more' }
}

/** Whether a place in the file was allocated and never written: no batch begins with zeros alone. Rejects with a `DiskError`. */
export async function isUnwritten(file: LazyFile, position: number): Promise<boolean> {
  const header = Buffer.alloc(BATCH_HEADER_BYTES)
  await file.use(opened => opened.read(header, position))
  return header.every(byte => byte === 0)
}
