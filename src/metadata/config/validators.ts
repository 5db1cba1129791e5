/**
 * Which values a key takes beyond its type. A validator says what is wrong in a phrase that follows the key's name: "must be at least 1".
 *
 * The rules are those of Kafka's `ConfigDef` validators; `valid` is the short form in which Kafka's documentation prints them.
 */
import type { ConfigValue } from './definition.ts'
import { trimSpace } from './java-text.ts'

export interface Validator {
  /** Kafka's short form, such as `[0,...]`; empty where there is no rule that it prints. */
  readonly valid: string
  /** What is wrong with the value, as a phrase; undefined where it is fine. */
  check(value: ConfigValue): string | undefined
}

/** Every value of the key's type. */
export const anyText: Validator = { valid: '', check: () => undefined }

export function inRange(min?: number, max?: number): Validator {
  const parts = [min === undefined ? undefined : String(min), '...', max === undefined ? undefined : String(max)]
  return {
    valid: `[${parts.filter(part => part !== undefined).join(',')}]`,
    check(value) {
      if (typeof value !== 'number' || Number.isNaN(value)) return 'must be a number'
      if (min !== undefined && value < min) return `must be at least ${min}`
      if (max !== undefined && value > max) return `must be at most ${max}`
      return undefined
    },
  }
}

/** `compression.gzip.level`: zlib's levels, or −1 for its default. */
export const gzipLevel: Validator = {
  valid: '[1,...,9] or -1',
  check: value =>
    typeof value === 'number' && (value === -1 || (value >= 1 && value <= 9))
      ? undefined
      : 'must be from 1 to 9, or -1 for the default level',
}

export function oneOf(...values: readonly string[]): Validator {
  return {
    valid: `[${values.join(', ')}]`,
    check: value =>
      typeof value === 'string' && values.includes(value) ? undefined : `must be one of ${values.join(', ')}`,
  }
}

export function oneOfIgnoringCase(...values: readonly string[]): Validator {
  const upper = new Set(values.map(value => value.toUpperCase()))
  return {
    valid: `(case insensitive) [${values.join(', ')}]`,
    check: value =>
      typeof value === 'string' && upper.has(value.toUpperCase())
        ? undefined
        : `must be one of ${values.join(', ')} (in upper or lower case)`,
  }
}

export const nonEmptyString: Validator = {
  valid: 'non-empty string',
  check: value => (value === '' ? 'must not be empty' : undefined),
}

export const nonNullString: Validator = {
  valid: 'non-null string',
  check: value => (value === null ? 'must have a value' : undefined),
}

export interface ListRules {
  /** Whether a list without any value is fine. */
  readonly empty?: boolean
  /** Whether having no value at all is fine. */
  readonly nullable?: boolean
  /** The values that may stand in the list; any non-empty ones where absent. */
  readonly in?: readonly string[]
}

/** A list that names nothing twice (KIP-1161). */
export function listOf({ empty = false, nullable = false, in: allowed }: ListRules): Validator {
  return {
    valid: allowed === undefined ? '' : `[${allowed.join(', ')}]`,
    check(value) {
      if (value === null) return nullable ? undefined : 'must have a value'
      if (!Array.isArray(value)) return 'must be a list'
      const values: readonly string[] = value
      if (values.length === 0 && !empty) {
        return `must name at least one value${allowed === undefined ? '' : ` of ${allowed.join(', ')}`}`
      }
      const twice = values.find((entry, index) => values.indexOf(entry) !== index)
      if (twice !== undefined) return `must not name a value twice, as it does ${JSON.stringify(twice)}`
      if (values.includes('')) return 'must not hold an empty value between or beside its commas'
      const stranger = allowed === undefined ? undefined : values.find(entry => !allowed.includes(entry))
      return stranger === undefined ? undefined : `must hold only ${allowed!.join(', ')}, not ${stranger}`
    },
  }
}

const replicasForm = '[partitionId]:[brokerId],[partitionId]:[brokerId],...'

/** `…replication.throttled.replicas`. */
export const throttledReplicas: Validator = {
  valid: replicasForm,
  check(value) {
    const entries: readonly string[] = Array.isArray(value) ? value : []
    if (entries.length === 1 && entries[0] === '*') return undefined
    return entries.every(entry => /^\d+:\d+$/.test(entry)) ? undefined : `must be * or of the form ${replicasForm}`
  },
}

/** `controller.quorum.voters`. */
export const quorumVoters: Validator = {
  valid: 'non-empty list',
  check(value) {
    const entries: readonly string[] = Array.isArray(value) ? value : []
    const stranger = entries.find(entry => !/^\d+@(\[[0-9a-fA-F:.%]+\]|[^:[\]]+):\d{1,5}$/.test(entry))
    return stranger === undefined ? undefined : `must hold entries of the form id@host:port, not ${stranger}`
  },
}

const hostAndPortForm = /^(\[[0-9a-fA-F:.%]+\]|[^:[\]]+):\d{1,5}$/

/** `controller.quorum.bootstrap.servers`. */
export const hostsAndPorts: Validator = {
  valid: 'non-empty list',
  check(value) {
    const entries: readonly string[] = Array.isArray(value) ? value : []
    const stranger = entries.find(entry => !hostAndPortForm.test(entry))
    return stranger === undefined ? undefined : `must hold entries of the form host:port, not ${stranger}`
  },
}

export const hostAndPort: Validator = {
  valid: 'host:port',
  check: value =>
    typeof value === 'string' && !hostAndPortForm.test(value)
      ? 'must be of the form host:port, such as 127.0.0.1:9404 or [::1]:9404'
      : undefined,
}

/** `max.connections.per.ip.overrides`. */
export const connectionOverrides: Validator = {
  valid: '',
  check: value =>
    typeof value === 'string' && parseConnectionOverrides(value) === undefined
      ? 'must be a list of address:count, such as 127.0.0.1:200,[::1]:100; host names are not looked up'
      : undefined,
}

/** The limit of each address; undefined where the text has another form. */
export function parseConnectionOverrides(text: string): ReadonlyMap<string, number> | undefined {
  const limits = new Map<string, number>()
  for (const entry of text.split(',').map(trimSpace)) {
    if (entry === '' && text.trim() === '') break
    const colon = entry.lastIndexOf(':')
    const address = trimSpace(entry.slice(0, Math.max(colon, 0))).replace(/^\[(.*)\]$/, '$1')
    const count = trimSpace(entry.slice(colon + 1))
    if (!/^(\d+\.\d+\.\d+\.\d+|[\da-fA-F:.]*:[\da-fA-F:.]*)$/.test(address) || !/^\d{1,10}$/.test(count))
      return undefined
    limits.set(address, Number(count))
  }
  return limits
}
