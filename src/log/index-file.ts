/**
 * A file of entries of one size that only grows at its end: what offset, time and transaction index have in common.
 *
 * The newest entries are kept in memory and written out some thousand bytes at a time, and only once the log that they point into has
 * been written: an index is never ahead of its log. Everything older is read from disk when it is searched, so that a log of any
 * length costs the same memory. Kafka preallocates these files and trims them when a segment is closed; here they are as long as what they hold.
 *
 * How many entries there are in the file is unknown until `load` has asked for its size, and `load` is called when the first entry is to be appended or found.
 */
import { assert } from '../std/assert.ts'
import { FileSync } from './file-sync.ts'
import { LazyFile } from './open-files.ts'
import type { OpenFiles } from './open-files.ts'

/** Entries kept in memory before they are written out, in bytes. */
const tailBytesMax = 4096
/** What one read of a search fetches: the last steps of a binary search all fall into it. */
const windowBytes = 4096

export type EntryReader<T> = (source: Uint8Array, at: number) => T
export type EntryTest = EntryReader<boolean>

export interface Floor<T> {
  /** Entries for which the test holds. */
  readonly count: number
  /** The last of them. */
  readonly value: T | undefined
}

export class IndexFile {
  readonly entryBytes: number
  readonly #file: LazyFile
  /** Entries in the file; −1 until loaded. */
  #fileEntries = -1
  /** There was a file when it was loaded. */
  #wasThere = false
  /** Behind them there is a part of one more, which a power cut has left. */
  #endsWithPart = false
  /** Entries behind those of the file, one after the other. */
  #tail: Buffer | undefined
  #tailEntries = 0
  /** The write under way; writes, truncations and reads of the file follow one another. */
  #writing: Promise<void> | undefined
  readonly #fileSync = new FileSync()
  /** A write may have made the file, whose name is not durable then. */
  #mayHaveMadeFile = false

  constructor(openFiles: OpenFiles, path: string, entryBytes: number) {
    this.entryBytes = entryBytes
    this.#file = new LazyFile(openFiles, path)
  }

  get file(): LazyFile {
    return this.#file
  }

  get loaded(): boolean {
    return this.#fileEntries >= 0
  }

  get entryCount(): number {
    assert(this.loaded, () => `${this.#file.path} has not been loaded`)
    return this.#fileEntries + this.#tailEntries
  }

  /** Index of the first entry that is in memory. */
  get tailStart(): number {
    return this.#fileEntries
  }

  /** Of all entries, written or not. */
  get sizeBytes(): number {
    return this.entryCount * this.entryBytes
  }

  get tailBytes(): number {
    return this.#tailEntries * this.entryBytes
  }

  /** For a file that cannot exist yet: nothing on disk is looked at. */
  startEmpty(): void {
    assert(!this.loaded, () => `${this.#file.path} has been loaded`)
    this.#fileEntries = 0
  }

