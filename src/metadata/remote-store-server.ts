/**
 * Lets another process of this machine use this one's metadata store: answers what `remote-store.ts` asks. When the link breaks, the sessions that
 * were opened over it end, and their keys vanish.
 */

import type { LinkCalls } from '../io/link-calls.ts'
import { assert } from '../std/assert.ts'
import { storeCalls } from './remote-store.ts'
import type { RemoteOperation, RemoteOutcome, RemoteTransaction } from './remote-store.ts'
import type { MetadataStore, StoreOperation, StoreSession } from './store.ts'

export function serveStore(calls: LinkCalls, store: MetadataStore): void {
  new RemoteStoreServer(calls, store).serve()
}

class RemoteStoreServer {
  readonly #calls: LinkCalls
  readonly #store: MetadataStore
  /** Those that have ended stay: what is still asked of one gets the store's own answer. */
  readonly #sessions = new Map<number, StoreSession>()
  readonly #stopWatching = new Map<number, () => void>()

  constructor(calls: LinkCalls, store: MetadataStore) {
    this.#calls = calls
    this.#store = store
  }

  serve(): void {
    const calls = this.#calls
    const store = this.#store
    calls.onCall(storeCalls.get, key => store.get(key as string))
    calls.onCall(storeCalls.list, prefix => store.list(prefix as string))
    calls.onCall(storeCalls.transact, transaction => this.#transact(transaction as RemoteTransaction))
    calls.onCall(storeCalls.openSession, timeoutMs => this.#openSession(timeoutMs as number))
    calls.onCall(storeCalls.closeSession, id => this.#session(id as number).close())
    calls.onNotice(storeCalls.watch, argument => {
      const { id, prefix } = argument as { id: number; prefix: string }
      const stop = store.watch(prefix, () => calls.notify(storeCalls.changed, id))
      this.#stopWatching.set(id, stop)
    })
    calls.onNotice(storeCalls.unwatch, id => this.#unwatch(id as number))
    void calls.broken.then(() => this.#end())
  }

  async #transact({ guards, operations }: RemoteTransaction): Promise<RemoteOutcome> {
    const outcome = await this.#store.transact(
      guards,
      operations.map(operation => this.#toLocal(operation)),
    )
    return outcome.kind === 'unknown' ? { kind: 'unknown', message: outcome.cause.message } : outcome
  }

  #toLocal(operation: RemoteOperation): StoreOperation {
    if (operation.kind !== 'create') return operation
    const { kind, key, value, sessionId } = operation
    return { kind, key, value, session: sessionId === undefined ? undefined : this.#session(sessionId) }
  }

  async #openSession(timeoutMs: number): Promise<number> {
    const session = await this.#store.openSession(timeoutMs)
    const id = this.#sessions.size
    this.#sessions.set(id, session)
    if (this.#calls.isBroken) await session.close()
    else session.onEnded(({ message }) => this.#calls.notify(storeCalls.sessionEnded, { id, message }))
    return id
  }

  #session(id: number): StoreSession {
    const session = this.#sessions.get(id)
    assert(session !== undefined, () => `session ${id} was never opened`)
    return session
  }

  #unwatch(id: number): void {
    this.#stopWatching.get(id)?.()
    this.#stopWatching.delete(id)
  }

  #end(): void {
    for (const id of [...this.#stopWatching.keys()]) this.#unwatch(id)
    for (const session of this.#sessions.values()) void session.close()
  }
}
