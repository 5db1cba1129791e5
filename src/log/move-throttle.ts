/** Keeps moves between log directories to `replica.alter.log.dirs.io.max.bytes.per.second`, which may change while one waits. */
import type { Clock } from '../io/io.ts'

/** How soon a change of the rate, or the end of the move, is noticed. */
const stepMsMax = 100

export class MoveThrottle {
  bytesPerSecond = Infinity
  readonly #clock: Clock
  /** Copied before their time, as of `#sinceMs`. */
  #aheadBytes = 0
  #sinceMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** So many bytes have been copied: settles when more may be, or `goesOn` says no. */
  async wait(bytes: number, goesOn: () => boolean): Promise<void> {
    this.#catchUp()
    this.#aheadBytes += bytes
    while (this.#aheadBytes > 0 && goesOn()) {
      const waitMs = Math.min(stepMsMax, (this.#aheadBytes / this.bytesPerSecond) * 1000)
      if (waitMs < 1) return
      await new Promise<void>(resolve => {
        this.#clock.setTimer(Math.ceil(waitMs), resolve)
      })
      this.#catchUp()
    }
  }

  #catchUp(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#aheadBytes = Math.max(0, this.#aheadBytes - ((nowMs - this.#sinceMs) / 1000) * this.bytesPerSecond)
    this.#sinceMs = nowMs
  }
}
