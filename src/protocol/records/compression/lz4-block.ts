/**
 * The lz4 block format in plain TypeScript: decoding where no native module is at hand, encoding at the levels that the native module
 * does not know. Source: lz4/lz4, `doc/lz4_Block_format.md`.
 */

const MIN_MATCH = 4
/** The last match begins at least this far before the end of the block. */
const MATCH_START_MARGIN = 12
/** The last bytes of a block are always literals. */
const LAST_LITERALS = 5
const MAX_OFFSET = 65_535
/** Longer ranges are copied by a call, which costs as much as copying this many bytes here. */
const COPY_HERE_BYTES = 32
const HASH_BITS_LEAST = 8
const HASH_BITS_MOST = 14

/** The largest output that the encoders can give for this many bytes. */
export function lz4MaxCompressedBytes(inputBytes: number): number {
  return inputBytes + Math.ceil(inputBytes / 255) + 16
}

/** How many bytes the block in `input[at, end)` decodes to, found without decoding; −1 where it is malformed. */
export function lz4DecodedBytes(input: Uint8Array, at: number, end: number): number {
  let length = 0
  while (at < end) {
    const token = input[at++]!
    let literals = token >> 4
    if (literals === 15) {
      let byte = 255
      while (byte === 255 && at < end) literals += byte = input[at++]!
      if (byte === 255) return -1
    }
    at += literals
    length += literals
    if (at === end) return length
    if (at + 2 > end) return -1
    at += 2
    let match = (token & 15) + MIN_MATCH
    if (match === 15 + MIN_MATCH) {
      let byte = 255
      while (byte === 255 && at < end) match += byte = input[at++]!
      if (byte === 255) return -1
    }
    length += match
  }
  return -1
}

/** Decodes `input[at, end)` to `output[outputAt, outputEnd)`; returns where the output ends, or −1 where it is malformed or does not fit. */
export function lz4Decode(
  input: Uint8Array,
  at: number,
  end: number,
  output: Uint8Array,
  outputAt: number,
  outputEnd: number,
): number {
  const outputStart = outputAt
  while (at < end) {
    const token = input[at++]!
    let literals = token >> 4
    if (literals === 15) {
      let byte = 255
      while (byte === 255 && at < end) literals += byte = input[at++]!
    }
    if (literals > end - at || literals > outputEnd - outputAt) return -1
    if (literals > COPY_HERE_BYTES) {
      output.set(input.subarray(at, at + literals), outputAt)
      at += literals
      outputAt += literals
    } else {
      for (const until = at + literals; at < until; at++) output[outputAt++] = input[at]!
    }
    if (at === end) return outputAt
    if (at + 2 > end) return -1
    const offset = input[at]! | (input[at + 1]! << 8)
    at += 2
    let match = (token & 15) + MIN_MATCH
    if (match === 15 + MIN_MATCH) {
      let byte = 255
      while (byte === 255 && at < end) match += byte = input[at++]!
    }
    if (offset === 0 || offset > outputAt - outputStart || match > outputEnd - outputAt) return -1
    const until = outputAt + match
    if (match > COPY_HERE_BYTES && offset >= match) {
      output.copyWithin(outputAt, outputAt - offset, until - offset)
      outputAt = until
    } else {
      // Byte by byte, because a match may overlap what it writes.
      for (; outputAt < until; outputAt++) output[outputAt] = output[outputAt - offset]!
    }
  }
  return -1
}

/**
 * Encodes `input[start, end)`, at most 64 KB, to `output` from `outputAt`, which has room for `lz4MaxCompressedBytes`; returns where it ends.
 * `attempts` bounds how many earlier occurrences are tried for each match: 1 is the fast method, more is slower and smaller.
 */
export function lz4Encode(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  outputAt: number,
  attempts: number,
): number {
  const finder = new MatchFinder(input, start, end, attempts)
  const lastMatchStart = end - MATCH_START_MARGIN
  const lookAheadEnd = attempts > 1 ? lastMatchStart : start
  let literalStart = start
  let position = start
  let misses = 0
  while (position <= lastMatchStart) {
    const length = finder.find(position)
    if (length < MIN_MATCH) {
      // The fast method crosses incompressible stretches in growing steps.
      position += attempts === 1 ? 1 + (misses++ >> 6) : 1
      continue
    }
    misses = 0
    let matchLength = length
    let offset = position - finder.matchStart
    // A longer match one byte further on is worth a literal: look once, as long as it keeps getting better.
    while (position < lookAheadEnd && finder.find(position + 1) > matchLength + 1) {
      position++
      matchLength = finder.matchLength
      offset = position - finder.matchStart
    }
    outputAt = emitSequence(input, literalStart, position, offset, matchLength, output, outputAt)
    if (attempts > 1) finder.insertUpTo(Math.min(position + matchLength, lastMatchStart))
    position += matchLength
    literalStart = position
  }
  return emitSequence(input, literalStart, end, 0, 0, output, outputAt)
}

