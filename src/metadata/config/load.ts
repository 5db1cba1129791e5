/**
 * Everything that says how a broker is to be, put together: a file, environment variables and the command line, in rising precedence.
 *
 * Pure: the caller reads the file and passes the environment. What is wrong comes back as sentences that name the place, all of them at
 * once, so that nobody mends a file one start at a time.
 */
import { unknownKey } from './alter.ts'
import { type BrokerConfig, resolveBrokerConfig } from './broker-config.ts'
import { brokerConfigDef, quotaConfigDef } from './broker-keys.ts'
import { isListenerKey, splitListenerKey } from './connection-limits.ts'
import { brokerContradictions } from './cross-checks.ts'
import type { ConfigKey, Feature } from './definition.ts'
import { type Environment, settingsOfEnvironment } from './environment.ts'
import { type ListenerFlags, type ListenerSet, resolveListeners } from './listeners.ts'
import { isRemovedKey, pluginKeys, replacedKeys } from './other-keys.ts'
import { parseValue } from './parse.ts'
import { parseProperties } from './properties.ts'
import { noOverrides } from './settings.ts'

export interface ConfigSources {
  /** `server.properties`: its path as messages should name it, and its text. */
  readonly file?: { readonly path: string; readonly text: string } | undefined
  readonly environment: Environment
  /** `--override`: `key=value` each, the last of a key counts. */
  readonly overrides: readonly string[]
  readonly flags: ListenerFlags & {
    /** `--data`: takes the place of `log.dirs`. */
    readonly dataFolder?: string | undefined
  }
  /** Where data goes when nobody says. */
  readonly defaultDataFolder: string
}

export interface LoadedConfig {
  readonly config: BrokerConfig
  readonly listeners: ListenerSet
  /** Reasons not to start, one line each. */
  readonly problems: readonly string[]
  /** What is odd but no reason not to start, one line each. */
  readonly warnings: readonly string[]
  /** Keys that are set and mean nothing here; to be listed once. */
  readonly meaningless: readonly string[]
  /** Keys that are set and belong to a feature that is not served yet; to be listed once. */
  readonly awaiting: ReadonlyMap<Feature, readonly string[]>
}

interface Setting {
  readonly key: string
  readonly value: string
  /** The place, for messages: `server.properties:12`, a variable or the flag. */
  readonly origin: string
  /** Other programs' variables may begin with `KAFKA_`: what they set to no avail is worth a warning only. */
  readonly mayBeForeign: boolean
}

interface Findings {
  readonly problems: string[]
  readonly warnings: string[]
  readonly meaningless: string[]
  readonly awaiting: Map<Feature, string[]>
}

export function loadBrokerConfig(sources: ConfigSources): LoadedConfig {
  const findings: Findings = { problems: [], warnings: [], meaningless: [], awaiting: new Map() }
  const settings = gather(sources, findings)
  const fixed = new Map<string, string>()
  for (const setting of settings.values()) {
    if (accept(setting, findings)) fixed.set(setting.key, setting.value)
  }
  sameNodeId(fixed)
  if (!fixed.has('log.dirs') && !fixed.has('log.dir')) fixed.set('log.dirs', sources.defaultDataFolder)
  const config = resolveBrokerConfig({ fixed, clusterWide: noOverrides, perBroker: noOverrides })
  const listeners = resolveListeners(config.settings, sources.flags)
  const { problems, warnings } = findings
  const together = [...brokerContradictions(config.settings), ...listeners.problems]
  if (config.settings.get('process.roles')?.includes('broker') === false) {
    together.push('process.roles names no broker; every Ottla node is one')
  }
  problems.push(...together.map(problem => withPlace(problem, settings)))
  warnings.push(...listeners.notes)
  return { ...findings, config, listeners }
}

/** The sentence with the place before it where the first of the keys that it names is set. */
function withPlace(sentence: string, settings: ReadonlyMap<string, Setting>): string {
  const named = sentence.match(/[a-z]+(\.[a-z]+)*/g)?.find(word => settings.has(word))
  const origin = named === undefined ? undefined : settings.get(named)?.origin
  return origin === undefined ? sentence : `${origin}: ${sentence}`
}

/** Either of the two names of a node's number stands for the other, in what is described too. */
function sameNodeId(fixed: Map<string, string>): void {
  const nodeId = fixed.get('node.id') ?? fixed.get('broker.id')
  if (nodeId === undefined) return
  if (!fixed.has('node.id') && Number(nodeId) >= 0) fixed.set('node.id', nodeId)
  if (!fixed.has('broker.id')) fixed.set('broker.id', nodeId)
}

/** The setting of each key that counts. */
function gather({ file, environment, overrides, flags }: ConfigSources, findings: Findings): Map<string, Setting> {
  const settings = new Map<string, Setting>()
  const fromFile = file === undefined ? [] : settingsOfFile(file, findings)
  const fromEnvironment = settingsOfEnvironment(environment).map(({ key, value, variable, prefix }) => {
    return { key, value, origin: variable, mayBeForeign: prefix === 'KAFKA_' }
  })
  const fromFlags = overrides.flatMap(text => settingOfOverride(text, findings))
  if (flags.dataFolder !== undefined) {
    fromFlags.push({ key: 'log.dirs', value: flags.dataFolder, origin: '--data', mayBeForeign: false })
    if (flags.dataFolder.includes(',')) findings.problems.push('--data: the name of the folder must not hold a comma')
  }
  for (const setting of [...fromFile, ...fromEnvironment, ...fromFlags]) settings.set(setting.key, setting)
  listenersOfAdvertised(settings, flags)
  return settings
}

