/**
 * snappy as Kafka uses it: raw blocks in xerial's frame (that of the Java library `snappy-java`), which is a header of 16 bytes and then
 * blocks of at most 32 KB, each behind its length. Bare raw snappy, as librdkafka can be told to write, is read as well.
 */

import type { Codec, DecompressionFailure } from './codec.ts'
import { corrupt, tooLarge } from './codec.ts'
import { lazyNative } from './native.ts'
import { snappyDecode, snappyEncode, snappyMaxCompressedBytes, snappyPreamble } from './snappy-raw.ts'

/** The part of the npm package `snappy` that is used. */
export interface NativeSnappy {
  compressSync(input: Uint8Array, options?: { copyOutputData?: boolean }): Uint8Array
  uncompressSync(input: Uint8Array, options?: { copyOutputData?: boolean }): Uint8Array | string
}

const HEADER = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1)
const MAGIC_BYTES = 8
const BLOCK_BYTES = 32 * 1024

/** Below this size of output, a call into native code costs more than decoding here. */
const NATIVE_FROM_BYTES = 512

/** A raw block and where its output goes. */
interface Block {
  readonly start: number
  readonly at: number
  readonly end: number
  readonly length: number
}

/** The codec over `native()`, or in plain TypeScript where that gives nothing. */
export function createSnappy(native: () => NativeSnappy | undefined): Codec {
  return {
    type: 'snappy',
    id: 2,
    compress: bytes => compress(bytes, native()),
    decompress(bytes, maxOutputBytes) {
      const blocks = isFramed(bytes) ? framedBlocks(bytes) : rawBlock(bytes)
      if (!Array.isArray(blocks)) return blocks
      let total = 0
      for (const block of blocks) total += block.length
      if (total > maxOutputBytes) return tooLarge(maxOutputBytes)
      return decodeBlocks(bytes, blocks, Buffer.allocUnsafe(total), native)
    },
  }
}

export const snappy: Codec = createSnappy(lazyNative('snappy') as () => NativeSnappy | undefined)

function compress(bytes: Uint8Array, native: NativeSnappy | undefined): Uint8Array {
  const blockCount = Math.ceil(bytes.length / BLOCK_BYTES)
  const output = Buffer.allocUnsafe(
    HEADER.length + blockCount * 4 + snappyMaxCompressedBytes(bytes.length) + blockCount * 32,
  )
  output.set(HEADER)
  let at = HEADER.length
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const block = bytes.subarray(start, start + BLOCK_BYTES)
    const lengthAt = at
    at += 4
    if (native === undefined) {
      at = snappyEncode(block, output, at)
    } else {
      const compressed = native.compressSync(block, { copyOutputData: true })
      output.set(compressed, at)
      at += compressed.length
    }
    output.writeInt32BE(at - lengthAt - 4, lengthAt)
  }
  return output.subarray(0, at)
}

function isFramed(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER.length && startsWithMagic(bytes, 0)
}

function startsWithMagic(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < MAGIC_BYTES; index++) if (bytes[at + index] !== HEADER[index]) return false
  return true
}

function rawBlock(bytes: Uint8Array): Block[] | DecompressionFailure {
  const preamble = snappyPreamble(bytes, 0, bytes.length)
  if (preamble === undefined) return corrupt('not snappy, neither framed nor raw')
  return [{ start: 0, at: preamble.at, end: bytes.length, length: preamble.length }]
}

function framedBlocks(bytes: Uint8Array): Block[] | DecompressionFailure {
  const blocks: Block[] = []
  let at = HEADER.length
  while (at < bytes.length) {
    // Frames may follow one another, each with its header: appended streams are read as one.
    if (bytes.length - at >= HEADER.length && startsWithMagic(bytes, at)) {
      at += HEADER.length
      continue
    }
    // Too short for a block: Java's reader, and so Kafka, takes it for the end.
    if (bytes.length - at < 4) break
    const size = ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
    const start = at + 4
    const end = start + size
    if (end > bytes.length)
      return corrupt(`snappy block at byte ${at} claims ${size} bytes, ${bytes.length - start} are left`)
    const preamble = snappyPreamble(bytes, start, end)
    if (preamble === undefined) return corrupt(`snappy block at byte ${at} announces an impossible length`)
    blocks.push({ start, at: preamble.at, end, length: preamble.length })
    at = end
  }
  return blocks
}

function decodeBlocks(
  bytes: Uint8Array,
  blocks: readonly Block[],
  output: Uint8Array,
  native: () => NativeSnappy | undefined,
): Uint8Array | DecompressionFailure {
  let outputAt = 0
  for (const block of blocks) {
    const outputEnd = outputAt + block.length
    const module = block.length < NATIVE_FROM_BYTES ? undefined : native()
    const decoded =
      module === undefined
        ? snappyDecode(bytes, block.at, block.end, output, outputAt, outputEnd)
        : decodeNatively(module, bytes.subarray(block.start, block.end), output, outputAt, block.length)
    if (!decoded) return corrupt(`snappy block at byte ${block.start} is malformed`)
    outputAt = outputEnd
  }
  return output
}

function decodeNatively(
  native: NativeSnappy,
  block: Uint8Array,
  output: Uint8Array,
  outputAt: number,
  length: number,
): boolean {
  try {
    const decoded = native.uncompressSync(block, { copyOutputData: true }) as Uint8Array
    if (decoded.length !== length) return false
    output.set(decoded, outputAt)
    return true
  } catch {
    return false
  }
}
