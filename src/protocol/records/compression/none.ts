/** No compression: the bytes as they are, so that code which asks the table needs no special case. */

import type { Codec } from './codec.ts'
import { tooLarge } from './codec.ts'

export const none: Codec = {
  type: 'none',
  id: 0,
  compress: bytes => bytes,
  decompress: (bytes, maxOutputBytes) => (bytes.length > maxOutputBytes ? tooLarge(maxOutputBytes) : bytes),
}
