/**
 * From a setting's text to its value and back, as Kafka's `ConfigDef` does it: what is trimmed, what counts as a number, how a list is cut
 * and how a double is printed, so that DescribeConfigs shows what Kafka would show.
 */
import { unreachable } from '../../std/assert.ts'
import type { ConfigKey, ConfigType, ConfigValue } from './definition.ts'
import { formatDouble, saturated, trim, trimSpace } from './java-text.ts'

/** A value with its canonical text: what Kafka would print for it. Null stands for no value. */
export interface ParsedValue {
  readonly value: ConfigValue
  readonly text: string | null
}

export type ParseResult =
  | { readonly ok: true; readonly parsed: ParsedValue }
  | { readonly ok: false; readonly message: string }

const integerBounds = {
  short: [-32_768n, 32_767n],
  int: [-2_147_483_648n, 2_147_483_647n],
  long: [-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n],
} as const

const doubleForm = /^[+-]?(Infinity|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[fFdD]?)$/

/** Parses and validates. The message names the key, the given value (unless it is a secret) and what is allowed. */
export function parseValue(name: string, key: ConfigKey, text: string): ParseResult {
  const parsed = parseText(key.type, text)
  const wrong = typeof parsed === 'string' ? parsed : key.validator.check(parsed.value)
  if (wrong === undefined) return { ok: true, parsed: parsed as ParsedValue }
  const shown = key.type === 'password' ? '' : ` ${trim(text)}`
  return { ok: false, message: `Invalid value${shown} for configuration ${name}: it ${wrong}` }
}

/** Gives the value, or a phrase that says what is wrong. */
function parseText(type: ConfigType, text: string): ParsedValue | string {
  const trimmed = trim(text)
  switch (type) {
    case 'boolean':
      return parseBoolean(trimmed)
    case 'short':
    case 'int':
    case 'long':
      return parseInteger(type, trimmed)
    case 'double':
      return parseDouble(trimmed)
    case 'list':
      return parseList(trimmed)
    case 'string':
    case 'password':
    case 'class':
      return { value: trimmed, text: trimmed }
    default:
      return unreachable(type)
  }
}

function parseBoolean(text: string): ParsedValue | string {
  const lower = text.toLowerCase()
  if (lower === 'true') return { value: true, text: lower }
  return lower === 'false' ? { value: false, text: lower } : 'must be true or false'
}

function parseInteger(type: 'short' | 'int' | 'long', text: string): ParsedValue | string {
  const [min, max] = integerBounds[type]
  if (!/^[+-]?\d{1,40}$/.test(text)) return `must be a whole number of type ${type}`
  const exact = BigInt(text.startsWith('+') ? text.slice(1) : text)
  if (exact < min || exact > max) return `must be a whole number of type ${type}, from ${min} to ${max}`
  return { value: saturated(exact), text: exact.toString() }
}

function parseDouble(text: string): ParsedValue | string {
  if (!doubleForm.test(text)) return 'must be a number of type double'
  const value = Number(text.replace(/[fFdD]$/, ''))
  return { value, text: formatDouble(value) }
}

function parseList(text: string): ParsedValue {
  const values = text === '' ? [] : text.split(',').map(trimSpace)
  return { value: values, text: values.join(',') }
}
