/**
 * Keeps cleaning from being noticed: work is done in slices of a fraction of a millisecond, between which requests have their turn, and what is read and written keeps to
 * `log.cleaner.io.max.bytes.per.second`, over all cleaners together.
 *
 * Between two slices the event loop looks at its sockets. When that shows that nobody else has anything to do, the next slice begins at once: a broker without requests cleans as
 * fast as it can. When somebody has, the cleaning leaves the loop alone until a timer runs out, so that answers go out first, and requests have most of the time.
 */
import type { Clock } from '../../io/io.ts'

/** As long as a request may have to wait for a slice. */
const sliceMs = 0.25
/** A turn of the event loop in which nothing was to be done takes less. */
const idleTurnMs = 0.03
/** As short as a timer can be. */
const yieldMs = 1
/** Shorter waits are added up. */
const waitMsMin = 5

/** The cleaning under way has to end: its log is being deleted or cut off, or the broker stops. */
export class CleaningAborted extends Error {
  constructor(why: string) {
    super(why)
    this.name = 'CleaningAborted'
  }
}

/** What all cleaners together may read and write. */
export class IoThrottle {
  bytesPerSecond: number
  readonly #clock: Clock
  #freeAtMs = 0

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock
    this.bytesPerSecond = bytesPerSecond
  }

  /** Accounts for so many bytes; how long to wait for the next ones. */
  take(bytes: number): number {
    const nowMs = this.#clock.monotonicMs()
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (bytes / this.bytesPerSecond) * 1000
    return this.#freeAtMs - nowMs
  }
}

/** Of one cleaning. */
export class CleaningPace {
  readonly #clock: Clock
  readonly #throttle: IoThrottle
  readonly #problem: () => string | undefined
  #sliceStartMs: number
  #aborted: string | undefined
  #wake: (() => void) | undefined

  /** `problem` says why the cleaning cannot go on, if it cannot. */
  constructor(clock: Clock, throttle: IoThrottle, problem: () => string | undefined) {
    this.#clock = clock
    this.#throttle = throttle
    this.#problem = problem
    this.#sliceStartMs = clock.monotonicMs()
  }

  /** Lets the cleaning fail with `CleaningAborted` at its next step. */
  abort(why: string): void {
    this.#aborted ??= why
    this.#wake?.()
  }

  /** Throws `CleaningAborted`. */
  check(): void {
    const why = this.#aborted ?? this.#problem()
    if (why !== undefined) throw new CleaningAborted(why)
  }

  /** Accounts for what has been read or written, and waits where that was too much. */
  async transferred(bytes: number): Promise<void> {
    this.check()
    const waitMs = this.#throttle.take(bytes)
    if (waitMs >= waitMsMin) await this.#sleep(waitMs)
    this.#sliceStartMs = this.#clock.monotonicMs()
    this.check()
  }

  /** Whether it is time for `rest`. */
  get isDue(): boolean {
    return this.#clock.monotonicMs() - this.#sliceStartMs >= sliceMs
  }

  /** Lets others have their turn. */
  async rest(): Promise<void> {
    this.check()
    const startMs = this.#clock.monotonicMs()
    await new Promise<void>(resolve => this.#clock.defer(resolve))
    if (this.#clock.monotonicMs() - startMs > idleTurnMs) await this.#sleep(yieldMs)
    this.#sliceStartMs = this.#clock.monotonicMs()
    this.check()
  }

  /** Runs work that stops at each `yield` to the end, with rests in between. */
  async run<T>(work: Generator<void, T>): Promise<T> {
    for (;;) {
      const step = work.next()
      if (step.done === true) return step.value
      if (this.isDue) await this.rest()
    }
  }

  async #sleep(delayMs: number): Promise<void> {
    await new Promise<void>(resolve => {
      const timer = this.#clock.setTimer(delayMs, resolve)
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
    this.#wake = undefined
  }
}
