/** The text of the functions that encode a layout: `encode0` for the message, `encode1` and so on for the structs in it. */

import { defaultSource, methodName } from './decode-source.ts'
import { fixedBytes } from './layout.ts'
import type { Layout, LayoutField, LayoutType } from './layout.ts'

export function encodeSource(layout: Layout): string {
  const functions: string[] = []
  addStruct(layout, functions)
  return functions.join('\n')
}

/** Adds the function for a struct, and those for structs in it, and returns its name. */
function addStruct(layout: Layout, functions: string[]): string {
  const index = functions.push('') - 1
  const name = `encode${index}`
  const absent = layout.fields.filter(field => !field.isPresent && !field.isIgnorable)
  const body = [
    ...absent.map(field => `if (${differs(field, `s.${field.name}`)}) failAbsent(${quoted(field.path)})`),
    ...fixedPart(layout, functions),
    ...taggedSection(layout, functions),
  ]
  functions[index] = `function ${name}(s, w) {\n${body.join('\n')}\n}`
  return name
}

function quoted(text: string): string {
  return JSON.stringify(text)
}

/** An expression: the value is neither undefined nor the default. */
function differs(field: LayoutField, value: string): string {
  return `!(${isDefaultSource(field, value)})`
}

/** The expression for what `isDefault` says of a field. */
function isDefaultSource(field: LayoutField, value: string): string {
  const { type } = field
  const whenUndefined = `${value} === undefined || `
  if (field.defaultValue !== null) {
    if (type.kind === 'struct') {
      const inner = type.layout.fields.map(member => `(${isDefaultSource(member, `${value}.${member.name}`)})`)
      const unknown = `${value}.unknownTaggedFields`
      return `${whenUndefined}${value} !== null && ${[...inner, `(${unknown} === undefined || ${unknown}.length === 0)`].join(' && ')}`
    }
    if (type.kind === 'array' || type.kind === 'bytes' || type.kind === 'records') {
      return `${whenUndefined}${value} !== null && ${value}.length === 0`
    }
  }
  return `${whenUndefined}${value} === ${defaultSource(field)}`
}

function fixedPart(layout: Layout, functions: string[]): string[] {
  const fields = layout.fields.filter(field => field.isPresent && field.tag === null)
  const lines: string[] = []
  for (let start = 0; start < fields.length;) {
    let end = start
    while (end < fields.length && fixedBytes(fields[end]!.type.kind) > 0) end++
    if (end > start) lines.push('{', ...run(fields.slice(start, end), endsInRun(layout) && end === fields.length), '}')
    if (end < fields.length) lines.push('{', ...variable(fields[end]!, functions), '}')
    start = end + 1
  }
  return lines
}

/** Whether nothing comes behind the last run of fixed-size fields but a tagged section of which no tag is known. */
function endsInRun(layout: Layout): boolean {
  const last = layout.fields.findLast(field => field.isPresent && field.tag === null)
  return layout.isFlexible && layout.tagged.length === 0 && last !== undefined && fixedBytes(last.type.kind) > 0
}

/** Fixed-size fields that follow each other: checked first, then written into one reservation, at the struct's end with its tags. */
function run(fields: readonly LayoutField[], endsStruct: boolean): string[] {
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
  if (!endsStruct) return [...checks, `const p = w.reserve(${offset}), v = w.view`, ...writes]
  return [
    ...checks,
    'const unknown = s.unknownTaggedFields',
    `const p = w.reserve(unknown === undefined ? ${offset + 1} : ${offset}), v = w.view`,
    ...writes,
    `if (unknown === undefined) v.setUint8(p + ${offset}, 0)`,
    'else w.unknownTaggedFields(unknown)',
  ]
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
      return int64At(view, position, value, path)
    case 'int64Exact':
      return `putInt64Exact(${view}, ${position}, ${value}, ${quoted(path)})`
    case 'float64':
      return `${view}.setFloat64(${position}, ${value})`
    default:
      return `w.putUuid(${position}, ${value})`
  }
}

/** Most int64 are small or -1: those need no call. */
function int64At(view: string, position: string, value: string, path: string): string {
  return [
    `if ((${value} | 0) === ${value}) {`,
    `${view}.setInt32(${position}, ${value} >> 31)`,
    `${view}.setInt32(${position} + 4, ${value})`,
    `} else putInt64(${view}, ${position}, ${value}, ${quoted(path)})`,
  ].join('\n')
}

function variable(field: LayoutField, functions: string[]): string[] {
  const { type } = field
  const empty = type.kind === 'struct' && field.defaultValue !== null ? '{}' : defaultSource(field)
  return [`let a = s.${field.name}`, `if (a === undefined) a = ${empty}`, ...statements('a', field, functions)]
}

/** Statements that write `value`, which is not undefined, as `field`. */
function statements(value: string, field: LayoutField, functions: string[]): string[] {
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
      return [
        ...whenNull,
        `if (${value} instanceof Uint8Array) w.${methodName(isCompact ? 'Compact' : '', 'Bytes')}(${value})`,
        `else w.${methodName(form, 'Records')}(${value})`,
      ]
    case 'array':
      return [...whenNull, ...arrayStatements(value, field, type.element, functions)]
    default:
      return [...whenNull, ...structStatements(value, field, functions)]
  }
}

function structStatements(value: string, field: LayoutField, functions: string[]): string[] {
  if (field.type.kind !== 'struct') return []
  const call = `${addStruct(field.type.layout, functions)}(${value}, w)`
  if (!field.isNullable) return [call]
  const whenNull = field.tag === null ? -1 : 0
  return [`w.int8(${value} === null ? ${whenNull} : 1)`, `if (${value} !== null) ${call}`]
}

function arrayStatements(value: string, field: LayoutField, element: LayoutType, functions: string[]): string[] {
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
      : ['for (let i = 0; i < n; i++) {', `const e = ${value}[i]`, ...statements('e', elementField, functions), '}']
  const lines = [`const n = ${value}.length`, `w.${method}(n)`, ...writeAll]
  return field.isNullable ? [`if (${value} === null) w.${method}(-1)`, 'else {', ...lines, '}'] : lines
}

function taggedSection(layout: Layout, functions: string[]): string[] {
  const unknown = 'const unknown = s.unknownTaggedFields'
  if (!layout.isFlexible) {
    return [unknown, 'if (unknown !== undefined && unknown.length > 0) failAbsent("unknownTaggedFields")']
  }
  if (endsInRun(layout)) return []
  if (layout.tagged.length === 0) {
    return [unknown, 'if (unknown === undefined) w.zero()', 'else w.unknownTaggedFields(unknown)']
  }
  const lines = [unknown, 'let count = unknown === undefined ? 0 : unknown.length']
  for (const [index, field] of layout.tagged.entries()) {
    lines.push(`const t${index} = s.${field.name}, has${index} = ${differs(field, `t${index}`)}`)
    lines.push(`if (has${index}) count++`)
  }
  lines.push('w.unsignedVarint(count)', 'if (count > 0) {', 'let next = 0')
  for (const [index, field] of layout.tagged.entries()) {
    lines.push(
      `if (has${index}) {`,
      `if (unknown !== undefined) next = w.unknownTaggedFieldsBelow(unknown, next, ${field.tag})`,
      `const mark = w.beginTaggedField(${field.tag})`,
      ...statements(`t${index}`, field, functions),
      'w.endTaggedField(mark)',
      '}',
    )
  }
  return [...lines, 'if (unknown !== undefined) w.unknownTaggedFieldsBelow(unknown, next, Infinity)', '}']
}
