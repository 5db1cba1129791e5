/**
 * A disk that has no more files open at a time than it is allowed to: who wants to open another one waits until one is closed. So ten thousand logs that all want
 * something at once take turns, and no operation fails for want of descriptors.
 *
 * Who holds a file and waits for a second one must be few: each log directory's moves and copies, not each log's appends.
 */
import { assert } from '../std/assert.ts'
import { Fifo } from '../std/fifo.ts'
import type { DirectoryEntry, Disk, DiskFile, DiskLock, FileStat, OpenOptions } from '../io/io.ts'

export class BoundedDisk implements Disk {
  readonly #disk: Disk
  readonly #openMax: number
  #open = 0
  readonly #waiting = new Fifo<() => void>()
  /** Called when somebody waits, to close what can be closed. */
  onScarce: () => void = () => {}

  constructor(disk: Disk, openMax: number) {
    assert(openMax > 0, `at most ${openMax} open files`)
    this.#disk = disk
    this.#openMax = openMax
  }

  get openCount(): number {
    return this.#open
  }

  /** How many wait for a file to be closed. */
  get waitingCount(): number {
    return this.#waiting.length
  }

  async open(path: string, options?: OpenOptions): Promise<DiskFile> {
    if (this.#open < this.#openMax) this.#open += 1
    else await this.#place()
    try {
      return new BoundedFile(await this.#disk.open(path, options), () => this.#free())
    } catch (error) {
      this.#free()
      throw error
    }
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.#disk.list(path)
  }

  listSync(path: string): DirectoryEntry[] {
    return this.#disk.listSync(path)
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.#disk.stat(path)
  }

  statSync(path: string): FileStat | undefined {
    return this.#disk.statSync(path)
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#disk.readFile(path)
  }

  readFileSync(path: string): Uint8Array {
    return this.#disk.readFileSync(path)
  }

  makeDirectory(path: string): Promise<void> {
    return this.#disk.makeDirectory(path)
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to)
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path)
  }

  removeDirectory(path: string): Promise<void> {
    return this.#disk.removeDirectory(path)
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.syncDirectory(path)
  }

  lock(path: string): Promise<DiskLock | undefined> {
    return this.#disk.lock(path)
  }

  space(path: string): Promise<{ totalBytes: number; usableBytes: number }> {
    return this.#disk.space(path)
  }

  async #place(): Promise<void> {
    const placed = new Promise<void>(resolve => this.#waiting.push(resolve))
    this.onScarce()
    await placed
  }

  /** The place goes to whoever waits first. */
  #free(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#open -= 1
    else next()
  }
}

class BoundedFile implements DiskFile {
  readonly #file: DiskFile
  readonly #onClosed: () => void

  constructor(file: DiskFile, onClosed: () => void) {
    this.#file = file
    this.#onClosed = onClosed
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#file.read(target, position)
  }

  readSync(target: Uint8Array, position: number): number {
    return this.#file.readSync(target, position)
  }

  writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    return this.#file.writev(buffers, position)
  }

  writevSync(buffers: readonly Uint8Array[], position: number): void {
    this.#file.writevSync(buffers, position)
  }

  sync(): Promise<void> {
    return this.#file.sync()
  }

  truncate(length: number): Promise<void> {
    return this.#file.truncate(length)
  }

  size(): Promise<number> {
    return this.#file.size()
  }

  async close(): Promise<void> {
    try {
      await this.#file.close()
    } finally {
      this.#onClosed()
    }
  }
}
