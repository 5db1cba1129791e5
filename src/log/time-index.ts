/**
 * The `.timeindex` file of a segment: the largest timestamp so far (8 bytes) and the last offset of the batch that has it (relative to the
 * segment's base, 4 bytes). Timestamps grow strictly; when a segment is closed its largest timestamp is added, so that the last
 * entry tells how old the segment is without looking into it.
 */
import { assert } from '../std/assert.ts'
import { readInt64, readUint32, writeInt32, writeInt64 } from '../protocol/records/int64.ts'
import { IndexFile } from './index-file.ts'
import { RELATIVE_OFFSET_MAX } from './offset-index.ts'
import type { OpenFiles } from './open-files.ts'

const entryBytes = 12

export interface TimestampOffset {
  /** −1 where there is none. */
  readonly timestampMs: number
  readonly offset: number
}

export class TimeIndex {
  readonly entries: IndexFile
  readonly #baseOffset: number
  #last: TimestampOffset
  readonly #readEntry = (source: Uint8Array, at: number): TimestampOffset => ({
    timestampMs: readInt64(source, at),
    offset: this.#baseOffset + readUint32(source, at + 8),
  })

  constructor(openFiles: OpenFiles, path: string, baseOffset: number) {
    this.entries = new IndexFile(openFiles, path, entryBytes)
    this.#baseOffset = baseOffset
    this.#last = { timestampMs: -1, offset: baseOffset }
  }

  /** As far as known: `loadLast` has been called, or everything was appended here. */
  get last(): TimestampOffset {
    return this.#last
  }

  /** One entry is kept free for the largest timestamp, which is added when the segment is closed. */
  isFull(segmentIndexBytes: number): boolean {
    return this.entries.entryCount >= Math.floor(segmentIndexBytes / entryBytes) - 1
  }

  /** Adds an entry when the timestamp is larger than the last one's. */
  maybeAppend(timestampMs: number, offset: number): void {
    if (timestampMs <= this.#last.timestampMs) return
    const relative = offset - this.#baseOffset
    assert(
      relative >= 0 && relative <= RELATIVE_OFFSET_MAX,
      () => `offset ${offset} in the time index of ${this.#baseOffset}`,
    )
    assert(offset >= this.#last.offset, () => `L3: time index offset ${offset} after ${this.#last.offset}`)
    this.entries.append((target, at) => {
      writeInt64(target, at, timestampMs)
      writeInt32(target, at + 8, relative)
    })
    this.#last = { timestampMs, offset }
  }

  /** The newest entry whose timestamp is at most `timestampMs`; the base offset where there is none. `undefined` for a file that is not what it should be. */
  async lookup(timestampMs: number): Promise<TimestampOffset | undefined> {
    const floor = await this.entries.floor((source, at) => readInt64(source, at) <= timestampMs, this.#readEntry)
    if (floor === undefined) return undefined
    return floor.value ?? { timestampMs: -1, offset: this.#baseOffset }
  }

  /** How many of the entries in memory are of batches below `offset`: those that may be written. */
  countInMemoryBelow(offset: number): number {
    let index = this.entries.entryCount
    while (index > this.entries.tailStart && this.entries.tailEntry(index - 1, this.#readEntry).offset >= offset)
      index--
    return index - this.entries.tailStart
  }

  async loadLast(): Promise<TimestampOffset> {
    const count = this.entries.entryCount
    if (count > 0) {
      const bytes = await this.entries.readEntries(count - 1, count)
      if (bytes !== undefined) this.#last = this.#readEntry(bytes, 0)
    }
    return this.#last
  }

  /**
   * Keeps the longest prefix of entries that grow and are of batches below `offset`, and forgets the rest. False where the first that would be forgotten, unless it is zeros, is not
   * `confirmed`: then everything stays as it is, so that the next one who looks finds the same.
   */
  async keepBelow(offset: number, confirmed: (entry: TimestampOffset) => Promise<boolean>): Promise<boolean> {
    const count = this.entries.entryCount
    const bytes = count === 0 ? new Uint8Array(0) : await this.entries.readEntries(0, count)
    let kept: TimestampOffset = { timestampMs: -1, offset: this.#baseOffset }
    let forgotten: TimestampOffset | undefined
    let keptCount = 0
    for (let at = 0; bytes !== undefined && at < bytes.length; at += entryBytes) {
      const entry = this.#readEntry(bytes, at)
      forgotten = entry.timestampMs === 0 && entry.offset === this.#baseOffset ? undefined : entry
      if (entry.timestampMs <= kept.timestampMs || entry.offset < kept.offset || entry.offset >= offset) break
      forgotten = undefined
      kept = entry
      keptCount++
    }
    if (forgotten !== undefined && !(await confirmed(forgotten))) return false
    await this.entries.trim(keptCount)
    this.#last = kept
    return true
  }

  /** Drops the entries of batches at and above `offset`. */
  async truncate(offset: number): Promise<void> {
    const relative = offset - this.#baseOffset
    const floor = await this.entries.floor((source, at) => readUint32(source, at + 8) < relative, this.#readEntry)
    await this.entries.truncate(floor?.count ?? 0)
    this.#last = floor?.value ?? { timestampMs: -1, offset: this.#baseOffset }
  }
}
