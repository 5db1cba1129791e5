/**
 * A simulated world: machines with disks, the network between them, and one virtual clock. Each process on a machine gets an `Io` of
 * its own; everything random in it comes from one seed.
 *
 * Lifecycle: a machine exists as long as its world, with what is on its disk. `boot` starts a process on it, `crash` and `losePower` end that
 * one; then it may be booted again. Whoever drives the world calls `step` again and again and lets promises settle in between; the simulator in
 * `src/sim` does.
 */

import { assert } from '../std/assert.ts'
import { SeededRandom } from '../std/random.ts'
import type { Clock, Compute, Io, Random, Timer } from './io.ts'
import { type DiskHost, MemoryDisk } from './memory-disk.ts'
import { EventQueue, Life } from './memory-events.ts'
import { Fabric, type FabricMachine, type FabricOptions } from './memory-fabric.ts'
import { SeededDiskFaults } from './memory-faults.ts'
import { MemoryNetwork, NetworkState } from './memory-network.ts'
import { type PowerLoss, Volume } from './memory-volume.ts'

export interface WorldOptions {
  readonly seed: number
  /** Wall-clock time at which the world begins. Default 2025-01-01T00:00:00Z. */
  readonly startMs?: number
  readonly network?: FabricOptions
  /** Gets one line for everything that happens: time, who, what. */
  readonly trace?: (line: string) => void
}

export interface MachineOptions {
  /** Default 1 TiB. */
  readonly capacityBytes?: number
  /** What is on its disk, instead of nothing. */
  readonly volume?: Volume
}

const startMsDefault = Date.UTC(2025, 0, 1)

export class MemoryWorld {
  readonly events: EventQueue
  /** For whoever drives the world: what it draws from here does not change what the world does. */
  readonly random: SeededRandom
  readonly startMs: number
  readonly fabric: Fabric
  readonly #network: NetworkState
  readonly #machines = new Map<string, Machine>()
  readonly #seed: SeededRandom

