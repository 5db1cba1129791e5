/** A session of a metadata store as its holder sees it: alive until it is closed or lost. What becomes of its keys is the store's business. */

import type { StoreSession } from './store.ts'

export class OpenSession implements StoreSession {
  readonly #end: (session: OpenSession) => void | Promise<void>
  readonly #listeners: ((cause: Error) => void)[] = []
  #lostBy: Error | undefined
  #isClosed = false

  /** `end` is what closing it means to the store. */
  constructor(end: (session: OpenSession) => void | Promise<void>) {
    this.#end = end
  }

  get isAlive(): boolean {
    return !this.#isClosed && this.#lostBy === undefined
  }

  onEnded(listener: (cause: Error) => void): void {
    if (this.#lostBy === undefined) this.#listeners.push(listener)
    else listener(this.#lostBy)
  }

  async close(): Promise<void> {
    if (!this.isAlive) return
    this.#isClosed = true
    await this.#end(this)
  }

  /** It has ended without `close`. */
  lost(cause: Error): void {
    if (!this.isAlive) return
    this.#lostBy = cause
    for (const listener of this.#listeners) listener(cause)
  }
}
