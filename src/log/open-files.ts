/**
 * Files that open themselves when they are needed and close when too many others are open: what lets a broker have hundreds of thousands of
 * segment files and a few thousand descriptors.
 *
 * A `LazyFile` stands for a path. Whoever works with it either takes the `DiskFile` that happens to be open, for a synchronous call, or hands its
 * work to `use`, which opens the file first and keeps it open for that long. The least recently used of those that nobody works with is closed when
 * the limit is exceeded. Closing is asynchronous; opening the same file anew waits for it.
 */
import { assert } from '../std/assert.ts'
import type { DiskFile } from '../io/io.ts'
import type { BoundedDisk } from './bounded-disk.ts'

/** Of the files that may be open, so many are not for keeping open: small files that are read or replaced. */
const placesForOthers = 64

export class OpenFiles {
  readonly disk: BoundedDisk
  readonly #limit: number
  /** Every file that is open, least recently used first. */
  readonly #files = new Set<LazyFile>()
  #latest: LazyFile | undefined

  /** Keeps as many files open as the disk allows, less some that others need. */
  constructor(disk: BoundedDisk, openMax: number) {
    assert(openMax > placesForOthers, `${openMax} open files are too few`)
    this.disk = disk
    this.#limit = openMax - placesForOthers
    disk.onScarce = () => this.#evict(Math.max(0, this.#files.size - disk.waitingCount))
  }

  /** Only for `LazyFile`. */
  touch(file: LazyFile): void {
    if (this.#latest === file) return
    this.#files.delete(file)
    this.#files.add(file)
    this.#latest = file
    if (this.#files.size > this.#limit) this.#evict(this.#limit)
  }

  /** Only for `LazyFile`: nobody works with it now. */
  quiet(file: LazyFile): void {
    if (this.disk.waitingCount > 0 || this.#files.size > this.#limit) file.closeIdle()
  }

  /** Only for `LazyFile`. */
  forget(file: LazyFile): void {
    this.#files.delete(file)
    if (this.#latest === file) this.#latest = undefined
  }

  #evict(downTo: number): void {
    for (const file of this.#files) {
      if (this.#files.size <= downTo) return
      if (!file.inUse) file.closeIdle()
    }
  }
}

export class LazyFile {
  readonly #openFiles: OpenFiles
  #path: string
  #file: DiskFile | undefined
  #opening: Promise<DiskFile> | undefined
  #closing: Promise<void> | undefined
  #users = 0
  #onQuiet: (() => void)[] | undefined
  /** Set while the file is suspended. */
  #gate: Promise<void> | undefined
  #openGate: (() => void) | undefined

  /** Nothing is opened, and nothing created, before the first use. */
  constructor(openFiles: OpenFiles, path: string) {
    this.#openFiles = openFiles
    this.#path = path
  }

  get path(): string {
    return this.#path
  }

  get inUse(): boolean {
    return this.#users > 0 || this.#opening !== undefined
  }

  /** The file, if it is open now: for one synchronous call. */
  get opened(): DiskFile | undefined {
    if (this.#gate !== undefined) return undefined
    if (this.#file !== undefined) this.#openFiles.touch(this)
    return this.#file
  }

  /** Opens the file for reading and writing, creating it where `create` says so, and keeps it open until `work` settles. */
  async use<T>(work: (file: DiskFile) => Promise<T>, create = false): Promise<T> {
    while (this.#gate !== undefined) await this.#gate
    this.#users += 1
    try {
      return await work(this.opened ?? (await this.#open(create)))
    } finally {
      this.#users -= 1
      if (this.#users === 0) this.#quiet()
    }
  }

  /** Waits for the uses under way, then closes. The file may be used again afterwards. */
  async close(): Promise<void> {
    while (this.#users > 0) await this.#used()
    if (this.#file !== undefined) this.closeIdle()
    await this.#closing
  }

  /** Closes first, because an open file cannot be renamed everywhere. Uses that begin meanwhile wait and find it under its new name. */
  async rename(to: string): Promise<void> {
    while (this.#users > 0) await this.#used()
    if (this.#file !== undefined) this.closeIdle()
    // At once, and not when it is closed: a use that begins in between would look for it under the old name.
    const renaming = this.#renameClosed(this.#closing, to)
    this.#closing = renaming.then(undefined, () => {})
    await renaming
  }

  async #renameClosed(closing: Promise<void> | undefined, to: string): Promise<void> {
    await closing
    await this.#openFiles.disk.rename(this.#path, to)
    this.#path = to
  }

  /** Settles when nobody works with the file, for a moment at least. */
  #used(): Promise<void> {
    return new Promise<void>(resolve => {
      ;(this.#onQuiet ??= []).push(resolve)
    })
  }

  /** For a file that does not exist yet. */
  moveTo(path: string): void {
    assert(this.#file === undefined && !this.inUse, () => `${this.#path} is in use and does not exist`)
    this.#path = path
  }

  /** Closes the file, after the uses under way, and lets those that come wait until `resume`. */
  async suspend(): Promise<void> {
    this.#gate ??= new Promise<void>(resolve => {
      this.#openGate = resolve
    })
    await this.close()
  }

  /** Lets uses go on, with the file at `path`. One that was not suspended must not be open. */
  resume(path: string): void {
    assert(this.#file === undefined || path === this.#path, () => `${this.#path} is open while it moves`)
    this.#path = path
    this.#openGate?.()
    this.#gate = undefined
    this.#openGate = undefined
  }

  /** Only for `OpenFiles`: nobody works with the file. */
  closeIdle(): void {
    const file = this.#file
    assert(file !== undefined && this.#users === 0, () => `${this.#path} is closed while it is used`)
    this.#file = undefined
    this.#openFiles.forget(this)
    // A descriptor that does not close cleanly had its data synced or reported before; there is nothing to be done about it.
    this.#closing = file.close().then(undefined, () => {})
  }

  async #open(create: boolean): Promise<DiskFile> {
    this.#opening ??= this.#openNow(create)
    return this.#opening
  }

  async #openNow(create: boolean): Promise<DiskFile> {
    try {
      await this.#closing
      const file = await this.#openFiles.disk.open(this.#path, { write: true, create })
      this.#file = file
      return file
    } finally {
      this.#opening = undefined
      if (this.#file !== undefined) this.#openFiles.touch(this)
    }
  }

  #quiet(): void {
    const waiting = this.#onQuiet
    this.#onQuiet = undefined
    for (const resolve of waiting ?? []) resolve()
    if (this.#file !== undefined && !this.inUse) this.#openFiles.quiet(this)
  }
}
