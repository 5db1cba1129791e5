/**
 * One version of a message, worked out of its schema: which fields are on the wire, in which form, and how small an element can be.
 * The compiler and the interpreter both start from here, once per message and version.
 */

import { SchemaError } from './schema.ts'
import type { Field, Fields, FieldType, Message, ScalarKind } from './schema.ts'
import { UUID_BYTES, ZERO_UUID } from './uuid.ts'

export interface Layout {
  readonly isFlexible: boolean
  /** All fields of the schema in their order, also those that this version lacks. */
  readonly fields: readonly LayoutField[]
  /** Those of the tagged section, by ascending tag. */
  readonly tagged: readonly LayoutField[]
  /** The fewest bytes that a value can take. */
  readonly bytesMin: number
}

export interface LayoutField {
  readonly name: string
  /** For error messages, such as `FetchRequest.topics.partitions.fetchOffset`. */
  readonly path: string
  readonly type: LayoutType
  readonly isPresent: boolean
  readonly tag: number | null
  readonly isNullable: boolean
  /** Compact lengths; differs from the struct's only for the client id in a request header. */
  readonly isCompact: boolean
  readonly isIgnorable: boolean
  /** Undefined: zero, false, empty, or a struct of defaults. */
  readonly defaultValue: unknown
}

export type LayoutType =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'array'; readonly element: LayoutType }
  | { readonly kind: 'struct'; readonly layout: Layout }

export const NO_BYTES: Uint8Array = new Uint8Array(0)

/** Throws SchemaError when there is no such version. With `isExact` every int64 is a bigint. */
export function layoutOf(message: Message, version: number, isExact: boolean): Layout {
  if (!message.versions.includes(version)) throw new SchemaError(`${message.name} has no version ${version}`)
  return structLayout(message.fields, message.name, { version, isFlexible: version >= message.flexibleSince, isExact })
}

interface Target {
  readonly version: number
  readonly isFlexible: boolean
  readonly isExact: boolean
}

function structLayout(fields: Fields, path: string, target: Target): Layout {
  const resolved = Object.entries(fields).map(([name, field]) => fieldLayout(name, field, `${path}.${name}`, target))
  const present = resolved.filter(field => field.isPresent)
  const tagged = present.filter(field => field.tag !== null).sort((a, b) => a.tag! - b.tag!)
  const bytesMin = present.reduce((sum, field) => sum + fieldBytesMin(field), target.isFlexible ? 1 : 0)
  if (tagged.length > 0 && !target.isFlexible) throw new SchemaError(`${path} has a tagged field before it is flexible`)
  return { isFlexible: target.isFlexible, fields: resolved, tagged, bytesMin }
}

function fieldLayout(name: string, field: Field<unknown>, path: string, target: Target): LayoutField {
  const { spec } = field
  const { version } = target
  const type = typeLayout(spec.type, path, target)
  const isPresent = version >= spec.since && version <= spec.until
  const isNullable = version >= spec.nullableSince && version <= spec.nullableUntil
  return {
    name,
    path,
    type,
    isPresent,
    tag: spec.tag,
    isNullable,
    isCompact: target.isFlexible && spec.followsFlexible,
    isIgnorable: spec.isIgnorable,
    defaultValue: defaultIn(type, spec.defaultValue, isPresent && !isNullable),
  }
}

/** A default of null means empty in a version that has the field but no form for null. */
function defaultIn(type: LayoutType, value: unknown, isNeverNull: boolean): unknown {
  if (value === null && isNeverNull) return undefined
  return type.kind === 'int64Exact' && typeof value === 'number' ? BigInt(value) : value
}

function typeLayout(type: FieldType, path: string, target: Target): LayoutType {
  switch (type.kind) {
    case 'array':
      return { kind: 'array', element: typeLayout(type.element, path, target) }
    case 'struct':
      return { kind: 'struct', layout: structLayout(type.fields, path, target) }
    case 'int64':
      return { kind: target.isExact ? 'int64Exact' : 'int64' }
    default:
      return type
  }
}

/** Bytes of a type that always takes as many, 0 for the others. */
export function fixedBytes(kind: LayoutType['kind']): number {
  switch (kind) {
    case 'boolean':
    case 'int8':
      return 1
    case 'int16':
    case 'uint16':
      return 2
    case 'int32':
    case 'uint32':
      return 4
    case 'int64':
    case 'int64Exact':
    case 'float64':
      return 8
    case 'uuid':
      return UUID_BYTES
    default:
      return 0
  }
}

function fieldBytesMin(field: LayoutField): number {
  if (field.tag !== null) return 0
  if (field.type.kind === 'struct' && field.isNullable) return 1
  return typeBytesMin(field.type, field.isCompact)
}

/** The fewest bytes that a non-null value takes; for what has a length that is the length. */
export function typeBytesMin(type: LayoutType, isCompact: boolean): number {
  if (type.kind === 'struct') return type.layout.bytesMin
  if (type.kind === 'string') return isCompact ? 1 : 2
  return fixedBytes(type.kind) || (isCompact ? 1 : 4)
}

/** The value that an absent field has; arrays and structs are new each time, so that nobody shares them by accident. */
export function defaultOf(field: LayoutField): unknown {
  return field.defaultValue === undefined ? emptyOf(field.type) : field.defaultValue
}

function emptyOf(type: LayoutType): unknown {
  switch (type.kind) {
    case 'boolean':
      return false
    case 'int64Exact':
      return 0n
    case 'uuid':
      return ZERO_UUID
    case 'string':
      return ''
    case 'bytes':
    case 'records':
      return NO_BYTES
    case 'array':
      return []
    case 'struct':
      return Object.fromEntries(type.layout.fields.map(field => [field.name, defaultOf(field)]))
    default:
      return 0
  }
}

/** Whether `value`, which may be undefined, says the same as leaving the field out. */
export function isDefault(field: LayoutField, value: unknown): boolean {
  if (value === undefined) return true
  if (value === null || field.defaultValue === null) return value === field.defaultValue
  switch (field.type.kind) {
    case 'bytes':
    case 'records':
    case 'array':
      return (value as { length: number }).length === 0
    case 'struct': {
      const struct = value as Record<string, unknown>
      return field.type.layout.fields.every(inner => isDefault(inner, struct[inner.name])) && hasNoUnknownTags(struct)
    }
    default:
      return value === defaultOf(field)
  }
}

function hasNoUnknownTags(struct: { readonly unknownTaggedFields?: readonly unknown[] | undefined }): boolean {
  return struct.unknownTaggedFields === undefined || struct.unknownTaggedFields.length === 0
}
