/** Compares schemas, the API table and the error table with the facts, field by field. */

import { apiList, apiOf } from '../../src/protocol/apis.ts'
import type { VersionRange } from '../../src/protocol/apis.ts'
import { errors } from '../../src/protocol/errors.ts'
import { parseVersions } from '../../src/protocol/schema.ts'
import type { Field, Fields, FieldType } from '../../src/protocol/schema.ts'
import { messageNamed } from './messages.ts'

interface FieldFacts {
  readonly name: string
  readonly type: string
  readonly versions: string
  readonly nullable?: string
  readonly tag?: number
  readonly taggedVersions?: string
  readonly default?: unknown
  readonly ignorable?: boolean
  readonly fields?: readonly FieldFacts[]
}

interface MessageFacts {
  readonly name: string
  readonly apiKey?: number
  readonly versions: string
  readonly flexibleVersions?: string
  readonly fields: readonly FieldFacts[]
}

/** One line for each difference. */
export function checkMessage(facts: unknown): string[] {
  const { name, apiKey, versions, flexibleVersions, fields } = facts as MessageFacts
  const message = messageNamed(name)
  if (message === undefined) return [`${name} is in the facts, not in the schemas`]
  const flexible = message.versions.filter(version => version >= message.flexibleSince)
  return [
    ...difference(`${name}: api key`, message.apiKey, apiKey ?? null),
    ...difference(`${name}: versions`, [...message.versions], versionsOf(versions)),
    ...difference(`${name}: flexible versions`, flexible, versionsOf(flexibleVersions)),
    ...checkFields(name, message.fields, fields, message.versions),
  ]
}

/** `versions` are those in which whatever holds the fields exists. */
function checkFields(
  path: string,
  fields: Fields,
  facts: readonly FieldFacts[],
  versions: readonly number[],
): string[] {
  const names = facts.map(field => field.name)
  const differences = difference(`${path}: fields`, Object.keys(fields), names)
  if (differences.length > 0) return differences
  return facts.flatMap(field => checkField(`${path}.${field.name}`, fields[field.name]!, field, versions))
}

function checkField(
  path: string,
  { spec }: Field<unknown>,
  facts: FieldFacts,
  containerVersions: readonly number[],
): string[] {
  const versions = containerVersions.filter(version => version >= spec.since && version <= spec.until)
  const nullable = versions.filter(version => version >= spec.nullableSince && version <= spec.nullableUntil)
  const struct = structOf(spec.type)
  return [
    ...difference(`${path}: versions`, versions, versionsOf(facts.versions)),
    ...difference(`${path}: nullable versions`, nullable, versionsOf(MISSING_NULLABLE[path] ?? facts.nullable)),
    ...difference(`${path}: tag`, spec.tag, facts.tag ?? null),
    ...difference(`${path}: tagged versions`, spec.tag === null ? [] : versions, versionsOf(facts.taggedVersions)),
    ...difference(`${path}: default`, comparableDefault(spec.defaultValue), comparableDefault(facts.default)),
    ...difference(`${path}: ignorable`, spec.isIgnorable, facts.ignorable ?? false),
    ...difference(`${path}: type`, typeText(spec.type), typeTextOf(facts)),
    ...(struct === null ? [] : checkFields(path, struct, facts.fields ?? [], versions)),
  ]
}

/**
 * Where the facts were read off wrongly: Kafka 3.9 reads and writes null here in version 0, as the vectors show, but its own description of
 * the version, from which the facts are, does not say so.
 */
const MISSING_NULLABLE: Readonly<Record<string, string>> = { 'ShareGroupHeartbeatResponse.assignment': '0-1' }

function versionsOf(text: string | undefined): number[] {
  return text === undefined ? [] : [...parseVersions(text)]
}

/** Numbers beyond 2^53 stand as strings in the facts and are bigints in schemas. */
function comparableDefault(value: unknown): unknown {
  if (value === undefined) return 'zero, false or empty'
  return typeof value === 'bigint' ? value.toString() : value
}

