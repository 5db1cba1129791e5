/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of record batches since magic 2.
 *
 * Large ranges go to the native module, which uses the processor's instruction; calling it costs about as much as 300 bytes of the
 * table-driven code here, which therefore takes small ranges, and everything where the native module has no binary for the platform.
 */

import { createRequire } from 'node:module'

/** Below this many bytes the call into native code costs more than it saves. */
const NATIVE_FROM_BYTES = 300
/** Loading the native module takes some milliseconds, which a process that has only just started has better uses for: it does so when this much has gone through the tables. */
const LOAD_AFTER_BYTES = 16 * 1024

type Native = (bytes: Uint8Array, seed: number) => number

let native: Native | undefined
let nativeWanted = true
let bytesByTable = 0

/**
 * The checksum of `bytes[start, end)` as an unsigned 32-bit number. With `seed`, the checksum of what `seed` was computed over with
 * this range behind it: `crc32c(whole) === crc32c(tail, 0, tail.length, crc32c(head))`.
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
  if (end - start < NATIVE_FROM_BYTES) return crc32cByTable(bytes, start, end, seed)
  if (nativeWanted && (bytesByTable += end - start) > LOAD_AFTER_BYTES) loadNative()
  if (native === undefined) return crc32cByTable(bytes, start, end, seed)
  return native(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), seed)
}

/** The same without native code, sixteen bytes a step (Intel's "slicing" method). */
export function crc32cByTable(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
  let crc = ~seed
  let at = start
  const t = TABLES
  for (const last = end - 16; at <= last; at += 16) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      t[3840 + (crc & 0xff)]! ^
      t[3584 + ((crc >>> 8) & 0xff)]! ^
      t[3328 + ((crc >>> 16) & 0xff)]! ^
      t[3072 + (crc >>> 24)]! ^
      t[2816 + bytes[at + 4]!]! ^
      t[2560 + bytes[at + 5]!]! ^
      t[2304 + bytes[at + 6]!]! ^
      t[2048 + bytes[at + 7]!]! ^
      t[1792 + bytes[at + 8]!]! ^
      t[1536 + bytes[at + 9]!]! ^
      t[1280 + bytes[at + 10]!]! ^
      t[1024 + bytes[at + 11]!]! ^
      t[768 + bytes[at + 12]!]! ^
      t[512 + bytes[at + 13]!]! ^
      t[256 + bytes[at + 14]!]! ^
      t[bytes[at + 15]!]!
  }
  for (; at < end; at++) crc = t[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Sixteen tables of 256: table k advances a byte by k further zero bytes. */
const TABLES = makeTables(0x82f6_3b78)

function makeTables(reversedPolynomial: number): Int32Array {
  const tables = new Int32Array(16 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ reversedPolynomial : crc >>> 1
    tables[byte] = crc
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256]!
    tables[at] = tables[before & 0xff]! ^ (before >>> 8)
  }
  return tables
}

/** Tried once: a platform without a binary stays on the tables, which are right and only slower. */
function loadNative(): void {
  nativeWanted = false
  try {
    const module = createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: Native }
    native = module.crc32c
  } catch {
    native = undefined
  }
}
