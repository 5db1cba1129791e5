/** What the folders on the command line are, and their locks: what verifying and repairing begin with. */
import { relative, resolve } from 'node:path'
import type { Disk, DiskError, DiskLock } from '../../io/io.ts'
import { DirectoryFiles, findTarget } from '../../log/inspection/verify-directory.ts'
import type { LogTarget } from '../../log/inspection/verify-directory.ts'
import { InUse, lockDirectory } from './folder-lock.ts'

export interface Target extends LogTarget {
  /** `undefined` where there is no log directory around. */
  readonly files: DirectoryFiles | undefined
}

/** Why the command cannot be carried out: one line for a person. */
export class Unusable extends Error {}

export class Targets {
  readonly all: readonly Target[]
  readonly #locks: readonly DiskLock[]

  private constructor(all: readonly Target[], locks: readonly DiskLock[]) {
    this.all = all
    this.#locks = locks
  }

  /** Rejects with `Unusable`. */
  static async open(disk: Disk, folders: readonly string[], isReading: boolean): Promise<Targets> {
    const locks = new Map<string, DiskLock | undefined>()
    const targets: Target[] = []
    try {
      for (const folder of folders) {
        const stat = await disk.stat(resolve(folder))
        if (stat === undefined) throw new Unusable(`${folder}: there is no such folder`)
        if (!stat.directory) throw new Unusable(`${folder} is a file: name the partition's folder that it lies in`)
        const target = await findTarget(disk, resolve(folder))
        if (target === undefined) throw new Unusable(`${folder} is neither a partition's folder nor a log directory`)
        const { directory } = target
        if (directory !== undefined && !locks.has(directory)) {
          locks.set(directory, await lockDirectory(disk, directory, isReading))
        }
        targets.push({ ...target, files: directory === undefined ? undefined : new DirectoryFiles(disk, directory) })
      }
    } catch (error) {
      await release(locks.values())
      if (error instanceof Unusable) throw error
      if (error instanceof InUse || typeof (error as DiskError).code === 'string') {
        throw new Unusable((error as Error).message)
      }
      throw error
    }
    return new Targets(
      targets,
      [...locks.values()].filter(lock => lock !== undefined),
    )
  }

  /** The same folders as they are now, under the same locks. Rejects with a `DiskError`. */
  static async reopened(disk: Disk, { all }: Targets): Promise<Targets> {
    const again: Target[] = []
    for (const { directory, isWhole, partitions } of all) {
      const path = isWhole ? directory! : partitions[0]!.path
      const target = (await findTarget(disk, path))!
      again.push({ ...target, files: directory === undefined ? undefined : new DirectoryFiles(disk, directory) })
    }
    return new Targets(again, [])
  }

  get sizeBytes(): number {
    let sum = 0
    for (const { partitions } of this.all) for (const { sizeBytes } of partitions) sum += sizeBytes
    return sum
  }

  close(): Promise<void> {
    return release(this.#locks)
  }
}

async function release(locks: Iterable<DiskLock | undefined>): Promise<void> {
  for (const lock of locks) await lock?.release()
}

/** As people call it: from where they are, unless that leads out and in again. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path)
  return short === '' || short.startsWith('..') ? path : short
}
