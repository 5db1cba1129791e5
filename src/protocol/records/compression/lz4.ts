/**
 * lz4 in its frame format, as Kafka writes and reads it: independent blocks of 64 KB, no content checksum. Any frame with independent
 * blocks is read; block checksums are verified, a content checksum is not, as in Kafka. In messages of magic 0 the header checksum runs over the wrong bytes, a mistake of
 * the first implementation that became the format (KIP-57): it is written that way and not checked there.
 *
 * The native module does the default level; Kafka's other levels (1 to 17) are its number of match attempts, which only the code here offers.
 * Source: lz4/lz4, `doc/lz4_Frame_format.md`.
 */

import type { Codec, CompressOptions, DecompressionFailure, FormatOptions } from './codec.ts'
import { corrupt, freeOwnMemory, tooLarge } from './codec.ts'
import { lz4Decode, lz4DecodedBytes, lz4Encode, lz4MaxCompressedBytes } from './lz4-block.ts'
import { lazyNative } from './native.ts'
import { xxhash32 } from './xxhash32.ts'

/** The part of the npm package `lz4-napi` that is used. */
export interface NativeLz4 {
  /** A block behind four bytes of its uncompressed length. */
  compressSync(block: Buffer): Uint8Array
  /** Takes what `compressSync` gives. */
  uncompressSync(block: Uint8Array): Uint8Array
}

const FRAME_MAGIC = 0x184d_2204
const VERSION_1_INDEPENDENT = 0x60
const BLOCK_64_KB = 0x40
const BLOCK_BYTES = 64 * 1024
const UNCOMPRESSED_FLAG = 0x8000_0000

const BLOCK_CHECKSUM_FLAG = 0x10
const CONTENT_SIZE_FLAG = 0x08
const RESERVED_FLAGS = 0x03

/** Kafka gives the fast method, and not the number nine, to its default level. */
const DEFAULT_LEVEL = 9

/** Below this size of a compressed block, a call into native code costs more than decoding here. */
const NATIVE_FROM_BYTES = 1500

/** Where memory for the largest block is taken without asking whether so much is needed: a block of the size that Kafka's clients write. */
const UNMEASURED_BYTES_MOST = 64 * 1024

/** A block of a frame: where its bytes are. */
interface Block {
  readonly start: number
  readonly end: number
  readonly compressed: boolean
}

interface FrameHeader {
  readonly end: number
  readonly blockBytesMost: number
  readonly hasBlockChecksums: boolean
}

/** The codec over `native()`, or in plain TypeScript where that gives nothing. */
export function createLz4(native: () => NativeLz4 | undefined): Codec {
  return {
    type: 'lz4',
    id: 3,
    levels: { least: 1, most: 17, default: DEFAULT_LEVEL },
    compress: (bytes, options) => compress(bytes, options ?? {}, native),
    decompress: (bytes, maxOutputBytes, options) => decompress(bytes, maxOutputBytes, options ?? {}, native),
  }
}

export const lz4: Codec = createLz4(lazyNative('lz4-napi') as () => NativeLz4 | undefined)

function compress(bytes: Uint8Array, options: CompressOptions, native: () => NativeLz4 | undefined): Uint8Array {
  const level = options.level ?? DEFAULT_LEVEL
  const attempts = level === DEFAULT_LEVEL ? 1 : 1 << (level - 1)
  const module = level === DEFAULT_LEVEL ? native() : undefined
  const blockCount = Math.ceil(bytes.length / BLOCK_BYTES)
  const output = Buffer.allocUnsafe(15 + blockCount * (4 + lz4MaxCompressedBytes(Math.min(bytes.length, BLOCK_BYTES))))
  let at = writeFrameHeader(output, options.magic0 === true)
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const end = Math.min(bytes.length, start + BLOCK_BYTES)
    const lengthAt = at
    at += 4
    let compressedEnd = at
    if (module === undefined) {
      compressedEnd = Math.max(lz4Encode(bytes, start, end, output, at, attempts), at)
    } else {
      const compressed = module.compressSync(asBuffer(bytes, start, end)).subarray(4)
      output.set(compressed, at)
      compressedEnd += compressed.length
    }
    const incompressible = compressedEnd - at >= end - start
    if (incompressible) {
      output.set(bytes.subarray(start, end), at)
      compressedEnd = at + end - start
    }
    output.writeUInt32LE((compressedEnd - at + (incompressible ? UNCOMPRESSED_FLAG : 0)) >>> 0, lengthAt)
    at = compressedEnd
  }
  output.writeUInt32LE(0, at)
  return output.subarray(0, at + 4)
}

function writeFrameHeader(output: Buffer, magic0: boolean): number {
  output.writeUInt32LE(FRAME_MAGIC, 0)
  output[4] = VERSION_1_INDEPENDENT
  output[5] = BLOCK_64_KB
  output[6] = xxhash32(output, magic0 ? 0 : 4, 6) >> 8
  return 7
}