/** Earlier positions with the same four bytes, newest first: a hash table of heads and a chain through the block. */
class MatchFinder {
  matchStart = 0
  matchLength = 0
  readonly #input: Uint8Array
  readonly #start: number
  readonly #matchLimit: number
  readonly #attempts: number
  /** Smaller for small blocks, where clearing it would be most of the work. */
  readonly #hashShift: number
  readonly #heads: Int32Array
  readonly #chain: Int32Array
  #inserted: number

  constructor(input: Uint8Array, start: number, end: number, attempts: number) {
    this.#input = input
    this.#start = start
    this.#matchLimit = end - LAST_LITERALS
    this.#attempts = attempts
    const hashBits = Math.max(HASH_BITS_LEAST, Math.min(HASH_BITS_MOST, 32 - Math.clz32(end - start)))
    this.#hashShift = 32 - hashBits
    this.#heads = new Int32Array(1 << hashBits).fill(-1)
    this.#chain = new Int32Array(attempts > 1 ? end - start : 0)
    this.#inserted = start
  }

  /** Sets the longest match for what begins at `position`, and returns its length: 0 where there is none. */
  find(position: number): number {
    const input = this.#input
    const word = uint32(input, position)
    const slot = hash(word) >>> this.#hashShift
    if (this.#attempts > 1) this.insertUpTo(position)
    let candidate = this.#heads[slot]!
    if (this.#attempts === 1) this.#heads[slot] = position
    this.matchLength = 0
    for (let left = this.#attempts; left > 0 && candidate >= 0 && position - candidate <= MAX_OFFSET; left--) {
      const longer = input[candidate + this.matchLength] === input[position + this.matchLength]
      if (longer && uint32(input, candidate) === word) {
        const length = this.#lengthOf(candidate, position)
        if (length > this.matchLength) {
          this.matchLength = length
          this.matchStart = candidate
          if (position + length === this.#matchLimit) break
        }
      }
      if (left > 1) candidate = this.#chain[candidate - this.#start]!
    }
    return this.matchLength
  }

  /** Makes all positions before `position` findable. */
  insertUpTo(position: number): void {
    for (; this.#inserted < position; this.#inserted++) {
      const slot = hash(uint32(this.#input, this.#inserted)) >>> this.#hashShift
      this.#chain[this.#inserted - this.#start] = this.#heads[slot]!
      this.#heads[slot] = this.#inserted
    }
  }

  #lengthOf(candidate: number, position: number): number {
    const input = this.#input
    let end = position + MIN_MATCH
    for (let other = candidate + MIN_MATCH; end < this.#matchLimit && input[other] === input[end]; other++) end++
    return end - position
  }
}

/** Literals up to `literalEnd`, then a match; without a match (length 0) the end of the block. */
function emitSequence(
  input: Uint8Array,
  literalStart: number,
  literalEnd: number,
  offset: number,
  matchLength: number,
  output: Uint8Array,
  at: number,
): number {
  const literals = literalEnd - literalStart
  const matchCode = matchLength === 0 ? 0 : matchLength - MIN_MATCH
  output[at++] = (Math.min(literals, 15) << 4) | Math.min(matchCode, 15)
  if (literals >= 15) at = emitLength(literals - 15, output, at)
  output.set(input.subarray(literalStart, literalEnd), at)
  at += literals
  if (matchLength === 0) return at
  output[at++] = offset
  output[at++] = offset >> 8
  return matchCode >= 15 ? emitLength(matchCode - 15, output, at) : at
}

function emitLength(rest: number, output: Uint8Array, at: number): number {
  for (; rest >= 255; rest -= 255) output[at++] = 255
  output[at++] = rest
  return at
}

function hash(word: number): number {
  return Math.imul(word, 0x9e37_79b1)
}

function uint32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
