/**
 * Variable-length integers as Kafka and Protocol Buffers write them: seven bits a byte, the lowest first, the top bit set on all but the last.
 * "Unsigned" ones are written as they are; the others are zig-zag encoded first, so that small negative numbers stay short.
 *
 * Writing functions take a position and return the one behind what they wrote; the caller has made room (`…Size`).
 * Reading goes through a `VarintReader`, which remembers that something was malformed instead of throwing: a decoder reads a whole
 * structure and asks once, and hostile bytes cost no exception.
 */

/** Bytes that `writeUnsignedVarint` needs for a value in [0, 2^32). */
export function unsignedVarintSize(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x20_0000) return 3
  return value < 0x1000_0000 ? 4 : 5
}

/** Bytes that `writeVarint` needs for an int32. */
export function varintSize(value: number): number {
  return unsignedVarintSize(((value << 1) ^ (value >> 31)) >>> 0)
}

/** Bytes that `writeVarlong` needs for a safe integer. */
export function varlongSize(value: number): number {
  const small = value | 0
  return small === value ? varintSize(small) : longVarlongSize(value)
}

function longVarlongSize(value: number): number {
  // Zig-zag doubles the magnitude, so each seven bits of it after the first six need a byte.
  let magnitude = value < 0 ? -value - 1 : value
  let size = 1
  for (magnitude = Math.floor(magnitude / 0x40); magnitude > 0; magnitude = Math.floor(magnitude / 0x80)) size++
  return size
}

/** Writes a value in [0, 2^32). */
export function writeUnsignedVarint(target: Uint8Array, position: number, value: number): number {
  let rest = value >>> 0
  while (rest >= 0x80) {
    target[position++] = rest | 0x80
    rest >>>= 7
  }
  target[position++] = rest
  return position
}

/** Writes an int32, zig-zag encoded. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  return writeUnsignedVarint(target, position, (value << 1) ^ (value >> 31))
}

/** Writes a safe integer as a zig-zag encoded int64. */
export function writeVarlong(target: Uint8Array, position: number, value: number): number {
  const small = value | 0
  if (small === value) return writeVarint(target, position, small)
  return writeLongVarlong(target, position, value)
}

function writeLongVarlong(target: Uint8Array, position: number, value: number): number {
  // 2 × magnitude would leave the safe range for the largest values, so the sign bit is put below the magnitude's lowest six bits instead.
  let magnitude = value < 0 ? -value - 1 : value
  const sign = value < 0 ? 1 : 0
  target[position++] = ((magnitude % 0x40) << 1) | sign | 0x80
  magnitude = Math.floor(magnitude / 0x40)
  while (magnitude >= 0x80) {
    target[position++] = (magnitude % 0x80) | 0x80
    magnitude = Math.floor(magnitude / 0x80)
  }
  target[position++] = magnitude
  return position
}

/**
 * Reads varints from `bytes` between `position` and `end`. A number that does not end before `end`, that is longer than its type
 * can need, or that has bits beyond its type, sets `malformed`, moves `position` to `end` and reads as 0.
 */
export class VarintReader {
  bytes: Uint8Array
  position: number
  end: number
  malformed = false

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.bytes = bytes
    this.position = position
    this.end = end
  }

  /** Starts over on other bytes, so that one reader serves many buffers. */
  reset(bytes: Uint8Array, position: number, end: number): void {
    this.bytes = bytes
    this.position = position
    this.end = end
    this.malformed = false
  }

  /** A value in [0, 2^32). */
  unsignedVarint(): number {
    if (this.position < this.end) {
      const first = this.bytes[this.position]!
      if (first < 0x80) {
        this.position++
        return first
      }
    }
    return this.#longUnsignedVarint()
  }

  /** An int32 that was zig-zag encoded. */
  varint(): number {
    const zigzag = this.unsignedVarint()
    return (zigzag >>> 1) ^ -(zigzag & 1)
  }

  /**
   * An int64 that was zig-zag encoded, as the nearest double: exact within ±2^53, rounded (with the right sign) beyond.
   */
  varlong(): number {
    if (this.position < this.end) {
      const first = this.bytes[this.position]!
      if (first < 0x80) {
        this.position++
        return (first >>> 1) ^ -(first & 1)
      }
    }
    return this.#longVarlong()
  }

  #longUnsignedVarint(): number {
    const bytes = this.bytes
    const last = Math.min(this.end, this.position + 5)
    let value = 0
    for (let at = this.position, shift = 0; at < last; at++, shift += 7) {
      const byte = bytes[at]!
      if (byte < 0x80) {
        // The fifth byte has room for four bits only.
        if (shift === 28 && byte > 0x0f) break
        this.position = at + 1
        return (value | (byte << shift)) >>> 0
      }
      value |= (byte & 0x7f) << shift
    }
    return this.#fail()
  }

  #longVarlong(): number {
    const bytes = this.bytes
    const last = Math.min(this.end, this.position + 10)
    const sign = bytes[this.position]! & 1
    // The first byte carries six bits of magnitude above the sign, all others seven.
    let magnitude = 0
    let scale = 1
    for (let at = this.position, index = 0; at < last; at++, index++) {
      const byte = bytes[at]!
      const bits = byte & 0x7f
      magnitude += (index === 0 ? bits >> 1 : bits) * scale
      scale *= index === 0 ? 0x40 : 0x80
      if (byte < 0x80) {
        // The tenth byte has room for one bit only.
        if (index === 9 && byte > 1) break
        this.position = at + 1
        return sign === 0 ? magnitude : -magnitude - 1
      }
    }
    return this.#fail()
  }

  #fail(): number {
    this.malformed = true
    this.position = this.end
    return 0
  }
}
