/**
 * Where a cluster's metadata is kept, as narrow as ZooKeeper and etcd have it in common: keys with versions, transactions that are guarded by
 * versions, sessions whose keys vanish with them, and a hint when something has changed.
 *
 * `embedded.ts` is the store of a single broker; `store.contract.ts` holds all stores to the same behaviour. Nothing above knows which one it
 * has. Keys are paths such as `/log/00000000000000000042`; values are small.
 */

import { assert } from '../std/assert.ts'

/** etcd takes 128 operations in a transaction by default. Guards count. */
export const TRANSACTION_OPERATIONS_MAX = 100
/** ZooKeeper takes 1 MB in a request, etcd 1.5 MB. Keys count. */
export const TRANSACTION_BYTES_MAX = 512 * 1024

export interface StoreEntry {
  readonly value: Uint8Array
  /** Changes with every put for as long as the key exists; a key that was deleted and created anew may have an old one again. */
  readonly version: number
}

export type StoreOperation =
  /** With a session the key is ephemeral: it vanishes when the session ends. */
  | {
      readonly kind: 'create'
      readonly key: string
      readonly value: Uint8Array
      readonly session?: StoreSession | undefined
    }
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array; readonly version: number }
  | { readonly kind: 'delete'; readonly key: string; readonly version: number }

/** A key that must have this version for the transaction to happen. */
export interface StoreGuard {
  readonly key: string
  readonly version: number
}

export type TransactionOutcome =
  /** It is durable, and every later read sees it. */
  | { readonly kind: 'committed' }
  /** Nothing happened: this key did not have the version (or the absence) that was demanded. */
  | { readonly kind: 'conflict'; readonly key: string }
  /** Nothing happened: the session that a key was to belong to is over. */
  | { readonly kind: 'session-ended' }
  /** The store failed or cannot be reached: it may have happened, now or later. */
  | { readonly kind: 'unknown'; readonly cause: Error }

/** A read found the store failed or out of reach. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
}

export interface StoreSession {
  /** False from the moment on when its keys may be gone. */
  readonly isAlive: boolean
  /** Calls `listener` once when the session has ended without `close`, at once when it has already. */
  onEnded(listener: (cause: Error) => void): void
  /** Ends it: its keys vanish before this settles, where the store can be reached. */
  close(): Promise<void>
}

export interface MetadataStore {
  /** Undefined when there is no such key. Rejects with StoreUnavailableError, as `list` does. */
  get(key: string): Promise<StoreEntry | undefined>
  /** The keys that start with `prefix`, in the order of their code units. Prefixes end at a `/`. */
  list(prefix: string): Promise<string[]>
  /** All operations or none, and none unless every guard holds. No key may occur twice. Never rejects. */
  transact(guards: readonly StoreGuard[], operations: readonly StoreOperation[]): Promise<TransactionOutcome>
  /** A session that outlives silence of up to about `timeoutMs`. Rejects with StoreUnavailableError. */
  openSession(timeoutMs: number): Promise<StoreSession>
  /**
   * Calls `listener` soon after any key under `prefix` was created, put or deleted: at least once for all that changed since the last call, perhaps
   * without need, and after trouble with the store, when it may have missed something. Returns the function that ends it.
   */
  watch(prefix: string, listener: () => void): () => void
  /** Ends its sessions and lets go of what it holds. */
  close(): Promise<void>
}

/** Every store checks what it is asked to do with this, so that none grows a habit that another forbids. */
export function assertTransaction(guards: readonly StoreGuard[], operations: readonly StoreOperation[]): void {
  const count = guards.length + operations.length
  assert(operations.length > 0, 'a transaction without operations')
  assert(
    count <= TRANSACTION_OPERATIONS_MAX,
    () => `${count} operations in a transaction, at most ${TRANSACTION_OPERATIONS_MAX}`,
  )
  const keys = new Set<string>()
  for (const { key } of [...guards, ...operations]) {
    assert(isStoreKey(key), () => `not a key: ${key}`)
    assert(!keys.has(key), () => `${key} occurs twice in a transaction`)
    keys.add(key)
  }
  const bytes = transactionBytes(operations)
  assert(bytes <= TRANSACTION_BYTES_MAX, () => `${bytes} bytes in a transaction, at most ${TRANSACTION_BYTES_MAX}`)
}

/** What counts against `TRANSACTION_BYTES_MAX`. */
export function transactionBytes(operations: readonly StoreOperation[]): number {
  let bytes = 0
  for (const operation of operations) {
    bytes += operation.key.length + (operation.kind === 'delete' ? 0 : operation.value.length)
  }
  return bytes
}

/** Segments of plain characters behind slashes, as all stores take them. */
export function isStoreKey(key: string): boolean {
  return key.length <= 200 && /^(\/[a-zA-Z0-9._-]+)+$/.test(key)
}
