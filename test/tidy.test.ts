/**
 * The repository's rules (docs/contributing.md), held by a machine. Every rule is first shown to find what it is for on forged sources,
 * so that a green run means something.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { BUNDLED_PACKAGES, ENTRIES } from '../scripts/package-shape.ts'
import { VERSION } from '../src/std/version.ts'
import * as rules from './tidy/rules.ts'
import { parseSource, repositoryFiles } from './tidy/source.ts'
import type { Source } from './tidy/source.ts'

const root = join(import.meta.dirname, '..')
const files = repositoryFiles(root)
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const isCode = (path: string): boolean =>
  /^(src|test|scripts|bench|interop)\/.*\.ts$/.test(path) || path === 'rolldown.config.ts'
const sources = files.filter(isCode).map(path => parseSource(path, read(path)))

interface PackageFile {
  readonly version: string
  readonly bin: Record<string, string>
  readonly exports: Record<string, string | { types: string; default: string }>
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
}
const packageFile = JSON.parse(read('package.json')) as PackageFile
const lockFile = read('package-lock.json')

/** Where execution starts: what the package exports and runs, and every development script. */
const entryPoints = [
  ...ENTRIES.map(entry => entry.source),
  ...sources
    .map(source => source.path)
    .filter(path => /^((scripts|bench|interop)\/[^/]+|bench\/[^/]+\/index|interop\/([^/]+)\/\3)\.ts$/.test(path)),
]

const none = (violations: readonly string[]): void => {
  if (violations.length > 0) assert.fail(`\n${violations.join('\n')}`)
}
const forged = (texts: Record<string, string>): Source[] =>
  Object.entries(texts).map(([path, text]) => parseSource(path, text))

describe('imports', () => {
  test('a folder imports only from the layers below it', () => none(rules.layerViolations(sources)))

  test('the layer rule finds static, type-only, re-exporting and dynamic imports, and unknown folders', () => {
    const found = rules.layerViolations(
      forged({
        'src/log/a.ts': "import { x } from '../broker/b.ts'\nimport { ok } from '../io/io.ts'",
        'src/std/b.ts': "import type { Io } from '../io/io.ts'",
        'src/io/c.ts': "export * from '../log/log.ts'",
        'src/net/d.ts': "export const load = () => import('../broker/broker.ts')",
        'src/net/e.ts': "export type T = import('../broker/broker.ts').Broker",
        'src/log/f.test.ts': "import { Simulator } from '../sim/simulator.ts'",
        'src/misc/g.ts': "import { x } from '../std/x.ts'",
        'src/log/h.ts': "import { x } from '../../test/x.ts'",
        'src/cli/topics/list.ts': "import { Broker } from '../../broker/broker.ts'",
        'src/cli/start.ts': "import { Broker } from '../broker/broker.ts'",
      }),
    )
    assert.deepEqual(
      found.map(line => line.split(':')[0]),
      [
        'src/log/a.ts',
        'src/std/b.ts',
        'src/io/c.ts',
        'src/net/d.ts',
        'src/net/e.ts',
        'src/misc/g.ts',
        'src/log/h.ts',
        'src/cli/topics/list.ts',
      ],
    )
  })

  test('only tests import the simulator and test support', () => none(rules.testImportViolations(sources)))

  test('the test-import rule finds production code that leans on tests', () => {
    const found = rules.testImportViolations(
      forged({
        'src/log/a.ts': "import { x } from '../sim/faults.ts'",
        'src/log/b.ts': "import { x } from './c.test.ts'",
        'src/log/d.ts': "import { x } from './e.contract.ts'",
        'src/log/f.test.ts': "import { x } from './e.contract.ts'",
        'src/sim/g.ts': "import { x } from './faults.ts'",
      }),
    )
    assert.equal(found.length, 3)
  })

  test('no file imports itself in a circle', () => none(rules.importCycles(sources)))

  test('the circle rule finds a circle of three, and lets types refer to each other', () => {
    const found = rules.importCycles(
      forged({
        'src/std/a.ts': "import { b } from './b.ts'",
        'src/std/b.ts': "export { C } from './c.ts'",
        'src/std/c.ts': "import { type T, a } from './a.ts'",
        'src/std/d.ts': "import type { E } from './e.ts'\nimport { a } from './a.ts'",
        'src/std/e.ts': "import { D } from './d.ts'",
      }),
    )
    assert.deepEqual(found, ['src/std/a.ts → src/std/b.ts → src/std/c.ts → src/std/a.ts'])
  })

  test('every imported package is declared, and product code needs no development package', () => {
    const names = (record: Record<string, string>): Set<string> => new Set(Object.keys(record))
    const shipped = new Set([...names(packageFile.dependencies), ...BUNDLED_PACKAGES])
    none(rules.packageViolations(sources, shipped, names(packageFile.devDependencies)))
  })

  test('the package rule finds an undeclared package and a development one in product code', () => {
    const found = rules.packageViolations(
      forged({
        'src/std/a.ts': "import x from 'left-pad'\nimport y from '@scope/dev/sub'\nimport z from 'prod'",
        'src/std/a.test.ts': "import y from '@scope/dev/sub'",
      }),
      new Set(['prod']),
      new Set(['@scope/dev']),
    )
    assert.equal(found.length, 2)
  })
})

