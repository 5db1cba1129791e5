/**
 * Memory for reading from disk: large buffers are used again when their readers give them back, and only so many reads are under way at a time, so that many
 * consumers of old data do not take all the memory.
 */
import { Fifo } from '../std/fifo.ts'

export const READ_BUFFER_BYTES = 1024 * 1024
/** Smaller reads get memory of just their size. */
const pooledFromBytes = 256 * 1024
const keptBuffersMax = 16

export class ReadBuffers {
  readonly #readsMax: number
  readonly #free: Buffer[] = []
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

  /** At least `length` bytes, perhaps more. */
  take(length: number): Buffer {
    if (length < pooledFromBytes || length > READ_BUFFER_BYTES) return Buffer.allocUnsafeSlow(length)
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
  }

  /** Nobody looks at the buffer any more. */
  giveBack(buffer: Buffer): void {
    if (buffer.length === READ_BUFFER_BYTES && this.#free.length < keptBuffersMax) this.#free.push(buffer)
  }
}
