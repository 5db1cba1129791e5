/**
 * The effective value of every key of a broker, from the levels at which it may be set, and the defaults of topics that follow from them.
 *
 * Immutable: a change of a dynamic setting makes a new one.
 */
import { assert } from '../../std/assert.ts'
import { brokerConfigDef, type BrokerKeyName, type BrokerKeys } from './broker-keys.ts'
import type { ValueOf } from './definition.ts'
import { saturated } from './java-text.ts'
import type { ParsedValue } from './parse.ts'
import { noOverrides, type Overrides, parseOverrides } from './settings.ts'
import { topicConfigDef, type TopicDefaults } from './topic-config.ts'
import { type Synonym, synonymsOfBrokerKey, topicSynonyms } from './topic-synonyms.ts'

/** Where a broker's settings come from, in order of precedence. */
export interface BrokerLayers {
  /** Altered at run time for this broker alone. */
  readonly perBroker: Overrides
  /** Altered at run time for all brokers. */
  readonly clusterWide: Overrides
  /** From the file, the environment and the command line. */
  readonly fixed: Overrides
}

export const noLayers: BrokerLayers = { perBroker: noOverrides, clusterWide: noOverrides, fixed: noOverrides }

const levels = ['fixed', 'clusterWide', 'perBroker'] as const

export class BrokerSettings {
  readonly layers: BrokerLayers
  /** One line for each dynamic setting that this version does not take any more. */
  readonly problems: readonly string[]
  readonly topicDefaults: TopicDefaults
  readonly #explicit: ReadonlyMap<string, ParsedValue>

  constructor(layers: BrokerLayers) {
    const explicit = new Map<string, ParsedValue>()
    const problems: string[] = []
    for (const level of levels) {
      const parsed = parseOverrides(brokerConfigDef, layers[level])
      problems.push(...parsed.problems)
      for (const [name, value] of parsed.values) {
        if (level !== 'fixed') for (const synonym of replacedBy(name)) explicit.delete(synonym)
        explicit.set(name, value)
      }
    }
    this.layers = layers
    this.problems = problems
    this.#explicit = explicit
    this.topicDefaults = topicDefaultsOf(this)
  }

  get<K extends BrokerKeyName>(name: K): ValueOf<BrokerKeys[K]> {
    return this.parsed(name).value as ValueOf<BrokerKeys[K]>
  }

  /** The value and its text, default included. */
  parsed(name: string): ParsedValue {
    const explicit = this.#explicit.get(name)
    if (explicit !== undefined) return explicit
    const key = brokerConfigDef.get(name)
    assert(key !== undefined, () => `no such broker setting: ${name}`)
    return { value: key.defaultValue, text: key.defaultText }
  }

  isSet(name: BrokerKeyName): boolean {
    return this.#explicit.has(name)
  }
}

/**
 * A dynamic setting puts its synonyms of the levels below out of force, as Kafka shows them from then on. The flush scheduler's interval is
 * also the interval of a task, and so stays.
 */
function replacedBy(name: string): readonly string[] {
  return synonymsOfBrokerKey(name).filter(synonym => synonym !== 'log.flush.scheduler.interval.ms')
}

/** Keys whose negative values all mean "no limit". */
const unlimitedBelowZero = new Set(['retention.ms'])

function topicDefaultsOf(settings: BrokerSettings): TopicDefaults {
  const defaults = new Map<string, ParsedValue>()
  for (const [name, key] of topicConfigDef.keys) {
    const synonyms = topicSynonyms.get(name)
    const own: ParsedValue = { value: key.defaultValue, text: key.defaultText }
    const found = synonyms === undefined ? own : firstOf(settings, synonyms)
    const negative = typeof found.value === 'number' && found.value < 0
    defaults.set(name, negative && unlimitedBelowZero.has(name) ? { value: -1, text: '-1' } : found)
  }
  return defaults
}

/** The first synonym that has a value, its default counting too, in the topic's unit. */
function firstOf(settings: BrokerSettings, synonyms: readonly Synonym[]): ParsedValue {
  for (const { name, factor } of synonyms) {
    const parsed = settings.parsed(name)
    if (parsed.value === null) continue
    if (factor === 1) return parsed
    assert(typeof parsed.value === 'number', () => `${name} has a unit and so must be a number`)
    const exact = BigInt(parsed.value) * BigInt(factor)
    return { value: saturated(exact), text: exact.toString() }
  }
  throw new Error(`none of ${synonyms.map(({ name }) => name).join(', ')} has a default`)
}
