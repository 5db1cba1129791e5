/** The text of the functions that encode a layout: `encode0` for the message, `encode1` and so on for the structs in it. */

import { defaultSource } from './decode-source.ts'
import { fixedBytes } from './layout.ts'
import type { Layout, LayoutField, LayoutType } from './layout.ts'

/** `fields` receives the fields that generated code looks up in an array of that name. */
export function encodeSource(layout: Layout, fields: LayoutField[]): string {
  const functions: string[] = []
  addStruct(layout, { functions, fields })
  return functions.join('\n')
}

interface Output {
  readonly functions: string[]
  readonly fields: LayoutField[]
}

/** Adds the function for a struct, and those for structs in it, and returns its name. */
function addStruct(layout: Layout, output: Output): string {
  const index = output.functions.push('') - 1
  const name = `encode${index}`
  const absent = layout.fields.filter(field => !field.isPresent && !field.isIgnorable)
  const body = [
    ...absent.map(field => `if (${differs(field, `s.${field.name}`, output)}) failAbsent(${quoted(field.path)})`),
    ...fixedPart(layout, output),
    ...taggedSection(layout, output),
  ]
  output.functions[index] = `function ${name}(s, w) {\n${body.join('\n')}\n}`
  return name
}

function quoted(text: string): string {
  return JSON.stringify(text)
}

/** An expression: the value is neither undefined nor the default. */
function differs(field: LayoutField, value: string, output: Output): string {
  const { type } = field
  if (type.kind === 'struct' && field.defaultValue !== null) {
    return `!isDefault(fields[${output.fields.push(field) - 1}], ${value})`
  }
  const isLong = type.kind === 'array' || type.kind === 'bytes' || type.kind === 'records'
  if (isLong && field.defaultValue !== null) {
    return `${value} !== undefined && (${value} === null || ${value}.length !== 0)`
  }
  return `${value} !== undefined && ${value} !== ${defaultSource(field)}`
}

function fixedPart(layout: Layout, output: Output): string[] {
  const fields = layout.fields.filter(field => field.isPresent && field.tag === null)
  const lines: string[] = []
  for (let start = 0; start < fields.length;) {
    let end = start
    while (end < fields.length && fixedBytes(fields[end]!.type.kind) > 0) end++
    if (end > start) lines.push('{', ...run(fields.slice(start, end)), '}')
    if (end < fields.length) lines.push('{', ...variable(fields[end]!, output), '}')
    start = end + 1
  }
  return lines
}

/** Fixed-size fields that follow each other: checked first, then written into one reservation. */
function run(fields: readonly LayoutField[]): string[] {
  const checks: string[] = []
  const writes: string[] = []
  let offset = 0
  for (const [index, field] of fields.entries()) {
    const name = `a${index}`
    checks.push(`let ${name} = s.${field.name}`, `if (${name} === undefined) ${name} = ${defaultSource(field)}`)
    const check = rangeCheck(field.type, name, field.path)
    if (check !== '') checks.push(`else ${check}`)
    writes.push(writeAt(field.type, 'v', `p + ${offset}`, name, field.path))
    offset += fixedBytes(field.type.kind)
  }
  return [...checks, `const p = w.reserve(${offset}), v = w.view`, ...writes]
}

/** A statement that refuses what does not fit; empty where the write itself checks, or everything fits. */
function rangeCheck(type: LayoutType, value: string, path: string): string {
  const fits = {
    int8: `${value} << 24 >> 24`,
    int16: `${value} << 16 >> 16`,
    uint16: `(${value} & 65535)`,
    int32: `(${value} | 0)`,
    uint32: `${value} >>> 0`,
  } as Record<LayoutType['kind'], string | undefined>
  const same = fits[type.kind]
  return same === undefined ? '' : `if (${same} !== ${value}) failRange(${quoted(path)}, "${type.kind}", ${value})`
}

function writeAt(type: LayoutType, view: string, position: string, value: string, path: string): string {
  switch (type.kind) {
    case 'boolean':
      return `${view}.setInt8(${position}, ${value} ? 1 : 0)`
    case 'int8':
      return `${view}.setInt8(${position}, ${value})`
    case 'int16':
      return `${view}.setInt16(${position}, ${value})`
    case 'uint16':
      return `${view}.setUint16(${position}, ${value})`
    case 'int32':
      return `${view}.setInt32(${position}, ${value})`
    case 'uint32':
      return `${view}.setUint32(${position}, ${value})`
    case 'int64':
      return `putInt64(${view}, ${position}, ${value}, ${quoted(path)})`
    case 'int64Exact':
      return `putInt64Exact(${view}, ${position}, ${value}, ${quoted(path)})`
    case 'float64':
      return `${view}.setFloat64(${position}, ${value})`
    default:
      return `w.putUuid(${position}, ${value})`
  }
}

