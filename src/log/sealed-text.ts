/**
 * A checksum for Kafka's small text files, which have none: checkpoints, `partition.metadata`, `meta.properties`, the mark of a clean shutdown. A flipped bit in one of them would
 * pass for the truth, and hide records or give them to another topic.
 *
 * It is written as blanks at the end of the last line, a space or a tab for each bit of the CRC-32C of everything before, where Kafka's readers, which split lines at white space, do
 * not see it. What Kafka writes has none, and is believed as it is. A single bit that has flipped is found by its checksum and put right.
 */
import { crc32c } from '../std/crc32c.ts'

const sealLength = 32
const space = 0x20
const tab = 0x09
const newline = 0x0a
/** So many blanks at the end of a file, of one seal's length, are the rest of a seal that is broken. */
const blanksOfBrokenSeal = sealLength - 2
/** A larger file is not searched for the bit that has flipped. */
const mendedBytesMax = 4096

/** The text with its checksum at the end of the last line, which must be one that may end in blanks. */
export function sealText(text: string): string {
  const end = text.endsWith('\n') ? text.length - 1 : text.length
  const body = text.slice(0, end)
  const sum = crc32c(Buffer.from(body, 'utf8'), 0)
  let seal = ''
  for (let bit = 0; bit < sealLength; bit++) seal += (sum >>> bit) & 1 ? '\t' : ' '
  return body + seal + text.slice(end)
}

/** The text of a file without its checksum; `undefined` where it does not match it. */
export function unsealText(bytes: Uint8Array): string | undefined {
  const text = textWithin(bytes)
  if (text !== undefined) return text
  if (!hasBrokenSeal(bytes)) return Buffer.from(bytes).toString('utf8')
  if (bytes.length > mendedBytesMax) return undefined
  const mended = new Uint8Array(bytes)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const at = bit >>> 3
    const mask = 1 << (bit & 7)
    mended[at]! ^= mask
    const found = textWithin(mended)
    if (found !== undefined) return found
    mended[at]! ^= mask
  }
  return undefined
}

/** Of a file whose seal is whole and right. */
function textWithin(bytes: Uint8Array): string | undefined {
  const end = bytes.at(-1) === newline ? bytes.length - 1 : bytes.length
  const start = end - sealLength
  if (start < 0) return undefined
  let sum = 0
  for (let bit = 0; bit < sealLength; bit++) {
    const blank = bytes[start + bit]
    if (blank !== space && blank !== tab) return undefined
    if (blank === tab) sum |= 1 << bit
  }
  const body = Buffer.from(bytes.subarray(0, start))
  if (crc32c(body, 0) !== sum >>> 0) return undefined
  return body.toString('utf8') + (end < bytes.length ? '\n' : '')
}

function hasBrokenSeal(bytes: Uint8Array): boolean {
  const blanks = bytes
    .subarray(Math.max(0, bytes.length - sealLength - 1))
    .filter(byte => byte === space || byte === tab)
  return blanks.length >= blanksOfBrokenSeal
}
