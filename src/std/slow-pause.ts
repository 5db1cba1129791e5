/**
 * Lets something be for a while after it was slow, when the attempt itself is what shows it. Who tries it says when it was. A single slow one may be nobody's fault, such as of a machine
 * that stood still; where the next ones are slow as well, the pause is twice as long each time.
 */

export class SlowPause {
  readonly #firstMs: number
  readonly #longestMs: number
  #untilMs = -1
  #lastMs = 0

  constructor(firstMs: number, longestMs: number) {
    this.#firstMs = firstMs
    this.#longestMs = longestMs
  }

  isOver(nowMs: number): boolean {
    return nowMs >= this.#untilMs
  }

  /** What began and ended then was slow. */
  begin(startMs: number, endMs: number): void {
    // As long again without a slow one, and it is forgotten.
    const isAgain = startMs - this.#untilMs < this.#lastMs
    this.#lastMs = isAgain ? Math.min(2 * this.#lastMs, this.#longestMs) : this.#firstMs
    this.#untilMs = endMs + this.#lastMs
  }
}
