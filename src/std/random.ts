/**
 * Seeded random numbers: the same seed gives the same sequence on every machine. For simulation and tests; nothing that an attacker must
 * not guess comes from here.
 *
 * The generator is sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, four additions and shifts a number.
 */

export class SeededRandom {
  #a: number
  #b: number
  #c: number
  #counter: number
  /** What `fork` mixes with a name; unaffected by the numbers drawn since. */
  readonly #seed: number
  readonly #stream: number

  /** `seed` is a whole number below 2^53; `stream` keeps apart generators of one seed. */
  constructor(seed: number, stream = 0) {
    this.#seed = seed
    this.#stream = stream
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / 2 ** 32) >>> 0
    this.#c = stream >>> 0
    this.#counter = 1
    // The first numbers of neighbouring seeds are alike until the state is stirred.
    for (let i = 0; i < 15; i++) this.uint32()
  }

  /**
   * An independent generator that depends on the seed and the name only, not on how much was drawn: adding a consumer of random
   * numbers does not change what the others get.
   */
  fork(name: string): SeededRandom {
    let hash = this.#stream ^ 0x811c9dc5
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
    return new SeededRandom(this.#seed, hash >>> 0)
  }

  /** A whole number in [0, 2^32). */
  uint32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0
    return result >>> 0
  }

  /** A float in [0, 1) with 53 random bits. */
  float(): number {
    const high = this.uint32() >>> 5
    const low = this.uint32() >>> 6
    return (high * 0x4000000 + low) / 0x20000000000000
  }

  /** A whole number in [0, bound), bound ≤ 2^53. */
  below(bound: number): number {
    return Math.floor(this.float() * bound)
  }

  /** A whole number in [low, high], both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.float() < probability
  }

  /** A float that is exponentially distributed around `mean`: what waiting times look like. */
  exponential(mean: number): number {
    return -Math.log(1 - this.float()) * mean
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to pick from')
    return items[this.below(items.length)] as T
  }

  /** Puts the items in random order, in place. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const item = items[i] as T
      items[i] = items[j] as T
      items[j] = item
    }
    return items
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i += 4) {
      let word = this.uint32()
      for (let j = i; j < i + 4 && j < length; j++) {
        bytes[j] = word & 0xff
        word >>>= 8
      }
    }
    return bytes
  }
}
