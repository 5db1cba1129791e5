/**
 * The bytes of the embedded store's two files, pure functions both ways.
 *
 * `ottla-metadata.log` is a header and then records, appended: each is all that was committed with one sync. `ottla-metadata.snapshot` is the
 * whole content of the store at one revision, written anew each time. A revision is the number of a transaction; the versions of keys are revisions. Integers
 * are big-endian. Checksums are CRC-32C; those of records start from the file's random salt, so that nothing a client puts into a value can
 * pass for a record.
 */

import { ByteReader, ProtocolError } from '../protocol/byte-reader.ts'
import { ByteWriter } from '../protocol/byte-writer.ts'
import { assert } from '../std/assert.ts'
import { crc32c } from '../std/crc32c.ts'
import type { StoreEntry } from './store.ts'

export const FORMAT_VERSION = 1

/** Magic (8), format version (2), reserved (2), salt (4), checksum of all that (4). */
export const HEADER_BYTES = 20
/** Length of what follows the checksum (4), checksum (4), first revision (8). */
const RECORD_HEADER_BYTES = 16
const RECORD_OVERHEAD_BYTES = 8

const LOG_MAGIC = 'OTTLA-ML'
const SNAPSHOT_MAGIC = 'OTTLA-MS'

/** The file is not what it should be: bits rotted, or it is another program's. */
export class CorruptStoreError extends Error {
  override readonly name = 'CorruptStoreError'
}

/** The file was written by a version of Ottla that this one does not understand. */
export class NewerFormatError extends Error {
  override readonly name = 'NewerFormatError'
}

/** An operation as it is kept: what it was guarded by does not matter any more. A null value deletes. */
export interface KeptOperation {
  readonly key: string
  readonly value: Uint8Array | null
}

/** What was committed with one sync: transactions with consecutive revisions. */
export interface LogRecord {
  readonly firstRevision: number
  readonly transactions: readonly (readonly KeptOperation[])[]
}

export function encodeLogHeader(salt: number): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES)
  header.write(LOG_MAGIC, 'latin1')
  header.writeUInt16BE(FORMAT_VERSION, 8)
  header.writeUInt32BE(salt, 12)
  header.writeUInt32BE(crc32c(header, 0, 16), 16)
  return header
}

/** The salt. A log gets its name only when its header is whole, so a broken one is always damage: CorruptStoreError; or NewerFormatError. */
export function decodeLogHeader(bytes: Uint8Array): number {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEADER_BYTES))
  const isOurs = header.length === HEADER_BYTES && header.toString('latin1', 0, 8) === LOG_MAGIC
  if (isOurs) refuseNewer(header.readUInt16BE(8))
  if (isOurs && header.readUInt32BE(16) === crc32c(header, 0, 16)) return header.readUInt32BE(12)
  throw new CorruptStoreError('the header of the metadata log is damaged')
}

function refuseNewer(version: number): void {
  if (version <= FORMAT_VERSION) return
  throw new NewerFormatError(
    `the metadata has format version ${version}, this version of Ottla knows up to ${FORMAT_VERSION}`,
  )
}

export function encodeRecord(record: LogRecord, salt: number): Uint8Array {
  const writer = new ByteWriter()
  writer.int32(0)
  writer.int32(0)
  writer.int64(record.firstRevision)
  writer.unsignedVarint(record.transactions.length)
  for (const operations of record.transactions) {
    writer.unsignedVarint(operations.length)
    for (const { key, value } of operations) {
      writer.compactString(key)
      writer.nullableCompactBytes(value)
    }
  }
  const bytes = writer.toBytes()
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  view.setUint32(0, bytes.length - RECORD_OVERHEAD_BYTES)
  view.setUint32(4, crc32c(bytes, RECORD_OVERHEAD_BYTES, bytes.length, salt))
  return bytes
}

export interface ReadLog {
  readonly records: readonly LogRecord[]
  /** Where the last record begins; where the first would, when there is none. */
  readonly lastPosition: number
  /** Where the valid part ends; what lies behind was never confirmed. */
  readonly endPosition: number
}

/**
 * All records of a log file. What is broken at its end is a write that was under way when the process died. What is broken before a
 * record that is whole is damage to something confirmed: CorruptStoreError.
 */
