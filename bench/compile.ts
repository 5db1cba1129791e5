/** The programs in C and Java beside this file, compiled into the cache when they are first needed. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { kafkaJars } from '../interop/runner/paths.ts'

const run = promisify(execFile)
const cache = join(import.meta.dirname, '..', '.cache', 'bench')

/** Gives the path of the program, which has its source's digest in its name. `librdkafka` needs that library's headers. */
export async function compile(name: 'load' | 'groups' | 'yardstick' | 'librdkafka'): Promise<string> {
  const source = join(import.meta.dirname, `${name}.c`)
  const program = join(cache, `${name}-${digest([source, join(import.meta.dirname, 'wire.h')])}`)
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  // Beside its place first: another run may be at the same.
  const fresh = `${program}.${process.pid}`
  const flags = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror', '-o', fresh, source]
  await run('cc', name === 'librdkafka' ? [...flags, '-lrdkafka', '-lpthread'] : [...flags, '-lpthread'])
  renameSync(fresh, program)
  return program
}

/** Gives the folder of the classes. Kafka's jars have to be there. */
export async function compileJava(): Promise<string> {
  const folder = join(import.meta.dirname, 'java')
  const sources = readdirSync(folder).map(name => join(folder, name))
  const classes = join(cache, `java-${digest(sources)}`)
  if (existsSync(classes)) return classes
  const fresh = `${classes}.${process.pid}`
  const flags = ['-encoding', 'UTF-8', '-Xlint:all,-processing,-classfile', '-Werror', '-proc:none']
  await run('javac', [...flags, '-d', fresh, '-cp', `${kafkaJars}/*`, ...sources])
  renameSync(fresh, classes)
  return classes
}

function digest(paths: readonly string[]): string {
  const hash = createHash('sha256')
  for (const path of paths) hash.update(readFileSync(path))
  return hash.digest('hex').slice(0, 12)
}
