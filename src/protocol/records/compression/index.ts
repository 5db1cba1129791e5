/** The table of compression codecs, by the number in a batch's attributes and by Kafka's name. */

import type { Codec, CompressionType } from './codec.ts'
import { gzip } from './gzip.ts'
import { lz4 } from './lz4.ts'
import { none } from './none.ts'
import { snappy } from './snappy.ts'
import { zstd } from './zstd.ts'

export type { Codec, CompressionLevels, CompressionType, CompressOptions, FormatOptions } from './codec.ts'
export { DecompressionFailure, freeOwnMemory, isValidLevel } from './codec.ts'

const BY_ID: readonly Codec[] = [none, gzip, snappy, lz4, zstd]
const BY_TYPE: Readonly<Record<CompressionType, Codec>> = { none, gzip, snappy, lz4, zstd }

/** `undefined` for the ids 5 to 7, which mean nothing yet. */
export function codecById(id: number): Codec | undefined {
  return BY_ID[id]
}

export function codecOf(type: CompressionType): Codec {
  return BY_TYPE[type]
}

export function compressionTypeOf(id: number): CompressionType | undefined {
  return BY_ID[id]?.type
}
