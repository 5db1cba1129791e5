/**
 * Bounds how often a message is logged that strangers cause. What arrives at a port must not be able to fill the disk that the log goes to, or to take the time
 * of those who behave: after a number at once only some a second are logged, and the next one says how many like it were not.
 */

/** What one message takes from others after a quiet time, and what comes back of that in a second. */
const burst = 100
const perSecond = 10

export class LogThrottle {
  readonly #monotonicMs: () => number
  #tokens = burst
  #atMs: number
  #unlogged = 0

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs
    this.#atMs = monotonicMs()
  }

  /** Calls `log`, or does not. It is given how many were left out since the last time, undefined where none were. */
  run(log: (unlogged: number | undefined) => void): void {
    const nowMs = this.#monotonicMs()
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#atMs) * perSecond) / 1000)
    this.#atMs = nowMs
    if (this.#tokens < 1) {
      this.#unlogged += 1
      return
    }
    this.#tokens -= 1
    const unlogged = this.#unlogged
    this.#unlogged = 0
    log(unlogged === 0 ? undefined : unlogged)
  }
}
