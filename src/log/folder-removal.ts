/**
 * Removes the folders of deleted partitions once `file.delete.delay.ms` is over: some at a time, so that a topic of ten thousand partitions that goes does not hold up
 * those that stay. One timer for all with the same delay, which follow one another.
 */
import type { Clock, Disk, Timer } from '../io/io.ts'
import type { Logger } from '../std/logger.ts'
import { Fifo } from '../std/fifo.ts'

/** Each is a dozen calls to the disk. */
const removedAtATime = 4

interface Doomed {
  readonly path: string
  readonly dueMs: number
}

export class FolderRemoval {
  readonly #clock: Clock
  readonly #disk: Disk
  readonly #logger: Logger
  /** By delay, in the order in which they are due. */
  readonly #waiting = new Map<number, Fifo<Doomed>>()
  readonly #timers = new Set<Timer>()
  #stopped = false

  constructor(clock: Clock, disk: Disk, logger: Logger) {
    this.#clock = clock
    this.#disk = disk
    this.#logger = logger
  }

  remove(path: string, delayMs: number): void {
    if (this.#stopped) return
    const doomed = { path, dueMs: this.#clock.monotonicMs() + delayMs }
    const line = this.#waiting.get(delayMs)
    if (line !== undefined) {
      line.push(doomed)
      return
    }
    const begun = new Fifo<Doomed>()
    begun.push(doomed)
    this.#waiting.set(delayMs, begun)
    this.#wait(delayMs, begun)
  }

  /** What is left is removed after the next start. */
  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    this.#waiting.clear()
  }

  #wait(delayMs: number, line: Fifo<Doomed>): void {
    const leftMs = Math.max(0, line.peek()!.dueMs - this.#clock.monotonicMs())
    const timer = this.#clock.setTimer(leftMs, () => {
      this.#timers.delete(timer)
      void this.#removeDue(delayMs, line)
    })
    this.#timers.add(timer)
  }

  async #removeDue(delayMs: number, line: Fifo<Doomed>): Promise<void> {
    await Promise.all(Array.from({ length: removedAtATime }, () => this.#removeSome(line)))
    if (this.#stopped) return
    if (line.length === 0) this.#waiting.delete(delayMs)
    else this.#wait(delayMs, line)
  }

  async #removeSome(line: Fifo<Doomed>): Promise<void> {
    for (let next = line.peek(); next !== undefined; next = line.peek()) {
      if (this.#stopped || next.dueMs > this.#clock.monotonicMs()) return
      line.shift()
      try {
        await this.#disk.removeDirectory(next.path)
      } catch (error) {
        this.#logger.warn('a deleted partition could not be removed', { folder: next.path }, error)
      }
    }
  }
}
