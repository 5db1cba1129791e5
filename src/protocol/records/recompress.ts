/** Writes a batch anew under another codec: what the leader does when a topic's `compression.type` is not the producer's. */

import { assert } from '../../std/assert.ts'
import * as Batch from './batch-header.ts'
import type { CompressionType } from './compression/index.ts'
import { codecOf, isValidLevel } from './compression/index.ts'
import { writeInt32 } from './int64.ts'

/**
 * The batch at `at` with its records under `compression`; all else as it is. `records` are its uncompressed records, which whoever
 * has validated the batch still has (`BatchFacts.uncompressedRecords`). `level` is the codec's default where absent.
 */
export function recompressBatch(
  bytes: Uint8Array,
  at: number,
  records: Uint8Array,
  compression: CompressionType,
  level?: number,
): Buffer {
  const codec = codecOf(compression)
  assert(level === undefined || isValidLevel(codec, level), () => `compression level ${level} for ${compression}`)
  const compressed = codec.compress(records, level === undefined ? undefined : { level })
  const batch = Buffer.allocUnsafeSlow(Batch.BATCH_HEADER_BYTES + compressed.length)
  batch.set(bytes.subarray(at, at + Batch.BATCH_HEADER_BYTES))
  batch.set(compressed, Batch.BATCH_HEADER_BYTES)
  writeInt32(batch, Batch.LENGTH_AT, batch.length - Batch.LOG_OVERHEAD_BYTES)
  const flags = batch[Batch.ATTRIBUTES_AT + 1]!
  batch[Batch.ATTRIBUTES_AT + 1] = (flags & ~Batch.COMPRESSION_MASK) | codec.id
  Batch.stampCrc(batch, 0)
  return batch
}
