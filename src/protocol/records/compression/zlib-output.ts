/** What gzip and zstd share: both come from `node:zlib`, whose synchronous calls report trouble by exceptions. */

import type { DecompressionFailure } from './codec.ts'
import { corrupt, tooLarge } from './codec.ts'

/**
 * Runs a decompression of `node:zlib` with the options that cap its output, and turns its exceptions into values. `claimedBytes` is what the input says
 * that it decompresses to: where that is too much nothing is done, and otherwise the output is one piece. `statedBytes` is a hint, 0 for none, which may be wrong: where it is right
 * the output is one piece as well, and not put together from many.
 */
export function decompressCapped(
  input: Uint8Array,
  maxOutputBytes: number,
  run: (input: Uint8Array, options: { maxOutputLength: number; chunkSize: number }) => Uint8Array,
  claimedBytes?: number,
  statedBytes = 0,
): Uint8Array | DecompressionFailure {
  if (claimedBytes !== undefined && claimedBytes > maxOutputBytes) return tooLarge(maxOutputBytes)
  // zlib refuses a limit of 0; one byte more than nothing is told apart afterwards.
  const maxOutputLength = Math.max(1, maxOutputBytes)
  // The size of a piece of output: large enough for few calls, small enough not to dwarf a small batch.
  const guess = statedBytes > 0 ? statedBytes + 1 : Math.min(4 * input.length, 256 * 1024)
  const chunkSize = Math.max(1024, Math.min(claimedBytes === undefined ? guess : claimedBytes + 1, maxOutputLength + 1))
  try {
    const output = run(input, { maxOutputLength, chunkSize })
    return output.length > maxOutputBytes ? tooLarge(maxOutputBytes) : output
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(maxOutputBytes) : corrupt(message)
  }
}
