/**
 * The newest batches of all logs in memory, within one budget: consumers that keep up are served from here, without a read.
 *
 * A log's batches lie one behind the other in *chunks*. Small ones are copied into the log's newest chunk, which are the larger the more it is written to; a large
 * one that fills the memory it came in is a chunk by itself, where it is. Within a chunk the batches' own headers tell where each begins, so that a hundred
 * thousand small batches are no burden to the garbage collector.
 *
 * What is counted is the memory that chunks take. When the budget is exceeded the oldest go first, whichever log they belong to: so each log keeps an unbroken run of
 * batches up to its end, and a log that is written at full speed takes from the others only what they have had in memory for longer.
 *
 * A log that nobody reads, as while only producers are at work, keeps no more than its newest chunk: the first read starts the keeping again. So producers alone go
 * through a few chunks over and over, which stay in the processor's cache, and the memory is left to logs that have consumers.
 *
 * Chunks are memory of the pool. The cache has a share in each; so has whoever writes a batch to its file, and each reader until it releases what it has read.
 */
import { assert } from '../std/assert.ts'
import { memoryPool } from '../std/memory-pool.ts'
import type { PooledMemory } from '../std/memory-pool.ts'
import { LENGTH_AT, LOG_OVERHEAD_BYTES } from '../protocol/records/batch-header.ts'
import { readInt32 } from '../protocol/records/int64.ts'
import { baseOffsetOf, lastOffsetOf } from './log-batch.ts'
import type { ReadOk } from './log-types.ts'

/** Batches up to this size are copied into a chunk with others. */
const smallBatchBytesMax = 32 * 1024
const firstChunkBytes = 4 * 1024
const largestChunkBytes = 256 * 1024
/** A log that has been appended so much to since it was last read from is not kept in memory, but for its newest chunk. */
const unreadBytesMax = 4 * 1024 * 1024
/** Of such a log: its chunks are given back soon, and those that come next are the same memory, still in the processor's cache. */
const unreadChunkBytes = 64 * 1024
/** What a chunk costs besides its memory. */
const overheadBytes = 256
/** Within a chunk it is noted each so many bytes where a batch begins. */
const markIntervalBytes = 8 * 1024

const noRelease = (): void => {}

/** A batch where it stays for now: `bytes[start, end)`, in memory of which one share is the holder's. */
export interface KeptBatch {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  /** `undefined` for memory that the garbage collector looks after. */
  readonly memory: PooledMemory | undefined
}

class Chunk {
  readonly owner: CachedTail
  readonly bytes: Uint8Array
  readonly memory: PooledMemory | undefined
  readonly pinnedBytes: number
  /** The batches lie in `bytes[start, end)`. */
  start = 0
  end = 0
  firstOffset: number
  lastOffset = -1
  /** Where `start` is, in bytes of this log that have been appended since it was opened. */
  appendedBefore: number
  /** Where some of its batches begin, and with which offset: pairs, in order. */
  #marks: number[] = []
  /** Its neighbours in age, of any log. */
  older: Chunk | undefined = undefined
  younger: Chunk | undefined = undefined

  constructor(
    owner: CachedTail,
    bytes: Uint8Array,
    memory: PooledMemory | undefined,
    firstOffset: number,
    appendedBefore: number,
  ) {
    this.owner = owner
    this.bytes = bytes
    this.memory = memory
    this.firstOffset = firstOffset
    this.appendedBefore = appendedBefore
    this.pinnedBytes = overheadBytes + (memory === undefined ? bytes.buffer.byteLength : memory.bytes.length)
  }

  get sizeBytes(): number {
    return this.end - this.start
  }

  /** A batch has been put at the end. */
  extend(firstOffset: number, lastOffset: number, length: number): void {
    const marked = this.#marks.at(-2)
    if (marked === undefined || this.end - marked >= markIntervalBytes) this.#marks.push(this.end, firstOffset)
    this.end += length
    this.lastOffset = lastOffset
  }

