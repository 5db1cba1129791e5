/** gzip (RFC 1952) by `node:zlib`. */

import { gunzipSync, gzipSync } from 'node:zlib'
import type { Codec } from './codec.ts'
import { decompressCapped } from './zlib-output.ts'

const DEFAULT_LEVEL = -1

export const gzip: Codec = {
  type: 'gzip',
  id: 1,
  levels: { least: 1, most: 9, default: DEFAULT_LEVEL },
  compress: (bytes, options) => gzipSync(bytes, { level: options?.level ?? DEFAULT_LEVEL }),
  decompress: (bytes, maxOutputBytes) =>
    decompressCapped(bytes, maxOutputBytes, gunzipSync, undefined, statedBytes(bytes)),
}

/** Deflate makes no more of a byte. */
const ratioMost = 1032

/** What the end of the last member says that it decompresses to; 0 where that cannot be. Members before it are not in it. */
function statedBytes(bytes: Uint8Array): number {
  if (bytes.length < 18) return 0
  const at = bytes.length - 4
  const stated = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  return stated > bytes.length * ratioMost ? 0 : stated
}
