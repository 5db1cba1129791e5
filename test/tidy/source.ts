/**
 * The repository's files as the tidy rules see them: text, syntax tree, and every import in it, of whatever form.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseSync } from 'rolldown/utils'

export interface Import {
  /** As written: `./heap.ts`, `node:zlib`, `lz4-napi`. */
  readonly specifier: string
  /** The file meant, relative to the repository, when the specifier is relative. */
  readonly target: string | undefined
  /** Names taken, `*` for all of them; empty for a bare or dynamic import. */
  readonly names: readonly string[]
  /** Gone at run time. */
  readonly typeOnly: boolean
  readonly line: number
}

/** A use of something by name or by member (`setTimeout`, `Date.now`), not of a type. */
export interface Reference {
  readonly name: string
  readonly line: number
}

export interface Source {
  /** Relative to the repository, with `/`. */
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
  readonly references: readonly Reference[]
}

interface Node {
  readonly type: string
  readonly start: number
  readonly [key: string]: unknown
}

/** Parses one file; `path` decides what its relative imports mean. */
export function parseSource(path: string, text: string): Source {
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]!.message}`)
  const imports: Import[] = []
  const references: Reference[] = []
  const lineOf = lineFinder(text)
  const own = moduleBindings(program as unknown as Node)
  const add = (node: Node, source: unknown): void => {
    if (!isNode(source) || typeof source['value'] !== 'string') return
    const specifier = source['value']
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined
    imports.push({
      specifier,
      target,
      names: importedNames(node),
      typeOnly: isTypeOnly(node),
      line: lineOf(node.start),
    })
  }
  walk(program as unknown as Node, (node, parent, key) => {
    if (importingTypes.has(node.type)) add(node, node['source'])
    const name = referenceName(node, parent, key)
    // A function of the file's own that is called `fetch` is not the global one.
    if (name !== undefined && !own.has(name.split('.')[0]!)) references.push({ name, line: lineOf(node.start) })
  })
  return { path, text, imports, references }
}

const importingTypes = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
])

function isTypeOnly(node: Node): boolean {
  return node.type === 'TSImportType' || node['importKind'] === 'type' || node['exportKind'] === 'type'
}

function importedNames(node: Node): string[] {
  if (node.type === 'ExportAllDeclaration') return ['*']
  const specifiers = (node['specifiers'] ?? []) as Node[]
  return specifiers.map(specifier => {
    const imported = specifier['imported'] ?? specifier['local']
    return specifier.type === 'ImportNamespaceSpecifier' || !isNode(imported) ? '*' : String(imported['name'])
  })
}

/** Names that a module declares or imports at its top level. */
function moduleBindings(program: Node): Set<string> {
  const names = new Set<string>()
  const add = (id: unknown): void => {
    if (isNode(id) && id.type === 'Identifier') names.add(String(id['name']))
  }
  for (const statement of program['body'] as Node[]) {
    const declared = (statement['declaration'] ?? statement) as Node
    add(declared['id'])
    for (const declarator of (declared['declarations'] ?? []) as Node[]) add(declarator['id'])
    if (statement.type !== 'ImportDeclaration') continue
    for (const specifier of statement['specifiers'] as Node[]) add(specifier['local'])
  }
  return names
}

/** The dotted name that a node refers to at run time, if it is the start of one: `process` and `process.env` are two references. */
function referenceName(node: Node, parent: Node | undefined, key: string): string | undefined {
  if (node.type === 'NewExpression' || node.type === 'CallExpression') {
    const callee = node['callee'] as Node
    const isDate = callee.type === 'Identifier' && callee['name'] === 'Date'
    return isDate && (node['arguments'] as unknown[]).length === 0 ? 'new Date()' : undefined
  }
  if (node.type === 'MemberExpression' && node['computed'] === false) {
    const object = node['object'] as Node
    const property = node['property'] as Node
    return object.type === 'Identifier' ? `${String(object['name'])}.${String(property['name'])}` : undefined
  }
  if (node.type !== 'Identifier') return undefined
  const isName =
    (parent?.type === 'MemberExpression' && key === 'property' && parent['computed'] === false) ||
    ((parent?.type === 'Property' || parent?.type === 'MethodDefinition' || parent?.type === 'PropertyDefinition') &&
      key === 'key' &&
      parent['computed'] === false) ||
    parent?.type === 'ImportSpecifier' ||
    parent?.type === 'ExportSpecifier' ||
    parent?.type === 'MetaProperty'
  return isName ? undefined : String(node['name'])
}

/** Nodes about types are skipped whole, but for these, which hold an expression. */
const expressionOfType = new Set([
  'TSAsExpression',
  'TSNonNullExpression',
  'TSSatisfiesExpression',
  'TSInstantiationExpression',
])

function walk(root: Node, visit: (node: Node, parent: Node | undefined, key: string) => void): void {
  const step = (node: Node, parent: Node | undefined, key: string, inType: boolean): void => {
    const isType = inType || (node.type.startsWith('TS') && !expressionOfType.has(node.type))
    if (!isType || node.type === 'TSImportType') visit(node, parent, key)
    for (const [childKey, child] of Object.entries(node)) {
      const childInType = isType || (expressionOfType.has(node.type) && childKey !== 'expression')
      for (const item of Array.isArray(child) ? child : [child])
        if (isNode(item)) step(item, node, childKey, childInType)
    }
  }
  step(root, undefined, '', false)
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [0]
  for (let index = text.indexOf('\n'); index >= 0; index = text.indexOf('\n', index + 1)) starts.push(index + 1)
  return offset => starts.findLastIndex(start => start <= offset) + 1
}

/** Every file that belongs to the repository: what `.gitignore` names is left out. */
export function repositoryFiles(root: string): string[] {
  const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n').filter(Boolean)
  const isIgnored = (name: string, directory: boolean): boolean =>
    name === '.git' ||
    ignored.some(pattern => {
      if (pattern.endsWith('/')) return directory && name === pattern.slice(0, -1)
      return pattern.startsWith('*') ? name.endsWith(pattern.slice(1)) : name === pattern
    })
  const files: string[] = []
  const visit = (directory: string): void => {
    for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
      if (isIgnored(entry.name, entry.isDirectory())) continue
      const path = posix.join(directory, entry.name)
      if (entry.isDirectory()) visit(path)
      else if (entry.isFile()) files.push(path)
    }
  }
  visit('')
  return files.toSorted()
}
