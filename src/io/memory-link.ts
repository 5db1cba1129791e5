/** A link with both ends in one process, for tests. */

import type { MessageLink, MessageLinkHandler } from './message-link.ts'

/** Both ends. A message arrives in a later microtask, as a copy. */
export function memoryLink(): [MessageLink, MessageLink] {
  const first = new MemoryLink()
  const second = new MemoryLink()
  first.peer = second
  second.peer = first
  return [first, second]
}

class MemoryLink implements MessageLink {
  peer: MemoryLink | undefined
  #handler: MessageLinkHandler | undefined
  readonly #early: unknown[] = []
  #isBroken = false

  start(handler: MessageLinkHandler): void {
    this.#handler = handler
    for (const message of this.#early.splice(0)) this.#later(() => handler.received(message))
    if (this.#isBroken) queueMicrotask(() => handler.closed())
  }

  send(message: unknown): void {
    if (this.#isBroken) return
    this.peer!.#arrive(structuredClone(message))
  }

  close(): void {
    const { peer } = this
    this.#break()
    // What was sent before arrives before.
    queueMicrotask(() => peer!.#break())
  }

  #arrive(message: unknown): void {
    const handler = this.#handler
    if (handler === undefined) this.#early.push(message)
    else this.#later(() => handler.received(message))
  }

  #later(receive: () => void): void {
    queueMicrotask(() => {
      if (!this.#isBroken) receive()
    })
  }

  #break(): void {
    if (this.#isBroken) return
    this.#isBroken = true
    const handler = this.#handler
    if (handler !== undefined) queueMicrotask(() => handler.closed())
  }
}
