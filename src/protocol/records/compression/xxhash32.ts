/** xxHash, 32 bits, seed 0: the checksum inside lz4 frames. Source: Cyan4973/xxHash, `doc/xxhash_spec.md`. */

const PRIME_1 = 0x9e37_79b1
const PRIME_2 = 0x85eb_ca77
const PRIME_3 = 0xc2b2_ae3d
const PRIME_4 = 0x27d4_eb2f
const PRIME_5 = 0x1656_67b1

/** The hash of `bytes[start, end)`, unsigned. */
export function xxhash32(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let at = start
  let hash: number
  if (end - start >= 16) {
    let a = (PRIME_1 + PRIME_2) | 0
    let b = PRIME_2 | 0
    let c = 0
    let d = -PRIME_1 | 0
    for (const last = end - 16; at <= last; at += 16) {
      a = round(a, uint32(bytes, at))
      b = round(b, uint32(bytes, at + 4))
      c = round(c, uint32(bytes, at + 8))
      d = round(d, uint32(bytes, at + 12))
    }
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)
  } else {
    hash = PRIME_5
  }
  hash = (hash + (end - start)) | 0
  for (; at + 4 <= end; at += 4)
    hash = Math.imul(rotate((hash + Math.imul(uint32(bytes, at), PRIME_3)) | 0, 17), PRIME_4)
  for (; at < end; at++) hash = Math.imul(rotate((hash + Math.imul(bytes[at]!, PRIME_5)) | 0, 11), PRIME_1)
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2)
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3)
  return (hash ^ (hash >>> 16)) >>> 0
}

function round(lane: number, word: number): number {
  return Math.imul(rotate((lane + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1)
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function uint32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
