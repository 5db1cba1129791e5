/**
 * A disk that has no more files open at a time than it is allowed to: who wants to open another one waits until one is closed. So ten thousand logs that all want
 * something at once take turns, and no operation fails for want of descriptors.
 *
 * Who holds a file and waits for a second one must be few: each log directory's moves and copies, not each log's appends.
 */
import { assert } from '../std/assert.ts'
import { Fifo } from '../std/fifo.ts'
import { ForwardingDisk, ForwardingFile } from '../io/forwarding-disk.ts'
import type { Disk, DiskFile, OpenOptions } from '../io/io.ts'

export class BoundedDisk extends ForwardingDisk {
  readonly #openMax: number
  #open = 0
  readonly #waiting = new Fifo<() => void>()
  /** Called when somebody waits, to close what can be closed. */
  onScarce: () => void = () => {}

  constructor(disk: Disk, openMax: number) {
    super(disk)
    assert(openMax > 0, `at most ${openMax} open files`)
    this.#openMax = openMax
  }

  get openCount(): number {
    return this.#open
  }

  /** How many wait for a file to be closed. */
  get waitingCount(): number {
    return this.#waiting.length
  }

  override async open(path: string, options?: OpenOptions): Promise<DiskFile> {
    if (this.#open < this.#openMax) this.#open += 1
    else await this.#place()
    try {
      return new BoundedFile(await this.disk.open(path, options), () => this.#free())
    } catch (error) {
      this.#free()
      throw error
    }
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

class BoundedFile extends ForwardingFile {
  readonly #onClosed: () => void

  constructor(file: DiskFile, onClosed: () => void) {
    super(file)
    this.#onClosed = onClosed
  }

  override async close(): Promise<void> {
    try {
      await this.file.close()
    } finally {
      this.#onClosed()
    }
  }
}
