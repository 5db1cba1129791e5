/**
 * What DescribeConfigs tells about the settings of topics, groups and brokers: each value, where it comes from, and what would count without it
 * (KIP-133, KIP-226, KIP-569).
 *
 * The order of synonyms, and that the value is canonical while synonyms are as they were written, is Kafka's.
 */
import { brokerConfigDef, isInternalKey, quotaConfigDef } from './broker-keys.ts'
import type { BrokerSettings } from './broker-settings.ts'
import type { DynamicLevel } from './alter-broker.ts'
import { splitListenerKey } from './connection-limits.ts'
import type { ConfigKey, ConfigType } from './definition.ts'
import { groupConfigDef } from './group-config.ts'
import { type Overrides, parseOverrides } from './settings.ts'
import { topicConfigDef } from './topic-config.ts'
import { synonymsOfBrokerKey, topicSynonyms } from './topic-synonyms.ts'

/** The protocol's numbers of where a value comes from. */
export const ConfigSource = {
  UNKNOWN: 0,
  DYNAMIC_TOPIC_CONFIG: 1,
  DYNAMIC_BROKER_CONFIG: 2,
  DYNAMIC_DEFAULT_BROKER_CONFIG: 3,
  STATIC_BROKER_CONFIG: 4,
  DEFAULT_CONFIG: 5,
  DYNAMIC_BROKER_LOGGER_CONFIG: 6,
  CLIENT_METRICS_CONFIG: 7,
  GROUP_CONFIG: 8,
} as const
export type ConfigSource = (typeof ConfigSource)[keyof typeof ConfigSource]

/** The protocol's numbers of types. */
const typeCodes: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
}

export interface ConfigSynonym {
  readonly name: string
  /** Null: a secret. */
  readonly value: string | null
  readonly source: ConfigSource
}

export interface DescribedConfig {
  readonly name: string
  /** Null: no value, or a secret. */
  readonly value: string | null
  readonly source: ConfigSource
  readonly isDefault: boolean
  readonly isSensitive: boolean
  readonly readOnly: boolean
  /** First what counts, then what would count without it. */
  readonly synonyms: readonly ConfigSynonym[]
  /** The protocol's number of the type. */
  readonly type: number
  readonly documentation: string
}

/** Every setting of a topic, or those of the names that are asked for; names that there are not are left out. */
export function describeTopic(
  settings: BrokerSettings,
  overrides: Overrides,
  names?: readonly string[] | null,
): DescribedConfig[] {
  const own = parseOverrides(topicConfigDef, overrides).values
  return selected(topicConfigDef.names, names).map(name => {
    const key = topicConfigDef.get(name)!
    const parsed = own.get(name)
    const value = (parsed ?? settings.topicDefaults.get(name))?.text ?? null
    const [first] = topicSynonyms.get(name) ?? []
    const synonyms =
      first === undefined ? [] : brokerSynonyms(settings, first.name, synonymsOfBrokerKey(first.name), false)
    if (parsed !== undefined) synonyms.unshift({ name, value, source: ConfigSource.DYNAMIC_TOPIC_CONFIG })
    return described(name, key, value, synonyms, false)
  })
}

/** Every setting of a group, whether there is such a group or not, with the broker's behind it. */
export function describeGroup(
  settings: BrokerSettings,
  overrides: Overrides,
  names?: readonly string[] | null,
): DescribedConfig[] {
  const own = parseOverrides(groupConfigDef, overrides).values
  return selected(groupConfigDef.names, names).map(name => {
    const key = groupConfigDef.get(name)!
    const parsed = own.get(name)
    const behind = `group.${name}`
    const isBehind = brokerConfigDef.get(behind) !== undefined
    const synonyms = isBehind ? brokerSynonyms(settings, behind, synonymsOfBrokerKey(behind), false) : []
    const value = parsed?.text ?? (isBehind ? settings.parsed(behind).text : key.defaultText)
    if (parsed !== undefined) synonyms.unshift({ name, value, source: ConfigSource.GROUP_CONFIG })
    return described(name, key, value, synonyms, false)
  })
}

/**
 * The settings of a broker: all of them for the broker itself, and for the default of all brokers only what is set there. Keys that are set
 * for single listeners come too.
 */
