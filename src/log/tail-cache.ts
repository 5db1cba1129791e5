/**
 * The newest batches of all logs in memory, within one budget: consumers that keep up are served from here, without a read.
 *
 * What is counted is the memory that a batch *pins*. One that fills the memory it came in is kept as it is; a small one within a large frame, which would keep
 * the whole frame alive, is copied into slabs that all logs share. When the budget is exceeded the oldest batches go first, whichever log they
 * belong to: so each log keeps an unbroken run of batches up to its end, a slab is free once its last batch has gone, and a log that is written at
 * full speed takes from the others only what they have had in memory for longer.
 */
import { assert } from '../std/assert.ts'

const slabBytes = 256 * 1024
/** Batches up to this size are copied into a slab, larger ones into memory of their own. */
const slabBatchBytesMax = 32 * 1024
/** What a batch costs besides its bytes. */
const overheadBytes = 160
/** Slices smaller than this on average are worth putting together: sending many small ones costs more than copying them. */
const sliceBytesMin = 2048
const slicesMax = 16

const nothing = new Uint8Array(0)

class CachedBatch {
  readonly owner: CachedTail
  readonly firstOffset: number
  readonly lastOffset: number
  /** Where it begins, in bytes of this log that have been appended since it was opened. */
  readonly appendedBefore: number
  bytes: Uint8Array
  readonly pinnedBytes: number
  /** Its neighbours in age, of any log. */
  older: CachedBatch | undefined = undefined
  younger: CachedBatch | undefined = undefined

  constructor(
    owner: CachedTail,
    firstOffset: number,
    lastOffset: number,
    appendedBefore: number,
    bytes: Uint8Array,
    pinnedBytes: number,
  ) {
    this.owner = owner
    this.firstOffset = firstOffset
    this.lastOffset = lastOffset
    this.appendedBefore = appendedBefore
    this.bytes = bytes
    this.pinnedBytes = pinnedBytes
  }
}

export class TailCache {
  #budgetBytes: number
  #pinnedBytes = 0
  #oldest: CachedBatch | undefined
  #newest: CachedBatch | undefined
  #slab: Buffer | undefined
  #slabUsed = 0

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
    this.#evict()
  }

  /** Memory of its own for a batch that would pin much more than it is; otherwise the batch itself. */
  compact(bytes: Uint8Array): Uint8Array {
    if (bytes.buffer.byteLength <= 2 * bytes.length) return bytes
    const copy =
      bytes.length > slabBatchBytesMax ? Buffer.allocUnsafeSlow(bytes.length) : this.#takeFromSlab(bytes.length)
    copy.set(bytes)
    return copy
  }

  /** Only for `CachedTail`. */
  add(batch: CachedBatch): void {
    batch.older = this.#newest
    if (this.#newest === undefined) this.#oldest = batch
    else this.#newest.younger = batch
    this.#newest = batch
    this.#pinnedBytes += batch.pinnedBytes
    if (this.#pinnedBytes > this.#budgetBytes) this.#evict()
  }

  /** Only for `CachedTail`: its log has no use for it any more. */
  release(batch: CachedBatch): void {
    const { older, younger } = batch
    if (older === undefined) this.#oldest = younger
    else older.younger = younger
    if (younger === undefined) this.#newest = older
    else younger.older = older
    batch.older = undefined
    batch.younger = undefined
    batch.bytes = nothing
    this.#pinnedBytes -= batch.pinnedBytes
    assert(this.#pinnedBytes >= 0, () => `${this.#pinnedBytes} bytes pinned`)
  }

  /** Only for `CachedTail`: what keeping these bytes costs. */
  pinnedBytesOf(bytes: Uint8Array): number {
    const isOwn = bytes.buffer.byteLength <= 2 * bytes.length
    return overheadBytes + (isOwn ? bytes.buffer.byteLength : bytes.length)
  }

  #takeFromSlab(length: number): Buffer {
    if (this.#slab === undefined || this.#slabUsed + length > slabBytes) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes)
      this.#slabUsed = 0
    }
    this.#slabUsed += length
    return this.#slab.subarray(this.#slabUsed - length, this.#slabUsed)
  }

  #evict(): void {
    while (this.#pinnedBytes > this.#budgetBytes && this.#oldest !== undefined) {
      const batch = this.#oldest
      this.release(batch)
      batch.owner.dropOldest(batch)
    }
  }
}

export interface CachedSlices {
  readonly slices: Uint8Array[]
  readonly sizeBytes: number
  readonly firstOffset: number
  readonly nextOffset: number
}

/** One log's batches in the cache: an unbroken run that ends where the log ends. */
export class CachedTail {
  readonly #cache: TailCache
  /** Oldest first; what is before `#head` has been dropped. */
  #batches: CachedBatch[] = []
  #head = 0
  #appendedBytes = 0

  constructor(cache: TailCache) {
    this.#cache = cache
  }