  /** Learns the number of entries from the size of the file; a missing file has none. What is cut off at its end does not count. */
  async load(sizeOf: (path: string) => Promise<number | undefined>): Promise<void> {
    if (this.loaded) return
    const size = await sizeOf(this.#file.path)
    if (this.loaded) return
    this.#wasThere = size !== undefined
    this.#fileEntries = Math.floor((size ?? 0) / this.entryBytes)
    this.#endsWithPart = (size ?? 0) % this.entryBytes !== 0
  }

  /** What is in the file may be lost in a power cut: it was written by a process that ended before it was durable. The next sync makes it so. */
  mayBeUnsynced(): void {
    assert(this.loaded, () => `${this.#file.path} has not been loaded`)
    if (this.#wasThere) this.#fileSync.isChanged = true
  }

  /** Memory for one more entry at the end, to be filled at once: the buffer and the position in it. */
  append(fill: (target: Buffer, at: number) => void): void {
    assert(this.loaded, () => `${this.#file.path} has not been loaded`)
    const at = this.#tailEntries * this.entryBytes
    if (this.#tail === undefined || at + this.entryBytes > this.#tail.length) this.#growTail(at)
    fill(this.#tail!, at)
    this.#tailEntries += 1
  }

  /** Calls `read` with an entry that is in memory. */
  tailEntry<T>(index: number, read: EntryReader<T>): T {
    assert(
      index >= this.#fileEntries && index < this.entryCount,
      () => `entry ${index} of ${this.#file.path} is not in memory`,
    )
    return read(this.#tail!, (index - this.#fileEntries) * this.entryBytes)
  }

  /** Bytes of entries [start, end) in a buffer of their own. `undefined` where the file is shorter than it was said to be. */
  async readEntries(start: number, end: number): Promise<Uint8Array | undefined> {
    await this.#writing?.then(undefined, () => {})
    assert(
      start >= 0 && start <= end && end <= this.entryCount,
      () => `entries ${start} to ${end} of ${this.entryCount}`,
    )
    const bytes = Buffer.allocUnsafe((end - start) * this.entryBytes)
    const inFile = Math.max(0, Math.min(end, this.#fileEntries) - start) * this.entryBytes
    if (inFile < bytes.length) {
      const from = (Math.max(start, this.#fileEntries) - this.#fileEntries) * this.entryBytes
      this.#tail!.copy(bytes, inFile, from, from + bytes.length - inFile)
    }
    if (inFile > 0) {
      const read = await this.#file.use(file => file.read(bytes.subarray(0, inFile), start * this.entryBytes))
      if (read < inFile) return undefined
    }
    return bytes
  }

  /**
   * The last of the entries for which `before` holds, which must be a prefix of them all: how many those are, and what `read` makes of it. O(log n) reads, of
   * which the last fetches all the entries that are left to be told apart. `undefined` where the file is shorter than it was said to be.
   */
  async floor<T>(before: EntryTest, read: EntryReader<T>): Promise<Floor<T> | undefined> {
    if (this.#tailEntries > 0 && before(this.#tail!, 0)) {
      return floorIn(this.#tail!, this.#fileEntries, this.#tailEntries, this.entryBytes, before, read)
    }
    let low = 0
    let high = this.#fileEntries
    const window = Math.max(1, Math.floor(windowBytes / this.entryBytes))
    while (high - low > window) {
      const middle = (low + high) >>> 1
      const entry = await this.readEntries(middle, middle + 1)
      if (entry === undefined) return undefined
      if (before(entry, 0)) low = middle + 1
      else high = middle
    }
    // The entry before the window is the answer when none within is.
    const start = Math.max(0, low - 1)
    const rest = await this.readEntries(start, high)
    return rest === undefined ? undefined : floorIn(rest, start, high - start, this.entryBytes, before, read)
  }

  /** Everything that is known is in the file. */
  get isOnDisk(): boolean {
    return this.#tailEntries === 0 && this.#writing === undefined
  }

  /** Whether enough has gathered in memory to be worth a write. */
  get wantsWrite(): boolean {
    return this.tailBytes >= tailBytesMax && this.#writing === undefined
  }

  /** Writes as many of the first entries in memory as `count` says when their turn has come. */
  write(count: () => number): Promise<void> {
    if (this.#tailEntries === 0) return this.#writing ?? Promise.resolve()
    return this.#track(async () => this.#writeNow(Math.min(count(), this.#tailEntries)))
  }

  /** Makes the file where there is none. */
  async create(): Promise<void> {
    await this.#file.use(async () => {}, true)
  }

  /** Whether the file may have been made since the last time that this was asked: its name is to be made durable too. */
  takeMadeFile(): boolean {
    const made = this.#mayHaveMadeFile
    this.#mayHaveMadeFile = false
    return made
  }

  /** Makes everything that was written durable. */
  sync(): Promise<void> {
    return this.#fileSync.sync(this.#file)
  }

  /** Drops the entries from `count` on. */
  truncate(count: number): Promise<void> {
    return this.#track(async () => {
      if (count < this.entryCount) this.#tailEntries = Math.max(0, count - this.#fileEntries)
      if (count < this.#fileEntries || this.#endsWithPart) await this.#cutFile(Math.min(count, this.#fileEntries))
    })
  }

  /** Cuts off the file what is behind the first `count` entries. Nothing is in memory. */
  async trim(count: number): Promise<void> {
    assert(this.#tailEntries === 0, () => `${this.#file.path} is trimmed with entries in memory`)
    if (count !== this.#fileEntries || this.#endsWithPart) await this.#cutFile(count)
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#file.close()
  }

  /** Kafka takes an index that does not end with a whole entry for a broken one. */
  async #cutFile(count: number): Promise<void> {
    this.#fileEntries = count
    this.#fileSync.isChanged = true
    await this.#file.use(file => file.truncate(count * this.entryBytes), true)
    this.#endsWithPart = false
  }

  /** Writes and truncations follow one another. */
  async #track(operation: () => Promise<void>): Promise<void> {
    const previous = this.#writing
    const running = (async () => {
      await previous?.then(undefined, () => {})
      await operation()
    })()
    this.#writing = running
    try {
      await running
    } finally {
      if (this.#writing === running) this.#writing = undefined
    }
  }

  async #writeNow(count: number): Promise<void> {
    if (count === 0) return
    const position = this.#fileEntries * this.entryBytes
    const bytes = this.#tail!.subarray(0, count * this.entryBytes)
    if (position === 0) this.#mayHaveMadeFile = true
    await this.#file.use(file => file.writev([bytes], position), true)
    // Entries that were appended meanwhile move to a new buffer: readers may still hold the old one.
    const rest = this.#tail!.subarray(bytes.length, this.tailBytes)
    this.#tail = rest.length === 0 ? undefined : Buffer.from(rest)
    this.#fileEntries += count
    this.#tailEntries -= count
    this.#fileSync.isChanged = true
  }

  #growTail(usedBytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(16 * this.entryBytes, usedBytes * 2))
    if (this.#tail !== undefined) this.#tail.copy(grown, 0, 0, usedBytes)
    this.#tail = grown
  }
}

function floorIn<T>(
  bytes: Uint8Array,
  start: number,
  count: number,
  entryBytes: number,
  before: EntryTest,
  read: EntryReader<T>,
): Floor<T> {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (before(bytes, middle * entryBytes)) low = middle + 1
    else high = middle
  }
  return { count: start + low, value: low === 0 ? undefined : read(bytes, (low - 1) * entryBytes) }
}
