/**
 * Installs what the client programs need and builds them, into the cache. A build is skipped while its inputs are what
 * they were; the languages' own caches (Maven, Go, Cargo, pip, npm) make the first one of a fresh clone quick too.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { cacheDir, cached, groupClasses, interopDir, javaJars, kafkaJars, kafkaToolClasses } from './paths.ts'
import { mustRun, type Command } from './process.ts'

export type BuildName =
  | 'c'
  | 'java-4.3.1'
  | 'java-3.9.1'
  | 'java-2.3.1'
  | 'kafka-tools'
  | 'spring'
  | 'streams'
  | 'python'
  | 'go'
  | 'rust'
  | 'node'

type Build = {
  /** Files and folders below interop/ whose content decides whether the build is up to date. */
  readonly inputs: readonly string[]
  readonly timeLimitMs: number
  readonly steps: () => Command[]
  /** Whatever must exist for the build to count as done. */
  readonly output: string
}

const minuteMs = 60_000
export const javaVersions = ['4.3.1', '3.9.1', '2.3.1'] as const

const builds: Record<BuildName, Build> = {
  c: {
    inputs: ['c'],
    timeLimitMs: minuteMs,
    output: cached('c', 'interop'),
    steps: () => [compileC('interop'), compileC('load')],
  },
  'java-4.3.1': javaBuild('4.3.1'),
  'java-3.9.1': javaBuild('3.9.1'),
  'java-2.3.1': javaBuild('2.3.1'),
  'kafka-tools': {
    inputs: ['kafka-tools'],
    timeLimitMs: 5 * minuteMs,
    output: kafkaToolClasses,
    steps: () => [
      copyJars('kafka-tools/pom.xml', kafkaJars),
      compileJava(['kafka-tools'], kafkaToolClasses, kafkaJars),
    ],
  },
  spring: {
    inputs: ['spring', 'java/src/Report.java'],
    timeLimitMs: 5 * minuteMs,
    output: cached('spring', 'classes'),
    steps: () => [
      copyJars('spring/pom.xml', cached('spring', 'jars')),
      compileJava(['spring/src', 'java/src/Report.java'], cached('spring', 'classes'), cached('spring', 'jars')),
    ],
  },
  streams: {
    inputs: ['streams', 'java/groups/Events.java'],
    timeLimitMs: 5 * minuteMs,
    output: cached('streams', 'classes'),
    steps: () => [
      copyJars('streams/pom.xml', cached('streams', 'jars')),
      compileJava(['streams/src', 'java/groups/Events.java'], cached('streams', 'classes'), cached('streams', 'jars')),
    ],
  },
  python: {
    inputs: ['python/requirements.txt'],
    timeLimitMs: 5 * minuteMs,
    output: cached('python', 'bin', 'python'),
    steps: () => [
      { file: 'python3', args: ['-m', 'venv', '--clear', cached('python')] },
      {
        file: cached('python', 'bin', 'pip'),
        args: ['install', '--quiet', '--disable-pip-version-check', '-r', join(interopDir, 'python/requirements.txt')],
      },
    ],
  },
  go: {
    inputs: ['go'],
    timeLimitMs: 10 * minuteMs,
    output: cached('go', 'group-state'),
    steps: () => [{ file: 'go', args: ['build', '-o', `${cached('go')}/`, './...'], cwd: join(interopDir, 'go') }],
  },
  rust: {
    inputs: ['rust/Cargo.toml', 'rust/src'],
    timeLimitMs: 10 * minuteMs,
    output: cached('rust', 'debug', 'interop'),
    steps: () => [
      {
        file: 'cargo',
        args: ['build', '--quiet', '--manifest-path', join(interopDir, 'rust/Cargo.toml')],
        env: { CARGO_TARGET_DIR: cached('rust') },
      },
    ],
  },
  node: {
    inputs: ['node/package.json'],
    timeLimitMs: 5 * minuteMs,
    output: join(interopDir, 'node', 'node_modules'),
    steps: () => [{ file: 'npm', args: ['install', '--silent', '--no-package-lock'], cwd: join(interopDir, 'node') }],
  },
}

/** Brings one build up to date; returns whether there was anything to do. */
export async function build(name: BuildName): Promise<boolean> {
  const { inputs, output, steps, timeLimitMs } = builds[name]
  const stampPath = cached('stamps', name)
  const stamp = digest(inputs)
  if (existsSync(output) && existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp) return false
  rmSync(stampPath, { force: true })
  for (const step of steps()) await mustRun(step, timeLimitMs)
  writeFileSync(stampPath, stamp)
  return true
}

function javaBuild(version: (typeof javaVersions)[number]): Build {
  const jars = javaJars(version)
  const classes = join(cacheDir, `java-${version}`, 'classes')
  // The programs of groups need what only the newest client has.
  const groups = version === '4.3.1' ? [compileJava(['java/groups'], groupClasses, jars)] : []
  return {
    inputs: ['java/src', `java/${version}`, ...(groups.length > 0 ? ['java/groups'] : [])],
    timeLimitMs: 5 * minuteMs,
    output: classes,
    steps: () => [copyJars(`java/${version}/pom.xml`, jars), compileJava(['java/src'], classes, jars), ...groups],
  }
}

/** Maven only fetches; javac by itself starts in a third of the time. */
function copyJars(pom: string, jars: string): Command {
  const args = ['-q', '-B', '-f', join(interopDir, pom), 'dependency:copy-dependencies', `-DoutputDirectory=${jars}`]
  return { file: 'mvn', args }
}

function compileJava(from: readonly string[], classes: string, jars: string): Command {
  const below = from.flatMap(path => filesBelow(join(interopDir, path)))
  const sources = below.filter(path => path.endsWith('.java'))
  const flags = [
    '-encoding',
    'UTF-8',
    '-Xlint:all,-processing,-serial,-try,-classfile,-deprecation',
    '-Werror',
    '-proc:none',
  ]
  return { file: 'javac', args: [...flags, '-d', classes, '-cp', `${jars}/*`, ...sources] }
}

function compileC(program: string): Command {
  const sources = [`c/${program}.c`, 'c/vectors.c'].map(path => join(interopDir, path))
  const flags = ['-std=c11', '-D_GNU_SOURCE', '-O1', '-g', '-Wall', '-Wextra', '-Werror']
  return { file: 'gcc', args: [...flags, '-o', cached('c', program), ...sources, '-lrdkafka', '-lpthread'] }
}

function digest(inputs: readonly string[]): string {
  const hash = createHash('sha256')
  for (const input of inputs) {
    for (const path of filesBelow(join(interopDir, input))) {
      hash.update(`${relative(interopDir, path)}\0`).update(readFileSync(path))
    }
  }
  return hash.digest('hex')
}

function filesBelow(path: string): string[] {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .sort()
    .filter(name => name !== 'node_modules' && name !== 'target' && name !== '__pycache__')
    .flatMap(name => filesBelow(join(path, name)))
}