function variable(field: LayoutField, output: Output): string[] {
  const { type } = field
  const empty = type.kind === 'struct' && field.defaultValue !== null ? '{}' : defaultSource(field)
  return [`let a = s.${field.name}`, `if (a === undefined) a = ${empty}`, ...statements('a', field, output)]
}

/** Statements that write `value`, which is not undefined, as `field`. */
function statements(value: string, field: LayoutField, output: Output): string[] {
  const { type, isNullable, isCompact } = field
  if (fixedBytes(type.kind) > 0) return [`w.${type.kind}(${value})`]
  const whenNull = isNullable ? [] : [`if (${value} === null) failNull(${quoted(field.path)})`]
  const form = (isNullable ? 'nullable' : '') + (isCompact ? 'Compact' : '')
  switch (type.kind) {
    case 'string':
      return [...whenNull, `w.${methodName(form, 'String')}(${value})`]
    case 'bytes':
      return [...whenNull, `w.${methodName(form, 'Bytes')}(${value})`]
    case 'records':
      return [...whenNull, `w.${methodName(form, 'Records')}(${value})`]
    case 'array':
      return [...whenNull, ...arrayStatements(value, field, type.element, output)]
    default:
      return [...whenNull, ...structStatements(value, field, output)]
  }
}

function methodName(form: string, what: string): string {
  const name = form + what
  return name.charAt(0).toLowerCase() + name.slice(1)
}

function structStatements(value: string, field: LayoutField, output: Output): string[] {
  if (field.type.kind !== 'struct') return []
  const call = `${addStruct(field.type.layout, output)}(${value}, w)`
  if (!field.isNullable) return [call]
  const whenNull = field.tag === null ? -1 : 0
  return [`w.int8(${value} === null ? ${whenNull} : 1)`, `if (${value} !== null) ${call}`]
}

function arrayStatements(value: string, field: LayoutField, element: LayoutType, output: Output): string[] {
  const method = field.isCompact ? 'compactArrayLength' : 'arrayLength'
  const size = fixedBytes(element.kind)
  const elementField = { ...field, type: element, isNullable: false }
  const writeAll =
    size > 0
      ? [
          `const p = w.reserve(n * ${size}), v = w.view`,
          'for (let i = 0; i < n; i++) {',
          `const e = ${value}[i]`,
          rangeCheck(element, 'e', field.path),
          writeAt(element, 'v', `p + i * ${size}`, 'e', field.path),
          '}',
        ]
      : ['for (let i = 0; i < n; i++) {', `const e = ${value}[i]`, ...statements('e', elementField, output), '}']
  const lines = [`const n = ${value}.length`, `w.${method}(n)`, ...writeAll]
  return field.isNullable ? [`if (${value} === null) w.${method}(-1)`, 'else {', ...lines, '}'] : lines
}

function taggedSection(layout: Layout, output: Output): string[] {
  const unknown = 'const unknown = s.unknownTaggedFields'
  if (!layout.isFlexible) {
    return [unknown, 'if (unknown !== undefined && unknown.length > 0) failAbsent("unknownTaggedFields")']
  }
  if (layout.tagged.length === 0) {
    return [unknown, 'if (unknown === undefined) w.int8(0)', 'else w.unknownTaggedFields(unknown)']
  }
  const lines = [unknown, 'let count = unknown === undefined ? 0 : unknown.length']
  for (const [index, field] of layout.tagged.entries()) {
    lines.push(`const t${index} = s.${field.name}, has${index} = ${differs(field, `t${index}`, output)}`)
    lines.push(`if (has${index}) count++`)
  }
  lines.push('w.unsignedVarint(count)', 'if (count > 0) {', 'let next = 0')
  for (const [index, field] of layout.tagged.entries()) {
    lines.push(
      `if (has${index}) {`,
      `if (unknown !== undefined) next = w.unknownTaggedFieldsBelow(unknown, next, ${field.tag})`,
      `const mark = w.beginTaggedField(${field.tag})`,
      ...statements(`t${index}`, field, output),
      'w.endTaggedField(mark)',
      '}',
    )
  }
  return [...lines, 'if (unknown !== undefined) w.unknownTaggedFieldsBelow(unknown, next, Infinity)', '}']
}
