/**
 * The language in which every Kafka message is written down once: its fields, the versions that have them, their defaults.
 *
 * A message file exports a schema and the type inferred from it under one name. From the schema `codec.ts` makes a codec for one
 * version, on first use. A field is there in all versions of what contains it unless `since` or `until` say otherwise; both are
 * versions of the message, and both are inclusive. The modifiers return a new field, so fields may be shared between messages.
 */

import { assert } from '../std/assert.ts'
import type { Uuid } from './uuid.ts'

/** A message that cannot be written as asked: a value out of its type's range, or one that the version has no place for. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError'
}

export const INT32_MIN = -(2 ** 31)
export const INT32_MAX = 2 ** 31 - 1
export const INT64_MAX = 2n ** 63n - 1n

const messageName = /^[A-Za-z]+$/
const fieldName = /^[a-z][A-Za-z0-9]*$/
const versionRange = /^(\d+)(?:-(\d+))?$/

export type ScalarKind =
  | 'boolean'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'int64Exact'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records'

export type FieldType =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'array'; readonly element: FieldType }
  | { readonly kind: 'struct'; readonly fields: Fields }

export interface FieldSpec {
  readonly type: FieldType
  readonly since: number
  readonly until: number
  /** The versions in which null is allowed; none when `nullableSince` is infinite. */
  readonly nullableSince: number
  readonly nullableUntil: number
  /** Where it is set, the field is only ever in the tagged section. */
  readonly tag: number | null
  /** Undefined: zero, false, empty, or a struct of defaults. */
  readonly defaultValue: unknown
  readonly isIgnorable: boolean
  /** False for the one field that keeps its classic form in flexible versions. */
  readonly followsFlexible: boolean
}

/** A tagged field that this schema does not know, kept so that it survives being read and written again. */
export interface UnknownTaggedField {
  readonly tag: number
  /** A view on the frame it was read from. */
  readonly data: Uint8Array
}

export type Fields = Readonly<Record<string, Field<unknown, unknown>>>

type Simplify<T> = { [K in keyof T]: T[K] }

export type Decoded<F extends Fields> = Simplify<
  { [K in keyof F]: F[K]['decoded'] } & { unknownTaggedFields?: UnknownTaggedField[] }
>

export type Encodable<F extends Fields> = Simplify<
  { readonly [K in keyof F]?: F[K]['encodable'] | undefined } & {
    readonly unknownTaggedFields?: readonly UnknownTaggedField[] | undefined
  }
>

export class Field<Out, In = Out> {
  /** Only types: what decoding gives, and what encoding takes. */
  declare readonly decoded: Out
  declare readonly encodable: In
  readonly spec: FieldSpec

  constructor(spec: FieldSpec) {
    this.spec = spec
  }

  /** The first version that has this field. */
  since(version: number): Field<Out, In> {
    return new Field({ ...this.spec, since: version })
  }

  /** The last version that has this field. */
  until(version: number): Field<Out, In> {
    return new Field({ ...this.spec, until: version })
  }

  /** Null is allowed, in all versions or in some; the type has it in all of them. */
  nullable(since = 0, until = Infinity): Field<Out | null, In | null> {
    return new Field({ ...this.spec, nullableSince: since, nullableUntil: until })
  }

  /** Left out of the fixed part; written, under this tag, only when it differs from the default. */
  tagged(tag: number): Field<Out, In> {
    assert(Number.isInteger(tag) && tag >= 0 && tag < 31, () => `tag ${tag} is not in [0, 31)`)
    return new Field({ ...this.spec, tag })
  }

  /** What an absent field means, and what a reader gets in versions without it. */
  default(value: In): Field<Out, In> {
    return new Field({ ...this.spec, defaultValue: value })
  }

  /** A value is dropped in silence in versions that lack the field, instead of being refused. */
  ignorable(): Field<Out, In> {
    return new Field({ ...this.spec, isIgnorable: true })
  }

  /** Keeps its classic form in flexible versions. */
  classic(): Field<Out, In> {
    return new Field({ ...this.spec, followsFlexible: false })
  }
}

function fieldOf<Out, In = Out>(type: FieldType): Field<Out, In> {
  return new Field<Out, In>({
    type,
    since: 0,
    until: Infinity,
    nullableSince: Infinity,
    nullableUntil: Infinity,
    tag: null,
    defaultValue: undefined,
    isIgnorable: false,
    followsFlexible: true,
  })
}

