/** The programs in C beside this file, compiled into the cache when their source is newer. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const folder = join(import.meta.dirname, '..', '.cache', 'bench')

/** Gives the path of the program. */
export async function compile(name: 'load' | 'yardstick'): Promise<string> {
  const source = join(import.meta.dirname, `${name}.c`)
  const program = join(folder, name)
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program
  mkdirSync(folder, { recursive: true })
  // Beside its place first: another run may be using the old one.
  const fresh = `${program}.${process.pid}`
  const flags = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror']
  await promisify(execFile)('cc', [...flags, '-o', fresh, source])
  renameSync(fresh, program)
  return program
}