function structOf(type: FieldType): Fields | null {
  if (type.kind === 'array') return structOf(type.element)
  return type.kind === 'struct' ? type.fields : null
}

function typeText(type: FieldType): string {
  if (type.kind === 'array') return `[]${typeText(type.element)}`
  return type.kind === 'int64Exact' ? 'int64' : type.kind
}

/** The facts name structs; here they go without a name. */
function typeTextOf(facts: FieldFacts): string {
  if (facts.fields === undefined) return facts.type
  return facts.type.startsWith('[]') ? '[]struct' : 'struct'
}

interface ApiFacts {
  readonly apiKey: number
  readonly name: string
  readonly kafka3?: string | null
  readonly kafka4?: string | null
  readonly requestHeader: Readonly<Record<string, string>>
  readonly responseHeader: Readonly<Record<string, string>>
  readonly clusterAction: boolean
}

export function checkApis(facts: unknown): string[] {
  const list = facts as readonly ApiFacts[]
  const keys = list.map(api => api.apiKey)
  return [
    ...difference(
      'api keys',
      apiList.map(api => api.key),
      keys,
    ),
    ...list.flatMap(checkApi),
  ]
}

function checkApi(facts: ApiFacts): string[] {
  const api = apiOf(facts.apiKey)
  if (api === undefined) return [`${facts.name} is not in the table of APIs`]
  const requestHeaders = headerVersions(facts.requestHeader)
  const responseHeaders = headerVersions(facts.responseHeader)
  const { name } = facts
  return [
    ...difference(`API ${facts.apiKey}: name`, api.name, name),
    ...difference(`${name}: response schema`, api.response.name, `${name}Response`),
    ...difference(`${name}: served by Kafka 3`, api.kafka3, rangeOf(facts.kafka3)),
    ...difference(`${name}: served by Kafka 4`, api.kafka4, rangeOf(facts.kafka4)),
    ...difference(`${name}: brokers only`, api.isClusterAction, facts.clusterAction),
    ...difference(`${name}: versions with headers`, [...api.request.versions], [...requestHeaders.keys()]),
    ...[...requestHeaders].flatMap(([version, header]) =>
      difference(`${name} ${version}: request header`, api.requestHeaderVersion(version), header),
    ),
    ...[...responseHeaders].flatMap(([version, header]) =>
      difference(`${name} ${version}: response header`, api.responseHeaderVersion(version), header),
    ),
  ]
}

/** `{ "1": "0-8", "2": "9-13" }` as the header's version by that of the API. */
function headerVersions(facts: Readonly<Record<string, string>>): Map<number, number> {
  return new Map(
    Object.entries(facts).flatMap(([header, versions]) =>
      parseVersions(versions).map((version): [number, number] => [version, Number(header)]),
    ),
  )
}

function rangeOf(text: string | null | undefined): VersionRange | null {
  if (text === undefined || text === null) return null
  const versions = parseVersions(text)
  return { min: versions[0]!, max: versions.at(-1)! }
}

interface ErrorFacts {
  readonly code: number
  readonly name: string
  readonly retriable: boolean
  readonly refreshesMetadata: boolean
}

export function checkErrors(facts: unknown): string[] {
  const expected = (facts as readonly ErrorFacts[]).map(
    error => `${error.code} ${error.name} ${error.retriable} ${error.refreshesMetadata}`,
  )
  const actual = errors.map(error => `${error.code} ${error.name} ${error.isRetriable} ${error.refreshesMetadata}`)
  return [
    ...expected
      .filter(error => !actual.includes(error))
      .map(error => `error ${error} is in the facts, not in the table`),
    ...actual
      .filter(error => !expected.includes(error))
      .map(error => `error ${error} is in the table, not in the facts`),
  ]
}

function difference(what: string, actual: unknown, expected: unknown): string[] {
  const [actualText, expectedText] = [JSON.stringify(actual), JSON.stringify(expected)]
  return actualText === expectedText ? [] : [`${what}: ${actualText} here, ${expectedText} in the facts`]
}
