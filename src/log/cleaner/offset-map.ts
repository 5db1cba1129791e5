/**
 * The newest offset of each key in the dirty part of a log: what compaction decides by.
 *
 * Keys are told apart by a digest of 128 bits: exact keys would make memory depend on how long they are, and with a digest nobody can, by chance or on purpose,
 * let one key's record push out another's. Short keys have a SipHash, whose own key nobody knows and each cleaning draws anew: it is what most of the work of a cleaning would be
 * otherwise. Long ones have the first bits of their SHA-256, which is quicker for them. A slot is such a digest and an offset,
 * 24 bytes, found by linear probing; the table has a largest number of slots, and when they are used up, the rest of the log is left for the next cleaning.
 *
 * The table begins small and grows, since most logs have far fewer keys than records, and memory that is used for the first time can cost the system milliseconds for each of
 * its large pages. `grow` does it step by step, for who has others to think of; a `put` that finds no room does it in one go.
 */
import { hash } from 'node:crypto'
import { assert } from '../../std/assert.ts'
import { SipHash128 } from '../../std/siphash.ts'

export const SLOT_BYTES = 24
/** A longer key is quicker through SHA-256. */
const shortKeyBytesMax = 160
/** Of a table that has not grown yet. */
const firstSlots = 32 * 1024
const growthFactor = 8
/** Slots between two steps of growing: few, because the first use of a page may take as long as all the rest of a step. */
const slotsPerStep = 1024

export class OffsetMap {
  /** How many keys it takes. */
  readonly capacity: number
  readonly #slotsMax: number
  readonly #loadFactor: number
  #slots: number
  /** Keys that the table takes before it has to grow. */
  #roomFor: number
  /** Four words of a digest each. */
  #digests: Int32Array
  /** Offsets plus one; 0 for a slot that is free. */
  #offsets: Float64Array
  readonly #hash: SipHash128
  /** The digest of the key at hand. */
  readonly #digest: Int32Array
  #size = 0
  /** Everything up to here has been taken in; −1 when nothing has. */
  latestOffset = -1

  /** Of at most `bytesMax`, and no larger than `keysMax` keys need, filled up to `loadFactor` (above 0, at most 1); `secret` are 16 bytes that nobody can know. */
  constructor(bytesMax: number, loadFactor: number, keysMax: number, secret: Uint8Array) {
    const slotsMax = Math.max(2, Math.floor(bytesMax / SLOT_BYTES))
    this.#slotsMax = Math.min(slotsMax, Math.max(2, Math.ceil(keysMax / loadFactor) + 1))
    this.#loadFactor = loadFactor
    this.capacity = this.#roomIn(this.#slotsMax)
    this.#slots = Math.min(this.#slotsMax, firstSlots)
    this.#roomFor = this.#roomIn(this.#slots)
    this.#digests = new Int32Array(this.#slots * 4)
    this.#offsets = new Float64Array(this.#slots)
    this.#hash = new SipHash128(secret)
    this.#digest = this.#hash.words
  }

  get size(): number {
    return this.#size
  }

  /** Used slots of all that there can be, from 0 to 1. */
  get utilization(): number {
    return this.#size / this.#slotsMax
  }

  /** Takes in a record behind all that were taken in before, whose key is `bytes[start, end)`; false when there is no room for it. */
  put(bytes: Uint8Array, start: number, end: number, offset: number): boolean {
    assert(offset > this.latestOffset, () => `L3: offset ${offset} after ${this.latestOffset} is mapped`)
    let slot = this.#find(bytes, start, end)
    if (this.#offsets[slot] === 0) {
      if (this.#size >= this.capacity) return false
      if (this.mustGrow) {
        for (const _ of this.grow());
        slot = this.#find(bytes, start, end)
      }
      this.#size += 1
      for (let word = 0; word < 4; word++) this.#digests[slot * 4 + word] = this.#digest[word]!
    }
    this.#offsets[slot] = offset + 1
    this.latestOffset = offset
    return true
  }

  /** The newest offset of the key `bytes[start, end)`; −1 when it is not here. */
  get(bytes: Uint8Array, start: number, end: number): number {
    return this.#size === 0 ? -1 : this.#offsets[this.#find(bytes, start, end)]! - 1
  }

  /** Everything up to `offset` has been looked at. */
  advanceTo(offset: number): void {
    this.latestOffset = Math.max(this.latestOffset, offset)
  }

  /** The next new key has room only in a larger table. */
  get mustGrow(): boolean {
    return this.#size >= this.#roomFor && this.#slots < this.#slotsMax
  }

  /** Makes the table larger, step by step. Nothing else may be done with the map meanwhile. */
  *grow(): Generator<void, void> {
    const old = { slots: this.#slots, digests: this.#digests, offsets: this.#offsets }
    const slots = Math.min(this.#slotsMax, old.slots * growthFactor)
    const digests = new Int32Array(slots * 4)
    const offsets = new Float64Array(slots)
    for (let slot = 0; slot < slots; slot += slotsPerStep) {
      // Writing is what makes the system provide the memory.
      digests[slot * 4] = 0
      offsets[slot] = 0
      yield
    }
    this.#slots = slots
    this.#roomFor = this.#roomIn(slots)
    this.#digests = digests
    this.#offsets = offsets
    for (let slot = 0; slot < old.slots; slot++) {
      if (slot % slotsPerStep === 0) yield
      if (old.offsets[slot] === 0) continue
      const words = old.digests.subarray(slot * 4, slot * 4 + 4)
      const place = this.#findDigest(words)
      digests.set(words, place * 4)
      offsets[place] = old.offsets[slot]!
    }
  }

  /** Of so many slots one stays free, so that every search ends. */
  #roomIn(slots: number): number {
    return Math.max(1, Math.min(slots - 1, Math.floor(slots * this.#loadFactor)))
  }

  /** The slot that holds the key, or the free one where it belongs. */
  #find(bytes: Uint8Array, start: number, end: number): number {
    this.#setDigest(bytes, start, end)
    return this.#findDigest(this.#digest)
  }

  #findDigest(digest: Int32Array): number {
    const first = digest[0]!
    const second = digest[1]!
    const third = digest[2]!
    const fourth = digest[3]!
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

  #setDigest(bytes: Uint8Array, start: number, end: number): void {
    if (end - start <= shortKeyBytesMax) return this.#hash.digest(bytes, start, end)
    const digest = hash('sha256', bytes.subarray(start, end), 'buffer')
    for (let word = 0; word < 4; word++) this.#digest[word] = digest.readInt32LE(word * 4)
  }
}