function settingsOfFile(file: { readonly path: string; readonly text: string }, findings: Findings): Setting[] {
  const { properties, problems } = parseProperties(file.text)
  for (const { line, message } of problems) findings.problems.push(`${file.path}:${line}: ${message}`)
  const lines = new Map<string, number>()
  for (const { key, line } of properties) {
    if (key === '') {
      findings.problems.push(`${file.path}:${line}: a value without the name of a setting`)
      continue
    }
    const earlier = lines.get(key)
    if (earlier !== undefined) {
      findings.warnings.push(`${file.path}:${line}: ${key} is set again; line ${earlier} does not count`)
    }
    lines.set(key, line)
  }
  return properties
    .filter(({ key }) => key !== '')
    .map(({ key, value, line }) => ({ key, value, origin: `${file.path}:${line}`, mayBeForeign: false }))
}

function settingOfOverride(text: string, findings: Findings): Setting[] {
  const equals = text.indexOf('=')
  if (equals > 0) {
    const key = text.slice(0, equals).trim()
    return [{ key, value: text.slice(equals + 1), origin: '--override', mayBeForeign: false }]
  }
  findings.problems.push(`--override: ${text} is not of the form key=value`)
  return []
}

/**
 * As Kafka's container image does it: where a variable says what to advertise and nothing says where to listen, the broker listens at the
 * advertised ports, on the address that it would listen on anyway.
 */
function listenersOfAdvertised(settings: Map<string, Setting>, { host }: ListenerFlags): void {
  const advertised = settings.get('advertised.listeners')
  const fromVariable =
    advertised?.origin.startsWith('KAFKA_') === true || advertised?.origin.startsWith('OTTLA_') === true
  if (advertised === undefined || !fromVariable || settings.has('listeners')) return
  const address = host ?? 'localhost'
  const bracketed = address.includes(':') ? `[${address}]` : address
  const value = advertised.value.replaceAll(/:\/\/[^,]*:(\d+)\s*(?=,|$)/g, `://${bracketed}:$1`)
  settings.set('listeners', { ...advertised, key: 'listeners', value })
}

/** Whether the setting goes into the configuration; what is to be said about it is put among the findings. */
function accept(setting: Setting, findings: Findings): boolean {
  const { key: name, origin } = setting
  const key = quotaConfigDef.get(name) === undefined ? brokerConfigDef.get(name) : undefined
  if (key !== undefined) return acceptKey(setting, key, findings)
  if (splitListenerKey(name) !== undefined) return acceptListenerKey(setting, findings)
  const feature = pluginKeys.get(name)
  const replacement = replacedKeys.get(name)
  if (feature !== undefined) noteAwaiting(findings, feature, name)
  else if (isRemovedKey(name)) findings.meaningless.push(name)
  else if (replacement !== undefined)
    findings.problems.push(`${origin}: ${name} was removed in Kafka 4.0; set ${replacement}`)
  else if (quotaConfigDef.get(name) !== undefined) {
    findings.problems.push(`${origin}: ${name} can only be set while the broker runs`)
  } else if (setting.mayBeForeign)
    findings.warnings.push(`${origin}: ${unknownKey(brokerConfigDef, 'broker', name)}; it has no effect`)
  else findings.problems.push(`${origin}: ${unknownKey(brokerConfigDef, 'broker', name)}`)
  return false
}

function acceptKey({ key: name, value, origin }: Setting, key: ConfigKey, findings: Findings): boolean {
  const result = parseValue(name, key, value)
  if (!result.ok) {
    findings.problems.push(`${origin}: ${result.message}`)
    return false
  }
  const { status } = key
  if (status.kind === 'not-yet' && result.parsed.text !== key.defaultText) {
    findings.problems.push(`${origin}: ${name} cannot be set yet. ${key.documentation}`)
    return false
  }
  if (status.kind === 'means-nothing-here') findings.meaningless.push(name)
  if (status.kind === 'awaits') noteAwaiting(findings, status.feature, name)
  return true
}

/** `listener.name.<listener>.<key>`. */
function acceptListenerKey({ key: name, value, origin }: Setting, findings: Findings): boolean {
  const base = splitListenerKey(name)?.key ?? ''
  const key = brokerConfigDef.get(base)
  if (key === undefined || !isListenerKey(base)) {
    findings.problems.push(`${origin}: ${base} is nothing that can be set for one listener, as ${name} does`)
    return false
  }
  const result = parseValue(name, key, value)
  if (!result.ok) findings.problems.push(`${origin}: ${result.message}`)
  else if (key.status.kind === 'awaits') noteAwaiting(findings, key.status.feature, name)
  return result.ok
}

function noteAwaiting({ awaiting }: Findings, feature: Feature, name: string): void {
  const names = awaiting.get(feature) ?? []
  names.push(name)
  awaiting.set(feature, names)
}
