/**
 * The real world: Node's clock, timers, files, sockets and randomness as an `Io`. Made once, by an entry point.
 *
 * This file and its parts (`node-….ts`) are the only ones of the broker that touch those.
 */

import { randomBytes, randomFillSync } from 'node:crypto'
import { assert } from '../std/assert.ts'
import type { Clock, Compute, Io, Random, Timer } from './io.ts'
import { NodeDisk } from './node-disk.ts'
import { NodeNetwork } from './node-network.ts'

export function createNodeIo(): Io {
  return {
    clock: new NodeClock(),
    disk: new NodeDisk(),
    network: new NodeNetwork(),
    random: new NodeRandom(),
    compute: new NodeCompute(),
  }
}

/** Node's timers count milliseconds in 31 bits; a longer delay would fire at once. */
const delayMsMax = 2 ** 31 - 1

class NodeClock implements Clock {
  nowMs(): number {
    return Date.now()
  }

  monotonicMs(): number {
    return performance.now()
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    assert(delayMs >= 0, () => `a timer of ${delayMs} ms`)
    if (delayMs > delayMsMax) return new LongTimer(delayMs, callback)
    const timeout = setTimeout(callback, delayMs)
    timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  }

  defer(callback: () => void): void {
    setImmediate(callback)
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

/** Cryptographically strong numbers, drawn from the system a few KB at a time because a call into it costs a microsecond. */
class NodeRandom implements Random {
  readonly #pool = new DataView(new ArrayBuffer(4096))
  #used = this.#pool.byteLength

  float(): number {
    if (this.#used === this.#pool.byteLength) {
      randomFillSync(this.#pool)
      this.#used = 0
    }
    const high = this.#pool.getUint32(this.#used) >>> 5
    const low = this.#pool.getUint32(this.#used + 4) >>> 6
    this.#used += 8
    return (high * 0x4000000 + low) / 0x20000000000000
  }

  below(bound: number): number {
    assert(bound > 0 && bound <= 2 ** 32, () => `a random number below ${bound}`)
    return Math.floor(this.float() * bound)
  }

  bytes(length: number): Uint8Array {
    return randomBytes(length)
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
