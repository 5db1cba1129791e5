/**
 * Watches that simulated code is asynchronous through its `Io` only. A socket, a timer, a file or a thread of the real world would make
 * a run depend on the machine; Node tells of each when it is made.
 */

import { createHook } from 'node:async_hooks'

/** What settles within one real `setImmediate`, whatever the machine, and the simulator's own one. */
const harmlessTypes = new Set(['PROMISE', 'TickObject', 'Microtask', 'Immediate'])

export class AsyncGuard {
  #found: { readonly type: string; readonly stack: string } | undefined
  readonly #hook = createHook({
    init: (_id, type) => {
      if (harmlessTypes.has(type) || this.#found !== undefined) return
      // Thrown from here it would end the process without a word to the test.
      this.#found = { type, stack: new Error(type).stack ?? '' }
    },
  })

  enable(): void {
    this.#hook.enable()
  }

  disable(): void {
    this.#hook.disable()
  }

  /** Throws when simulated code made something that it must not. */
  check(): void {
    const found = this.#found
    if (found === undefined) return
    this.#found = undefined
    const stack = found.stack.split('\n').slice(1).join('\n')
    throw new Error(`simulated code made a ${found.type}, which only the real world can finish:\n${stack}`)
  }
}