export function decodeRecords(bytes: Uint8Array, salt: number): ReadLog {
  const records: LogRecord[] = []
  let position = HEADER_BYTES
  let lastPosition = position
  for (let next = recordEnd(bytes, position, salt); next !== undefined; next = recordEnd(bytes, position, salt)) {
    const record = decodeRecord(bytes.subarray(position, next))
    const previous = records.at(-1)
    if (previous !== undefined && record.firstRevision !== revisionAfter(previous)) {
      throw new CorruptStoreError(
        `revision ${record.firstRevision} in the metadata log follows ${revisionAfter(previous) - 1}`,
      )
    }
    records.push(record)
    lastPosition = position
    position = next
  }
  for (let at = position + 1; at + RECORD_HEADER_BYTES <= bytes.length; at++) {
    if (recordEnd(bytes, at, salt) !== undefined) {
      throw new CorruptStoreError(`the metadata log is damaged at position ${position}, before a record that is whole`)
    }
  }
  return { records, lastPosition, endPosition: position }
}

export function revisionAfter(record: LogRecord): number {
  return record.firstRevision + record.transactions.length
}

/** The end of the record at `position`, when there is a whole and valid one. */
function recordEnd(bytes: Uint8Array, position: number, salt: number): number | undefined {
  if (position + RECORD_HEADER_BYTES > bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + position)
  const length = view.getUint32(0)
  const end = position + RECORD_OVERHEAD_BYTES + length
  if (length < RECORD_HEADER_BYTES - RECORD_OVERHEAD_BYTES || end > bytes.length) return undefined
  return view.getUint32(4) === crc32c(bytes, position + RECORD_OVERHEAD_BYTES, end, salt) ? end : undefined
}

function decodeRecord(bytes: Uint8Array): LogRecord {
  return decoding(() => {
    const reader = new ByteReader(bytes, RECORD_OVERHEAD_BYTES)
    const firstRevision = reader.int64()
    const transactions = Array.from({ length: reader.unsignedVarint() }, () =>
      Array.from({ length: reader.unsignedVarint() }, () => ({
        key: reader.compactString(),
        value: copied(reader.nullableCompactBytes()),
      })),
    )
    return { firstRevision, transactions }
  })
}

/** Values outlive the file that they were read from. */
function copied(value: Uint8Array | null): Uint8Array | null {
  return value === null ? null : value.slice()
}

/** Entries by key at `revision`. */
export interface StoreContent {
  readonly revision: number
  readonly entries: ReadonlyMap<string, StoreEntry>
}

/** Magic (8), format version (2), checksum of what follows (4), revision (8), entries. */
export function encodeSnapshot(content: StoreContent): Uint8Array {
  const writer = new ByteWriter()
  writer.rawBytes(Buffer.from(SNAPSHOT_MAGIC, 'latin1'))
  writer.int16(FORMAT_VERSION)
  writer.int32(0)
  writer.int64(content.revision)
  writer.unsignedVarint(content.entries.size)
  for (const [key, { value, version }] of content.entries) {
    writer.compactString(key)
    writer.int64(version)
    writer.compactBytes(value)
  }
  const bytes = writer.toBytes()
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(10, crc32c(bytes, 14))
  return bytes
}

/** Throws CorruptStoreError or NewerFormatError. A snapshot gets its name only when it is whole, so a broken one is always damage. */
export function decodeSnapshot(bytes: Uint8Array): { revision: number; entries: Map<string, StoreEntry> } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const isOurs = bytes.length >= 22 && Buffer.from(bytes.subarray(0, 8)).toString('latin1') === SNAPSHOT_MAGIC
  if (isOurs) refuseNewer(view.getUint16(8))
  if (!isOurs || view.getUint32(10) !== crc32c(bytes, 14))
    throw new CorruptStoreError('the metadata snapshot is damaged')
  return decoding(() => {
    const reader = new ByteReader(bytes, 14)
    const revision = reader.int64()
    const entries = new Map<string, StoreEntry>()
    for (let rest = reader.unsignedVarint(); rest > 0; rest--) {
      const key = reader.compactString()
      const version = reader.int64()
      entries.set(key, { value: reader.compactBytes().slice(), version })
    }
    assert(reader.remaining === 0, () => `${reader.remaining} bytes follow the metadata snapshot`)
    return { revision, entries }
  })
}

/** A checksum that is right over bytes that make no sense was computed by something else than this. */
function decoding<T>(decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (error instanceof ProtocolError) throw new CorruptStoreError(error.message, { cause: error })
    throw error
  }
}
