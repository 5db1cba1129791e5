/**
 * Validates changes of a broker's settings at run time, for one broker and for all (KIP-226).
 *
 * The error codes are Kafka's: a bad value of a broker's key is an INVALID_REQUEST there, not an INVALID_CONFIG. Unlike Kafka this refuses keys
 * that nobody knows: Kafka passes them to plugins, which Ottla does not have.
 */
import {
  type AlterResult,
  applyChanges,
  changedNames,
  type ConfigChange,
  type ConfigError,
  invalidConfig,
  invalidRequest,
  malformedChanges,
  replacing,
  unknownKey,
} from './alter.ts'
import { brokerConfigDef, quotaConfigDef } from './broker-keys.ts'
import { type BrokerLayers, BrokerSettings } from './broker-settings.ts'
import { isListenerKey, splitListenerKey } from './connection-limits.ts'
import { brokerContradictions } from './cross-checks.ts'
import type { ConfigKey } from './definition.ts'
import { parseValue } from './parse.ts'
import { noOverrides, type Overrides } from './settings.ts'

/** At which level settings are altered: the resource named after a broker, or the one without a name. */
export type DynamicLevel = 'perBroker' | 'clusterWide'

/**
 * The level that a resource name stands for: empty for all brokers, or this broker's number. A broker only alters itself: clients send
 * changes of a broker to that broker.
 */
export function dynamicLevelOf(
  resourceName: string,
  nodeId: number,
): { readonly ok: true; readonly level: DynamicLevel } | ({ readonly ok: false } & ConfigError) {
  if (resourceName === '') return { ok: true, level: 'clusterWide' }
  if (!/^[+-]?\d+$/.test(resourceName)) return invalidRequest(`A broker's name is a whole number, not ${resourceName}`)
  if (Number(resourceName) === nodeId) return { ok: true, level: 'perBroker' }
  return invalidRequest(`This is broker ${nodeId}; the request is for broker ${resourceName}`)
}

/** IncrementalAlterConfigs: gives the overrides of the level anew. */
export function alterBrokerOverrides(
  layers: BrokerLayers,
  level: DynamicLevel,
  changes: readonly ConfigChange[],
): AlterResult {
  return altered(layers, level, layers[level], changes)
}

/** The legacy AlterConfigs: what it does not name is no longer set at this level. */
export function replaceBrokerOverrides(
  layers: BrokerLayers,
  level: DynamicLevel,
  configs: readonly { readonly name: string; readonly value: string | null }[],
): AlterResult {
  return altered(layers, level, noOverrides, replacing(configs))
}

function altered(
  layers: BrokerLayers,
  level: DynamicLevel,
  overrides: Overrides,
  changes: readonly ConfigChange[],
): AlterResult {
  const malformed = malformedChanges(changes)
  if (malformed !== undefined) return malformed
  const applied = applyChanges(brokerConfigDef, overrides, changes)
  if (!applied.ok) return applied
  for (const name of changedNames(changes)) {
    const wrong = checkSetting(name, applied.overrides.get(name)!, level)
    if (wrong !== undefined) return wrong
  }
  const settings = new BrokerSettings({ ...layers, [level]: applied.overrides })
  const [contradiction] = [...brokerContradictions(settings), ...localRetention(settings, changedNames(changes))]
  return contradiction === undefined ? applied : invalidRequest(contradiction)
}

type Refusal = { readonly ok: false } & ConfigError

function checkSetting(name: string, text: string, level: DynamicLevel): Refusal | undefined {
  const prefixed = splitListenerKey(name)
  const key = brokerConfigDef.get(prefixed?.key ?? name)
  if (key === undefined) {
    return quotaConfigDef.get(name) === undefined
      ? invalidConfig(unknownKey(brokerConfigDef, 'broker', name))
      : invalidConfig(`${name} is not supported yet: replication is not throttled`)
  }
  const refused = prefixed === undefined ? checkLevel(name, key, level) : checkPrefixed(name, prefixed.key, key, level)
  if (refused !== undefined) return refused
  const result = parseValue(name, key, text)
  if (!result.ok) return invalidRequest(result.message)
  if (key.status.kind === 'not-yet' && result.parsed.text !== key.defaultText) {
    return invalidConfig(`${name} is not supported yet: only its default is accepted`)
  }
  return undefined
}

function checkLevel(name: string, key: ConfigKey, level: DynamicLevel): Refusal | undefined {
  if (key.updateMode === 'read-only') {
    return invalidRequest(`${name} cannot be altered while the broker runs: set it in the broker's file and restart it`)
  }
  if (listenerOnly.test(name)) {
    return invalidRequest(`${name} can be altered for one listener only, as listener.name.<listener>.${name}`)
  }
  if (key.updateMode === 'per-broker' && level === 'clusterWide') {
    return invalidRequest(`${name} cannot be altered for all brokers: name the broker`)
  }
  return boundAtStart.has(name)
    ? invalidConfig(`${name} cannot be altered while the broker runs yet: set it in the broker's file and restart it`)
    : undefined
}

/** Kafka opens and closes listeners at run time. */
const boundAtStart = new Set(['listeners', 'listener.security.protocol.map'])

/** Security settings that make no sense for all listeners at once while the broker runs. */
const listenerOnly = /^ssl\.(keystore|truststore)\.|^ssl\.key\.password$/

function checkPrefixed(name: string, base: string, key: ConfigKey, level: DynamicLevel): Refusal | undefined {
  if (!isListenerKey(base)) return invalidRequest(`${base} cannot be set for one listener, as ${name} does`)
  return key.updateMode === 'per-broker' && level === 'clusterWide'
    ? invalidRequest(`${name} cannot be altered for all brokers: name the broker`)
    : undefined
}

/** Kafka looks at this only when one of the keys is altered. */
function localRetention(settings: BrokerSettings, changed: readonly string[]): string[] {
  return (['ms', 'bytes'] as const).flatMap(unit => {
    const keys = [`log.local.retention.${unit}`, `log.retention.${unit}`] as const
    const local = settings.get(keys[0])
    const total = settings.topicDefaults.get(`retention.${unit}`)?.value
    if (!keys.some(name => changed.includes(name)) || typeof total !== 'number' || total < 0 || local === -2) return []
    return local === -1 || local > total ? [`${keys[0]} (${local}) must not be more than ${keys[1]} (${total})`] : []
  })
}
