/**
 * The brokers' sessions as they stand in the store: each broker's own key, and the controller's view of all of them.
 */

import {
  BROKERS_PREFIX,
  brokerKey,
  BrokerSession,
  decodeValue,
  encodeValue,
  numberOfKey,
} from '../metadata/metadata-keys.ts'
import type { MetadataStore, StoreSession, TransactionOutcome } from '../metadata/store.ts'
import type { BrokerRegistration } from './requests.ts'

/** Puts down what this broker says of itself. A conflict: the id's key is there, of another process or of an earlier life whose session has not ended. */
export function putSession(
  store: MetadataStore,
  session: StoreSession,
  { brokerId, ...registration }: BrokerRegistration,
): Promise<TransactionOutcome> {
  const value = encodeValue(BrokerSession, { ...registration, isShuttingDown: false })
  return store.transact([], [{ kind: 'create', key: brokerKey(brokerId), value, session }])
}

/** Asks the controller to move leaderships elsewhere. */
export async function announceShutdown(
  store: MetadataStore,
  { brokerId, ...registration }: BrokerRegistration,
): Promise<boolean> {
  const key = brokerKey(brokerId)
  const entry = await store.get(key)
  if (entry === undefined) return false
  const value = encodeValue(BrokerSession, { ...registration, isShuttingDown: true })
  const outcome = await store.transact([], [{ kind: 'put', key, value, version: entry.version }])
  return outcome.kind === 'committed'
}

/** Rejects with StoreUnavailableError or NewerMetadataError. */
export async function readSessions(store: MetadataStore): Promise<Map<number, BrokerSession>> {
  const keys = await store.list(BROKERS_PREFIX)
  const entries = await Promise.all(keys.map(key => store.get(key)))
  const sessions = new Map<number, BrokerSession>()
  for (const [index, key] of keys.entries()) {
    const entry = entries[index]
    if (entry !== undefined) sessions.set(numberOfKey(key), decodeValue(BrokerSession, entry.value))
  }
  return sessions
}
