/**
 * Memory that is used again: for request frames, the newest batches of logs, and reads from disk.
 *
 * New memory is expensive: the system gives it page by page, at a fault each, and what the garbage collector has to find out about large buffers makes it run
 * more often than anything else. So who needs a lot of memory for a short time takes it here and gives it back.
 *
 * Several may use the same memory, such as a log that writes it to its file and a consumer that is sent it: each of them *retains* it and *releases* it once. The last
 * release gives it back to the pool. Who does not know when it is done with it just never releases it: then the garbage collector takes it, and the pool makes
 * another. So a forgotten release costs time; one too many would let two write into the same memory, and is asserted against.
 */
import { assert } from './assert.ts'

/** Sizes are 4 KB times a power of two times 4/4, 5/4, 6/4 or 7/4, so that at most a fifth of a buffer is more than what was asked for. */
const smallestBytes = 4096
const stepsPerDoubling = 4
/** Larger memory is not kept. */
const largestBytes = 4 * 1024 * 1024
const classSizes = sizesOfClasses()

export class PooledMemory {
  /** At least as long as what was asked for. Its `ArrayBuffer` is of the same length. */
  readonly bytes: Buffer
  readonly #pool: MemoryPool
  #users = 1

  /** Only for `MemoryPool`. */
  constructor(bytes: Buffer, pool: MemoryPool) {
    this.bytes = bytes
    this.#pool = pool
  }

  retain(): void {
    assert(this.#users > 0, 'S3: memory is used again that was given back')
    this.#users += 1
  }

  /** Not to be touched any more by who calls it. */
  release(): void {
    assert(this.#users > 0, 'S3: memory is given back twice')
    this.#users -= 1
    if (this.#users === 0) this.#pool.giveBack(this)
  }

  /** Only for `MemoryPool`. */
  reuse(): void {
    assert(this.#users === 0, 'S3: memory is given out that is in use')
    this.#users = 1
  }
}

export class MemoryPool {
  readonly #keptBytesMax: number
  readonly #free: readonly PooledMemory[][] = classSizes.map(() => [])
  #keptBytes = 0

  constructor(keptBytesMax: number) {
    this.#keptBytesMax = keptBytesMax
  }

  /** What nobody uses at the moment. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  /** Memory of at least `byteCount` bytes, with anything in it, whose one user is the caller. */
  take(byteCount: number): PooledMemory {
    if (byteCount > largestBytes) return new PooledMemory(Buffer.allocUnsafeSlow(byteCount), this)
    const index = classOf(byteCount)
    const memory = this.#free[index]!.pop()
    if (memory === undefined) return new PooledMemory(Buffer.allocUnsafeSlow(classSizes[index]!), this)
    this.#keptBytes -= memory.bytes.length
    memory.reuse()
    return memory
  }

  /** Lets go of what nobody uses at the moment. */
  clear(): void {
    for (const free of this.#free) free.length = 0
    this.#keptBytes = 0
  }

  /** Only for `PooledMemory`. */
  giveBack(memory: PooledMemory): void {
    const { length, buffer } = memory.bytes
    if (length > largestBytes) {
      // To the system at once: the collector, which knows only how much it is, may let tens of megabytes wait for as long as nothing else happens.
      if (buffer instanceof ArrayBuffer) buffer.transfer(0)
      return
    }
    const own = this.#free[classOf(length)]!
    // What comes back now is of a size that is wanted now: older sizes make room for it.
    if (this.#keptBytes + length > this.#keptBytesMax) {
      for (const free of this.#free) if (free !== own) this.#dropWhileOver(free, length)
    }
    if (this.#keptBytes + length > this.#keptBytesMax) return
    this.#keptBytes += length
    own.push(memory)
  }

  #dropWhileOver(free: PooledMemory[], moreBytes: number): void {
    while (this.#keptBytes + moreBytes > this.#keptBytesMax) {
      const dropped = free.pop()
      if (dropped === undefined) return
      this.#keptBytes -= dropped.bytes.length
    }
  }
}

/**
 * The one of the process: whatever runs in it gives back memory for the others. It keeps what eight connections with requests of a megabyte go through: of what is dropped
 * and made anew as much again waits for the garbage collector.
 */
export const memoryPool = new MemoryPool(24 * 1024 * 1024)

function sizesOfClasses(): number[] {
  const sizes: number[] = []
  for (let base = smallestBytes; base < largestBytes; base *= 2) {
    for (let step = 0; step < stepsPerDoubling; step++) sizes.push(base + (base / stepsPerDoubling) * step)
  }
  return [...sizes, largestBytes]
}

/** Index of the smallest class that holds so many bytes. */
function classOf(byteCount: number): number {
  if (byteCount <= smallestBytes) return 0
  // The doubling that the size is in, and how far into it.
  const doubling = 31 - Math.clz32((byteCount - 1) / smallestBytes)
  const base = smallestBytes << doubling
  return doubling * stepsPerDoubling + Math.ceil(((byteCount - base) * stepsPerDoubling) / base)
}
