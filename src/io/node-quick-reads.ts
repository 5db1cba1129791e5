/**
 * Whether a device's small reads may be made at once, by the thread that everything waits for. From the page cache they take a few microseconds, a tenth of a trip through the
 * thread pool; nothing tells beforehand whether bytes are there. So it is tried, and a device that has just been slow is left alone for a while.
 */
import { SlowPause } from '../std/slow-pause.ts'
import type { Clock } from './io.ts'

/** Larger ones keep a processor busy for long enough to be worth another thread. */
const quickBytesMax = 64 * 1024
/** What takes longer came from the disk, or the machine stood still for a moment. */
const slowMs = 0.5
/** Two of so many reads are slow where a disk is asked, which gives some at a time; where the machine has other things to do it is one now and then. */
const readsPerSlowOne = 32
/** Nobody waits for as long as this a second time. */
const verySlowMs = 20
/** How long such a device is left alone. */
const firstPauseMs = 8
const longestPauseMs = 4096
/** After so much of them in one piece the next read is not made at once, which lets others have the thread. */
const inARowMsMax = 1

export class QuickReads {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #pause = new SlowPause(firstPauseMs, longestPauseMs)
  #inARowMs = 0
  /** Rises with each slow read, and falls with each quick one. */
  #slowness = 0

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  /** What `read` gives, which is made at once, or `undefined` when it is better not made so. */
  run(bytes: number, read: () => number): number | undefined {
    const startMs = this.#clock.monotonicMs()
    if (bytes > quickBytesMax || !this.#pause.isOver(startMs)) return undefined
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
    const tookMs = endMs - startMs
    this.#inARowMs += tookMs
    if (tookMs <= slowMs) {
      this.#slowness = Math.max(0, this.#slowness - 1)
      return
    }
    this.#slowness = Math.min(this.#slowness, readsPerSlowOne) + readsPerSlowOne
    if (this.#slowness > readsPerSlowOne || tookMs > verySlowMs) {
      this.#pause.begin(startMs, endMs)
      this.#inARowMs = 0
    }
  }
}
