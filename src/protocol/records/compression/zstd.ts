/** Zstandard (RFC 8878) by `node:zlib`. */

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Codec } from './codec.ts'
import { corrupt, freeOwnMemory, tooLarge } from './codec.ts'
import { decompressCapped } from './zlib-output.ts'
import { zstdFrameAt } from './zstd-frame.ts'

const DEFAULT_LEVEL = 3

/** Setting up to decode a frame takes much longer than an empty frame takes bytes: without a bound, a batch of nothing else would stall us. */
const FRAMES_MOST = 100

export const zstd: Codec = {
  type: 'zstd',
  id: 4,
  levels: { least: -131_072, most: 22, default: DEFAULT_LEVEL },
  compress: (bytes, options) =>
    zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: options?.level ?? DEFAULT_LEVEL } }),
  decompress(bytes, maxOutputBytes) {
    const outputs: Uint8Array[] = []
    let left = maxOutputBytes
    for (let at = 0; at < bytes.length;) {
      const frame = zstdFrameAt(bytes, at)
      if (frame === undefined) return corrupt(`no whole zstd frame at byte ${at} of ${bytes.length}`)
      if (!frame.skippable) {
        if (outputs.length === FRAMES_MOST) return corrupt(`more than ${FRAMES_MOST} zstd frames`)
        const output = decompressCapped(bytes.subarray(at, frame.end), left, zstdDecompressSync, frame.contentBytes)
        if (!(output instanceof Uint8Array)) {
          for (const before of outputs) freeOwnMemory(before, bytes)
          return output.reason === 'too-large' ? tooLarge(maxOutputBytes) : output
        }
        outputs.push(output)
        left -= output.length
      }
      at = frame.end
    }
    if (outputs.length === 0) return corrupt('no zstd frame')
    if (outputs.length === 1) return outputs[0]!
    const whole = Buffer.concat(outputs)
    for (const output of outputs) freeOwnMemory(output, bytes)
    return whole
  },
}
