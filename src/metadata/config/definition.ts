/**
 * What one configuration key is: its type, default, valid values, how it may change and what Ottla does with it.
 *
 * The tables (`topic-keys.ts`, `broker/*.ts`) list every key of Kafka with these; everything else of the folder (typed configs, describing,
 * altering, loading) reads the tables. The names of types, importances and update modes are Kafka's (`ConfigDef`, KIP-226).
 */
import { formatDouble, saturated } from './java-text.ts'
import { anyText, inRange, listOf, type Validator } from './validators.ts'

export type ConfigType = 'boolean' | 'string' | 'int' | 'short' | 'long' | 'double' | 'list' | 'password' | 'class'

/**
 * A parsed value. Longs are numbers, held at ±`Number.MAX_SAFE_INTEGER` where they go beyond: such settings mean "never" or "unlimited" and are
 * only compared. Their exact text is kept beside them (`ParsedValue.text`).
 */
export type ConfigValue = boolean | number | string | readonly string[] | null

export type Importance = 'high' | 'medium' | 'low'

/** Whether a broker's key can be altered while it runs, and at which level (KIP-226). */
export type UpdateMode = 'read-only' | 'per-broker' | 'cluster-wide'

/** Parts of Kafka that are not built yet; their keys are accepted, because without the part there is nothing that could disregard them. */
export type Feature =
  | 'authentication'
  | 'client telemetry'
  | 'cluster'
  | 'groups'
  | 'quotas'
  | 'SASL'
  | 'share groups'
  | 'tiered storage'
  | 'TLS'
  | 'transactions'

/**
 * What Ottla does with a key:
 * - `enforced`: it has its effect;
 * - `means-nothing-here`: accepted, because it tunes something that Ottla does not have (threads, KRaft); listed once at start;
 * - `awaits`: accepted, because it belongs to a feature that is not served yet; listed once at start;
 * - `not-yet`: any value but the default is refused, because disregarding it would break what was asked for.
 */
export type Status =
  | { readonly kind: 'enforced' }
  | { readonly kind: 'means-nothing-here' }
  | { readonly kind: 'awaits'; readonly feature: Feature }
  | { readonly kind: 'not-yet' }

export interface ConfigKey<V extends ConfigValue = ConfigValue> {
  readonly type: ConfigType
  /** Null also where the key has no default and Kafka demands a value (`required`). */
  readonly defaultValue: V
  /** The default as Kafka prints it. */
  readonly defaultText: string | null
  readonly required: boolean
  readonly validator: Validator
  readonly importance: Importance
  readonly documentation: string
  readonly updateMode: UpdateMode
  readonly status: Status
}

/** A table of keys. The names are ours, never a client's: those are looked up in a `ConfigDef`. */
export type KeyTable = Readonly<Record<string, ConfigKey>>

/** The type of a key's value. */
export type ValueOf<K> = K extends ConfigKey<infer V> ? V : never

/** The keys of one kind of resource, safe to look up by names that clients send. */
export class ConfigDef<T extends KeyTable = KeyTable> {
  readonly keys: ReadonlyMap<string, ConfigKey>

  constructor(table: T) {
    this.keys = new Map(Object.entries(table))
  }

  get(name: string): ConfigKey | undefined {
    return this.keys.get(name)
  }

  get names(): readonly string[] {
    return [...this.keys.keys()]
  }
}

export const LONG_MAX = 9_223_372_036_854_775_807n

export const enforced: Status = { kind: 'enforced' }
export const meansNothingHere: Status = { kind: 'means-nothing-here' }
export const notYet: Status = { kind: 'not-yet' }
export const awaits = (feature: Feature): Status => ({ kind: 'awaits', feature })

interface Common {
  readonly importance: Importance
  readonly documentation: string
  readonly status: Status
  /** `read-only` where absent; topics' keys are all alterable and leave it out. */
  readonly updateMode?: UpdateMode
  readonly required?: boolean
}

interface Numeric<D> extends Common {
  readonly default: D
  readonly min?: number
  readonly max?: number
  readonly validator?: Validator
}

interface Text<D> extends Common {
  readonly default: D
  readonly validator?: Validator
}

interface List<D> extends Common {
  readonly default: D
  /** Where absent, the list may be empty, may not be null, and takes every value once. */
  readonly validator?: Validator
}

function key<V extends ConfigValue>(
  type: ConfigType,
  defaultValue: V,
  defaultText: string | null,
  validator: Validator,
  common: Common,
): ConfigKey<V> {
  return {
    type,
    defaultValue,
    defaultText,
    required: common.required ?? false,
    validator,
    importance: common.importance,
    documentation: common.documentation,
    updateMode: common.updateMode ?? 'read-only',
    status: common.status,
  }
}

const textOf = (value: boolean | number | bigint | string | null): string | null =>
  value === null ? null : String(value)

const rangeOf = ({ min, max, validator }: Numeric<unknown>): Validator => {
  if (validator !== undefined) return validator
  return min === undefined && max === undefined ? anyText : inRange(min, max)
}

export function boolean(options: Text<boolean>): ConfigKey<boolean> {
  return key('boolean', options.default, textOf(options.default), anyText, options)
}

export function int<D extends number | null>(options: Numeric<D>): ConfigKey<D extends null ? number | null : number> {
  return key('int', options.default as never, textOf(options.default), rangeOf(options), options)
}

export function short<D extends number | null>(
  options: Numeric<D>,
): ConfigKey<D extends null ? number | null : number> {
  return key('short', options.default as never, textOf(options.default), rangeOf(options), options)
}

/** `default` is a bigint where it is beyond the safe integers. */
export function long<D extends number | bigint | null>(
  options: Numeric<D>,
): ConfigKey<D extends null ? number | null : number> {
  const value = typeof options.default === 'bigint' ? saturated(options.default) : options.default
  return key('long', value as never, textOf(options.default), rangeOf(options), options)
}

export function double(options: Numeric<number>): ConfigKey<number> {
  return key('double', options.default, formatDouble(options.default), rangeOf(options), options)
}

export function string<D extends string | null>(
  options: Text<D>,
): ConfigKey<D extends null ? string | null : D extends string ? string : string | null> {
  return key('string', options.default as never, options.default, options.validator ?? anyText, options)
}

export function password(options: Text<null>): ConfigKey<string | null> {
  return key('password', options.default as string | null, null, anyText, options)
}

export function javaClass<D extends string | null>(
  options: Text<D>,
): ConfigKey<D extends null ? string | null : string> {
  return key('class', options.default as never, options.default, anyText, options)
}

export function list<D extends readonly string[] | null>(
  options: List<D>,
): ConfigKey<D extends null ? readonly string[] | null : readonly string[]> {
  const text = options.default === null ? null : options.default.join(',')
  return key('list', options.default as never, text, options.validator ?? listOf({ empty: true }), options)
}
