/**
 * Control records: what brokers write into a log among the data, in batches of their own that consumers do not see. The key says which kind
 * (version, type); the value is a message of that kind. End-transaction markers are written and read here, the bodies
 * of the others are messages with schemas of their own. Source: KIP-98 (markers), KIP-595, KIP-630, KIP-853.
 */

import { assert } from '../../std/assert.ts'
import { buildBatch } from './builder.ts'
import { readInt16, readInt32, writeInt16, writeInt32 } from './int64.ts'

export type ControlRecordType =
  | 'ABORT'
  | 'COMMIT'
  | 'LEADER_CHANGE'
  | 'SNAPSHOT_HEADER'
  | 'SNAPSHOT_FOOTER'
  | 'KRAFT_VERSION'
  | 'KRAFT_VOTERS'
  /** A type of a later version: to be passed over. */
  | 'UNKNOWN'

const TYPES = [
  'ABORT',
  'COMMIT',
  'LEADER_CHANGE',
  'SNAPSHOT_HEADER',
  'SNAPSHOT_FOOTER',
  'KRAFT_VERSION',
  'KRAFT_VOTERS',
] as const satisfies readonly ControlRecordType[]

const KEY_BYTES = 4
const END_TRANSACTION_VALUE_BYTES = 6

/** The key of a control record, at version 0. */
export function controlRecordKey(type: (typeof TYPES)[number]): Buffer {
  const key = Buffer.alloc(KEY_BYTES)
  writeInt16(key, 2, TYPES.indexOf(type))
  return key
}

/** What a control record's key says; later key versions are read as this one, which they extend. `undefined` where it is no such key. */
export function controlRecordType(key: Uint8Array | null): ControlRecordType | undefined {
  if (key === null || key.length < KEY_BYTES || readInt16(key, 0) < 0) return undefined
  return TYPES[readInt16(key, 2)] ?? 'UNKNOWN'
}

/** Ends the transaction of one producer in one partition. */
export interface EndTransactionMarker {
  readonly type: 'COMMIT' | 'ABORT'
  /** Fences markers of a coordinator that has been replaced. */
  readonly coordinatorEpoch: number
}

/** Reads a control record; `undefined` where it is no end-transaction marker, or a malformed one. */
export function endTransactionMarker(record: {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}): EndTransactionMarker | undefined {
  const type = controlRecordType(record.key)
  if (type !== 'COMMIT' && type !== 'ABORT') return undefined
  const value = record.value
  if (value === null || value.length < END_TRANSACTION_VALUE_BYTES || readInt16(value, 0) < 0) return undefined
  return { type, coordinatorEpoch: readInt32(value, 2) }
}

export interface EndTransactionBatchOptions {
  readonly producerId: number
  readonly producerEpoch: number
  readonly timestampMs: number
  readonly baseOffset?: number
  readonly partitionLeaderEpoch?: number
}

/** The batch with one marker that ends a producer's transaction: transactional, control, without a sequence. */
export function buildEndTransactionBatch(marker: EndTransactionMarker, options: EndTransactionBatchOptions): Buffer {
  assert(options.producerId >= 0, () => `transaction marker of producer ${options.producerId}`)
  const value = Buffer.alloc(END_TRANSACTION_VALUE_BYTES)
  writeInt32(value, 2, marker.coordinatorEpoch)
  const { timestampMs, ...header } = options
  const record = { timestampMs, key: controlRecordKey(marker.type), value }
  return buildBatch([record], { ...header, isTransactional: true, isControl: true, expectedBytes: 64 })
}
