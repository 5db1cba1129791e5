/**
 * The operating system's lock on a file, which Node itself does not offer, taken through SQLite, which comes with it.
 *
 * `BEGIN EXCLUSIVE` locks bytes of the database file by `fcntl` (`LockFileEx` on Windows). Kafka locks the whole file in the same way
 * (Java's `FileChannel.tryLock`), so each finds the other's lock; the kernel drops it when the process ends, however it ends. Nothing is
 * written: the transaction stays open and empty, its journal is in memory, and it is rolled back.
 *
 * `fcntl` locks have a trap: the process loses them when it closes *any* descriptor of the file. Within SQLite that is taken care of; nobody else
 * in this process may open the file while it is locked, see `NodeDisk`.
 */

import * as fs from 'node:fs'
import { dirname } from 'node:path'
import type * as sqlite from 'node:sqlite'

export interface FileLock {
  release(): void
}

const resultBusy = 5
const resultNotADatabase = 26

/** `undefined` when somebody else, in this process or another, holds the lock. Throws a `DiskError` when the file cannot be opened for writing. */
export function takeFileLock(path: string): FileLock | undefined {
  assertWritable(path)
  const taken = tryLock(path)
  if (taken !== 'foreign') return taken
  // SQLite read the file and does not know what is in it. Lock files have no content, and nobody had it locked just now.
  fs.truncateSync(path, 0)
  const retaken = tryLock(path)
  if (retaken === 'foreign') throw diskError('EBUSY', `lock file ${path} is being written to`)
  return retaken
}

function tryLock(path: string): FileLock | 'foreign' | undefined {
  const { DatabaseSync } = loadSqlite()
  let database: sqlite.DatabaseSync
  try {
    database = new DatabaseSync(path, { timeout: 0 })
  } catch (error) {
    throw diskError('EIO', `cannot open lock file ${path}: ${(error as Error).message}`)
  }
  try {
    database.exec('PRAGMA journal_mode = MEMORY')
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    const { errcode, message } = error as Error & { errcode?: number }
    if (errcode === resultBusy) return undefined
    if (errcode === resultNotADatabase) return 'foreign'
    throw diskError('EIO', `cannot lock ${path}: ${message}`)
  }
  return {
    release: () => {
      database.exec('ROLLBACK')
      database.close()
    },
  }
}

/** SQLite would open a file read-only where it cannot do better, and then not lock it; it also does not say why. So the system is asked first. */
function assertWritable(path: string): void {
  const stats = fs.statSync(path, { throwIfNoEntry: false })
  if (stats?.isDirectory()) throw diskError('EISDIR', `lock file ${path} is a directory`)
  if (stats !== undefined) fs.accessSync(path, fs.constants.R_OK | fs.constants.W_OK)
  else fs.accessSync(dirname(path), fs.constants.W_OK | fs.constants.X_OK)
}

/** Loaded when first needed, and without the warning that it is experimental: of SQLite nothing is used but its lock. */
function loadSqlite(): typeof sqlite {
  const { emitWarning } = process
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    const type = typeof rest[0] === 'string' ? rest[0] : (rest[0] as { type?: string } | undefined)?.type
    if (type === 'ExperimentalWarning' && String(warning).includes('SQLite')) return
    Reflect.apply(emitWarning, process, [warning, ...rest])
  }
  try {
    return process.getBuiltinModule('node:sqlite')
  } finally {
    process.emitWarning = emitWarning
  }
}

function diskError(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${message}`), { code })
}
