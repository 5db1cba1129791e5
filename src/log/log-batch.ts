/**
 * The few things that a log asks of any batch in its files, whatever the magic. What is appended now has magic 2; folders that Kafka filled years ago may
 * begin with messages of magic 0 and 1, in which the first field is the offset of the *last* record.
 */
import * as header from '../protocol/records/batch-header.ts'
import { readInt64 } from '../protocol/records/int64.ts'

/** Behind offset, length, CRC, magic and attributes of a message of magic 1. */
const magic1TimestampAt = 18

export function lastOffsetOf(bytes: Uint8Array, at: number): number {
  return header.magic(bytes, at) === 2 ? header.lastOffset(bytes, at) : header.baseOffset(bytes, at)
}

/** The first offset, or, before magic 2, one that is not below it. */
export function baseOffsetOf(bytes: Uint8Array, at: number): number {
  return header.baseOffset(bytes, at)
}

/** −1 where the batch has none: also one that compaction has emptied, whose header still tells that of records which are gone. */
export function maxTimestampOf(bytes: Uint8Array, at: number): number {
  const magic = header.magic(bytes, at)
  if (magic === 2) return header.recordCount(bytes, at) === 0 ? header.NO_TIMESTAMP : header.maxTimestampMs(bytes, at)
  return magic === 1 ? readInt64(bytes, at + magic1TimestampAt) : header.NO_TIMESTAMP
}

/** −1 where the batch has none. */
export function leaderEpochOf(bytes: Uint8Array, at: number): number {
  return header.magic(bytes, at) === 2 ? header.partitionLeaderEpoch(bytes, at) : header.NO_LEADER_EPOCH
}

/** Whether the header of a magic 2 batch can be true: `batchSizeAt` has looked at the length and the base offset. */
export function hasPlausibleHeader(bytes: Uint8Array, at: number): boolean {
  if (header.magic(bytes, at) < 2) return true
  const lastOffsetDelta = header.lastOffsetDelta(bytes, at)
  const count = header.recordCount(bytes, at)
  // After compaction a batch has fewer records than offsets, at last none.
  return lastOffsetDelta >= 0 && count >= 0 && count <= lastOffsetDelta + 1
}

/** Of bytes that may be anything. */
export function lastOffsetOrUndefined(bytes: Uint8Array): number | undefined {
  const base = readInt64(bytes, 0)
  return Number.isSafeInteger(base) && base >= 0 ? lastOffsetOf(bytes, 0) : undefined
}
