/** The text of the functions that decode a layout: `decode0` for the message, `decode1` and so on for the structs in it. */

import { fixedBytes, typeBytesMin } from './layout.ts'
import type { Layout, LayoutField, LayoutType } from './layout.ts'
import { ZERO_UUID } from './uuid.ts'

export function decodeSource(layout: Layout): string {
  const functions: string[] = []
  addStruct(layout, functions)
  return functions.join('\n')
}

/** Adds the function for a struct, and those for structs in it, and returns its name. */
function addStruct(layout: Layout, functions: string[]): string {
  const index = functions.push('') - 1
  const name = `decode${index}`
  const body = [...fixedPart(layout, functions), ...taggedSection(layout, functions), ...result(layout)]
  functions[index] = `function ${name}(r) {\n${body.join('\n')}\n}`
  return name
}

/** The local variable that holds a field. */
function local(layout: Layout, field: LayoutField): string {
  return `f${layout.fields.indexOf(field)}`
}

function fixedPart(layout: Layout, functions: string[]): string[] {
  const fields = layout.fields.filter(field => field.isPresent && field.tag === null)
  const lines: string[] = []
  for (let start = 0; start < fields.length;) {
    let end = start
    while (end < fields.length && fixedBytes(fields[end]!.type.kind) > 0) end++
    if (end > start) lines.push(...run(layout, fields.slice(start, end)))
    if (end < fields.length) lines.push(...variable(layout, fields[end]!, functions))
    start = end + 1
  }
  return lines
}

/** Fixed-size fields that follow each other: the frame's end is checked once. */
function run(layout: Layout, fields: readonly LayoutField[]): string[] {
  const first = local(layout, fields[0]!)
  const lines: string[] = []
  let offset = 0
  for (const field of fields) {
    lines.push(`const ${local(layout, field)} = ${readAt(field.type, `v${first}`, `p${first} + ${offset}`)}`)
    offset += fixedBytes(field.type.kind)
  }
  return [`const p${first} = r.advance(${offset}), v${first} = r.view`, ...lines]
}

function readAt(type: LayoutType, view: string, position: string): string {
  switch (type.kind) {
    case 'boolean':
      return `${view}.getInt8(${position}) !== 0`
    case 'int8':
      return `${view}.getInt8(${position})`
    case 'int16':
      return `${view}.getInt16(${position})`
    case 'uint16':
      return `${view}.getUint16(${position})`
    case 'int32':
      return `${view}.getInt32(${position})`
    case 'uint32':
      return `${view}.getUint32(${position})`
    case 'int64':
      return `${view}.getInt32(${position}) * 4294967296 + ${view}.getUint32(${position} + 4)`
    case 'int64Exact':
      return `${view}.getBigInt64(${position})`
    case 'float64':
      return `${view}.getFloat64(${position})`
    default:
      return `r.uuidAt(${position})`
  }
}

function variable(layout: Layout, field: LayoutField, functions: string[]): string[] {
  const name = local(layout, field)
  return [`let ${name}`, ...assignment(name, field, functions)]
}

/** Statements that read a value, null included, into `name`. */
function assignment(name: string, field: LayoutField, functions: string[]): string[] {
  const { type, isNullable } = field
  const form = (isNullable ? 'nullable' : '') + (field.isCompact ? 'Compact' : '')
  switch (type.kind) {
    case 'string':
      return [`${name} = r.${methodName(form, 'String')}()`]
    case 'bytes':
    case 'records':
      return [`${name} = r.${methodName(form, 'Bytes')}()`]
    case 'array': {
      const length = `r.${methodName(form, 'ArrayLength')}(${typeBytesMin(type.element, field.isCompact)})`
      return ['{', `const n = ${length}`, ...elements(name, field, type.element, functions), '}']
    }
    case 'struct': {
      const call = `${addStruct(type.layout, functions)}(r)`
      if (!isNullable) return [`${name} = ${call}`]
      // A byte, below 0 for null, says whether there is a struct; in the tagged section a varint instead, 0 for null.
      return [`${name} = ${field.tag === null ? 'r.int8() < 0' : 'r.unsignedVarint() === 0'} ? null : ${call}`]
    }
    default:
      return [`${name} = r.${type.kind}()`]
  }
}

/** `nullable` + `Compact` + `String` as a method is called: the first letter small. */
export function methodName(form: string, what: string): string {
  const name = form + what
  return name.charAt(0).toLowerCase() + name.slice(1)
}

/** The elements of an array of length `n` into `name`. */
function elements(name: string, field: LayoutField, element: LayoutType, functions: string[]): string[] {
  const size = fixedBytes(element.kind)
  const lines =
    size > 0
      ? [
          'r.spendNumbers(n)',
          `${name} = new Array(n)`,
          `const p = r.advance(n * ${size}), v = r.view`,
          `for (let i = 0; i < n; i++) ${name}[i] = ${readAt(element, 'v', `p + i * ${size}`)}`,
        ]
      : [
          'r.spendObjects(n)',
          `${name} = new Array(n)`,
          'for (let i = 0; i < n; i++) {',
          ...assignment(`${name}[i]`, { ...field, type: element, isNullable: false }, functions),
          '}',
        ]
  return field.isNullable ? [`if (n < 0) ${name} = null`, 'else {', ...lines, '}'] : lines
}

function taggedSection(layout: Layout, functions: string[]): string[] {
  if (!layout.isFlexible) return []
  if (layout.tagged.length === 0) return ['const unknown = r.unknownTaggedFields()']
  const cases = layout.tagged.flatMap(field => {
    const tag = field.tag!
    return [
      `case ${tag}: {`,
      `if ((seen & ${1 << tag}) !== 0) r.failDuplicateTag(${tag})`,
      `seen |= ${1 << tag}`,
      'const end = r.beginTaggedField()',
      ...assignment(local(layout, field), field, functions),
      `r.endTaggedField(${tag}, end)`,
      'break',
      '}',
    ]
  })
  return [
    ...layout.tagged.map(field => `let ${local(layout, field)} = ${defaultSource(field)}`),
    'let unknown, seen = 0',
    'for (let left = r.unsignedVarint(); left > 0; left--) {',
    'const tag = r.unsignedVarint()',
    'switch (tag) {',
    ...cases,
    'default: unknown = r.unknownTaggedField(tag, unknown)',
    '}',
    '}',
  ]
}

function result(layout: Layout): string[] {
  const properties = layout.fields.map(
    field => `${field.name}: ${field.isPresent ? local(layout, field) : defaultSource(field)}`,
  )
  const struct = `{ ${properties.join(', ')} }`
  if (!layout.isFlexible) return [`return ${struct}`]
  return [
    `const struct = ${struct}`,
    'if (unknown !== undefined) struct.unknownTaggedFields = unknown',
    'return struct',
  ]
}

/** An expression for a field's default: new arrays and structs each time, like `defaultOf`. */
export function defaultSource(field: LayoutField): string {
  const value = field.defaultValue
  if (typeof value === 'bigint') return `${value}n`
  if (value !== undefined) return JSON.stringify(value)
  const { type } = field
  switch (type.kind) {
    case 'boolean':
      return 'false'
    case 'int64Exact':
      return '0n'
    case 'uuid':
      return JSON.stringify(ZERO_UUID)
    case 'string':
      return '""'
    case 'bytes':
    case 'records':
      return 'NO_BYTES'
    case 'array':
      return '[]'
    case 'struct': {
      const properties = type.layout.fields.map(inner => `${inner.name}: ${defaultSource(inner)}`)
      return `{ ${properties.join(', ')} }`
    }
    default:
      return '0'
  }
}
