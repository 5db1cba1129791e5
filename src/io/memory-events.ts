/**
 * Virtual time: everything that will happen in a simulated world, in one heap.
 *
 * Nothing in that world happens by itself. A timer, the end of a disk operation, the arrival of bytes are events; whoever drives the
 * world takes them out one by one, and time jumps from each to the next. Events of the same moment come in an order drawn by the seed.
 */

import { assert } from '../std/assert.ts'
import { Heap, type HeapItem } from '../std/heap.ts'
import type { SeededRandom } from '../std/random.ts'

/** One run of a process, from its start to its crash. What was scheduled for a life that has ended never happens. */
export class Life {
  /** Which process, and which of its runs, for the trace. */
  readonly name: string
  alive = true
  /** Stopped, as by SIGSTOP: what would happen waits, in its order. */
  isPaused = false
  readonly held: SimulatedEvent[] = []

  constructor(name: string) {
    this.name = name
  }
}

/** A process that has crashed went on calling: only for synchronous calls, which cannot be left unanswered as asynchronous ones are. */
export class CrashedError extends Error {
  override readonly name = 'CrashedError'
}

export interface SimulatedEvent extends HeapItem {
  atMs: number
  /** Orders events of the same moment: drawn by the seed, or above all of those for what comes last in a turn. */
  rank: number
  sequence: number
  /** Undefined for what no crash of a process stops: packets on the wire. */
  readonly life: Life | undefined
  readonly run: () => void
}

const rankLast = 2 ** 32

export class EventQueue {
  readonly #heap = new Heap<SimulatedEvent>(before)
  readonly #random: SeededRandom
  readonly #trace: (line: string) => void
  #nowMs = 0
  #sequence = 0
  #lastDeferMs = 0

  constructor(random: SeededRandom, trace: (line: string) => void) {
    this.#random = random
    this.#trace = trace
  }

  /** Milliseconds since the world began, with fractions. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** How many events are to come, those of crashed processes included. */
  get size(): number {
    return this.#heap.size
  }

  /** When the next event happens. */
  get nextMs(): number | undefined {
    this.#dropIdle()
    return this.#heap.peek()?.atMs
  }

  /** Lets `run` happen `delayMs` from now. */
  schedule(delayMs: number, life: Life | undefined, run: () => void): SimulatedEvent {
    assert(delayMs >= 0, () => `an event ${delayMs} ms from now`)
    return this.#push(this.#nowMs + delayMs, this.#random.uint32(), life, run)
  }

  /**
   * Lets `run` happen when this turn of the event loop is over: after anything else of this moment, and at times a little later, so that a few I/O
   * events come before it as they do in a busy process. What was deferred first runs first.
   */
  defer(life: Life, run: () => void): void {
    const turnMs = this.#random.chance(0.5) ? 0 : this.#random.float() * 0.05
    this.#lastDeferMs = Math.max(this.#lastDeferMs, this.#nowMs + turnMs)
    this.#push(this.#lastDeferMs, rankLast, life, run)
  }

  cancel(event: SimulatedEvent): void {
    if (this.#heap.remove(event) || event.life === undefined) return
    const index = event.life.held.indexOf(event)
    if (index !== -1) event.life.held.splice(index, 1)
  }

  /** What has waited for a process that goes on happens now, the timers that have run out meanwhile among it. */
  resume(life: Life): void {
    life.isPaused = false
    for (const event of life.held.splice(0)) {
      event.atMs = this.#nowMs
      event.rank = 0
      event.sequence = this.#sequence++
      this.#heap.push(event)
    }
  }

  /** Takes out the next event and moves time to it. */
  next(): SimulatedEvent | undefined {
    this.#dropIdle()
    const event = this.#heap.pop()
    if (event === undefined) return undefined
    assert(event.atMs >= this.#nowMs, () => `time would go back from ${this.#nowMs} to ${event.atMs}`)
    this.#nowMs = event.atMs
    return event
  }

  /** Moves time on where nothing happens until then. */
  advanceTo(nowMs: number): void {
    const nextMs = this.nextMs
    assert(nowMs >= this.#nowMs && (nextMs === undefined || nextMs >= nowMs), () => `${nextMs} comes before ${nowMs}`)
    this.#nowMs = nowMs
  }

  /** Notes what happens now. `what` tells the operation, its object and a digest of the bytes concerned. */
  trace(who: string, what: string): void {
    this.#trace(`${this.#nowMs.toFixed(4)} ${who} ${what}`)
  }

  #push(atMs: number, rank: number, life: Life | undefined, run: () => void): SimulatedEvent {
    const event: SimulatedEvent = { heapIndex: -1, atMs, rank, sequence: this.#sequence++, life, run }
    this.#heap.push(event)
    return event
  }

  #dropIdle(): void {
    for (let life = this.#heap.peek()?.life; life !== undefined; life = this.#heap.peek()?.life) {
      if (life.alive && !life.isPaused) return
      const event = this.#heap.pop()!
      if (life.alive) life.held.push(event)
    }
  }
}

function before(a: SimulatedEvent, b: SimulatedEvent): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs
  if (a.rank !== b.rank) return a.rank < b.rank
  return a.sequence < b.sequence
}
