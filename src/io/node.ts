/**
 * The real world: Node's clock, timers, files, sockets and randomness as an `Io`. Made once, by an entry point.
 *
 * This file and its parts (`node-….ts`) are the only ones of the broker that touch those.
 */

import { randomFillSync } from 'node:crypto'
import * as fs from 'node:fs'
import { assert } from '../std/assert.ts'
import type { Clock, Compute, Io, Random, Timer } from './io.ts'
import { NodeDisk } from './node-disk.ts'
import { NodeNetwork } from './node-network.ts'

export function createNodeIo(): Io {
  const clock = new NodeClock()
  return {
    clock,
    disk: new NodeDisk(clock),
    network: new NodeNetwork(),
    random: new NodeRandom(),
    compute: new NodeCompute(),
  }
}

/** Node's timers count milliseconds in 31 bits; a longer delay would fire at once. */
const delayMsMax = 2 ** 31 - 1

class NodeClock implements Clock {
  #deferred: (() => void)[] = []

  nowMs(): number {
    return Date.now()
  }

  /** Not by `performance`, whose first use loads 2 ms worth of modules. */
  monotonicMs(): number {
    const [seconds, nanoseconds] = process.hrtime()
    return seconds * 1000 + nanoseconds / 1e6
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    assert(delayMs >= 0, () => `a timer of ${delayMs} ms`)
    if (delayMs > delayMsMax) return new LongTimer(delayMs, callback)
    const timeout = setTimeout(callback, delayMs)
    timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  }

  /**
   * One visit of the event loop for all that was deferred in a turn, with nothing between them: first all logs write, and then, in the promise callbacks of that,
   * all connections send. A peer that sleeps is woken once so, instead of after each write, and waking one costs more than sending.
   */
  defer(callback: () => void): void {
    if (this.#deferred.push(callback) === 1) setImmediate(this.#runDeferred)
  }

  readonly #runDeferred = (): void => {
    const deferred = this.#deferred
    this.#deferred = []
    let done = 0
    try {
      while (done < deferred.length) deferred[done++]!()
    } finally {
      // One that threw takes none of the others with it.
      if (done < deferred.length) for (const callback of deferred.slice(done)) this.defer(callback)
    }
  }
}

/** A timer for a delay that takes several of Node's. */
class LongTimer implements Timer {
  #restMs: number
  #timeout: NodeJS.Timeout
  readonly #callback: () => void

  constructor(delayMs: number, callback: () => void) {
    this.#restMs = delayMs
    this.#callback = callback
    this.#timeout = this.#next()
  }

  cancel(): void {
    clearTimeout(this.#timeout)
  }

  #next(): NodeJS.Timeout {
    const delayMs = Math.min(this.#restMs, delayMsMax)
    const timeout = setTimeout(() => {
      this.#restMs -= delayMs
      if (this.#restMs > 0) this.#timeout = this.#next()
      else this.#callback()
    }, delayMs)
    return timeout.unref()
  }
}

/** Where the kernel gives its own random bytes, on every system but Windows. */
const kernelRandom = '/dev/urandom'
const poolBytes = 4096

/**
 * Cryptographically strong numbers, drawn from the system a few KB at a time because a call into it costs a microsecond. From the kernel directly where that
 * can be: `node:crypto` draws from it too, and takes 5 ms and 3 MB to load, which every start would pay for the few bytes it needs.
 */
class NodeRandom implements Random {
  readonly #pool = new DataView(new ArrayBuffer(poolBytes))
  #used = poolBytes

  float(): number {
    const at = this.#take(8)
    const high = this.#pool.getUint32(at) >>> 5
    const low = this.#pool.getUint32(at + 4) >>> 6
    return (high * 0x4000000 + low) / 0x20000000000000
  }

  below(bound: number): number {
    assert(bound > 0 && bound <= 2 ** 32, () => `a random number below ${bound}`)
    return Math.floor(this.float() * bound)
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    if (length > poolBytes) {
      fillRandomly(bytes)
      return bytes
    }
    const at = this.#take(length)
    bytes.set(new Uint8Array(this.#pool.buffer, at, length))
    return bytes
  }

  /** Where in the pool there are so many bytes that nobody has had. */
  #take(length: number): number {
    if (this.#used + length > poolBytes) {
      fillRandomly(new Uint8Array(this.#pool.buffer))
      this.#used = 0
    }
    const at = this.#used
    this.#used += length
    return at
  }
}

function fillRandomly(target: Uint8Array): void {
  if (!readKernelRandom(target)) randomFillSync(target)
}

function readKernelRandom(target: Uint8Array): boolean {
  if (process.platform === 'win32') return false
  let fd: number
  try {
    fd = fs.openSync(kernelRandom, fs.constants.O_RDONLY)
  } catch {
    return false
  }
  try {
    for (let filled = 0; filled < target.length;) {
      const bytes = fs.readSync(fd, target, filled, target.length - filled, null)
      if (bytes === 0) return false
      filled += bytes
    }
    return true
  } finally {
    fs.closeSync(fd)
  }
}

/** Up to this size the work takes less than waiting for another turn is worth. */
const inlineBytesMax = 64 * 1024

class NodeCompute implements Compute {
  /** Large pieces of work that wait for their turn. */
  readonly #waiting: (() => void)[] = []

  async run<T>(costBytes: number, work: () => T): Promise<T> {
    if (costBytes > inlineBytesMax) await this.#ownTurn()
    return work()
  }

  /** One large piece a turn: between two of them, sockets and timers have theirs. */
  #ownTurn(): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) setImmediate(this.#next)
    })
  }

  readonly #next = (): void => {
    this.#waiting.shift()!()
    if (this.#waiting.length > 0) setImmediate(this.#next)
  }
}
