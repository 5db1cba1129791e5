/**
 * Keeps brokers away from log directories while a tool works on them, and the tool away while a broker does: by the lock that brokers take. Nothing is made where nothing is to be changed: a directory
 * without a lock file has never been a broker's.
 */
import { join } from 'node:path'
import type { Disk, DiskError, DiskLock } from '../../io/io.ts'
import { LOCK_FILE } from '../../log/file-names.ts'

/** A broker is at work there. */
export class InUse extends Error {
  constructor(directory: string) {
    super(
      `${directory} is in use: a broker holds its lock, and files that are being written look damaged. Stop the broker first; ottla log dump works meanwhile`,
    )
    this.name = 'InUse'
  }
}

/** What says that a lock cannot be taken because nobody may write there, so that no broker can be at work either. */
const readOnly: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS'])

/** `isReading`: nothing will be changed. Rejects with `InUse` or a `DiskError`. */
export async function lockDirectory(disk: Disk, directory: string, isReading: boolean): Promise<DiskLock | undefined> {
  const path = join(directory, LOCK_FILE)
  if (isReading && (await disk.stat(path)) === undefined) return undefined
  try {
    const lock = await disk.lock(path)
    if (lock === undefined) throw new InUse(directory)
    return lock
  } catch (error) {
    if (isReading && readOnly.has((error as DiskError).code)) return undefined
    throw error
  }
}
