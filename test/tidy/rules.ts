/**
 * The rules of the repository that a machine can check. Each takes sources and gives a sentence for each violation, with the place first.
 * They are pure, so that `tidy.test.ts` can show on forged sources that each finds what it is for.
 */
import type { Source } from './source.ts'

const foundation = ['std', 'io', 'protocol']
const storage = [...foundation, 'log', 'metadata']
const brokerMay = [...storage, 'net', 'controller', 'replication', 'coordinator', 'security']

/** For each folder of `src/`, the folders it may import from besides itself. */
export const layers: Readonly<Record<string, readonly string[]>> = {
  std: [],
  io: ['std'],
  protocol: ['std'],
  net: foundation,
  log: foundation,
  metadata: [...foundation, 'log'],
  controller: [...foundation, 'net', 'metadata'],
  replication: [...storage, 'net'],
  coordinator: ['std', 'protocol'],
  security: [...foundation, 'metadata'],
  broker: brokerMay,
  client: [...foundation, 'net'],
  streams: ['std', 'io', 'client'],
  registry: ['std', 'io', 'client'],
  console: ['std', 'io', 'client'],
  testing: [...foundation, 'metadata', 'broker', 'client'],
  cli: ['std', 'io', 'client'],
  sim: [...brokerMay, 'broker', 'client'],
}

/** What single places of the command line may import beyond their layer. */
const cliExtras: readonly { readonly prefix: string; readonly may: readonly string[] }[] = [
  { prefix: 'src/cli/start', may: ['broker', 'metadata'] },
  { prefix: 'src/cli/log/', may: ['log', 'protocol', 'metadata', 'coordinator'] },
]

/** What stands in for the outside world in tests, and must not be needed without them. */
const isSimulation = (path: string): boolean => /^src\/(sim\/|io\/memory)/.test(path)

const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.startsWith('test/')
/** Contract suites and builders of test data: part of the tests, in files of their own. */
const isTestSupport = (path: string): boolean => /(\.contract|\.fixture|\.testing)\.ts$/.test(path)
const layerOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1]

export function layerViolations(sources: readonly Source[]): string[] {
  const violations: string[] = []
  for (const source of sources) {
    const from = layerOf(source.path)
    if (from === undefined) continue
    const may = layers[from]
    if (may === undefined) {
      violations.push(
        `${source.path}: src/${from}/ is not a layer; add it to the table here and in docs/architecture.md`,
      )
      continue
    }
    const extras = cliExtras.filter(extra => source.path.startsWith(extra.prefix)).flatMap(extra => extra.may)
    const forTests = isTest(source.path) || isTestSupport(source.path)
    // Tests of what starts a broker talk to it.
    const talking = from === 'cli' || from === 'testing' ? ['net', 'protocol'] : []
    const supports = forTests ? ['std', 'sim', 'testing', ...talking] : []
    for (const { target, line } of source.imports) {
      const to = target === undefined ? undefined : (layerOf(target) ?? target)
      if (to === undefined || to === from || may.includes(to) || extras.includes(to) || supports.includes(to)) continue
      violations.push(`${source.path}:${line}: ${from} may not import ${to}`)
    }
  }
  return violations
}

/** Production code must not depend on what exists for tests. */
export function testImportViolations(sources: readonly Source[]): string[] {
  const violations: string[] = []
  for (const source of sources) {
    if (!source.path.startsWith('src/') || isTest(source.path) || isTestSupport(source.path)) continue
    for (const { target, line } of source.imports) {
      if (target === undefined) continue
      const forTests = isTest(target) || isTestSupport(target) || isSimulation(target)
      if (forTests && !isSimulation(source.path))
        violations.push(`${source.path}:${line}: only tests may import ${target}`)
    }
  }
  return violations
}

const forbiddenReferences = new Map<string, string>(
  Object.entries({
    setTimeout: 'io.clock.setTimer',
    setInterval: 'io.clock.setTimer',
    setImmediate: 'io.clock.defer',
    'Date.now': 'io.clock.nowMs',
    'new Date()': 'io.clock.nowMs',
    performance: 'io.clock.monotonicMs',
    process: 'an option given by the entry point',
    'Math.random': 'io.random',
    crypto: 'io.random',
    console: 'a logger',
    fetch: 'io.network',
    WebSocket: 'io.network',
    WeakRef: 'an explicit lifetime',
    FinalizationRegistry: 'an explicit lifetime',
    'AbortSignal.timeout': 'io.clock.setTimer',
    globalThis: 'a value that is passed down',
    require: 'import',
    Atomics: 'nothing: it blocks the event loop',
  }),
)

/** Modules of Node that only compute, and `node:module` to load native packages that may be absent; everything else of Node's is I/O and comes through Io. */
const pureModules = new Set([
  'node:zlib',
  'node:util',
  'node:buffer',
  'node:path/posix',
  'node:diagnostics_channel',
  'node:module',
  'node:crypto',
])
const randomNames = new Set([
  'randomBytes',
  'randomUUID',
  'randomInt',
  'randomFill',
  'randomFillSync',
  'webcrypto',
  'getRandomValues',
  '*',
])

/** What src/ files may do beyond the rule, and why: the implementation of Io, entry points, and the simulator's one real turn of the loop and its watch over every other. */
export function allowances(path: string): { readonly everything: boolean; readonly names: readonly string[] } {
  if (/^src\/io\/node[^/]*\.ts$/.test(path) || path.startsWith('src/cli/') || isTest(path) || isTestSupport(path)) {
    return { everything: true, names: [] }
  }
  if (path === 'src/sim/simulator.ts') return { everything: false, names: ['setImmediate', 'node:async_hooks'] }
  if (path === 'src/sim/async-guard.ts') return { everything: false, names: ['node:async_hooks'] }
  return { everything: false, names: [] }
}

