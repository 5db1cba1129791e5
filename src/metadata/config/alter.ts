/**
 * What AlterConfigs, IncrementalAlterConfigs and CreateTopics have in common when they change settings: the operations, and how they turn
 * the overrides of a resource into new ones (KIP-339).
 *
 * Nothing here stores anything: the result is either the overrides to store or the error to answer.
 */
import type { ConfigDef } from './definition.ts'
import { nearestName } from './nearest-name.ts'
import { parseValue } from './parse.ts'
import type { Overrides } from './settings.ts'

/** The protocol's numbers of the incremental operations. */
export const AlterOperation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const

export interface ConfigChange {
  readonly name: string
  /** One of `AlterOperation`; a number that a client made up is an error of the request. */
  readonly operation: number
  readonly value: string | null
}

/** An error of the protocol, by its name in the error table, with a sentence for the client. */
export interface ConfigError {
  readonly error: 'INVALID_CONFIG' | 'INVALID_REQUEST'
  readonly message: string
}

export type AlterResult = { readonly ok: true; readonly overrides: Overrides } | ({ readonly ok: false } & ConfigError)

export const invalidConfig = (message: string): { ok: false } & ConfigError => ({
  ok: false,
  error: 'INVALID_CONFIG',
  message,
})
export const invalidRequest = (message: string): { ok: false } & ConfigError => ({
  ok: false,
  error: 'INVALID_REQUEST',
  message,
})

/** The legacy AlterConfigs sets what it names and deletes everything else: the same as these changes on no overrides. */
export function replacing(
  configs: readonly { readonly name: string; readonly value: string | null }[],
): ConfigChange[] {
  return configs.map(({ name, value }) => ({ name, value, operation: AlterOperation.SET }))
}

/** What is wrong with the changes whatever the resource: a key twice, a value that is missing, an operation that there is not. */
export function malformedChanges(changes: readonly ConfigChange[]): ({ ok: false } & ConfigError) | undefined {
  const names = new Set(changes.map(({ name }) => name))
  if (names.size < changes.length) return invalidRequest('A configuration key must not appear more than once')
  const missing = changes.filter(({ operation, value }) => operation !== AlterOperation.DELETE && value === null)
  if (missing.length > 0) {
    return invalidRequest(`A value must be given for ${missing.map(({ name }) => name).join(', ')}`)
  }
  const strange = changes.find(({ operation }) => operation < AlterOperation.SET || operation > AlterOperation.SUBTRACT)
  return strange === undefined ? undefined : invalidRequest(`Unknown operation ${strange.operation} on ${strange.name}`)
}

/**
 * Applies the operations. A list that is appended to or subtracted from begins as the override, or else as Kafka's default, whatever the
 * broker's settings are; values are compared as they are written. Values are not validated yet.
 */
export function applyChanges(def: ConfigDef, overrides: Overrides, changes: readonly ConfigChange[]): AlterResult {
  const next = new Map(overrides)
  for (const { name, operation, value } of changes) {
    if (operation === AlterOperation.DELETE) next.delete(name)
    else if (operation === AlterOperation.SET) next.set(name, value ?? '')
    else {
      const key = def.get(name)
      const verb = operation === AlterOperation.APPEND ? 'append to' : 'subtract from'
      if (key?.type !== 'list') return invalidConfig(`Cannot ${verb} ${name}: it is not a list`)
      const old = (next.get(name) ?? key.defaultText ?? '').split(',').filter(entry => entry !== '')
      next.set(name, changedList(old, operation, (value ?? '').split(',')).join(','))
    }
  }
  return { ok: true, overrides: next }
}

function changedList(old: readonly string[], operation: number, values: readonly string[]): readonly string[] {
  if (operation === AlterOperation.SUBTRACT) return old.filter(entry => !values.includes(entry))
  const list = [...old]
  for (const value of values) if (!list.includes(value)) list.push(value)
  return list
}

/** The names that a set of changes gives a value to. */
export function changedNames(changes: readonly ConfigChange[]): string[] {
  return changes.filter(({ operation }) => operation !== AlterOperation.DELETE).map(({ name }) => name)
}

/** What is wrong with one of the settings that were given a value, each by itself; undefined when nothing is. */
export function changedProblem(
  def: ConfigDef,
  kind: 'topic' | 'group',
  overrides: Overrides,
  changed: readonly string[],
): string | undefined {
  const unknown = changed.find(name => def.get(name) === undefined)
  if (unknown !== undefined) return unknownKey(def, kind, unknown)
  for (const name of changed) {
    const key = def.get(name)!
    const result = parseValue(name, key, overrides.get(name)!)
    if (!result.ok) return result.message
    if (key.status.kind === 'not-yet' && result.parsed.text !== key.defaultText)
      return `${name} is not supported yet: only its default, ${shown(key.defaultText)}, is accepted`
  }
  return undefined
}

const shown = (text: string | null): string => (text === null || text === '' ? 'nothing' : text)

export function unknownKey(def: ConfigDef, kind: 'topic' | 'broker' | 'group', name: string): string {
  const nearest = nearestName(name, def.names)
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`
  return `Unknown ${kind} configuration ${name}${hint}`
}
