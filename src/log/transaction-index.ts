/**
 * The `.txnindex` file of a segment: the transactions whose abort markers lie in it, in the order of the markers. It is made when the first transaction is aborted;
 * most segments have none.
 *
 * An entry is a version (int16, 0), the producer id, the offsets of the transaction's first record and of its marker, and the last stable offset
 * when the marker was written (int64 each). The latter tells a reader when to stop looking: no transaction that was open below it is missing from what was read.
 *
 * Nothing in the log says cheaply whether an entry is true, as it does for the other indexes, and a false one would show aborted records, or hide committed ones (P4). So there is a
 * checksum beside the file, under its name and `.crc`, of the entries that were durable when it was written; Kafka passes it over. An index that does not match it is built anew. It is looked at
 * with each read of a file that is not large, and once with one that is.
 */
import { basename, dirname } from 'node:path/posix'
import { assert } from '../std/assert.ts'
import { crc32c } from '../std/crc32c.ts'
import type { Disk } from '../io/io.ts'
import { readInt16, readInt64, writeInt16, writeInt64 } from '../protocol/records/int64.ts'
import { replaceFile, textOf } from './atomic-file.ts'
import { CHECKSUM_SUFFIX } from './file-names.ts'
import { IndexFile } from './index-file.ts'
import type { AbortedTransaction } from './log-types.ts'
import type { OpenFiles } from './open-files.ts'
import { sealText } from './sealed-text.ts'

const entryBytes = 34
const currentVersion = 0
/** Entries that one read fetches while collecting. */
const entriesPerRead = 128
/** A file with more is large. */
const entriesVerifiedEachTime = 1024
const noChecksum = 'none'
const nothing: Checksum = { count: 0, crc: 0 }
/** Matches no file. */
const notAll: Checksum = { count: 0, crc: 1 }

/** Of the first entries of the file. */
interface Checksum {
  readonly count: number
  readonly crc: number
}

export interface AbortedTransactionEntry extends AbortedTransaction {
  readonly lastStableOffset: number
}

interface FileEntry extends AbortedTransactionEntry {
  readonly version: number
}

export class TransactionIndex {
  readonly entries: IndexFile
  readonly #disk: Disk
  #lastOffset = -1
  /** There are entries that the checksum on disk does not speak of, or it speaks of others. */
  #isChanged = false
  /** Undefined until it has been read. Where all entries have one, those that are appended come into it at once, before anything can happen to them. */
  #checksum: Checksum | typeof noChecksum | undefined
  #verification: Promise<boolean> | undefined

  constructor(openFiles: OpenFiles, path: string) {
    this.#disk = openFiles.disk
    this.entries = new IndexFile(openFiles, path, entryBytes)
  }

  /** For files that cannot exist yet: nothing on disk is looked at. */
  startEmpty(): void {
    this.entries.startEmpty()
    this.#checksum = noChecksum
  }

  /** Of the newest entry, as far as known; −1 when there is none. */
  get lastOffset(): number {
    return this.#lastOffset
  }

  append(entry: AbortedTransactionEntry): void {
    assert(entry.firstOffset < entry.lastOffset, () => `transaction from ${entry.firstOffset} to ${entry.lastOffset}`)
    assert(
      entry.lastOffset > this.#lastOffset,
      () => `L3: transaction index offset ${entry.lastOffset} after ${this.#lastOffset}`,
    )
    const before = this.#checksumOfAll()
    this.entries.append((target, at) => {
      writeInt16(target, at, currentVersion)
      writeInt64(target, at + 2, entry.producerId)
      writeInt64(target, at + 10, entry.firstOffset)
      writeInt64(target, at + 18, entry.lastOffset)
      writeInt64(target, at + 26, entry.lastStableOffset)
      if (before !== undefined)
        this.#checksum = { count: before.count + 1, crc: crc32c(target, at, at + entryBytes, before.crc) }
    })
    this.#lastOffset = entry.lastOffset
    this.#isChanged = true
  }

