/**
 * Bounds how often something is logged that strangers cause. What arrives at a port must not be able to fill the disk that the log goes to, or to take the time
 * of those who behave: after a number at once only some a second are logged, and the next one says how many like it were not.
 */

export interface LogRate {
  /** What is logged at once after a quiet time. */
  readonly burst: number
  /** What of that comes back in a second. */
  readonly perSecond: number
}

export class LogThrottle {
  readonly #nowMs: () => number
  readonly #rate: LogRate
  #tokens: number
  #atMs: number
  #unlogged = 0

  constructor(nowMs: () => number, rate: LogRate) {
    this.#nowMs = nowMs
    this.#rate = rate
    this.#tokens = rate.burst
    this.#atMs = nowMs()
  }

  /** Calls `log`, or does not. It is given how many were left out since the last time, undefined where none were. */
  run(log: (unlogged: number | undefined) => void): void {
    const { burst, perSecond } = this.#rate
    const nowMs = this.#nowMs()
    // A clock that was set back gives nothing and takes nothing.
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, nowMs - this.#atMs) * perSecond) / 1000)
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