/** Decodes block after block, and no further once the cap is reached. */
function decompress(
  bytes: Uint8Array,
  maxOutputBytes: number,
  options: FormatOptions,
  native: () => NativeLz4 | undefined,
): Uint8Array | DecompressionFailure {
  const header = parseHeader(bytes, options.magic0 === true)
  if (typeof header === 'string') return corrupt(header)
  const blocks = parseBlocks(bytes, header)
  if (typeof blocks === 'string') return corrupt(blocks)
  if (blocks.length > 1) return decodeBlocks(bytes, blocks, header, maxOutputBytes, native)
  if (blocks.length === 0) return Buffer.alloc(0)
  const output = decodeBlock(bytes, blocks[0]!, header.blockBytesMost, native)
  if (output === undefined) return malformed(blocks[0]!)
  return output.length > maxOutputBytes ? tooLarge(maxOutputBytes) : output
}

function decodeBlocks(
  bytes: Uint8Array,
  blocks: readonly Block[],
  { blockBytesMost }: FrameHeader,
  maxOutputBytes: number,
  native: () => NativeLz4 | undefined,
): Uint8Array | DecompressionFailure {
  // All but the last are full, nearly always. What is not written to takes no memory of the system's.
  const output = Buffer.allocUnsafeSlow(Math.min(maxOutputBytes, blocks.length * blockBytesMost))
  let total = 0
  for (const block of blocks) {
    const part = decodeBlock(bytes, block, blockBytesMost, native)
    if (part === undefined) return malformed(block)
    if (total + part.length > maxOutputBytes) {
      freeOwnMemory(output, bytes)
      return tooLarge(maxOutputBytes)
    }
    output.set(part, total)
    total += part.length
  }
  return output.subarray(0, total)
}

function malformed({ start }: Block): DecompressionFailure {
  return corrupt(`lz4 block at byte ${start} is malformed`)
}

/** What the block decodes to; `undefined` where it is malformed, or has more than a block of its frame may. */
function decodeBlock(
  bytes: Uint8Array,
  { start, end, compressed }: Block,
  outputBytesMost: number,
  native: () => NativeLz4 | undefined,
): Uint8Array | undefined {
  if (!compressed) return bytes.subarray(start, end)
  const module = end - start < NATIVE_FROM_BYTES ? undefined : native()
  // Finding out how many bytes it decodes to takes almost as long as decoding it natively: where no more than this is lost, it is told the most that they can be.
  const isMeasured = module === undefined || outputBytesMost > UNMEASURED_BYTES_MOST
  const outputBytes = isMeasured ? lz4DecodedBytes(bytes, start, end) : outputBytesMost
  if (outputBytes < 0 || outputBytes > outputBytesMost) return undefined
  if (module === undefined) {
    const output = Buffer.allocUnsafe(outputBytes)
    return lz4Decode(bytes, start, end, output, 0, outputBytes) === outputBytes ? output : undefined
  }
  const prefixed = Buffer.allocUnsafe(4 + end - start)
  prefixed.writeUInt32LE(outputBytes)
  prefixed.set(bytes.subarray(start, end), 4)
  try {
    const decoded = module.uncompressSync(prefixed)
    return isMeasured && decoded.length !== outputBytes ? undefined : decoded
  } catch {
    return undefined
  }
}

function parseHeader(bytes: Uint8Array, magic0: boolean): FrameHeader | string {
  if (bytes.length < 7 || uint32(bytes, 0) !== FRAME_MAGIC) return 'not an lz4 frame'
  const flags = bytes[4]!
  const sizes = bytes[5]!
  if ((flags & 0xe0) !== VERSION_1_INDEPENDENT || (flags & RESERVED_FLAGS) !== 0) {
    return `unsupported lz4 frame flags 0x${flags.toString(16)}`
  }
  const sizeCode = sizes >> 4
  if ((sizes & 0x8f) !== 0 || sizeCode < 4) return `invalid lz4 block size code 0x${sizes.toString(16)}`
  const checksumAt = (flags & CONTENT_SIZE_FLAG) === 0 ? 6 : 14
  if (bytes.length <= checksumAt) return 'lz4 frame header cut off'
  if (!magic0 && bytes[checksumAt] !== ((xxhash32(bytes, 4, checksumAt) >> 8) & 0xff)) {
    return 'lz4 frame header does not match its checksum'
  }
  return {
    end: checksumAt + 1,
    blockBytesMost: 1 << (2 * sizeCode + 8),
    hasBlockChecksums: (flags & BLOCK_CHECKSUM_FLAG) !== 0,
  }
}

/** The blocks up to the end mark. Like Kafka, ignores what follows it, a content checksum too. */
function parseBlocks(bytes: Uint8Array, header: FrameHeader): Block[] | string {
  const blocks: Block[] = []
  for (let at = header.end; ;) {
    if (at + 4 > bytes.length) return 'lz4 frame cut off before its end mark'
    const lengthAndFlag = uint32(bytes, at)
    if (lengthAndFlag === 0) return blocks
    const compressed = lengthAndFlag < UNCOMPRESSED_FLAG
    const length = lengthAndFlag & 0x7fff_ffff
    const start = at + 4
    const end = start + length
    at = end + (header.hasBlockChecksums ? 4 : 0)
    if (length > header.blockBytesMost)
      return `lz4 block of ${length} bytes in a frame of at most ${header.blockBytesMost}`
    if (at > bytes.length) return `lz4 block at byte ${start} cut off`
    if (header.hasBlockChecksums && xxhash32(bytes, start, end) !== uint32(bytes, end)) {
      return `lz4 block at byte ${start} does not match its checksum`
    }
    blocks.push({ start, end, compressed })
  }
}

function asBuffer(bytes: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}
