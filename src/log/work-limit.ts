/**
 * Only so much of a kind of work is under way at a time in a log directory: reads of old data, which would take all the memory, and segments that are being finished, which
 * would let appends wait for the disk behind all of them.
 */
import { Fifo } from '../std/fifo.ts'

export class WorkLimit {
  readonly #runningMax: number
  readonly #waiting = new Fifo<() => void>()
  #running = 0

  constructor(runningMax: number) {
    this.#runningMax = runningMax
  }

  /** Whether what nobody waits for had better not be done now. */
  get isBusy(): boolean {
    return this.#running * 2 > this.#runningMax
  }

  /** Runs one piece of work when its turn has come. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#runningMax) await new Promise<void>(resolve => this.#waiting.push(resolve))
    else this.#running += 1
    try {
      return await work()
    } finally {
      // The place goes to whoever waits first.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next()
    }
  }
}
