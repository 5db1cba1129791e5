/**
 * Strings and ids that a reader has read last. In a log of records the same few names come again and again; to compare their bytes costs a fraction of
 * making a string of them, and one string for all is found in maps by its address.
 */

import { ZERO_UUID } from './uuid.ts'
import type { Uuid } from './uuid.ts'

/** Longer ones are rare, and seldom come twice. */
const stringBytesMax = 64

export class RecentValues {
  /** By length, the last one of each. Only such whose characters take a byte each. */
  readonly #strings: (string | undefined)[] = Array.from({ length: stringBytesMax + 1 })
  #uuid: Uuid = ZERO_UUID
  #uuidWords = [0, 0, 0, 0]

  /** The string that these bytes are, if it was the last of its length. */
  string(view: DataView, start: number, byteCount: number): string | undefined {
    if (byteCount > stringBytesMax) return undefined
    const text = this.#strings[byteCount]
    if (text === undefined) return undefined
    // Names differ at their ends.
    for (let index = byteCount - 1; index >= 0; index--)
      if (view.getUint8(start + index) !== text.charCodeAt(index)) return undefined
    return text
  }

  keepString(text: string, byteCount: number): void {
    if (byteCount <= stringBytesMax && text.length === byteCount) this.#strings[byteCount] = text
  }

  uuid(view: DataView, at: number): Uuid | undefined {
    const words = this.#uuidWords
    for (let index = 0; index < 4; index++) if (view.getInt32(at + 4 * index) !== words[index]) return undefined
    return this.#uuid
  }

  keepUuid(uuid: Uuid, view: DataView, at: number): void {
    this.#uuid = uuid
    for (let index = 0; index < 4; index++) this.#uuidWords[index] = view.getInt32(at + 4 * index)
  }
}