export const boolean = fieldOf<boolean>({ kind: 'boolean' })
export const int8 = fieldOf<number>({ kind: 'int8' })
export const int16 = fieldOf<number>({ kind: 'int16' })
export const uint16 = fieldOf<number>({ kind: 'uint16' })
export const int32 = fieldOf<number>({ kind: 'int32' })
export const uint32 = fieldOf<number>({ kind: 'uint32' })
/**
 * A number. Beyond ±(2^53 − 1) it is rounded to the nearest double, so that only comparisons still mean something; no offset,
 * timestamp or id that Kafka hands out comes near.
 */
export const int64 = fieldOf<number>({ kind: 'int64' })
/** A bigint, for the few places where all 64 bits matter: a hash, or 2^63 − 1 as "no limit". */
export const int64Exact = fieldOf<bigint>({ kind: 'int64Exact' })
export const float64 = fieldOf<number>({ kind: 'float64' })
export const uuid = fieldOf<Uuid>({ kind: 'uuid' })
export const string = fieldOf<string>({ kind: 'string' })
/** Decoding gives a view on the frame; who keeps it longer than the frame copies it. */
export const bytes = fieldOf<Uint8Array>({ kind: 'bytes' })
/** Record batches as opaque bytes: a view on the frame when read; several slices may be given to be written one after the other. */
export const records = fieldOf<Uint8Array, Uint8Array | readonly Uint8Array[]>({ kind: 'records' })

export function struct<F extends Fields>(fields: F): Field<Decoded<F>, Encodable<F>> {
  return fieldOf({ kind: 'struct', fields: checkedFields(fields) })
}

export function array<F extends Fields>(fields: F): Field<Decoded<F>[], readonly Encodable<F>[]>
export function array<Out, In>(element: Field<Out, In>): Field<Out[], readonly In[]>
export function array(of: Field<unknown> | Fields): Field<unknown[], readonly unknown[]> {
  const element: FieldType = of instanceof Field ? of.spec.type : { kind: 'struct', fields: checkedFields(of) }
  return fieldOf({ kind: 'array', element })
}

export interface Message<F extends Fields = Fields> {
  readonly name: string
  /** For what is kept in internal topics, the record's type. Null for what has no number. */
  readonly apiKey: number | null
  /** Every version that ever was, ascending. Not always a range: in keys of internal topics the version is the record's type. */
  readonly versions: readonly number[]
  /** The first version with compact lengths and tagged fields; infinite when there is none. */
  readonly flexibleSince: number
  readonly fields: F
}

export interface MessageDeclaration<F extends Fields> {
  readonly name: string
  readonly apiKey?: number
  /** `'3'`, `'0-12'` or `'0,8'`. */
  readonly versions: string
  readonly flexibleSince?: number
  readonly fields: F
}

export function message<F extends Fields>(declaration: MessageDeclaration<F>): Message<F> {
  const { name, apiKey = null, versions, flexibleSince = Infinity, fields } = declaration
  assert(messageName.test(name), () => `not a message's name: ${name}`)
  return { name, apiKey, versions: parseVersions(versions), flexibleSince, fields: checkedFields(fields) }
}

/** What decoding a message gives: every field, with its default where the version lacks it. */
export type Infer<M extends Message> = M extends Message<infer F> ? Decoded<F> : never

/** What encoding a message takes: absent fields have their defaults. */
export type Input<M extends Message> = M extends Message<infer F> ? Encodable<F> : never

/** `'0-3,8'` as `[0, 1, 2, 3, 8]`. */
export function parseVersions(text: string): readonly number[] {
  const versions: number[] = []
  for (const part of text.split(',')) {
    const [, first, last = first] = versionRange.exec(part) ?? []
    assert(first !== undefined && Number(first) <= Number(last), () => `not a list of versions: ${text}`)
    for (let version = Number(first); version <= Number(last); version += 1) versions.push(version)
  }
  return versions
}

/** Names become part of generated code, so nothing but a plain identifier gets through. */
function checkedFields<F extends Fields>(fields: F): F {
  for (const name of Object.keys(fields)) {
    assert(fieldName.test(name) && name !== 'unknownTaggedFields', () => `not a field's name: ${name}`)
  }
  return fields
}