describe('the outside world', () => {
  test('is touched only by the real Io and the entry points', () => none(rules.forbiddenViolations(sources)))

  test('the rule finds clocks, timers, randomness, files, consoles and collectors of garbage', () => {
    const bad = [
      'setTimeout(() => {}, 1)',
      'export const f = setImmediate',
      'export const now = Date.now()',
      'export const now = new Date()',
      'export const t = performance.now()',
      'export const e = process.env',
      'export const r = Math.random()',
      "console.log('x')",
      'export const w = new WeakRef({})',
      'export const s = AbortSignal.timeout(5)',
      'export const u = crypto.randomUUID()',
      'export const x = (process as unknown as { pid: number }).pid',
      'export const y = { process }',
      "import { readFileSync } from 'node:fs'",
      "import * as net from 'node:net'",
      "import { lookup } from 'node:dns/promises'",
      "import { randomBytes } from 'node:crypto'",
      "import * as crypto from 'node:crypto'",
      "export const lazy = () => import('node:fs/promises')",
    ]
    for (const text of bad) assert.notEqual(rules.forbiddenViolations(forged({ 'src/log/a.ts': text })).length, 0, text)
  })

  test('the rule leaves pure computation, properties, types and the listed exceptions alone', () => {
    const good: Record<string, string> = {
      'src/log/a.ts': 'export const iso = (ms: number) => new Date(ms).toISOString()',
      'src/log/b.ts': 'export const o = { process: 1, console: 2 }\nexport const p = o.process',
      'src/log/c.ts': 'export interface Process { process(): void }\nexport type P = typeof process',
      'src/log/d.ts': "import { crc32 } from 'node:zlib'\nimport { createHash } from 'node:crypto'",
      'src/io/node-disk.ts': "import { open } from 'node:fs/promises'\nsetTimeout(() => {}, 1)",
      'src/cli/start.ts': 'process.exitCode = 1',
      'src/sim/simulator.ts': "import { createHook } from 'node:async_hooks'\nsetImmediate(() => {})",
      'src/broker/handlers/fetch.ts': 'export const fetch = 1\nexport const handlers = [fetch]',
      'src/broker/served.ts': "import { fetch } from './handlers/fetch.ts'\nexport const handlers = [fetch]",
      'src/log/e.test.ts': 'export const now = Date.now()',
    }
    none(rules.forbiddenViolations(forged(good)))
    assert.equal(rules.forbiddenViolations(forged({ 'src/sim/simulator.ts': 'setTimeout(() => {}, 1)' })).length, 1)
  })
})

