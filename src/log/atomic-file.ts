/**
 * Replaces a small file as a whole: whoever reads it, also after a power cut at any moment, finds the old content or the new one.
 */
import { dirname } from 'node:path/posix'
import type { Disk, DiskError } from '../io/io.ts'
import { unsealText } from './sealed-text.ts'

/** Of files that were being written; they mean nothing after a crash. */
export const temporarySuffix = '.tmp'

/** Writes beside the file, makes that durable, puts it in place and makes its name durable. Rejects with a `DiskError`. Not for two writers at once. */
export async function replaceFile(
  disk: Disk,
  directory: string,
  name: string,
  content: string | Uint8Array,
): Promise<void> {
  await replaceContent(disk, directory, name, content)
  await disk.syncDirectory(directory)
}

/** The same for whoever syncs the directory afterwards. */
export async function replaceContent(
  disk: Disk,
  directory: string,
  name: string,
  content: string | Uint8Array,
): Promise<void> {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content
  const path = `${directory}/${name}`
  const temporary = path + temporarySuffix
  const file = await disk.open(temporary, { write: true, create: true })
  try {
    await file.truncate(0)
    if (bytes.length > 0) await file.writev([bytes], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, path)
}

/** Makes a directory and its missing parents, and their names durable. Rejects with a `DiskError`. */
export async function makeDurableDirectory(disk: Disk, path: string): Promise<void> {
  const names = [path]
  for (let each = path; (await disk.stat(dirname(each))) === undefined && dirname(each) !== each;) {
    each = dirname(each)
    names.push(each)
  }
  await disk.makeDirectory(path)
  // Its own name also when it was there: perhaps its maker was killed before it did this.
  for (const each of names.toReversed()) await syncName(disk, each)
}

/** A directory that we may use need not lie in one that we may read; then its name is not ours to make durable. */
async function syncName(disk: Disk, path: string): Promise<void> {
  try {
    await disk.syncDirectory(dirname(path))
  } catch (error) {
    const { code } = error as DiskError
    if (code !== 'EACCES' && code !== 'EPERM') throw error
  }
}

/** What stands for the content of a file that does not match its checksum: no reader understands it. */
const brokenText = 'this file does not match its checksum'

/** Settles when all have: what is done at the same time is over before anybody hears that a part of it has failed. */
export async function allSettled(works: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) if (result.status === 'rejected') throw result.reason
}

/** The text of a small file; `undefined` when there is none. Other failures are thrown as `DiskError`. */
export function readTextSync(disk: Disk, path: string): string | undefined {
  if (disk.statSync(path) === undefined) return undefined
  return textOf(disk.readFileSync(path))
}

/** Without its checksum, if it has one (`sealed-text.ts`). */
export function textOf(bytes: Uint8Array): string {
  return unsealText(bytes) ?? brokenText
}

/**
 * Gathers the replacements of one file: while one is under way, any number of requests for another become a single one, which writes what is
 * true by then.
 */
export class FileReplacer {
  readonly #write: () => Promise<void>
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(write: () => Promise<void>) {
    this.#write = write
  }

  /** Settles once a state at least as new as the present one is durable. */
  replace(): Promise<void> {
    if (this.#next !== undefined) return this.#next
    if (this.#running === undefined) return this.#start()
    this.#next = this.#running
      .then(undefined, () => {})
      .then(() => {
        this.#next = undefined
        return this.#start()
      })
    return this.#next
  }

  /** Whether no replacement is under way or asked for. */
  get idle(): boolean {
    return this.#running === undefined && this.#next === undefined
  }

  /** Settles once the replacement that is under way now is over, whatever came of it. */
  async settled(): Promise<void> {
    await this.#running?.catch(() => {})
  }

  #start(): Promise<void> {
    const running = this.#write().finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }
}
