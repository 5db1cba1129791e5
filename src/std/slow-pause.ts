/**
 * Lets something be for a while after it was slow, when the attempt itself is what shows it. A single slow one may be nobody's fault, such as of a machine that stood still; where the
 * next ones are slow as well, the pause is twice as long each time.
 */

export class SlowPause {
  readonly #slowMs: number
  readonly #firstMs: number
  readonly #longestMs: number
  #untilMs = -1
  #lastMs = 0

  /** Slow is what takes longer than `slowMs`. */
  constructor(slowMs: number, firstMs: number, longestMs: number) {
    this.#slowMs = slowMs
    this.#firstMs = firstMs
    this.#longestMs = longestMs
  }

  isOver(nowMs: number): boolean {
    return nowMs >= this.#untilMs
  }

  /** It was tried. Returns whether a pause begins. */
  took(startMs: number, endMs: number): boolean {
    if (endMs - startMs <= this.#slowMs) return false
    // As long again without a slow one, and it is forgotten.
    const isAgain = startMs - this.#untilMs < this.#lastMs
    this.#lastMs = isAgain ? Math.min(2 * this.#lastMs, this.#longestMs) : this.#firstMs
    this.#untilMs = endMs + this.#lastMs
    return true
  }
}