describe('files', () => {
  test('are short', () => none(rules.lengthViolations(sources)))

  test('the length rule finds one of 600 lines and lets one of 599 pass', () => {
    const found = rules.lengthViolations(
      forged({ 'src/std/a.ts': 'a()\n'.repeat(600), 'src/std/b.ts': 'a()\n'.repeat(599) }),
    )
    assert.equal(found.length, 1)
  })

  test('are reached from an entry point', () => none(rules.deadFiles(sources, entryPoints)))

  test('the dead-file rule finds what nothing or only a test reaches, but for test support', () => {
    const found = rules.deadFiles(
      forged({
        'src/index.ts': "import { a } from './std/a.ts'",
        'src/std/a.ts': '',
        'src/std/a.test.ts': "import { x } from './disk.contract.ts'\nimport { onlyTested } from './only-tested.ts'",
        'src/std/disk.contract.ts': '',
        'src/std/unused.contract.ts': '',
        'src/std/only-tested.ts': '',
        'src/std/dead.ts': '',
        'src/io/memory.ts': "import { heap } from '../std/heap.ts'",
        'src/io/memory.test.ts': "import { heap } from './memory.ts'",
        'src/std/heap.ts': '',
        'src/sim/unused.ts': '',
      }),
      ['src/index.ts'],
    )
    assert.deepEqual(found.map(line => line.split(':')[0]!).toSorted(), [
      'src/sim/unused.ts',
      'src/std/dead.ts',
      'src/std/only-tested.ts',
      'src/std/unused.contract.ts',
    ])
  })

  test('each handler has the name of its API and stands beside a schema of that name', () =>
    none(rules.handlerViolations(sources)))

  test('the handler rule finds a handler without a schema of its name', () => {
    const found = rules.handlerViolations(
      forged({
        'src/broker/handlers/fetch.ts': '',
        'src/broker/handlers/misc.ts': '',
        'src/protocol/messages/fetch.ts': '',
      }),
    )
    assert.deepEqual(
      found.map(line => line.split(':')[0]),
      ['src/broker/handlers/misc.ts'],
    )
  })
})

describe('text', () => {
  const isText = (path: string): boolean =>
    /\.(ts|js|mjs|json|md|yml|yaml|toml|xml|java|go|rs|py|c|h|sh|txt)$|(^|\/)[^.]+$|(^|\/)\.[^/]+$/.test(path)

  test('marks no unfinished work and names no machine and no registry', () => {
    none(files.filter(isText).flatMap(path => rules.textViolations(path, read(path))))
  })

  test('the text rule finds each of these', () => {
    const bad = [
      '// TO DO: later',
      '// FIX ME: later',
      '// XX X',
      '// HA CK',
      'see /wo rk/main/x',
      "'/ro ot/.npmrc'",
      'https://registry. npmjs.org/x',
      'https://repo1.maven .org/x',
    ].map(text => text.replace(/(?<=\S) (?=(DO|ME|X$|CK|rk|ot|npmjs|\.org))/, ''))
    for (const text of bad) assert.equal(rules.textViolations('a.ts', text).length, 1, text)
    none(rules.textViolations('a.ts', 'https://example.org/work/x and network/root/file'))
  })

  test('the lock file holds the packages of every platform, not only of the one it was written on', () => {
    const { packages } = JSON.parse(lockFile) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>
    }
    const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
    const locked = new Set(Object.keys(packages).map(path => path.replace(/^.*node_modules\//, '')))
    // Otherwise `npm ci` refuses to start.
    none(wanted.filter(name => !locked.has(name)))
  })

  test('the lock file names packages by version and hash only', () => {
    const resolved = [...lockFile.matchAll(/"resolved": "([^"]+)"/g)].map(match => match[1]!)
    assert.deepEqual(
      resolved.filter(address => address.includes('://')),
      [],
    )
  })
})

describe('the package', () => {
  test('says the same version everywhere', () => {
    assert.equal(VERSION, packageFile.version)
    assert.match(read('CHANGELOG.md'), new RegExp(`^## ${VERSION.replaceAll('.', '\\.')}\\b`, 'm'))
  })

  test('exports and runs exactly what the build makes', () => {
    const declared = Object.values(packageFile.exports).flatMap(target =>
      typeof target === 'string' ? [] : [target.default, target.types],
    )
    const built = ENTRIES.flatMap(({ output, types }) =>
      types === undefined ? [] : [`./dist/${output}.mjs`, `./dist/types/${types}`],
    )
    assert.deepEqual(declared, built)
    assert.deepEqual(packageFile.bin, { ottla: './dist/cli.js' })
  })
})