  constructor(options: WorldOptions) {
    this.#seed = new SeededRandom(options.seed)
    this.random = this.#seed.fork('driver')
    this.startMs = options.startMs ?? startMsDefault
    this.events = new EventQueue(this.#seed.fork('events'), options.trace ?? (() => {}))
    this.fabric = new Fabric(this.events, this.#seed.fork('network'), options.network ?? {})
    this.#network = new NetworkState(this.fabric)
  }

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.events.nowMs
  }

  /** The machine of that name, which is made when it is asked for first. Its name is its host name. */
  machine(name: string, options: MachineOptions = {}): Machine {
    let machine = this.#machines.get(name)
    if (machine === undefined) {
      machine = new Machine(this, name, this.#machines.size + 1, this.#seed.fork(`machine ${name}`), options)
      this.#machines.set(name, machine)
      this.fabric.add(machine)
    }
    return machine
  }

  /** Cuts the network between two machines, both ways or from the first to the second only. */
  partition(from: string, to: string, ways: 'both' | 'one' = 'both'): void {
    this.fabric.cut(this.machine(from), this.machine(to))
    if (ways === 'both') this.fabric.cut(this.machine(to), this.machine(from))
  }

  heal(from: string, to: string, ways: 'both' | 'one' = 'both'): void {
    this.fabric.heal(this.machine(from), this.machine(to))
    if (ways === 'both') this.fabric.heal(this.machine(to), this.machine(from))
  }

  /** Runs the next event. False when nothing will ever happen again unless somebody does something. */
  step(): boolean {
    const event = this.events.next()
    if (event === undefined) return false
    event.run()
    return true
  }

  /** Used by `Machine`. */
  get network(): NetworkState {
    return this.#network
  }
}

export class Machine implements FabricMachine, DiskHost {
  readonly name: string
  readonly ipv4: string
  readonly ipv6: string
  powered = true
  powerLossCount = 0
  readonly volume: Volume
  faults: SeededDiskFaults
  readonly random: SeededRandom
  readonly locks = new Map<string, Life>()
  readonly #world: MemoryWorld
  #life: Life | undefined
  #disk: MemoryDisk | undefined
  #bootCount = 0
  /** What the machine's wall clock is wrong by. */
  #clockOffsetMs = 0
  #clockDrift = 0

  constructor(world: MemoryWorld, name: string, number: number, random: SeededRandom, options: MachineOptions) {
    assert(number < 65_536, () => `${number} machines`)
    this.#world = world
    this.name = name
    this.ipv4 = `10.0.${number >> 8}.${number & 255}`
    this.ipv6 = `fd00::${number.toString(16)}`
    this.random = random.fork('crash')
    this.faults = new SeededDiskFaults(random.fork('faults'))
    this.volume = options.volume ?? new Volume(options.capacityBytes ?? 2 ** 40)
  }

  get events(): EventQueue {
    return this.#world.events
  }

  get isRunning(): boolean {
    return this.#life !== undefined
  }

  /** How the trace calls the running process. */
  get lifeName(): string {
    assert(this.#life !== undefined, () => `${this.name} is not running`)
    return this.#life.name
  }

  /** Files that the running process has open. */
  get openPaths(): string[] {
    return this.#disk?.openPaths ?? []
  }

  /** Starts a process. What it does is up to whoever gets its `Io`. */
  boot(): Io {
    assert(this.#life === undefined, () => `${this.name} is running`)
    this.#bootCount += 1
    const life = new Life(`${this.name}.${this.#bootCount}`)
    this.#life = life
    if (!this.powered) {
      this.powered = true
      this.#world.network.powerOn(this)
    }
    this.#disk = new MemoryDisk(this, life)
    this.events.trace(life.name, 'boot')
    return {
      clock: new MemoryClock(this, life),
      disk: this.#disk,
      network: new MemoryNetwork(this.#world.network, life, this),
      random: new MemoryRandom(new SeededRandom(this.random.below(2 ** 53))),
      compute: new MemoryCompute(this.events, life),
    }
  }

  /** The process dies as by SIGKILL: nothing that it waits for ever comes, its connections break; what it wrote stays, synced or not. */
  crash(): void {
    const life = this.#end('crash')
    this.#world.network.crash(life, true)
    this.#disk!.crash()
  }

  /** The machine loses power, with or without a process running: writes and names that were not synced are lost in part or all, by `random`, and nobody is told. */
  losePower(random: SeededRandom = this.random): PowerLoss {
    if (this.#life !== undefined) {
      const life = this.#end('lose power')
      this.#world.network.crash(life, false)
      this.#disk!.crash()
    }
    this.powered = false
    this.powerLossCount += 1
    const loss = this.volume.loseUnsynced(random)
    this.events.trace(this.name, `lost ${loss.namesLost} names and ${loss.writesLost} writes`)
    return loss
  }

  /** The process stands still, as by SIGSTOP: its kernel goes on taking in bytes, until they fill its buffers. */
  pause(): void {
    assert(this.#life !== undefined && !this.#life.isPaused, () => `${this.name} cannot be paused`)
    this.events.trace(this.#life.name, 'pause')
    this.#life.isPaused = true
  }

  resume(): void {
    assert(this.#life?.isPaused === true, () => `${this.name} is not paused`)
    this.events.trace(this.#life.name, 'resume')
    this.events.resume(this.#life)
  }

  wallClockMs(): number {
    const { nowMs, startMs } = this.#world
    return Math.floor(startMs + nowMs * (1 + this.#clockDrift) + this.#clockOffsetMs)
  }

  /** Lets the machine's wall clock jump, forwards or back. */
  jumpClock(byMs: number): void {
    this.#clockOffsetMs += byMs
  }

  /** Lets the wall clock run fast (or slow, below zero) by so many parts of a million from now on. */
  driftClock(partsPerMillion: number): void {
    const drift = partsPerMillion / 1e6
    this.#clockOffsetMs += this.#world.nowMs * (this.#clockDrift - drift)
    this.#clockDrift = drift
  }

  #end(how: string): Life {
    const life = this.#life
    assert(life !== undefined, () => `${this.name} is not running`)
    this.events.trace(life.name, how)
    life.alive = false
    life.held.length = 0
    this.#life = undefined
    return life
  }
}

class MemoryClock implements Clock {
  readonly #machine: Machine
  readonly #life: Life
  readonly #bootMs: number

  constructor(machine: Machine, life: Life) {
    this.#machine = machine
    this.#life = life
    this.#bootMs = machine.events.nowMs
  }

  nowMs(): number {
    return this.#machine.wallClockMs()
  }

  monotonicMs(): number {
    return this.#machine.events.nowMs - this.#bootMs
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    assert(delayMs >= 0, () => `a timer of ${delayMs} ms`)
    const { events } = this.#machine
    // As with the real one, no timer is shorter than a millisecond: a loop of them lets time go on.
    const event = events.schedule(Math.max(1, delayMs), this.#life, () => {
      events.trace(this.#life.name, `timer ${delayMs}`)
      callback()
    })
    return { cancel: () => events.cancel(event) }
  }

  defer(callback: () => void): void {
    const { events } = this.#machine
    events.defer(this.#life, () => {
      events.trace(this.#life.name, 'defer')
      callback()
    })
  }
}

class MemoryRandom implements Random {
  readonly #random: SeededRandom

  constructor(random: SeededRandom) {
    this.#random = random
  }

  float(): number {
    return this.#random.float()
  }

  below(bound: number): number {
    assert(bound > 0 && bound <= 2 ** 32, () => `a random number below ${bound}`)
    return this.#random.below(bound)
  }

  bytes(length: number): Uint8Array {
    return this.#random.bytes(length)
  }
}

/** What a simulated processor gets done. */
const computeBytesPerMs = 200_000

class MemoryCompute implements Compute {
  readonly #events: EventQueue
  readonly #life: Life

  constructor(events: EventQueue, life: Life) {
    this.#events = events
    this.#life = life
  }

  run<T>(costBytes: number, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#events.schedule(costBytes / computeBytesPerMs, this.#life, () => {
        this.#events.trace(this.#life.name, `compute ${costBytes}`)
        try {
          resolve(work())
        } catch (error) {
          reject(error)
        }
      })
    })
  }
}