  /** Where the first batch begins that ends at or above `offset`. */
  positionOf(offset: number): number {
    let at = this.#markBefore(offset, 1)
    while (at < this.end && lastOffsetOf(this.bytes, at) < offset) at += this.#sizeAt(at)
    return at
  }

  /** The largest end of a batch that is at most `position`, with all that is before ending below `upTo`; at least `from`. */
  endWithin(from: number, position: number, upTo: number): number {
    if (this.end <= position && this.lastOffset < upTo) return this.end
    let at = Math.max(from, Math.min(this.#markBefore(position, 0), this.#markBefore(upTo, 1)))
    while (at < this.end) {
      const next = at + this.#sizeAt(at)
      if (next > position || lastOffsetOf(this.bytes, at) >= upTo) break
      at = next
    }
    return at
  }

  sizeOfFirst(at: number): number {
    return this.#sizeAt(at)
  }

  /** Forgets what is at and behind `position`. Others may still look at it, so nothing is put there again. */
  cut(position: number): void {
    this.end = position
    while (this.#marks.length > 0 && this.#marks.at(-2)! >= position) this.#marks.length -= 2
    let at = this.#marks.at(-2) ?? this.start
    for (; at < position; at += this.#sizeAt(at)) this.lastOffset = lastOffsetOf(this.bytes, at)
  }

  /** Forgets what is before `position`, where a batch begins. */
  skip(position: number): void {
    this.appendedBefore += position - this.start
    this.start = position
    this.firstOffset = baseOffsetOf(this.bytes, position)
    while (this.#marks.length > 0 && this.#marks[0]! < position) this.#marks.splice(0, 2)
  }

  /** The last mark whose `part` (0: position, 1: offset) is at most `value`. */
  #markBefore(value: number, part: 0 | 1): number {
    let low = 0
    let high = this.#marks.length / 2
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#marks[middle * 2 + part]! <= value) low = middle + 1
      else high = middle
    }
    return low === 0 ? this.start : this.#marks[low * 2 - 2]!
  }

  #sizeAt(at: number): number {
    return readInt32(this.bytes, at + LENGTH_AT) + LOG_OVERHEAD_BYTES
  }
}

export class TailCache {
  #budgetBytes: number
  #pinnedBytes = 0
  #oldest: Chunk | undefined
  #newest: Chunk | undefined

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes
  }

  get pinnedBytes(): number {
    return this.#pinnedBytes
  }

  get budgetBytes(): number {
    return this.#budgetBytes
  }

  setBudget(budgetBytes: number): void {
    this.#budgetBytes = budgetBytes
    this.evict()
  }

  /** Only for `CachedTail`, which calls `evict` when it has used the chunk. */
  add(chunk: Chunk): void {
    chunk.older = this.#newest
    if (this.#newest === undefined) this.#oldest = chunk
    else this.#newest.younger = chunk
    this.#newest = chunk
    this.#pinnedBytes += chunk.pinnedBytes
  }

  /** Only for `CachedTail`: its log has no use for it any more. */
  release(chunk: Chunk): void {
    const { older, younger } = chunk
    if (older === undefined) this.#oldest = younger
    else older.younger = younger
    if (younger === undefined) this.#newest = older
    else younger.older = older
    chunk.older = undefined
    chunk.younger = undefined
    chunk.memory?.release()
    this.#pinnedBytes -= chunk.pinnedBytes
    assert(this.#pinnedBytes >= 0, () => `${this.#pinnedBytes} bytes pinned`)
  }

  /** Only for `CachedTail`: the budget may be exceeded. */
  evict(): void {
    while (this.#pinnedBytes > this.#budgetBytes && this.#oldest !== undefined) {
      const chunk = this.#oldest
      this.release(chunk)
      chunk.owner.dropOldest(chunk)
    }
  }
}

/** One log's batches in the cache: an unbroken run that ends where the log ends. */
export class CachedTail {
  readonly #cache: TailCache
  /** Oldest first; what is before `#head` has been dropped. */
  #chunks: Chunk[] = []
  #head = 0
  #appendedBytes = 0
  /** What `#appendedBytes` was at the last read. */
  #appendedAtRead = 0
  /** Where the next small batch goes if it fits; always the newest chunk. */
  #open: Chunk | undefined

  constructor(cache: TailCache) {
    this.#cache = cache
  }

  /** The first offset that is here; `undefined` when nothing is. */
  get firstOffset(): number | undefined {
    return this.#chunks[this.#head]?.firstOffset
  }

  /**
   * Adds the batch that follows the last one, and gives back where it stays, with one share of the memory for the caller. `memory` is what it is in now:
   * `undefined` for memory that nobody else has anything to do with, and `lent` for such as is used otherwise when the call has returned.
   */
  add(
    firstOffset: number,
    lastOffset: number,
    bytes: Uint8Array,
    memory: PooledMemory | 'lent' | undefined,
  ): KeptBatch {
    const last = this.#chunks.at(-1)
    assert(
      last === undefined || firstOffset > last.lastOffset,
      () => `L3: cached ${firstOffset} after ${last!.lastOffset}`,
    )
    const chunk =
      bytes.length <= smallBatchBytesMax ? this.#copyIn(firstOffset, bytes) : this.#addLarge(firstOffset, bytes, memory)
    const start = chunk.end
    chunk.extend(firstOffset, lastOffset, bytes.length)
    this.#appendedBytes += bytes.length
    chunk.memory?.retain()
    if (this.#isUnread) this.#dropAllBut(chunk)
    this.#cache.evict()
    return { bytes: chunk.bytes, start, end: start + bytes.length, memory: chunk.memory }
  }

  /**
   * Batches from the one that holds `offset` on: as many as fit into `maxBytes` and end below `upTo`, the first of them also when it does not fit and
   * `minOneBatch` is set. `undefined` when `offset` is not here.
   */
  read(offset: number, maxBytes: number, upTo: number, minOneBatch: boolean): ReadOk | undefined {
    this.#appendedAtRead = this.#appendedBytes
    let index = this.#find(offset)
    if (index < 0) return undefined
    const slices: Uint8Array[] = []
    const memories: PooledMemory[] = []
    let sizeBytes = 0
    let firstOffset = offset
    let nextOffset = offset
    for (let from = this.#chunks[index]!.positionOf(offset); index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index]!
      if (slices.length > 0) from = chunk.start
      const roomBytes =
        slices.length === 0 && minOneBatch ? Math.max(maxBytes, chunk.sizeOfFirst(from)) : maxBytes - sizeBytes
      const end = chunk.endWithin(from, from + roomBytes, upTo)
      if (end === from) break
      if (slices.length === 0) firstOffset = baseOffsetOf(chunk.bytes, from)
      const slice = chunk.bytes.subarray(from, end)
      slices.push(slice)
      sizeBytes += slice.length
      nextOffset = end === chunk.end ? chunk.lastOffset + 1 : baseOffsetOf(chunk.bytes, end)
      if (chunk.memory !== undefined) {
        chunk.memory.retain()
        memories.push(chunk.memory)
      }
      if (end < chunk.end) break
    }
    return { kind: 'ok', slices, sizeBytes, firstOffset, nextOffset, release: releaseOnce(memories) }
  }

  /** Bytes of the batches from the one that holds `from` to the one before `upTo`; `undefined` when `from` is not here. */
  bytesBetween(from: number, upTo: number): number | undefined {
    this.#appendedAtRead = this.#appendedBytes
    const start = this.#bytesBefore(from)
    if (start === undefined) return undefined
    return Math.max(0, (this.#bytesBefore(upTo) ?? this.#appendedBytes) - start)
  }

  /** Forgets the batches at and above `offset`. */
  truncate(offset: number): void {
    this.#open = undefined
    while (this.#chunks.length > this.#head && this.#chunks.at(-1)!.lastOffset >= offset) {
      const chunk = this.#chunks.at(-1)!
      const position = chunk.firstOffset >= offset ? chunk.start : chunk.positionOf(offset)
      this.#appendedBytes = chunk.appendedBefore + position - chunk.start
      if (position > chunk.start) {
        chunk.cut(position)
        return
      }
      this.#chunks.pop()
      this.#cache.release(chunk)
    }
    if (this.#head === this.#chunks.length) this.#restart([])
  }

  /** Forgets the batches that end below `offset`. */
  forgetBelow(offset: number): void {
    while (this.#head < this.#chunks.length && this.#chunks[this.#head]!.lastOffset < offset) {
      const chunk = this.#chunks[this.#head]!
      this.#cache.release(chunk)
      this.dropOldest(chunk)
    }
    const first = this.#chunks[this.#head]
    const position = first?.positionOf(offset)
    if (first !== undefined && position! > first.start) first.skip(position!)
  }

  /** Forgets everything. */
  clear(): void {
    this.truncate(0)
  }

  /** Only for `TailCache`: the oldest chunk has to go. */
  dropOldest(chunk: Chunk): void {
    assert(this.#chunks[this.#head] === chunk, () => `chunk ${chunk.firstOffset} is not the oldest of its log`)
    if (this.#open === chunk) this.#open = undefined
    this.#head += 1
    if (this.#head === this.#chunks.length) this.#restart([])
    else if (this.#head >= 64 && this.#head * 2 >= this.#chunks.length) this.#restart(this.#chunks.slice(this.#head))
  }

  #copyIn(firstOffset: number, bytes: Uint8Array): Chunk {
    let chunk = this.#open
    if (chunk === undefined || chunk.end + bytes.length > chunk.bytes.length) {
      // Of what did not fill the last one the next has to be no larger.
      const largestBytes = this.#isUnread ? unreadChunkBytes : largestChunkBytes
      const wanted = chunk === undefined ? firstChunkBytes : Math.min(chunk.bytes.length * 2, largestBytes)
      const memory = memoryPool.take(Math.max(wanted, bytes.length))
      chunk = this.#addChunk(firstOffset, memory.bytes, memory)
      this.#open = chunk
    }
    chunk.bytes.set(bytes, chunk.end)
    return chunk
  }

  get #isUnread(): boolean {
    return this.#appendedBytes - this.#appendedAtRead > unreadBytesMax
  }

  #dropAllBut(newest: Chunk): void {
    while (this.#chunks[this.#head] !== newest) {
      const chunk = this.#chunks[this.#head]!
      this.#cache.release(chunk)
      this.dropOldest(chunk)
    }
  }

  #addLarge(firstOffset: number, bytes: Uint8Array, memory: PooledMemory | 'lent' | undefined): Chunk {
    this.#open = undefined
    if (memory !== 'lent' && bytes.buffer.byteLength <= 2 * bytes.length) {
      memory?.retain()
      return this.#addChunk(firstOffset, bytes, memory)
    }
    const own = memoryPool.take(bytes.length)
    own.bytes.set(bytes)
    return this.#addChunk(firstOffset, own.bytes, own)
  }

  #addChunk(firstOffset: number, bytes: Uint8Array, memory: PooledMemory | undefined): Chunk {
    const chunk = new Chunk(this, bytes, memory, firstOffset, this.#appendedBytes)
    this.#chunks.push(chunk)
    this.#cache.add(chunk)
    return chunk
  }

  #restart(chunks: Chunk[]): void {
    this.#chunks = chunks
    this.#head = 0
  }

  /** How much was appended before the batch that holds `offset`; `undefined` where that is not here. */
  #bytesBefore(offset: number): number | undefined {
    const index = this.#find(offset)
    if (index < 0) return undefined
    const chunk = this.#chunks[index]!
    return chunk.appendedBefore + chunk.positionOf(offset) - chunk.start
  }

  /** Index of the chunk with the batch that holds `offset`, or with the next one where offsets are missing; −1 when it is not here. */
  #find(offset: number): number {
    const first = this.#chunks[this.#head]
    if (first === undefined || offset < first.firstOffset) return -1
    let low = this.#head
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#chunks[middle]!.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low < this.#chunks.length ? low : -1
  }
}

function releaseOnce(memories: PooledMemory[]): () => void {
  if (memories.length === 0) return noRelease
  return () => {
    for (const memory of memories.splice(0)) memory.release()
  }
}
