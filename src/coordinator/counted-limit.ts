/**
 * A bound on what is too much to be counted each time. What is admitted is added up, and nothing is taken off for what goes: only when the sum says that there is no room is it
 * looked at what there is, once a second at most. So who stays well below a limit never pays for it.
 */

export interface CountedLimitOptions {
  readonly max: () => number
  /** Looks at everything. */
  readonly count: () => number
  readonly nowMs: () => number
}

const recountMs = 1000

export class CountedLimit {
  readonly #options: CountedLimitOptions
  /** Never less than what there is. */
  #sum = Infinity
  #countedMs = -Infinity

  constructor(options: CountedLimitOptions) {
    this.#options = options
  }

  /** Whether there may be so much more; if so, it is counted. */
  admits(more: number): boolean {
    if (more === 0) return true
    const { max, count, nowMs } = this.#options
    // The wall clock may have been set back.
    if (this.#sum + more > max() && Math.abs(nowMs() - this.#countedMs) >= recountMs) {
      this.#countedMs = nowMs()
      this.#sum = count()
    }
    if (this.#sum + more > max()) return false
    this.#sum += more
    return true
  }

  /** More may be there than was admitted: a shard has been loaded. */
  forget(): void {
    this.#sum = Infinity
    this.#countedMs = -Infinity
  }
}

/** Ids of the usual length are counted, and no more. Of longer ones, which may have 32 KiB, all kibibytes beyond the first count as well. */
export function excessOf(id: string): number {
  return id.length >> 10
}
