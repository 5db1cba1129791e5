/**
 * Who is the controller: whoever holds the office key in the store. Taking it and raising the controller epoch are one transaction, so that from
 * that moment on the store refuses what an earlier controller writes (M2, KAFKA-6082).
 */

import {
  CONTROLLER_EPOCH_KEY,
  CONTROLLER_OFFICE_KEY,
  ControllerOffice,
  decodeValue,
  encodeValue,
} from '../metadata/metadata-keys.ts'
import type { MetadataStore, StoreEntry, StoreGuard, StoreOperation, StoreSession } from '../metadata/store.ts'
import type { Uuid } from '../protocol/uuid.ts'

export interface Candidate {
  readonly controllerId: number
  /** Of this process: an office of the same broker id may still be held by its earlier life. */
  readonly incarnationId: Uuid
  readonly session: StoreSession
}

export type ElectionOutcome =
  | { readonly kind: 'elected'; readonly epoch: number; readonly guard: StoreGuard }
  /** Somebody else holds the office, or was faster. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'unknown'; readonly cause: Error }

/** Tries once. Rejects with StoreUnavailableError. */
export async function elect(store: MetadataStore, candidate: Candidate): Promise<ElectionOutcome> {
  const held = await store.get(CONTROLLER_OFFICE_KEY)
  // Ours, when a transaction of ours went through though we could not tell, or when our last term ended with such a one.
  if (held !== undefined && !isHeldBy(held, candidate)) return { kind: 'lost' }
  const last = await store.get(CONTROLLER_EPOCH_KEY)
  const epoch = last === undefined ? 1 : decodeValue(ControllerOffice, last.value).epoch + 1
  const { controllerId, incarnationId, session } = candidate
  const value = encodeValue(ControllerOffice, { controllerId, incarnationId, epoch })
  const outcome = await store.transact(
    [],
    [putOrCreate(CONTROLLER_OFFICE_KEY, value, held, session), putOrCreate(CONTROLLER_EPOCH_KEY, value, last)],
  )
  if (outcome.kind === 'unknown') return outcome
  if (outcome.kind === 'session-ended')
    return { kind: 'unknown', cause: new Error('the session with the metadata store has ended') }
  if (outcome.kind === 'conflict') return { kind: 'lost' }
  const entry = await store.get(CONTROLLER_EPOCH_KEY)
  const isOurs = entry !== undefined && decodeValue(ControllerOffice, entry.value).epoch === epoch
  if (!isOurs) return { kind: 'lost' }
  return { kind: 'elected', epoch, guard: { key: CONTROLLER_EPOCH_KEY, version: entry.version } }
}

function isHeldBy(held: StoreEntry, { incarnationId, session }: Candidate): boolean {
  return session.isAlive && decodeValue(ControllerOffice, held.value).incarnationId === incarnationId
}

function putOrCreate(
  key: string,
  value: Uint8Array,
  before: StoreEntry | undefined,
  session?: StoreSession,
): StoreOperation {
  if (before === undefined) return { kind: 'create', key, value, session }
  return { kind: 'put', key, value, version: before.version }
}
