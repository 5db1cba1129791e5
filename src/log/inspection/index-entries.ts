/** The entries of index files as they are, for tools: nothing is searched, and nothing is believed. */
import type { DiskFile } from '../../io/io.ts'
import { readInt16, readInt64, readUint32 } from '../../protocol/records/int64.ts'

export const OFFSET_ENTRY_BYTES = 8
export const TIME_ENTRY_BYTES = 12
export const TRANSACTION_ENTRY_BYTES = 34

/** Of a segment's index: the position in the log file of the batch that ends with `offset`. */
export interface OffsetIndexEntry {
  readonly offset: number
  readonly position: number
}

/** The largest timestamp among the batches up to the one that ends with `offset`, which has it. */
export interface TimeIndexEntry {
  readonly timestampMs: number
  readonly offset: number
}

export interface TransactionIndexEntry {
  readonly version: number
  readonly producerId: number
  readonly firstOffset: number
  readonly lastOffset: number
  readonly lastStableOffset: number
}

export function readOffsetEntry(bytes: Uint8Array, at: number, baseOffset: number): OffsetIndexEntry {
  return { offset: baseOffset + readUint32(bytes, at), position: readUint32(bytes, at + 4) }
}

export function readTimeEntry(bytes: Uint8Array, at: number, baseOffset: number): TimeIndexEntry {
  return { timestampMs: readInt64(bytes, at), offset: baseOffset + readUint32(bytes, at + 8) }
}

export function readTransactionEntry(bytes: Uint8Array, at: number): TransactionIndexEntry {
  return {
    version: readInt16(bytes, at),
    producerId: readInt64(bytes, at + 2),
    firstOffset: readInt64(bytes, at + 10),
    lastOffset: readInt64(bytes, at + 18),
    lastStableOffset: readInt64(bytes, at + 26),
  }
}

/** Whole entries only, a few thousand at a time. Rejects with a `DiskError`. */
export async function* entryChunks(file: DiskFile, entryBytes: number): AsyncGenerator<Buffer, void> {
  const chunk = Buffer.allocUnsafeSlow(4096 * entryBytes)
  for (let position = 0; ;) {
    const read = await file.read(chunk, position)
    const whole = read - (read % entryBytes)
    if (whole > 0) yield chunk.subarray(0, whole)
    if (whole < chunk.length) return
    position += whole
  }
}
