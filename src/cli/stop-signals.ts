/**
 * How a running command is asked to end. The first SIGTERM, SIGINT or SIGHUP asks for a graceful end; the next one ends the process at once, as it would have
 * without us. Also when the graceful end takes too long.
 *
 * The process is never ended with `process.exit`: that runs handlers and waits for threads, and was seen to hang.
 */

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
export type StopSignal = (typeof signals)[number]

export class StopSignals {
  /** Resolves with the first signal. */
  readonly first: Promise<StopSignal>
  #received: StopSignal | undefined
  #listeners = new Map<StopSignal, () => void>()

  constructor() {
    this.first = new Promise(resolve => {
      for (const signal of signals) {
        const listener = (): void => {
          if (this.#received !== undefined) this.endNow(signal)
          this.#received = signal
          resolve(signal)
        }
        this.#listeners.set(signal, listener)
        process.on(signal, listener)
      }
    })
  }

  get received(): StopSignal | undefined {
    return this.#received
  }

  /** Hands the signals back to the system, so that the process can end by itself. */
  release(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener)
    this.#listeners.clear()
  }

  /** Ends the process by the signal itself, in the middle of whatever it does. */
  endNow(signal: StopSignal): void {
    this.release()
    process.kill(process.pid, signal)
  }

  /** Does that after `limitMs`, unless the process has ended by then. */
  endWithin(limitMs: number, onLate: () => void): void {
    setTimeout(() => {
      onLate()
      this.endNow(this.#received ?? 'SIGTERM')
    }, limitMs).unref()
  }
}