  /** The first offset that is here; `undefined` when nothing is. */
  get firstOffset(): number | undefined {
    return this.#batches[this.#head]?.firstOffset
  }

  /** Adds the batch that follows the last one. */
  add(firstOffset: number, lastOffset: number, bytes: Uint8Array): void {
    const last = this.#batches.at(-1)
    assert(
      last === undefined || firstOffset > last.lastOffset,
      () => `L3: cached ${firstOffset} after ${last!.lastOffset}`,
    )
    const pinnedBytes = this.#cache.pinnedBytesOf(bytes)
    const batch = new CachedBatch(this, firstOffset, lastOffset, this.#appendedBytes, bytes, pinnedBytes)
    this.#appendedBytes += bytes.length
    this.#batches.push(batch)
    this.#cache.add(batch)
  }

  /**
   * Batches from the one that holds `offset` on: as many as fit into `maxBytes` and end below `upTo`, the first of them also when it does not fit and
   * `minOneBatch` is set. `undefined` when `offset` is not here.
   */
  read(offset: number, maxBytes: number, upTo: number, minOneBatch: boolean): CachedSlices | undefined {
    let index = this.#find(offset)
    if (index < 0) return undefined
    const first = this.#batches[index]!
    const taken: CachedBatch[] = []
    let sizeBytes = 0
    for (; index < this.#batches.length; index++) {
      const batch = this.#batches[index]!
      const fits = sizeBytes + batch.bytes.length <= maxBytes || (minOneBatch && taken.length === 0)
      if (!fits || batch.lastOffset >= upTo) break
      taken.push(batch)
      sizeBytes += batch.bytes.length
    }
    if (taken.length === 0) return { slices: [], sizeBytes: 0, firstOffset: offset, nextOffset: offset }
    const nextOffset = taken.at(-1)!.lastOffset + 1
    return { slices: slicesOf(taken, sizeBytes), sizeBytes, firstOffset: first.firstOffset, nextOffset }
  }

  /** Bytes of the batches from the one that holds `from` to the one before `upTo`; `undefined` when `from` is not here. */
  bytesBetween(from: number, upTo: number): number | undefined {
    const start = this.#find(from)
    if (start < 0) return undefined
    const end = this.#find(upTo)
    const endBytes = end < 0 ? this.#appendedBytes : this.#batches[end]!.appendedBefore
    return Math.max(0, endBytes - this.#batches[start]!.appendedBefore)
  }

  /** Forgets the batches at and above `offset`. */
  truncate(offset: number): void {
    while (this.#batches.length > this.#head && this.#batches.at(-1)!.lastOffset >= offset) {
      const batch = this.#batches.pop()!
      this.#appendedBytes = batch.appendedBefore
      this.#cache.release(batch)
    }
    if (this.#head === this.#batches.length) this.#restart([])
  }

  /** Forgets the batches that end below `offset`. */
  forgetBelow(offset: number): void {
    while (this.#head < this.#batches.length && this.#batches[this.#head]!.lastOffset < offset) {
      const batch = this.#batches[this.#head]!
      this.#cache.release(batch)
      this.dropOldest(batch)
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.truncate(0)
  }

  /** Only for `TailCache`: the oldest batch has to go. */
  dropOldest(batch: CachedBatch): void {
    assert(this.#batches[this.#head] === batch, () => `batch ${batch.firstOffset} is not the oldest of its log`)
    this.#head += 1
    if (this.#head === this.#batches.length) this.#restart([])
    else if (this.#head >= 64 && this.#head * 2 >= this.#batches.length) this.#restart(this.#batches.slice(this.#head))
  }

  #restart(batches: CachedBatch[]): void {
    this.#batches = batches
    this.#head = 0
  }

  /** Index of the batch that holds `offset`, or of the next one where offsets are missing; −1 when it is not here. */
  #find(offset: number): number {
    const first = this.#batches[this.#head]
    if (first === undefined || offset < first.firstOffset) return -1
    let low = this.#head
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#batches[middle]!.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low < this.#batches.length ? low : -1
  }
}

/** As few slices as possible: batches that lie one behind the other in the same slab are one, and many small ones are put together. */
function slicesOf(batches: readonly CachedBatch[], sizeBytes: number): Uint8Array[] {
  const slices: Uint8Array[] = []
  let run = batches[0]!.bytes
  for (let index = 1; index < batches.length; index++) {
    const { bytes } = batches[index]!
    if (bytes.buffer === run.buffer && bytes.byteOffset === run.byteOffset + run.length) {
      run = new Uint8Array(run.buffer, run.byteOffset, run.length + bytes.length)
    } else {
      slices.push(run)
      run = bytes
    }
  }
  slices.push(run)
  if (slices.length <= slicesMax || sizeBytes / slices.length >= sliceBytesMin) return slices
  const together = Buffer.allocUnsafeSlow(sizeBytes)
  let at = 0
  for (const slice of slices) {
    together.set(slice, at)
    at += slice.length
  }
  return [together]
}
