/**
 * Ottla as it is packaged, built once for a run and kept apart from the checkout: whoever builds there meanwhile does not change what is measured. Another revision is
 * built in a worktree of its own below the system's temporary folder.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** Builds this checkout and gives the folder of the package. */
export function buildHere(folder: string): string {
  run('npm', ['run', '--silent', 'build'], root)
  mkdirSync(folder, { recursive: true })
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** Whether the checkout knows such a revision. */
export function isRevision(revision: string): boolean {
  return spawnSync('git', ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`], { cwd: root }).status === 0
}

/** Builds a revision; `remove` takes the worktree away again. */
export function buildRevision(revision: string, folder: string): { readonly folder: string; remove(): void } {
  run('git', ['worktree', 'add', '--quiet', '--detach', folder, revision], root)
  const remove = (): void => run('git', ['worktree', 'remove', '--force', folder], root)
  try {
    const lock = 'package-lock.json'
    const isSame = readFileSync(join(root, lock), 'utf8') === readFileSync(join(folder, lock), 'utf8')
    if (isSame && existsSync(join(root, 'node_modules'))) {
      symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    } else {
      run('npm', ['ci', '--silent'], folder)
    }
    run('npm', ['run', '--silent', 'build'], folder)
  } catch (error) {
    remove()
    throw error
  }
  return { folder, remove }
}

function run(file: string, args: readonly string[], cwd: string): void {
  const { status, error } = spawnSync(file, args, { cwd, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} failed in ${cwd}`, { cause: error })
}
