/** Only so many reads of a log directory are under way at a time, so that many consumers of old data do not take all the memory. */
import { Fifo } from '../std/fifo.ts'

export class ReadLimit {
  readonly #readsMax: number
  readonly #waiting = new Fifo<() => void>()
  #reads = 0

  constructor(readsMax = 16) {
    this.#readsMax = readsMax
  }

  /** Runs one read when its turn has come. */
  async run<T>(read: () => Promise<T>): Promise<T> {
    if (this.#reads >= this.#readsMax) await new Promise<void>(resolve => this.#waiting.push(resolve))
    else this.#reads += 1
    try {
      return await read()
    } finally {
      // The place goes to whoever waits first.
      const next = this.#waiting.shift()
      if (next === undefined) this.#reads -= 1
      else next()
    }
  }
}
