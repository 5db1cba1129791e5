/**
 * A metadata store that another process of this machine has open: the same narrow interface, over a link.
 *
 * Here it is asked; `remote-store-server.ts` answers. Sessions last as long as the link, that is, as long as this process and the other one: a
 * process that only stands still keeps what it holds, since with the partitions of one machine nobody else could take over anyway.
 * When the link breaks, sessions have ended, reads fail, and what a transaction under way came to is unknown.
 */

import { LinkBrokenError, RemoteError } from '../io/link-calls.ts'
import type { LinkCalls } from '../io/link-calls.ts'
import { assert } from '../std/assert.ts'
import { assertTransaction, StoreUnavailableError } from './store.ts'
import { OpenSession } from './store-session.ts'
import type {
  MetadataStore,
  StoreEntry,
  StoreGuard,
  StoreOperation,
  StoreSession,
  TransactionOutcome,
} from './store.ts'

/** The calls and notices of a remote store. */
export const storeCalls = {
  get: 'store.get',
  list: 'store.list',
  transact: 'store.transact',
  openSession: 'store.open-session',
  closeSession: 'store.close-session',
  watch: 'store.watch',
  unwatch: 'store.unwatch',
  /** To who watches. */
  changed: 'store.changed',
  /** To who has the session. */
  sessionEnded: 'store.session-ended',
} as const

/** As `StoreOperation`, with the number of a session in the place of the session. */
export type RemoteOperation =
  | {
      readonly kind: 'create'
      readonly key: string
      readonly value: Uint8Array
      readonly sessionId: number | undefined
    }
  | Exclude<StoreOperation, { kind: 'create' }>

export interface RemoteTransaction {
  readonly guards: readonly StoreGuard[]
  readonly operations: readonly RemoteOperation[]
}

/** As `TransactionOutcome`, with the cause's sentence in the place of the cause. */
export type RemoteOutcome =
  | Exclude<TransactionOutcome, { kind: 'unknown' }>
  | { readonly kind: 'unknown'; readonly message: string }

export class RemoteStore implements MetadataStore {
  readonly #calls: LinkCalls
  readonly #sessions = new Map<number, RemoteSession>()
  readonly #watchers = new Map<number, () => void>()
  #nextWatcherId = 0
  #failure: Error | undefined

  /** One store to a link. */
  constructor(calls: LinkCalls) {
    this.#calls = calls
    calls.onNotice(storeCalls.changed, id => this.#watchers.get(id as number)?.())
    calls.onNotice(storeCalls.sessionEnded, argument => {
      const { id, message } = argument as { id: number; message: string }
      this.#sessionEnded(id, new Error(message))
    })
    void calls.broken.then(() => this.#fail(new LinkBrokenError()))
  }

  async get(key: string): Promise<StoreEntry | undefined> {
    return (await this.#read(storeCalls.get, key)) as StoreEntry | undefined
  }

  async list(prefix: string): Promise<string[]> {
    return (await this.#read(storeCalls.list, prefix)) as string[]
  }

  async transact(guards: readonly StoreGuard[], operations: readonly StoreOperation[]): Promise<TransactionOutcome> {
    assertTransaction(guards, operations)
    if (this.#failure !== undefined) return { kind: 'unknown', cause: this.#failure }
    try {
      const transaction: RemoteTransaction = { guards, operations: operations.map(toRemote) }
      const outcome = (await this.#calls.call(storeCalls.transact, transaction)) as RemoteOutcome
      return outcome.kind === 'unknown' ? { kind: 'unknown', cause: new Error(outcome.message) } : outcome
    } catch (error) {
      return { kind: 'unknown', cause: error as Error }
    }
  }

  async openSession(timeoutMs: number): Promise<StoreSession> {
    const id = (await this.#read(storeCalls.openSession, timeoutMs)) as number
    const session = new RemoteSession(id, () => this.#closeSession(id))
    if (this.#failure === undefined) this.#sessions.set(id, session)
    else session.lost(this.#failure)
    return session
  }

  watch(prefix: string, listener: () => void): () => void {
    const id = this.#nextWatcherId
    this.#nextWatcherId += 1
    this.#watchers.set(id, listener)
    this.#calls.notify(storeCalls.watch, { id, prefix })
    return () => {
      if (this.#watchers.delete(id)) this.#calls.notify(storeCalls.unwatch, id)
    }
  }

  async close(): Promise<void> {
    for (const id of this.#watchers.keys()) this.#calls.notify(storeCalls.unwatch, id)
    this.#watchers.clear()
    const ids = [...this.#sessions.keys()]
    this.#fail(new Error('the metadata store is closed'))
    await Promise.all(ids.map(id => this.#closeSession(id)))
  }

  async #read(name: string, argument: unknown): Promise<unknown> {
    if (this.#failure !== undefined) throw unavailable(this.#failure)
    try {
      return await this.#calls.call(name, argument)
    } catch (error) {
      const isExpected =
        error instanceof LinkBrokenError ||
        (error instanceof RemoteError && error.remoteName === StoreUnavailableError.name)
      throw isExpected ? unavailable(error) : error
    }
  }

  async #closeSession(id: number): Promise<void> {
    this.#sessions.delete(id)
    try {
      await this.#calls.call(storeCalls.closeSession, id)
    } catch (error) {
      // The session has ended with the link.
      if (!(error instanceof LinkBrokenError)) throw error
    }
  }

  #sessionEnded(id: number, cause: Error): void {
    const session = this.#sessions.get(id)
    this.#sessions.delete(id)
    session?.lost(cause)
  }

  #fail(cause: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = cause
    for (const id of [...this.#sessions.keys()]) this.#sessionEnded(id, cause)
    // Something may have been missed; who reads will find that there is nothing to be read any more.
    for (const listener of [...this.#watchers.values()]) listener()
  }
}

function toRemote(operation: StoreOperation): RemoteOperation {
  if (operation.kind !== 'create') return operation
  const { kind, key, value, session } = operation
  assert(session === undefined || session instanceof RemoteSession, 'a session of another store')
  return { kind, key, value, sessionId: session?.id }
}

function unavailable(cause: Error): StoreUnavailableError {
  return new StoreUnavailableError(cause.message, { cause })
}

class RemoteSession extends OpenSession {
  readonly id: number

  constructor(id: number, end: () => Promise<void>) {
    super(end)
    this.id = id
  }
}
