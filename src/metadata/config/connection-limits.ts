/**
 * Limits on connections that are written in a form of their own: for single addresses, and for single listeners.
 */
import type { BrokerLayers } from './broker-settings.ts'
import { brokerKeys } from './broker-keys.ts'
import { parseValue } from './parse.ts'

/** Limits of one listener, from keys such as `listener.name.external.max.connections`; undefined where it has none of its own. */
export interface ListenerLimits {
  readonly maxConnections: number | undefined
  /** Per second. */
  readonly maxConnectionCreationRate: number | undefined
}

/** The keys that may be set for one listener by `listener.name.<name>.` before them. */
const limitKeys = ['max.connections', 'max.connection.creation.rate'] as const

/** By listener name in lower case, as the prefix has it. */
export function listenerLimitsOf(layers: BrokerLayers): ReadonlyMap<string, ListenerLimits> {
  const limits = new Map<string, ListenerLimits>()
  for (const level of [layers.fixed, layers.clusterWide, layers.perBroker]) {
    for (const [name, text] of level) {
      const found = splitListenerKey(name)
      const key = limitKeys.find(candidate => candidate === found?.key)
      if (found === undefined || key === undefined) continue
      const result = parseValue(name, brokerKeys[key], text)
      if (!result.ok) continue
      const value = result.parsed.value as number
      const known = limits.get(found.listener) ?? { maxConnections: undefined, maxConnectionCreationRate: undefined }
      const field = key === 'max.connections' ? 'maxConnections' : 'maxConnectionCreationRate'
      limits.set(found.listener, { ...known, [field]: value })
    }
  }
  return limits
}

/**
 * `listener.name.<listener>.<key>` taken apart, or undefined where the name is another. Keys of SASL may have a mechanism between, which is
 * left out: `listener.name.<listener>.<mechanism>.sasl.jaas.config`.
 */
export function splitListenerKey(name: string): { readonly listener: string; readonly key: string } | undefined {
  const match = /^listener\.name\.([^.]+)\.(?:[^.]+\.(?=sasl\.|connections\.max\.reauth\.ms$))?(.+)$/.exec(name)
  return match === null ? undefined : { listener: match[1]!, key: match[2]! }
}

/** Keys that may be set for one listener: its limits, and everything about its security. */
export function isListenerKey(key: string): boolean {
  return (
    limitKeys.some(limit => limit === key) ||
    /^(ssl\.|sasl\.|principal\.builder\.class$|connections\.max\.reauth\.ms$)/.test(key)
  )
}
