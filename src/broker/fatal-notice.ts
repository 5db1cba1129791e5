/**
 * Tells a broker's owner, once, that it cannot go on. What happens while it starts makes the start fail instead: there is nobody yet who could stop it.
 */

import { BrokerStartError } from './broker-start-error.ts'

export class FatalNotice {
  readonly #listener: (cause: Error) => void
  #cause: Error | undefined
  #isStarted = false

  constructor(listener: (cause: Error) => void) {
    this.#listener = listener
  }

  give(cause: Error): void {
    if (this.#cause !== undefined) return
    this.#cause = cause
    if (this.#isStarted) this.#listener(cause)
  }

  /** Throws a `BrokerStartError` when it cannot go on already. */
  started(): void {
    if (this.#cause !== undefined) throw new BrokerStartError('failed', this.#cause.message, { cause: this.#cause })
    this.#isStarted = true
  }
}
