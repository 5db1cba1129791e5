/**
 * What a compression codec is to record batches: two pure functions on whole buffers. Both are synchronous computations;
 * callers on the broker's event loop hand large ones to `io.compute`.
 */

/** Kafka's names, as in `compression.type`. */
export type CompressionType = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

export interface Codec {
  readonly type: CompressionType
  /** The number in the attributes of a batch or message. */
  readonly id: number
  /** The levels that Kafka accepts for this codec; absent where it has none. */
  readonly levels?: CompressionLevels
  /** `level` must be a valid one, which the caller has checked (`isValidLevel`). */
  compress(bytes: Uint8Array, options?: CompressOptions): Uint8Array
  /**
   * All of the output, or a failure as soon as it is known that the input is broken or that the output would exceed `maxOutputBytes`:
   * memory is never taken in proportion to what the input merely claims.
   */
  decompress(bytes: Uint8Array, maxOutputBytes: number, options?: FormatOptions): Uint8Array | DecompressionFailure
}

export interface CompressionLevels {
  readonly least: number
  readonly most: number
  readonly default: number
}

export interface FormatOptions {
  /** Messages of magic 0, whose lz4 frames carry a header checksum over the wrong bytes. */
  readonly magic0?: boolean
}

export interface CompressOptions extends FormatOptions {
  /** The codec's default where absent. */
  readonly level?: number
}

/** Why a decompression gave nothing. A value, not an exception: hostile input is expected. */
export class DecompressionFailure {
  /** `corrupt`: not the format, truncated or inconsistent. `too-large`: sound so far, but beyond the cap. */
  readonly reason: 'corrupt' | 'too-large'
  readonly message: string

  constructor(reason: 'corrupt' | 'too-large', message: string) {
    this.reason = reason
    this.message = message
  }
}

export function corrupt(message: string): DecompressionFailure {
  return new DecompressionFailure('corrupt', message)
}

export function tooLarge(maxOutputBytes: number): DecompressionFailure {
  return new DecompressionFailure('too-large', `decompresses to more than ${maxOutputBytes} bytes`)
}

/** Below this size the collector frees memory as fast as this does. */
const freedBytesLeast = 1024 * 1024

/**
 * Gives the memory of what was decompressed back to the system at once, where it is large: a hundred megabytes would otherwise be held until something else makes the collector run, which may
 * be long. Nothing may be used of `output` any more. Does nothing where it is a part of `input`, as what is stored uncompressed is.
 */
export function freeOwnMemory(output: Uint8Array, input: Uint8Array): void {
  const memory = output.buffer
  if (memory.byteLength < freedBytesLeast || memory === input.buffer || !(memory instanceof ArrayBuffer)) return
  memory.transfer(0)
}

/** `-1` is gzip's way to say "default" and lies outside its range. */
export function isValidLevel(codec: Codec, level: number): boolean {
  const levels = codec.levels
  if (levels === undefined || !Number.isInteger(level)) return false
  return level === levels.default || (level >= levels.least && level <= levels.most)
}
