/**
 * Strings and ids that a reader has read last. In a log of records the same few names come again and again; to compare their bytes costs a fraction of
 * making a string of them, and one string for all is found in maps by its address.
 */

import { ZERO_UUID } from './uuid.ts'
import type { Uuid } from './uuid.ts'

/** Longer ones are rare, and seldom come twice. */
const stringBytesMax = 64
/** Names that are used at the same time often have the same length, and differ at their ends. */
const stringPlaces = 256
const uuidPlaces = 32

export class RecentValues {
  /** Each at the place that its length and its last character give, the last one that had it. Only such whose characters take a byte each. */
  readonly #strings: (string | undefined)[] = Array.from({ length: stringPlaces })
  readonly #uuids: Uuid[] = Array.from({ length: uuidPlaces }, () => ZERO_UUID)
  readonly #uuidWords = new Int32Array(uuidPlaces * 4)

  /** The string that these bytes are, if it was the last at its place. */
  string(view: DataView, start: number, byteCount: number): string | undefined {
    if (byteCount > stringBytesMax) return undefined
    const text = this.#strings[placeOfString(byteCount, view.getUint8(start + byteCount - 1))]
    if (text?.length !== byteCount) return undefined
    for (let index = byteCount - 1; index >= 0; index--)
      if (view.getUint8(start + index) !== text.charCodeAt(index)) return undefined
    return text
  }

  /** `text` was read from `byteCount` bytes, at least one. */
  keepString(text: string, byteCount: number): void {
    if (byteCount > stringBytesMax || text.length !== byteCount) return
    this.#strings[placeOfString(byteCount, text.charCodeAt(byteCount - 1))] = text
  }

  uuid(view: DataView, at: number): Uuid | undefined {
    const place = placeOfUuid(view, at)
    const words = this.#uuidWords
    for (let index = 0; index < 4; index++)
      if (view.getInt32(at + 4 * index) !== words[place * 4 + index]) return undefined
    return this.#uuids[place]
  }

  keepUuid(uuid: Uuid, view: DataView, at: number): void {
    const place = placeOfUuid(view, at)
    this.#uuids[place] = uuid
    for (let index = 0; index < 4; index++) this.#uuidWords[place * 4 + index] = view.getInt32(at + 4 * index)
  }
}

function placeOfString(byteCount: number, lastByte: number): number {
  return (byteCount * 31 + lastByte) & (stringPlaces - 1)
}

function placeOfUuid(view: DataView, at: number): number {
  return view.getUint8(at) & (uuidPlaces - 1)
}
