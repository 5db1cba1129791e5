/**
 * Where a zstd frame ends (RFC 8878, section 3.1.1), found from its block headers without decompressing. `node:zlib` decodes one
 * frame and silently ignores what follows, while Kafka reads concatenated frames as one stream.
 */

const FRAME_MAGIC = 0xfd2f_b528
const SKIPPABLE_MAGIC = 0x184d_2a50

const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
const RLE_BLOCK = 1
const RESERVED_BLOCK = 3

/** A frame, skippable or not, and where it ends. */
export interface ZstdFrame {
  readonly end: number
  readonly skippable: boolean
  /** What it says that it decompresses to; `undefined` where it does not say. */
  readonly contentBytes: number | undefined
}

/** The frame that begins at `start`; `undefined` where none does or it is cut off. */
export function zstdFrameAt(bytes: Uint8Array, start: number): ZstdFrame | undefined {
  if (start + 5 > bytes.length) return undefined
  const frameMagic = uint32(bytes, start)
  if ((frameMagic & 0xffff_fff0) >>> 0 === SKIPPABLE_MAGIC) {
    if (start + 8 > bytes.length) return undefined
    const end = start + 8 + uint32(bytes, start + 4)
    return end > bytes.length ? undefined : { end, skippable: true, contentBytes: 0 }
  }
  if (frameMagic !== FRAME_MAGIC) return undefined
  const end = dataFrameEnd(bytes, start + 4)
  return end === undefined ? undefined : { end, skippable: false, contentBytes: contentBytesAt(bytes, start + 4) }
}

/** Where the content size is in a frame's header, and in how many bytes. */
function contentSizeField(descriptor: number, descriptorAt: number): { at: number; sizeBytes: number } {
  const singleSegment = (descriptor & 0x20) !== 0
  const contentSizeFlag = descriptor >> 6
  const windowBytes = singleSegment ? 0 : 1
  const sizeBytes = contentSizeFlag === 0 && singleSegment ? 1 : CONTENT_SIZE_BYTES[contentSizeFlag as 0 | 1 | 2 | 3]
  const at = descriptorAt + 1 + windowBytes + DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3]
  return { at, sizeBytes }
}

/** Of a frame that has been found to be whole. */
function contentBytesAt(bytes: Uint8Array, descriptorAt: number): number | undefined {
  const { at, sizeBytes } = contentSizeField(bytes[descriptorAt]!, descriptorAt)
  switch (sizeBytes) {
    case 0:
      return undefined
    case 1:
      return bytes[at]!
    case 2:
      return (bytes[at]! | (bytes[at + 1]! << 8)) + 256
    case 4:
      return uint32(bytes, at)
    default:
      return uint32(bytes, at) + uint32(bytes, at + 4) * 0x1_0000_0000
  }
}

function dataFrameEnd(bytes: Uint8Array, descriptorAt: number): number | undefined {
  const descriptor = bytes[descriptorAt]!
  const field = contentSizeField(descriptor, descriptorAt)
  let at = field.at + field.sizeBytes
  for (let last = false; !last;) {
    if (at + 3 > bytes.length) return undefined
    const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
    last = (header & 1) !== 0
    const type = (header >> 1) & 3
    if (type === RESERVED_BLOCK) return undefined
    at += 3 + (type === RLE_BLOCK ? 1 : header >> 3)
  }
  const hasChecksum = (descriptor & 4) !== 0
  const end = at + (hasChecksum ? 4 : 0)
  return end > bytes.length ? undefined : end
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}
