/**
 * The `.index` file of a segment: about every `index.interval.bytes` of log, the last offset of a batch (relative to the segment's base, 4 bytes) and
 * the position of that batch in the log file (4 bytes). Offsets and positions both grow strictly.
 *
 * Entries carry the *last* offset of the batch at their position, as Kafka writes them; a lookup gives the position from which the
 * batch that holds an offset is found by walking.
 */
import { assert } from '../std/assert.ts'
import { readUint32, writeInt32 } from '../protocol/records/int64.ts'
import { IndexFile } from './index-file.ts'
import type { OpenFiles } from './open-files.ts'

const entryBytes = 8
/** Offsets further from the base than this cannot be written down in an index: the segment must be rolled before. */
export const RELATIVE_OFFSET_MAX = 0x7fff_ffff

export interface OffsetPosition {
  readonly offset: number
  readonly position: number
}

export class OffsetIndex {
  readonly entries: IndexFile
  readonly #baseOffset: number
  /** Of the newest entry; the base offset when there is none or none is known. */
  #lastOffset: number
  readonly #readEntry = (source: Uint8Array, at: number): OffsetPosition => ({
    offset: this.#baseOffset + readUint32(source, at),
    position: readUint32(source, at + 4),
  })

  constructor(openFiles: OpenFiles, path: string, baseOffset: number) {
    this.entries = new IndexFile(openFiles, path, entryBytes)
    this.#baseOffset = baseOffset
    this.#lastOffset = baseOffset
  }

  get lastOffset(): number {
    return this.#lastOffset
  }

  isFull(segmentIndexBytes: number): boolean {
    return this.entries.entryCount >= Math.floor(segmentIndexBytes / entryBytes)
  }

  append(offset: number, position: number): void {
    const relative = offset - this.#baseOffset
    assert(
      relative >= 0 && relative <= RELATIVE_OFFSET_MAX,
      () => `offset ${offset} in the index of ${this.#baseOffset}`,
    )
    assert(
      this.entries.entryCount === 0 || offset > this.#lastOffset,
      () => `L3: index offset ${offset} after ${this.#lastOffset}`,
    )
    this.entries.append((target, at) => {
      writeInt32(target, at, relative)
      writeInt32(target, at + 4, position)
    })
    this.#lastOffset = offset
  }

  /** The newest entry whose offset is at most `offset`; position 0 where there is none. `undefined` for a file that is not what it should be. */
  async lookup(offset: number): Promise<OffsetPosition | undefined> {
    const relative = offset - this.#baseOffset
    const floor = await this.entries.floor((source, at) => readUint32(source, at) <= relative, this.#readEntry)
    if (floor === undefined) return undefined
    return floor.value ?? { offset: this.#baseOffset, position: 0 }
  }

  /** The same from the entries in memory alone; `undefined` where they do not reach back that far. */
  lookupInMemory(offset: number): OffsetPosition | undefined {
    if (!this.entries.loaded) return undefined
    for (let index = this.entries.entryCount - 1; index >= this.entries.tailStart; index--) {
      const entry = this.entries.tailEntry(index, this.#readEntry)
      if (entry.offset <= offset) return entry
    }
    return this.entries.tailStart === 0 ? { offset: this.#baseOffset, position: 0 } : undefined
  }

  /** How many of the entries in memory point below `position`: those that may be written. */
  countInMemoryBelow(position: number): number {
    let index = this.entries.entryCount
    while (index > this.entries.tailStart && this.entries.tailEntry(index - 1, this.#readEntry).position >= position)
      index--
    return index - this.entries.tailStart
  }

  /** The newest entry, read from disk where it must be. */
  async last(): Promise<OffsetPosition | undefined> {
    const count = this.entries.entryCount
    if (count === 0) return undefined
    const bytes = await this.entries.readEntries(count - 1, count)
    if (bytes === undefined) return undefined
    const entry = this.#readEntry(bytes, 0)
    this.#lastOffset = entry.offset
    return entry
  }

  /**
   * Keeps the longest prefix of entries that grow strictly, are below `offset` and point below `position`, and forgets the rest: zeros that a preallocated file ends
   * in, and whatever is to be built anew. Gives back the last entry that stays.
   */
  async keepBelow(offset: number, position: number): Promise<OffsetPosition | undefined> {
    const count = this.entries.entryCount
    const bytes = count === 0 ? new Uint8Array(0) : await this.entries.readEntries(0, count)
    let kept: OffsetPosition | undefined
    let keptCount = 0
    for (let at = 0; bytes !== undefined && at < bytes.length; at += entryBytes) {
      const entry = this.#readEntry(bytes, at)
      const grows =
        kept === undefined
          ? entry.offset >= this.#baseOffset
          : entry.offset > kept.offset && entry.position > kept.position
      // The first batch of a segment never has an entry, so position 0 means a file that was never filled.
      if (!grows || entry.position === 0 || entry.position >= position || entry.offset >= offset) break
      kept = entry
      keptCount++
    }
    await this.entries.trim(keptCount)
    this.#lastOffset = kept?.offset ?? this.#baseOffset
    return kept
  }

  /** Drops the entries at and above `offset`. */
  async truncate(offset: number): Promise<void> {
    const relative = offset - this.#baseOffset
    const floor = await this.entries.floor((source, at) => readUint32(source, at) < relative, this.#readEntry)
    await this.entries.truncate(floor?.count ?? 0)
    this.#lastOffset = floor?.value?.offset ?? this.#baseOffset
  }
}
