/**
 * The raw snappy format in plain TypeScript: for platforms for which the native module has no binary.
 * Source: google/snappy, `format_description.txt`.
 */

/** A copy of 64 bytes takes at least three bytes, so no honest input grows by more than this. */
export const SNAPPY_MAX_EXPANSION = 22

const MAX_UNCOMPRESSED_BYTES = 0xffff_ffff
const FRAGMENT_BYTES = 65_536
const HASH_BITS_LEAST = 8
const HASH_BITS_MOST = 14
/** Longer ranges are copied by a call, which costs as much as copying this many bytes here. */
const COPY_HERE_BYTES = 32

/** The uncompressed length that a raw block announces and the position behind it; `undefined` where it is malformed or cannot be true. */
export function snappyPreamble(
  input: Uint8Array,
  start: number,
  end: number,
): { length: number; at: number } | undefined {
  let length = 0
  let scale = 1
  for (let at = start; at < Math.min(end, start + 5); at++) {
    const byte = input[at]!
    length += (byte & 0x7f) * scale
    if (byte < 0x80) {
      if (length > MAX_UNCOMPRESSED_BYTES || length > (end - start) * SNAPPY_MAX_EXPANSION) return undefined
      return { length, at: at + 1 }
    }
    scale *= 0x80
  }
  return undefined
}

/**
 * Decodes the elements in `input[at, end)` (the preamble is behind us) to exactly `output[outputAt, outputEnd)`.
 * False where they are malformed or give another number of bytes.
 */
export function snappyDecode(
  input: Uint8Array,
  at: number,
  end: number,
  output: Uint8Array,
  outputAt: number,
  outputEnd: number,
): boolean {
  const outputStart = outputAt
  while (at < end) {
    const tag = input[at++]!
    const kind = tag & 3
    if (kind === 0) {
      let length = (tag >> 2) + 1
      if (length > 60) {
        const extra = length - 60
        if (at + extra > end) return false
        length = littleEndian(input, at, extra) + 1
        at += extra
      }
      if (length > end - at || length > outputEnd - outputAt) return false
      if (length > COPY_HERE_BYTES) {
        output.set(input.subarray(at, at + length), outputAt)
        outputAt += length
        at += length
      } else {
        for (const until = at + length; at < until; at++) output[outputAt++] = input[at]!
      }
    } else {
      const extra = kind === 3 ? 4 : kind
      if (at + extra > end) return false
      const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1
      const offset = kind === 1 ? ((tag >> 5) << 8) | input[at]! : littleEndian(input, at, extra)
      at += extra
      if (offset === 0 || offset > outputAt - outputStart || length > outputEnd - outputAt) return false
      const until = outputAt + length
      if (length > COPY_HERE_BYTES && offset >= length) {
        output.copyWithin(outputAt, outputAt - offset, until - offset)
        outputAt = until
      } else {
        // Byte by byte, because a copy may overlap what it writes.
        for (; outputAt < until; outputAt++) output[outputAt] = output[outputAt - offset]!
      }
    }
  }
  return outputAt === outputEnd
}

function littleEndian(input: Uint8Array, at: number, bytes: number): number {
  let value = 0
  for (let index = bytes - 1; index >= 0; index--) value = value * 256 + input[at + index]!
  return value
}

/** The largest output that `snappyEncode` can give. */
export function snappyMaxCompressedBytes(inputBytes: number): number {
  return 32 + inputBytes + Math.ceil(inputBytes / 6)
}

/** Compresses to the raw format, preamble included; returns where the output ends. */
export function snappyEncode(input: Uint8Array, output: Uint8Array, outputAt: number): number {
  let at = outputAt
  let rest = input.length
  while (rest >= 0x80) {
    output[at++] = (rest & 0x7f) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  output[at++] = rest
  // Smaller for small inputs, where clearing it would be most of the work.
  const hashBits = Math.max(HASH_BITS_LEAST, Math.min(HASH_BITS_MOST, 32 - Math.clz32(input.length)))
  const table = new Uint16Array(1 << hashBits)
  for (let start = 0; start < input.length; start += FRAGMENT_BYTES) {
    if (start > 0) table.fill(0)
    at = encodeFragment(input, start, Math.min(input.length, start + FRAGMENT_BYTES), table, output, at)
  }
  return at
}

/** Finds matches within one fragment, so that offsets fit sixteen bits. `table` maps a hash to a position in the fragment. */
function encodeFragment(
  input: Uint8Array,
  start: number,
  end: number,
  table: Uint16Array,
  output: Uint8Array,
  at: number,
): number {
  const hashShift = 1 + Math.clz32(table.length)
  let literalStart = start
  let position = start + 1
  let misses = 0
  while (position + 4 <= end) {
    const word = uint32(input, position)
    const slot = Math.imul(word, 0x1e35_a7bd) >>> hashShift
    const candidate = start + table[slot]!
    table[slot] = position - start
    if (candidate < position && uint32(input, candidate) === word) {
      let matchEnd = position + 4
      while (matchEnd < end && input[matchEnd] === input[candidate + matchEnd - position]) matchEnd++
      at = emitLiteral(input, literalStart, position, output, at)
      at = emitCopy(position - candidate, matchEnd - position, output, at)
      position = matchEnd
      literalStart = matchEnd
      misses = 0
    } else {
      // Incompressible stretches are crossed in growing steps.
      position += 1 + (misses++ >> 5)
    }
  }
  return emitLiteral(input, literalStart, end, output, at)
}

function emitLiteral(input: Uint8Array, start: number, end: number, output: Uint8Array, at: number): number {
  const length = end - start
  if (length === 0) return at
  const stored = length - 1
  if (stored < 60) {
    output[at++] = stored << 2
  } else if (stored < 256) {
    output[at++] = 60 << 2
    output[at++] = stored
  } else {
    output[at++] = 61 << 2
    output[at++] = stored
    output[at++] = stored >> 8
  }
  output.set(input.subarray(start, end), at)
  return at + length
}

function emitCopy(offset: number, length: number, output: Uint8Array, at: number): number {
  // A last piece of fewer than four bytes could not use the short form: leave at least four for it.
  while (length >= 68) {
    at = emitLongCopy(offset, 64, output, at)
    length -= 64
  }
  if (length > 64) {
    at = emitLongCopy(offset, 60, output, at)
    length -= 60
  }
  if (length >= 12 || offset >= 2048) return emitLongCopy(offset, length, output, at)
  output[at++] = ((offset >> 8) << 5) | ((length - 4) << 2) | 1
  output[at++] = offset
  return at
}

function emitLongCopy(offset: number, length: number, output: Uint8Array, at: number): number {
  output[at++] = ((length - 1) << 2) | 2
  output[at++] = offset
  output[at++] = offset >> 8
  return at
}

function uint32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
