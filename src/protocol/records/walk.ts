/**
 * Walking from batch to batch through a range of bytes, without looking inside: how a log is scanned, a fetch cut to whole batches
 * and a produce request split. Tells a tail that has not arrived whole from bytes that no batch begins with.
 */

import { BATCH_HEADER_BYTES, LENGTH_AT, LOG_OVERHEAD_BYTES, MAGIC_AT, PRODUCER_ID_AT } from './batch-header.ts'
import { readInt32, readInt64 } from './int64.ts'

/** `batchSizeAt`: the bytes end within the batch (or there are none). */
export const INCOMPLETE = -1
/** `batchSizeAt`: whatever follows, no batch begins like this. */
export const CORRUPT = -2

/** The smallest size of a whole message or batch, by magic: v0 and v1 are the header with null key and null value. */
const LEAST_BYTES = [LOG_OVERHEAD_BYTES + 14, LOG_OVERHEAD_BYTES + 22, BATCH_HEADER_BYTES] as const

/**
 * The size in bytes of the batch that begins at `at` and lies whole before `end`; else `INCOMPLETE` or `CORRUPT`, both negative.
 * Checks what every later step relies on: a possible length (at most `maxBatchBytes`), a known magic, and offset and producer id in the safe range.
 * Neither the checksum nor the records are looked at.
 */
export function batchSizeAt(
  bytes: Uint8Array,
  at: number,
  end: number = bytes.length,
  maxBatchBytes: number = 0x7fff_ffff + LOG_OVERHEAD_BYTES,
): number {
  const there = end - at
  if (there < LOG_OVERHEAD_BYTES) return INCOMPLETE
  const size = readInt32(bytes, at + LENGTH_AT) + LOG_OVERHEAD_BYTES
  if (size < LEAST_BYTES[0] || size > maxBatchBytes) return CORRUPT
  const base = readInt64(bytes, at)
  if (base < 0 || base > Number.MAX_SAFE_INTEGER - 0x8000_0000) return CORRUPT
  if (there <= MAGIC_AT) return INCOMPLETE
  const magic = bytes[at + MAGIC_AT]!
  if (magic > 2 || size < LEAST_BYTES[magic as 0 | 1 | 2]) return CORRUPT
  if (size > there) return INCOMPLETE
  if (magic === 2 && !Number.isSafeInteger(readInt64(bytes, at + PRODUCER_ID_AT))) return CORRUPT
  return size
}

/** How a walk ended: at the `end` of the range, before an incomplete batch, before corruption, or where the visitor stopped it. */
export interface WalkEnd {
  /** The position behind the last batch that was visited. */
  readonly position: number
  readonly reason: 'end' | 'incomplete' | 'corrupt' | 'stopped'
}

/**
 * Calls `visit` with the position and size of each whole batch in `bytes[start, end)`, in order, until it returns `false`.
 * A loop over `batchSizeAt` does the same without a closure.
 */
export function forEachBatch(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (at: number, sizeInBytes: number) => boolean | void,
): WalkEnd {
  let at = start
  while (at < end) {
    const size = batchSizeAt(bytes, at, end)
    if (size < 0) return { position: at, reason: size === INCOMPLETE ? 'incomplete' : 'corrupt' }
    if (visit(at, size) === false) return { position: at + size, reason: 'stopped' }
    at += size
  }
  return { position: at, reason: 'end' }
}