export function describeBroker(
  settings: BrokerSettings,
  level: DynamicLevel,
  names?: readonly string[] | null,
): DescribedConfig[] {
  if (level === 'clusterWide') {
    return selected([...settings.layers.clusterWide.keys()], names).map(name => describeClusterWide(settings, name))
  }
  const known = brokerConfigDef.names.filter(name => !isInternalKey(name))
  const { fixed, clusterWide, perBroker } = settings.layers
  const set = [...fixed.keys(), ...clusterWide.keys(), ...perBroker.keys()]
  return selected([...new Set([...known, ...set])], names).map(name => describeOfBroker(settings, name))
}

function describeOfBroker(settings: BrokerSettings, name: string): DescribedConfig {
  const { key, names } = lookUp(name)
  const secret = isSecret(key)
  const synonyms = brokerSynonyms(settings, name, names, secret)
  // A key of a single listener has no parsed value of its own: it is shown as it was written.
  const value = brokerConfigDef.get(name) === undefined ? (synonyms[0]?.value ?? null) : settings.parsed(name).text
  return described(name, key, secret ? null : value, synonyms, isReadOnly(name))
}

function describeClusterWide(settings: BrokerSettings, name: string): DescribedConfig {
  const { key } = lookUp(name)
  const value = isSecret(key) ? null : (settings.layers.clusterWide.get(name) ?? null)
  const synonym = { name, value, source: ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG }
  return described(name, key, value, [synonym], isReadOnly(name))
}

/** The key that a name stands for, and the names among which the first that is set counts. */
function lookUp(name: string): { readonly key: ConfigKey | undefined; readonly names: readonly string[] } {
  const key = brokerConfigDef.get(name) ?? quotaConfigDef.get(name)
  if (key !== undefined) return { key, names: synonymsOfBrokerKey(name) }
  const prefixed = splitListenerKey(name)
  if (prefixed === undefined) return { key: undefined, names: [name] }
  return { key: brokerConfigDef.get(prefixed.key), names: [name, prefixed.key] }
}

/** Kafka only lists keys themselves as alterable, not what they are for one listener. */
function isReadOnly(name: string): boolean {
  const key = brokerConfigDef.get(name) ?? quotaConfigDef.get(name)
  return key === undefined || key.updateMode === 'read-only'
}

/** What nobody knows may well be a secret. */
const isSecret = (key: ConfigKey | undefined): boolean => key === undefined || key.type === 'password'

/** Where the names are set, most specific level first; the list begins with the key that is described, as what stands before it does not count. */
function brokerSynonyms(
  settings: BrokerSettings,
  name: string,
  names: readonly string[],
  secret: boolean,
): ConfigSynonym[] {
  const { perBroker, clusterWide, fixed } = settings.layers
  const synonyms: ConfigSynonym[] = []
  const add = (texts: (name: string) => string | null | undefined, source: ConfigSource): void => {
    for (const synonym of names) {
      const text = texts(synonym)
      if (text !== undefined && text !== null) synonyms.push({ name: synonym, value: secret ? null : text, source })
    }
  }
  add(synonym => perBroker.get(synonym), ConfigSource.DYNAMIC_BROKER_CONFIG)
  add(synonym => clusterWide.get(synonym), ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG)
  add(synonym => fixed.get(synonym), ConfigSource.STATIC_BROKER_CONFIG)
  add(synonym => brokerConfigDef.get(synonym)?.defaultText, ConfigSource.DEFAULT_CONFIG)
  const start = synonyms.findIndex(synonym => synonym.name === name)
  return start < 0 ? [] : synonyms.slice(start)
}

function described(
  name: string,
  key: ConfigKey | undefined,
  value: string | null,
  synonyms: readonly ConfigSynonym[],
  readOnly: boolean,
): DescribedConfig {
  const source = synonyms[0]?.source ?? ConfigSource.DEFAULT_CONFIG
  return {
    name,
    value,
    source,
    isDefault: source === ConfigSource.DEFAULT_CONFIG,
    isSensitive: isSecret(key),
    readOnly,
    synonyms,
    type: key === undefined ? 0 : typeCodes[key.type],
    documentation: key?.documentation ?? '',
  }
}

/** All names in order, or those of them that are asked for: none or no list at all asks for all. */
function selected(names: readonly string[], wanted: readonly string[] | null | undefined): string[] {
  const all = wanted === undefined || wanted === null || wanted.length === 0
  const set = new Set(wanted ?? [])
  return names.filter(name => all || set.has(name)).sort()
}
