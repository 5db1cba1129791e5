/**
 * The bare minimum that encoding, decoding and walking a batch takes: what the figures of the goals were measured with. No checks, no options,
 * one shape of record (null key, no headers). Measured in turns with the real code, it says what the machine can do at that moment.
 */

import { crc32c } from '../../src/std/crc32c.ts'

const HEADER_BYTES = 61
const CRC_FROM = 21

/** Writes `count` records with this value into `buffer`; returns the size of the batch. */
export function encodeBare(buffer: Buffer, value: Uint8Array, count: number): number {
  let at = HEADER_BYTES
  for (let index = 0; index < count; index++) {
    const timestampDelta = index >> 3
    const length = 4 + size(timestampDelta * 2) + size(index * 2) + (size(value.length * 2) - 1) + value.length
    at = write(buffer, at, length * 2)
    buffer[at++] = 0
    at = write(buffer, at, timestampDelta * 2)
    at = write(buffer, at, index * 2)
    buffer[at++] = 1
    at = write(buffer, at, value.length * 2)
    buffer.set(value, at)
    at += value.length
    buffer[at++] = 0
  }
  buffer.fill(0, 0, HEADER_BYTES)
  buffer.writeInt32BE(at - 12, 8)
  buffer.writeInt32BE(count, 57)
  buffer.writeUInt32BE(crc32c(buffer, CRC_FROM, at), 17)
  return at
}

export interface BareRecord {
  readonly offset: number
  readonly timestampDelta: number
  readonly valueAt: number
  readonly valueLength: number
}

/** To one small object a record. */
export function decodeBare(bytes: Buffer): BareRecord[] {
  if (crc32c(bytes, CRC_FROM) !== bytes.readUInt32BE(17)) throw new Error('checksum')
  const count = bytes.readInt32BE(57)
  const records: BareRecord[] = []
  position = HEADER_BYTES
  for (let index = 0; index < count; index++) {
    read(bytes)
    position++
    const timestampDelta = read(bytes)
    const offset = read(bytes)
    position++
    const valueLength = read(bytes)
    records.push({ offset, timestampDelta, valueAt: position, valueLength })
    position += valueLength + 1
  }
  return records
}

/** The largest timestamp delta. */
export function walkBare(bytes: Buffer): number {
  if (crc32c(bytes, CRC_FROM) !== bytes.readUInt32BE(17)) throw new Error('checksum')
  const count = bytes.readInt32BE(57)
  let most = 0
  position = HEADER_BYTES
  for (let index = 0; index < count; index++) {
    const length = read(bytes)
    const end = position + length
    position++
    const timestampDelta = read(bytes)
    if (timestampDelta > most) most = timestampDelta
    if (read(bytes) !== index) throw new Error('offset delta')
    position++
    const valueLength = read(bytes)
    position += valueLength + 1
    if (position !== end) throw new Error('length')
  }
  return most
}

let position = 0

/** A zig-zag varint at `position`. */
function read(bytes: Buffer): number {
  let value = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[position++]!
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
  }
}

function size(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : 3
}

function write(buffer: Buffer, at: number, value: number): number {
  while (value >= 0x80) {
    buffer[at++] = (value & 0x7f) | 0x80
    value >>>= 7
  }
  buffer[at++] = value
  return at
}
