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
  decompress: (bytes, maxOutputBytes) => decompressCapped(bytes, maxOutputBytes, gunzipSync),
}
