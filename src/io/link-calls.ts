/**
 * Calls and notices over a `MessageLink`: what one process asks another one of the same machine, and what it lets it know.
 *
 * Either end may ask and answer. What breaks the link ends all calls under way with `LinkBrokenError`: whether they were carried out is not known then.
 * An answer that is an error arrives as `RemoteError`, with the name and the message that it had.
 */

import { assert } from '../std/assert.ts'
import type { MessageLink } from './message-link.ts'

/** The other process has gone, or either end has closed the link. */
export class LinkBrokenError extends Error {
  override readonly name = 'LinkBrokenError'

  constructor() {
    super('the link to the other process is broken')
  }
}

/** The other process has answered with an error. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError'
  /** The error's `name` over there. */
  readonly remoteName: string

  constructor(remoteName: string, message: string) {
    super(message)
    this.remoteName = remoteName
  }
}

type LinkMessage =
  | { readonly kind: 'call'; readonly id: number; readonly name: string; readonly argument: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly errorName: string; readonly message: string }
  | { readonly kind: 'notice'; readonly name: string; readonly argument: unknown }

type CallHandler = (argument: unknown) => Promise<unknown>
type NoticeHandler = (argument: unknown) => void

export class LinkCalls {
  readonly #link: MessageLink
  readonly #callHandlers = new Map<string, CallHandler>()
  readonly #noticeHandlers = new Map<string, NoticeHandler>()
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #nextId = 0
  readonly #broken = Promise.withResolvers<void>()
  #isBroken = false

  constructor(link: MessageLink) {
    this.#link = link
    link.start({ received: message => this.#received(message as LinkMessage), closed: () => this.#closed() })
  }

  get isBroken(): boolean {
    return this.#isBroken
  }

  /** Resolves when the link is broken. */
  get broken(): Promise<void> {
    return this.#broken.promise
  }

  /** Rejects with LinkBrokenError or RemoteError. Calls arrive in the order in which they were made. */
  call(name: string, argument: unknown): Promise<unknown> {
    if (this.#isBroken) return Promise.reject(new LinkBrokenError())
    const id = this.#nextId
    this.#nextId += 1
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#send({ kind: 'call', id, name, argument })
    })
  }

  /** Lets the other end know; nobody answers. */
  notify(name: string, argument: unknown): void {
    this.#send({ kind: 'notice', name, argument })
  }

  /** Answers calls of this name from now on. */
  onCall(name: string, handler: CallHandler): void {
    assert(!this.#callHandlers.has(name), () => `calls of ${name} are answered already`)
    this.#callHandlers.set(name, handler)
  }

  /** Hears notices of this name from now on. */
  onNotice(name: string, handler: NoticeHandler): void {
    assert(!this.#noticeHandlers.has(name), () => `notices of ${name} are heard already`)
    this.#noticeHandlers.set(name, handler)
  }

  close(): void {
    this.#link.close()
  }

  #send(message: LinkMessage): void {
    this.#link.send(message)
  }

  #received(message: LinkMessage): void {
    if (message.kind === 'call') void this.#answer(message.id, message.name, message.argument)
    else if (message.kind === 'notice') this.#handlerOf(this.#noticeHandlers, message.name)(message.argument)
    else this.#settle(message)
  }

  async #answer(id: number, name: string, argument: unknown): Promise<void> {
    try {
      this.#send({ kind: 'answer', id, value: await this.#handlerOf(this.#callHandlers, name)(argument) })
    } catch (error) {
      const { name: errorName, message } = error as Error
      this.#send({ kind: 'failure', id, errorName, message })
    }
  }

  #settle(message: LinkMessage & { kind: 'answer' | 'failure' }): void {
    const waiting = this.#waiting.get(message.id)
    assert(waiting !== undefined, () => `an answer to call ${message.id}, which is not under way`)
    this.#waiting.delete(message.id)
    if (message.kind === 'answer') waiting.resolve(message.value)
    else waiting.reject(new RemoteError(message.errorName, message.message))
  }

  #handlerOf<H>(handlers: ReadonlyMap<string, H>, name: string): H {
    const handler = handlers.get(name)
    assert(handler !== undefined, () => `${name} is nothing that this end of the link knows`)
    return handler
  }

  #closed(): void {
    this.#isBroken = true
    for (const { reject } of this.#waiting.values()) reject(new LinkBrokenError())
    this.#waiting.clear()
    this.#broken.resolve()
  }
}
