/**
 * The newest offset of each key in the dirty part of a log: what compaction decides by.
 *
 * Keys are told apart by the first 128 bits of their SHA-256: exact keys would make memory depend on how long they are, and with a digest nobody can, by chance or on purpose,
 * let one key's record push out another's. Computing it costs no more than the call that any digest of Node's costs. A slot is such a digest and an offset,
 * 24 bytes, found by linear probing; the table has a fixed number of slots, and when they are used up, the rest of the log is left for the next cleaning.
 */
import { hash } from 'node:crypto'
import { assert } from '../../std/assert.ts'

export const SLOT_BYTES = 24

export class OffsetMap {
  /** How many keys it takes. */
  readonly capacity: number
  readonly #slots: number
  /** Four words of a digest each. */
  readonly #digests: Int32Array
  /** Offsets plus one; 0 for a slot that is free. */
  readonly #offsets: Float64Array
  #size = 0
  /** Everything up to here has been taken in; −1 when nothing has. */
  latestOffset = -1

  /** Of at most `bytesMax`, and no larger than `keysMax` keys need, filled up to `loadFactor` (above 0, at most 1). */
  constructor(bytesMax: number, loadFactor: number, keysMax: number) {
    const slotsMax = Math.max(2, Math.floor(bytesMax / SLOT_BYTES))
    this.#slots = Math.min(slotsMax, Math.max(2, Math.ceil(keysMax / loadFactor) + 1))
    // One slot stays free, so that every search ends.
    this.capacity = Math.max(1, Math.min(this.#slots - 1, Math.floor(this.#slots * loadFactor)))
    this.#digests = new Int32Array(this.#slots * 4)
    this.#offsets = new Float64Array(this.#slots)
  }

  get size(): number {
    return this.#size
  }

  /** Used slots, from 0 to 1. */
  get utilization(): number {
    return this.#size / this.#slots
  }

  /** Takes in a record behind all that were taken in before; false when there is no room for its key. */
  put(key: Uint8Array, offset: number): boolean {
    assert(offset > this.latestOffset, () => `L3: offset ${offset} after ${this.latestOffset} is mapped`)
    const digest = digestOf(key)
    const slot = this.#find(digest)
    if (this.#offsets[slot] === 0) {
      if (this.#size >= this.capacity) return false
      this.#size += 1
      for (let word = 0; word < 4; word++) this.#digests[slot * 4 + word] = digest.readInt32LE(word * 4)
    }
    this.#offsets[slot] = offset + 1
    this.latestOffset = offset
    return true
  }

  /** The newest offset of the key; −1 when it is not here. */
  get(key: Uint8Array): number {
    return this.#size === 0 ? -1 : this.#offsets[this.#find(digestOf(key))]! - 1
  }

  /** Everything up to `offset` has been looked at. */
  advanceTo(offset: number): void {
    this.latestOffset = Math.max(this.latestOffset, offset)
  }

  /** The slot that holds the digest, or the free one where it belongs. */
  #find(digest: Buffer): number {
    const first = digest.readInt32LE(0)
    const second = digest.readInt32LE(4)
    const third = digest.readInt32LE(8)
    const fourth = digest.readInt32LE(12)
    let slot = (first >>> 0) % this.#slots
    while (this.#offsets[slot] !== 0) {
      const at = slot * 4
      const isSame =
        this.#digests[at] === first &&
        this.#digests[at + 1] === second &&
        this.#digests[at + 2] === third &&
        this.#digests[at + 3] === fourth
      if (isSame) return slot
      slot += 1
      if (slot === this.#slots) slot = 0
    }
    return slot
  }
}

function digestOf(key: Uint8Array): Buffer {
  return hash('sha256', key, 'buffer')
}