export function forbiddenViolations(sources: readonly Source[]): string[] {
  const violations: string[] = []
  for (const source of sources) {
    if (!source.path.startsWith('src/')) continue
    const allowed = allowances(source.path)
    if (allowed.everything) continue
    for (const { name, line } of source.references) {
      const instead = forbiddenReferences.get(name)
      if (instead !== undefined && !allowed.names.includes(name)) {
        violations.push(`${source.path}:${line}: ${name} is not for this layer; use ${instead}`)
      }
    }
    for (const { specifier, names, line } of source.imports) {
      if (!specifier.startsWith('node:') || allowed.names.includes(specifier)) continue
      if (!pureModules.has(specifier))
        violations.push(`${source.path}:${line}: ${specifier} is not for this layer; use Io`)
      else if (specifier === 'node:crypto' && (names.length === 0 || names.some(name => randomNames.has(name)))) {
        violations.push(`${source.path}:${line}: randomness comes from io.random`)
      }
    }
  }
  return violations
}

const maxLines = 600

export function lengthViolations(sources: readonly Source[]): string[] {
  return sources
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines >= maxLines)
    .map(({ path, lines }) => `${path}: ${lines} lines; a file is one idea, split it well before ${maxLines}`)
}

/** Files that nothing reaches from where execution starts. What only tests reach is dead too, unless it is there for tests. */
export function deadFiles(sources: readonly Source[], entryPoints: readonly string[]): string[] {
  const byPath = new Map(sources.map(source => [source.path, source]))
  const reach = (roots: readonly string[]): Set<string> => {
    const seen = new Set<string>()
    const queue = [...roots]
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      const source = byPath.get(path)
      if (source === undefined || seen.has(path)) continue
      seen.add(path)
      for (const { target } of source.imports) if (target !== undefined) queue.push(target)
    }
    return seen
  }
  const paths = sources.map(source => source.path)
  const tested = reach(paths.filter(path => path.endsWith('.test.ts')))
  const live = reach([...entryPoints, ...paths.filter(path => isSimulation(path) && tested.has(path))])
  return paths
    .filter(path => !live.has(path) && !((isTest(path) || isTestSupport(path)) && tested.has(path)))
    .map(path => `${path}: no entry point${isTest(path) || isTestSupport(path) ? ' and no test' : ''} reaches it`)
}

/** Files that need each other in a circle at run time, where one of them sees the other half-made. */
export function importCycles(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map(source => [source.path, source]))
  const cycles: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: string[]): void => {
    const at = trail.indexOf(path)
    if (at >= 0) {
      cycles.push([...trail.slice(at), path].join(' → '))
      return
    }
    if (done.has(path)) return
    trail.push(path)
    for (const { target, typeOnly } of byPath.get(path)?.imports ?? []) {
      if (target !== undefined && !typeOnly && byPath.has(target)) visit(target, trail)
    }
    trail.pop()
    done.add(path)
  }
  for (const source of sources) visit(source.path, [])
  return cycles
}

/** Each handler stands in a file named after the API whose schema has the same file name, and exports one handler. */
export function handlerViolations(sources: readonly Source[]): string[] {
  const schemas = new Set(
    sources
      .map(source => /^src\/protocol\/messages\/([^/]+)\.ts$/.exec(source.path)?.[1])
      .filter(name => name !== undefined),
  )
  const violations: string[] = []
  for (const source of sources) {
    const api = /^src\/broker\/handlers\/([^/]+)\.ts$/.exec(source.path)?.[1]
    if (api === undefined || isTest(source.path)) continue
    if (!schemas.has(api))
      violations.push(`${source.path}: there is no src/protocol/messages/${api}.ts; a handler is named after its API`)
  }
  return violations
}

/** Packages imported by product code are dependencies, by everything else dependencies or development ones. */
export function packageViolations(
  sources: readonly Source[],
  dependencies: ReadonlySet<string>,
  development: ReadonlySet<string>,
): string[] {
  const violations: string[] = []
  for (const source of sources) {
    const product = source.path.startsWith('src/') && !isTest(source.path) && !isTestSupport(source.path)
    for (const { specifier, target, line } of source.imports) {
      if (target !== undefined || specifier.startsWith('node:')) continue
      const name = /^(@[^/]+\/)?[^/]+/.exec(specifier)![0]
      if (dependencies.has(name) || (!product && development.has(name))) continue
      violations.push(
        `${source.path}:${line}: ${name} is not in package.json's ${product ? 'dependencies' : 'dependencies or devDependencies'}`,
      )
    }
  }
  return violations
}

// Put together here so that the rule does not find itself.
const marks = ['TO DO', 'FIX ME', 'XX X', 'HA CK'].map(mark => mark.replace(' ', ''))
const unfinished = new RegExp(`\\b(${marks.join('|')})\\b`)
const machinePath = /(^|[\s'"`(=])\/(work|root|Users|home\/[a-z])[/\w]/
const registryHost =
  /\b(registry\.(npmjs|yarnpkg)|repo1?\.maven(\.apache)?|pypi|(proxy|sum)\.golang|crates)\.(org|com|io)\b/

/** What no committed text may hold: marks of unfinished work, paths of somebody's machine, hosts of registries. */
export function textViolations(path: string, text: string): string[] {
  const violations: string[] = []
  text.split('\n').forEach((line, index) => {
    if (unfinished.test(line))
      violations.push(`${path}:${index + 1}: unfinished work is finished or recorded as an issue, not marked`)
    if (machinePath.test(line)) violations.push(`${path}:${index + 1}: names a path of one machine`)
    if (registryHost.test(line)) violations.push(`${path}:${index + 1}: names a registry's host`)
  })
  return violations
}
