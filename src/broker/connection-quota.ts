/**
 * How many connections there may be, in all, by listener and by address, and how fast they may come (`max.connections`,
 * `max.connections.per.ip`, `max.connection.creation.rate` and their kin).
 */

import type { BrokerConfig } from '../metadata/config/broker-config.ts'
import { assert } from '../std/assert.ts'

/**
 * Admitted: begin to serve after so many milliseconds, 0 when it comes within the rate. Full: once another connection has ended, as Kafka, which
 * accepts no more until then. Refused: closed at once.
 */
export type Admission =
  | { readonly kind: 'admitted'; readonly delayMs: number }
  | { readonly kind: 'full'; readonly limit: string }
  | { readonly kind: 'refused'; readonly limit: string }

/** No connection waits longer than this for its turn, however many are before it. */
const delayMsMax = 10_000

export class ConnectionQuota {
  readonly #config: () => BrokerConfig
  #count = 0
  readonly #byListener = new Map<string, number>()
  readonly #byAddress = new Map<string, number>()
  /** When the next connection is due under the rate, for the broker (the empty name) and for listeners that have a rate of their own. */
  readonly #nextDueMs = new Map<string, number>()

  constructor(config: () => BrokerConfig) {
    this.#config = config
  }

  get count(): number {
    return this.#count
  }

  countOf(listener: string): number {
    return this.#byListener.get(listener) ?? 0
  }

  /** Counts a new connection in, or says which limit is in its way. Every admission is given back by one `release`. */
  admit(listener: string, address: string, nowMs: number): Admission {
    const config = this.#config()
    const ofListener = config.listenerLimits.get(listener.toLowerCase())
    const perAddress = config.maxConnectionsPerIpOverrides.get(address) ?? config.maxConnectionsPerIp
    if (this.#count >= config.maxConnections) return { kind: 'full', limit: 'max.connections' }
    if (this.countOf(listener) >= (ofListener?.maxConnections ?? Infinity)) {
      return { kind: 'full', limit: `listener.name.${listener.toLowerCase()}.max.connections` }
    }
    if ((this.#byAddress.get(address) ?? 0) >= perAddress) return { kind: 'refused', limit: 'max.connections.per.ip' }
    this.#count += 1
    add(this.#byListener, listener, 1)
    add(this.#byAddress, address, 1)
    const delayMs = Math.max(
      this.#delay('', config.maxConnectionCreationRate, nowMs),
      this.#delay(listener, ofListener?.maxConnectionCreationRate ?? Infinity, nowMs),
    )
    return { kind: 'admitted', delayMs }
  }

  release(listener: string, address: string): void {
    this.#count -= 1
    add(this.#byListener, listener, -1)
    add(this.#byAddress, address, -1)
    assert(this.#count >= 0, () => `${this.#count} connections are open`)
  }

  /** Spreads connections out to `rate` a second; a second's worth may come at once after a pause. */
  #delay(name: string, rate: number, nowMs: number): number {
    if (rate >= 0x7fff_ffff) {
      this.#nextDueMs.delete(name)
      return 0
    }
    const dueMs = Math.max(this.#nextDueMs.get(name) ?? 0, nowMs - 1000) + 1000 / rate
    // Bounded, so that a rate that is raised again, also from 0, takes effect.
    this.#nextDueMs.set(name, Math.min(dueMs, nowMs + delayMsMax))
    return Math.min(Math.max(0, dueMs - nowMs), delayMsMax)
  }
}

function add(counts: Map<string, number>, key: string, amount: number): void {
  const count = (counts.get(key) ?? 0) + amount
  assert(count >= 0, () => `${count} connections of ${key}`)
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}
