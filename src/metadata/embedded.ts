/**
 * The metadata store of a single broker: one process, durable on `Disk`. The API that the layers above program against.
 */

import type { Io } from '../io/io.ts'
import type { MetadataStore } from './store.ts'

/** Why the store cannot be opened, in one line for a person. */
export interface EmbeddedStoreError {
  readonly kind: 'locked' | 'newer-format' | 'corrupt' | 'unreadable'
  readonly message: string
}

export type EmbeddedStoreOpened =
  | { readonly ok: true; readonly store: MetadataStore }
  | { readonly ok: false; readonly error: EmbeddedStoreError }

/**
 * `directory` is the first of `log.dirs`. Nothing is written, and `directory` need not exist, before the first transaction: so it may be opened before
 * the log manager has locked the directory.
 */
export declare function openEmbeddedStore(io: Io, directory: string): Promise<EmbeddedStoreOpened>