  /** Undefined where nobody knows. */
  #checksumOfAll(): Checksum | undefined {
    const { entryCount } = this.entries
    if (entryCount === 0) return nothing
    const checksum = this.#checksum
    return checksum !== undefined && checksum !== noChecksum && checksum.count === entryCount ? checksum : undefined
  }

  /** Where the checksum of the file is. */
  get checksumPath(): string {
    return this.entries.file.path + CHECKSUM_SUFFIX
  }

  /** Writes the checksum of the entries that are in the file, and durable, where it is not there. Rejects with a `DiskError`. */
  async saveChecksum(): Promise<void> {
    if (!this.#isChanged) return
    const { tailStart: count } = this.entries
    const checksum = await this.#checksumOf(count)
    if (checksum === noChecksum) await this.#removeChecksum()
    else await this.#writeChecksum(checksum)
    // More may have come meanwhile, and be in the one in memory.
    if (this.#checksumOfAll() === undefined) this.#checksum = checksum
    // Those that wait in memory, since their markers were not written yet, are to come into the next one.
    this.#isChanged = this.entries.entryCount !== count
  }

  #writeChecksum({ count, crc }: Checksum): Promise<void> {
    const path = this.checksumPath
    return replaceFile(this.#disk, dirname(path), basename(path), sealText(`${count} ${crc}\n`))
  }

  /** Durably: one that comes back would speak of what is gone. */
  async #removeChecksum(): Promise<void> {
    if ((await this.#disk.stat(this.checksumPath)) === undefined) return
    await this.#disk.remove(this.checksumPath)
    await this.#disk.syncDirectory(dirname(this.checksumPath))
  }

  /** Of what was to be written, where that is known: a bit may have flipped since in what is there. */
  async #checksumOf(count: number): Promise<Checksum | typeof noChecksum> {
    const known = this.#checksumOfAll()
    if (known !== undefined && known.count === count) return count === 0 ? noChecksum : known
    const bytes = count === 0 ? undefined : await this.entries.readEntries(0, count)
    return bytes === undefined ? noChecksum : { count, crc: crc32c(bytes, 0) }
  }

  /** The checksum is to be written again: the file has another name. */
  forgetChecksum(): void {
    this.#isChanged = true
  }

  /** Whether the entries in the file match their checksum, if there is one. */
  isVerified(): Promise<boolean> {
    if (this.entries.entryCount <= entriesVerifiedEachTime) return this.#verify()
    return (this.#verification ??= this.#verify())
  }

  async #verify(): Promise<boolean> {
    const { entryCount } = this.entries
    // Of one without entries too: it was emptied, perhaps, to be built anew, and a crash has come between.
    this.#checksum ??= await this.#readChecksum()
    if (this.#checksum === noChecksum) return true
    const { count, crc } = this.#checksum
    const bytes = count > entryCount ? undefined : await this.entries.readEntries(0, count)
    return bytes !== undefined && crc32c(bytes, 0) === crc
  }

  async #readChecksum(): Promise<Checksum | typeof noChecksum> {
    const stat = await this.#disk.stat(this.checksumPath)
    const match = stat && /^(\d+) (\d+)\n$/.exec(textOf(await this.#disk.readFile(this.checksumPath)))
    return match ? { count: Number(match[1]), crc: Number(match[2]) } : noChecksum
  }

  /** Entries that it speaks of are gone: until there is another one, nothing vouches for the rest. */
  #dropChecksum(): void {
    this.#checksum = noChecksum
    this.#verification = undefined
    this.#isChanged = true
  }

  /**
   * Adds to `found` what was aborted among [from, to). True when nothing behind this segment can matter any more; `undefined` for a file that is not
   * what it should be.
   */
  async collect(from: number, to: number, found: AbortedTransaction[]): Promise<boolean | undefined> {
    if (!(await this.isVerified())) return undefined
    const count = this.entries.entryCount
    if (count === 0) return false
    const floor = await this.entries.floor((source, at) => readEntry(source, at).lastOffset < from, readEntry)
    if (floor === undefined) return undefined
    for (let start = floor.count; start < count; start += entriesPerRead) {
      const end = Math.min(count, start + entriesPerRead)
      const bytes = await this.entries.readEntries(start, end)
      if (bytes === undefined) return undefined
      for (let at = 0; at < bytes.length; at += entryBytes) {
        const entry = readEntry(bytes, at)
        if (!isPossible(entry)) return undefined
        const { producerId, firstOffset, lastOffset, lastStableOffset } = entry
        if (lastOffset >= from && firstOffset < to) found.push({ producerId, firstOffset, lastOffset })
        if (lastStableOffset >= to) return true
      }
    }
    return false
  }

  /** All entries; `undefined` for a file that is not what it should be. */
  async all(): Promise<AbortedTransactionEntry[] | undefined> {
    const entries = await this.#readAll()
    return entries?.every(isPossible) === true ? entries : undefined
  }

  /** As they are; `undefined` for a file that does not match its checksum. */
  async #readAll(): Promise<FileEntry[] | undefined> {
    if (!(await this.isVerified())) return undefined
    const count = this.entries.entryCount
    const bytes = count === 0 ? new Uint8Array(0) : await this.entries.readEntries(0, count)
    if (bytes === undefined) return undefined
    return Array.from({ length: count }, (_, index) => readEntry(bytes, index * entryBytes))
  }

  /** How many of the entries in memory are of markers below `offset`: those that may be written. */
  countInMemoryBelow(offset: number): number {
    let index = this.entries.entryCount
    while (index > this.entries.tailStart && this.entries.tailEntry(index - 1, readEntry).lastOffset >= offset) index--
    return index - this.entries.tailStart
  }

  async loadLast(): Promise<void> {
    const count = this.entries.entryCount
    if (count === 0) return
    // It goes on with what is appended.
    this.#checksum ??= await this.#readChecksum()
    const bytes = await this.entries.readEntries(count - 1, count)
    if (bytes !== undefined) this.#lastOffset = readEntry(bytes, 0).lastOffset
  }

  /**
   * Keeps the longest prefix of entries that can be true, with markers that grow from `baseOffset` on and are below `offset`, and forgets the rest: also zeros, where a power cut has
   * left the length of the file and not what was in it. False where the entries are not to be believed at all.
   */
  async keepBelow(offset: number, baseOffset: number): Promise<boolean> {
    const entries = await this.#readAll()
    if (entries === undefined) return false
    let keptCount = 0
    let lastOffset = baseOffset - 1
    for (const entry of entries) {
      // Zeros are what was never durable; of something else nobody knows what it was.
      if (!isPossible(entry) && !isZeros(entry)) return false
      if (!isPossible(entry) || entry.lastOffset <= lastOffset || entry.lastOffset >= offset) break
      lastOffset = entry.lastOffset
      keptCount += 1
    }
    if (keptCount < entries.length) this.#dropChecksum()
    await this.entries.trim(keptCount)
    this.#lastOffset = keptCount === 0 ? -1 : lastOffset
    return true
  }

  /** Keeps what its checksum vouches for, of that what can be true with markers below `offset`, and forgets the rest, which is to be built anew. */
  async keepVerifiedBelow(offset: number, baseOffset: number): Promise<void> {
    this.#checksum ??= await this.#readChecksum()
    // Until that is done, also after a crash, one beside it says that this is not all.
    if (this.#checksum === noChecksum && this.entries.entryCount > 0) {
      await this.#writeChecksum(notAll)
      this.#isChanged = true
    }
    // Behind what the checksum speaks of, a power cut may have left the length of the file and not what was in it.
    if (this.entries.isOnDisk) {
      if (!(await this.keepBelow(offset, baseOffset))) await this.clear()
    } else if ((await this.all()) !== undefined) await this.truncate(offset)
    else await this.clear()
  }

  /** Drops all entries, whatever they say. */
  async clear(): Promise<void> {
    await this.entries.truncate(0)
    this.#lastOffset = -1
    this.#dropChecksum()
  }

  /** Drops the entries whose markers are at and above `offset`. */
  async truncate(offset: number): Promise<void> {
    const floor = await this.entries.floor((source, at) => readEntry(source, at).lastOffset < offset, readEntry)
    const count = floor?.count ?? 0
    // Also of none: a checksum that a crash has left beside it speaks of what was cut off then.
    if (count < this.entries.entryCount || count === 0) this.#dropChecksum()
    await this.entries.truncate(count)
    this.#lastOffset = floor?.value?.lastOffset ?? -1
  }
}

function readEntry(source: Uint8Array, at: number): FileEntry {
  return {
    version: readInt16(source, at),
    producerId: readInt64(source, at + 2),
    firstOffset: readInt64(source, at + 10),
    lastOffset: readInt64(source, at + 18),
    lastStableOffset: readInt64(source, at + 26),
  }
}

/** Whether it may be true, as far as it says itself. Zeros may not: a marker comes behind what it aborts. */
function isPossible({ version, producerId, firstOffset, lastOffset, lastStableOffset }: FileEntry): boolean {
  const isTransaction = version === currentVersion && producerId >= 0 && firstOffset >= 0 && firstOffset < lastOffset
  return isTransaction && lastStableOffset >= 0 && lastStableOffset <= lastOffset + 1
}

function isZeros(entry: FileEntry): boolean {
  return Object.values(entry).every(value => value === 0)
}
