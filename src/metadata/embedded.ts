/**
 * The metadata store of a single broker: in memory, and durable in two files of its own on `Disk`.
 *
 * Transactions that arrive while a sync is under way wait and share the next one. Each batch is judged in order against what is committed and
 * what the batch has done so far, written as one record and synced; only then do reads see it, and only then is anybody answered, refusals too,
 * since these tell of the batch's other transactions. Sessions last as long as the process: their keys are never written. After a failed sync
 * the store has failed for good.
 */

import type { Io } from '../io/io.ts'
import type { Logger, Logging } from '../std/logger.ts'
import { EmbeddedFiles, embeddedFilesExist, StoreLockedError, SyncFailedError } from './embedded-files.ts'
import { CorruptStoreError, NewerFormatError } from './embedded-format.ts'
import type { KeptOperation } from './embedded-format.ts'
import { assertTransaction, StoreUnavailableError, transactionBytes } from './store.ts'
import { OpenSession } from './store-session.ts'
import type {
  MetadataStore,
  StoreEntry,
  StoreGuard,
  StoreOperation,
  StoreSession,
  TransactionOutcome,
} from './store.ts'

/** Why the store cannot be opened, in one line for a person. */
export interface EmbeddedStoreError {
  readonly kind: 'locked' | 'newer-format' | 'corrupt' | 'unreadable'
  readonly message: string
}

export type EmbeddedStoreOpened =
  | { readonly ok: true; readonly store: MetadataStore }
  | { readonly ok: false; readonly error: EmbeddedStoreError }

/** A batch is written as one piece of memory. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024
/** The log is folded into a snapshot when it is larger than this and than twice the last snapshot. */
const LOG_BYTES_BEFORE_SNAPSHOT = 1024 * 1024

/**
 * `directory` is the first of `log.dirs`. Nothing is written, and `directory` need not exist, before the first transaction: so it may be
 * opened before the log manager has locked the directory.
 */
export async function openEmbeddedStore(io: Io, directory: string, logging: Logging): Promise<EmbeddedStoreOpened> {
  try {
    const { files, content } = await EmbeddedFiles.open(io, directory)
    const store = new EmbeddedStore(
      files,
      content.revision,
      content.entries,
      logging.logger('ottla.metadata.EmbeddedStore'),
    )
    return { ok: true, store }
  } catch (error) {
    const kind = openErrorKind(error)
    if (kind === undefined) throw error
    return { ok: false, error: { kind, message: `${(error as Error).message} (${directory})` } }
  }
}

/** Whether a folder has the files of a store. Rejects with a DiskError. */
export function holdsEmbeddedStore(io: Io, directory: string): Promise<boolean> {
  return embeddedFilesExist(io.disk, directory)
}

function openErrorKind(error: unknown): EmbeddedStoreError['kind'] | undefined {
  if (error instanceof StoreLockedError) return 'locked'
  if (error instanceof NewerFormatError) return 'newer-format'
  if (error instanceof CorruptStoreError) return 'corrupt'
  return typeof (error as { code?: unknown }).code === 'string' || error instanceof SyncFailedError
    ? 'unreadable'
    : undefined
}

interface Pending {
  readonly guards: readonly StoreGuard[]
  readonly operations: readonly StoreOperation[]
  readonly resolve: (outcome: TransactionOutcome) => void
}

interface Entry extends StoreEntry {
  /** Of ephemeral keys. */
  readonly session?: OpenSession | undefined
}

class EmbeddedStore implements MetadataStore {
  readonly #files: EmbeddedFiles
  readonly #logger: Logger
  readonly #entries: Map<string, Entry>
  /** Of the last transaction that was committed. */
  #revision: number
  #queue: Pending[] = []
  /** Settles when the queue is empty; undefined while it is. */
  #running: Promise<void> | undefined
  #failure: Error | undefined
  readonly #sessions = new Set<OpenSession>()
  readonly #watchers = new Set<{ readonly prefix: string; readonly listener: () => void }>()

  constructor(files: EmbeddedFiles, revision: number, entries: Map<string, Entry>, logger: Logger) {
    this.#files = files
    this.#revision = revision
    this.#entries = entries
    this.#logger = logger
  }

  async get(key: string): Promise<StoreEntry | undefined> {
    this.#refuseWhenFailed()
    return this.#entries.get(key)
  }

