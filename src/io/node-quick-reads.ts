/**
 * Whether a device's small reads may be made at once, by the thread that everything waits for. From the page cache they take a few microseconds, a tenth of a trip through the
 * thread pool; nothing tells beforehand whether bytes are there. So it is tried, and a device that has just been slow is left alone for a while.
 */
import type { Clock } from './io.ts'

/** Larger ones keep a processor busy for long enough to be worth another thread. */
const quickBytesMax = 64 * 1024
/** What takes longer came from the disk, or the machine stood still. */
const slowMs = 0.5
/** How long such a device is left alone: twice as long each time that it is slow again soon. */
const firstPauseMs = 8
const longestPauseMs = 4096
/** After so much of them in one piece the next read is not made at once, which lets others have the thread. */
const inARowMsMax = 1

export class QuickReads {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  #pausedUntilMs = -1
  #pauseMs = 0
  #inARowMs = 0

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  /** What `read` gives, which is made at once, or `undefined` when it is better not made so. */
  run(bytes: number, read: () => number): number | undefined {
    const startMs = this.#clock.monotonicMs()
    if (bytes > quickBytesMax || startMs < this.#pausedUntilMs) return undefined
    if (this.#inARowMs >= inARowMsMax) {
      this.#inARowMs = 0
      return undefined
    }
    try {
      return read()
    } finally {
      this.#took(startMs, this.#clock.monotonicMs())
    }
  }

  #took(startMs: number, endMs: number): void {
    this.#inARowMs += endMs - startMs
    if (endMs - startMs <= slowMs) return
    this.#inARowMs = 0
    // As long again without a slow one, and it is forgotten.
    const isAgain = startMs - this.#pausedUntilMs < this.#pauseMs
    this.#pauseMs = isAgain ? Math.min(2 * this.#pauseMs, longestPauseMs) : firstPauseMs
    this.#pausedUntilMs = endMs + this.#pauseMs
  }
}
