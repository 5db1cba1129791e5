/**
 * What happened in a simulation, as lines of text and as one digest of them all: two runs with the same digest did the same.
 */

export class Trace {
  /** The last lines, oldest first; all of them when the trace was made to keep all. */
  readonly lines: string[] = []
  count = 0
  readonly #keepMax: number
  #high = 0x9e3779b9
  #low = 0x85ebca6b

  constructor(keepMax: number) {
    this.#keepMax = keepMax
  }

  add(line: string): void {
    this.count += 1
    for (let i = 0; i < line.length; i++) this.#mix(line.charCodeAt(i))
    // So that the borders between lines count too.
    this.#mix(10)
    this.lines.push(line)
    // Cut rarely, since that moves all that stays.
    if (this.lines.length >= 2 * this.#keepMax) this.lines.splice(0, this.lines.length - this.#keepMax)
  }

  get digest(): string {
    const word = (value: number): string => (value >>> 0).toString(16).padStart(8, '0')
    return word(this.#high) + word(this.#low)
  }

  #mix(code: number): void {
    this.#high = Math.imul(this.#high ^ code, 0x01000193)
    this.#low = Math.imul((this.#low ^ code) + (this.#low >>> 15), 0x2c1b3c6d)
  }
}