  async list(prefix: string): Promise<string[]> {
    this.#refuseWhenFailed()
    return [...this.#entries.keys()].filter(key => key.startsWith(prefix)).sort()
  }

  transact(guards: readonly StoreGuard[], operations: readonly StoreOperation[]): Promise<TransactionOutcome> {
    assertTransaction(guards, operations)
    if (this.#failure !== undefined) return Promise.resolve({ kind: 'unknown', cause: this.#failure })
    return new Promise(resolve => {
      this.#queue.push({ guards, operations, resolve })
      this.#running ??= this.#run()
    })
  }

  async openSession(): Promise<StoreSession> {
    this.#refuseWhenFailed()
    const session = new OpenSession(ended => this.#endSession(ended))
    this.#sessions.add(session)
    return session
  }

  watch(prefix: string, listener: () => void): () => void {
    const watcher = { prefix, listener }
    this.#watchers.add(watcher)
    return () => {
      this.#watchers.delete(watcher)
    }
  }

  async close(): Promise<void> {
    await this.#running
    this.#fail(new Error('the metadata store is closed'))
    this.#watchers.clear()
    await this.#files.close()
  }

  async #run(): Promise<void> {
    // Lets the transactions of this turn gather.
    await Promise.resolve()
    while (this.#queue.length > 0 && this.#failure === undefined) {
      await this.#commit(this.#takeBatch())
      if (this.#isLogLong()) await this.#snapshot()
    }
    this.#running = undefined
  }

  #takeBatch(): Pending[] {
    let bytes = 0
    const count = this.#queue.findIndex(({ operations }) => (bytes += transactionBytes(operations)) > BATCH_BYTES_MAX)
    return this.#queue.splice(0, count === -1 ? this.#queue.length : Math.max(1, count))
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const draft = new Draft(this.#entries, this.#revision)
    const outcomes = batch.map(({ guards, operations }) => draft.transact(guards, operations))
    try {
      if (draft.transactions.length > 0) {
        await this.#files.append({ firstRevision: this.#revision + 1, transactions: draft.transactions })
      }
    } catch (error) {
      this.#commitFailed(batch, error as Error)
      return
    }
    this.#revision = draft.revision
    for (const [key, entry] of draft.changes) {
      // A session may have ended while its key was on the way.
      if (entry === undefined || entry.session?.isAlive === false) this.#entries.delete(key)
      else this.#entries.set(key, entry)
    }
    for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index]!)
    this.#notify(draft.changes.keys())
  }

  #commitFailed(batch: readonly Pending[], cause: Error): void {
    this.#logger.error('cluster metadata could not be written', { cause: cause.message })
    if (cause instanceof SyncFailedError || cause instanceof StoreLockedError) this.#fail(cause)
    for (const { resolve } of batch) resolve({ kind: 'unknown', cause })
  }

  /** What was on the way counts as unknown, and the sessions as ended: nobody can tell any more what is kept. */
  #fail(cause: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = cause
    for (const { resolve } of this.#queue) resolve({ kind: 'unknown', cause })
    this.#queue = []
    for (const session of this.#sessions) session.lost(cause)
    this.#sessions.clear()
  }

  #isLogLong(): boolean {
    const { logBytes, snapshotBytes } = this.#files
    return this.#failure === undefined && logBytes > Math.max(LOG_BYTES_BEFORE_SNAPSHOT, 2 * snapshotBytes)
  }

  async #snapshot(): Promise<void> {
    const entries = new Map([...this.#entries].filter(([, entry]) => entry.session === undefined))
    try {
      await this.#files.snapshot({ revision: this.#revision, entries })
    } catch (error) {
      // Without room for a snapshot the log goes on growing; it is tried again after the next commit.
      this.#logger.warn('a snapshot of the cluster metadata could not be written', { cause: (error as Error).message })
      if (error instanceof SyncFailedError) this.#fail(error)
    }
  }

  #endSession(session: OpenSession): void {
    this.#sessions.delete(session)
    const gone = [...this.#entries].filter(([, entry]) => entry.session === session).map(([key]) => key)
    for (const key of gone) this.#entries.delete(key)
    this.#notify(gone)
  }

  #notify(keys: Iterable<string>): void {
    const changed = [...keys]
    for (const watcher of this.#watchers) {
      if (!changed.some(key => key.startsWith(watcher.prefix))) continue
      queueMicrotask(() => {
        if (this.#watchers.has(watcher)) watcher.listener()
      })
    }
  }

  #refuseWhenFailed(): void {
    if (this.#failure !== undefined) throw new StoreUnavailableError(this.#failure.message, { cause: this.#failure })
  }
}

/** What a batch does, before it is durable: later transactions of it see what earlier ones did. */
class Draft {
  readonly #committed: ReadonlyMap<string, Entry>
  /** Undefined: deleted. */
  readonly changes = new Map<string, Entry | undefined>()
  readonly transactions: KeptOperation[][] = []
  revision: number

  constructor(committed: ReadonlyMap<string, Entry>, revision: number) {
    this.#committed = committed
    this.revision = revision
  }

  transact(guards: readonly StoreGuard[], operations: readonly StoreOperation[]): TransactionOutcome {
    const conflict = guards.find(guard => !this.#holds(guard)) ?? operations.find(operation => !this.#holds(operation))
    if (conflict !== undefined) return { kind: 'conflict', key: conflict.key }
    const ended = operations.some(operation => operation.kind === 'create' && operation.session?.isAlive === false)
    if (ended) return { kind: 'session-ended' }
    this.revision += 1
    this.transactions.push(operations.flatMap(operation => this.#apply(operation)))
    return { kind: 'committed' }
  }

  #holds(condition: StoreGuard | StoreOperation): boolean {
    const version = this.#find(condition.key)?.version
    return 'version' in condition ? version === condition.version : version === undefined
  }

  #find(key: string): Entry | undefined {
    return this.changes.has(key) ? this.changes.get(key) : this.#committed.get(key)
  }

  /** Returns what is to be kept of it: nothing of ephemeral keys. */
  #apply(operation: StoreOperation): KeptOperation[] {
    const { key } = operation
    const session =
      operation.kind === 'create' ? (operation.session as OpenSession | undefined) : this.#find(key)?.session
    const value = operation.kind === 'delete' ? null : operation.value
    this.changes.set(key, value === null ? undefined : { value, version: this.revision, session })
    return session === undefined ? [{ key, value }] : []
  }
}
