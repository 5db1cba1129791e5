/**
 * Drives a simulated world: takes one event, runs it, lets every promise settle, goes on. The same seed gives the same run, byte for byte.
 *
 * What is simulated sees only its `Io`. The code of a test may run inside the simulation too (`simulate`, `settle`) and await whatever simulated
 * code returns; it must await nothing else.
 */

import { createHook } from 'node:async_hooks'
import { MemoryWorld, type Machine, type MachineOptions, type WorldOptions } from '../io/memory.ts'
import { assert } from '../std/assert.ts'
import { Trace } from './trace.ts'

export interface SimulatorOptions extends Omit<WorldOptions, 'trace'> {
  /** How many of the last trace lines are kept. Default 1,000. */
  readonly traceLinesMax?: number
  /** Fails the run when simulated code uses asynchronous resources of the real world. Costs about half of the speed. */
  readonly guardAsync?: boolean
}

/** No simulation that we run lasts longer, in its own time, without anybody having asked for it. */
const withinMsDefault = 24 * 60 * 60 * 1000

/** Within one call of `run`: more means that something goes round in circles. */
const eventsMax = 20_000_000

export class Simulator {
  readonly seed: number
  readonly world: MemoryWorld
  readonly trace: Trace
  readonly #guard: AsyncGuard | undefined
  #running = false

  constructor(options: SimulatorOptions) {
    const { traceLinesMax = 1000, guardAsync = false, ...worldOptions } = options
    this.seed = options.seed
    this.trace = new Trace(traceLinesMax)
    this.world = new MemoryWorld({ ...worldOptions, trace: line => this.trace.add(line) })
    this.#guard = guardAsync ? new AsyncGuard() : undefined
  }

  machine(name: string, options?: MachineOptions): Machine {
    return this.world.machine(name, options)
  }

  /**
   * Lets things happen: for so many milliseconds of virtual time, or until a condition holds, which is looked at after each event. A condition that is not met
   * within `withinMs` of virtual time, or that nothing can bring about any more, is an error.
   */
  async run(until: number | (() => boolean), withinMs = withinMsDefault): Promise<void> {
    assert(!this.#running, 'the simulation is being driven; inside of it, await a promise or sleep')
    this.#running = true
    this.#guard?.enable()
    try {
      if (typeof until === 'number') await this.#runFor(until)
      else await this.#runUntil(until, withinMs)
    } finally {
      this.#guard?.disable()
      this.#running = false
    }
  }

  /** Lets things happen until the promise has settled, and gives what it gave. */
  async settle<T>(promise: Promise<T>, withinMs = withinMsDefault): Promise<T> {
    let settled = false
    const watched = promise.finally(() => {
      settled = true
    })
    // What it fails with is for the caller, below; if the simulation itself fails first, that is the better news.
    watched.catch(() => {})
    await this.run(() => settled, withinMs)
    return watched
  }

  /** For code inside the simulation: lets so much virtual time go by. */
  sleep(durationMs: number): Promise<void> {
    return new Promise(resolve => {
      this.world.events.schedule(durationMs, undefined, resolve)
    })
  }

  async #runFor(durationMs: number): Promise<void> {
    const { events } = this.world
    const endMs = events.nowMs + durationMs
    await this.#letPromisesSettle()
    for (let count = 0; (events.nextMs ?? Number.POSITIVE_INFINITY) <= endMs; count++) {
      this.#assertMoving(count)
      this.world.step()
      await this.#letPromisesSettle()
    }
    events.advanceTo(endMs)
  }

  async #runUntil(condition: () => boolean, withinMs: number): Promise<void> {
    const { events } = this.world
    const endMs = events.nowMs + withinMs
    await this.#letPromisesSettle()
    for (let count = 0; !condition(); count++) {
      this.#assertMoving(count)
      const { nextMs } = events
      if (nextMs === undefined) throw this.#failure('nothing can happen any more, and what was awaited has not')
      if (nextMs > endMs) throw this.#failure(`what was awaited has not happened within ${withinMs} ms`)
      this.world.step()
      await this.#letPromisesSettle()
    }
  }

  /** Everything that the last event set going, as far as it gets without another event. */
  async #letPromisesSettle(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve))
    this.#guard?.check()
  }

  #assertMoving(count: number): void {
    if (count >= eventsMax) throw this.#failure(`${count} events and no end`)
  }

  #failure(what: string): Error {
    return new Error(
      `${what} (seed ${this.seed}, ${this.world.nowMs} ms); last:\n${this.trace.lines.slice(-20).join('\n')}`,
    )
  }
}

/** Runs `body` as a part of the simulation of that seed, for as much virtual time as it takes. */
export async function simulate<T>(
  options: number | SimulatorOptions,
  body: (simulator: Simulator) => Promise<T>,
): Promise<T> {
  const simulator = new Simulator(typeof options === 'number' ? { seed: options } : options)
  return simulator.settle(body(simulator))
}

/** What settles within one real `setImmediate`, whatever the machine, and the simulator's own one. */
const harmlessTypes = new Set(['PROMISE', 'TickObject', 'Microtask', 'Immediate'])

/**
 * Watches that simulated code is asynchronous through its `Io` only. A socket, a timer, a file or a thread of the real world would make
 * a run depend on the machine; Node tells of each when it is made.
 */
class AsyncGuard {
  #found: { readonly type: string; readonly stack: string } | undefined
  readonly #hook = createHook({
    init: (_id, type) => {
      if (harmlessTypes.has(type) || this.#found !== undefined) return
      // Thrown from here it would end the process without a word to the test.
      this.#found = { type, stack: new Error(type).stack ?? '' }
    },
  })

  enable(): void {
    this.#hook.enable()
  }

  disable(): void {
    this.#hook.disable()
  }

  /** Throws when simulated code made something that it must not. */
  check(): void {
    const found = this.#found
    if (found === undefined) return
    this.#found = undefined
    const stack = found.stack.split('\n').slice(1).join('\n')
    throw new Error(`simulated code made a ${found.type}, which only the real world can finish:\n${stack}`)
  }
}
