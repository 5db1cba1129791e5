/**
 * The wires between simulated machines: addresses, latency, partitions.
 *
 * A packet takes a time drawn by the seed, and packets of one stream keep their order. A link that is cut keeps what is sent over it, as TCP
 * repeats what is not acknowledged, and delivers after it has healed.
 */

import { assert } from '../std/assert.ts'
import type { SeededRandom } from '../std/random.ts'
import type { EventQueue } from './memory-events.ts'

/** A machine as the network sees it. */
export interface FabricMachine {
  readonly name: string
  /** IPv4 and IPv6 address. */
  readonly ipv4: string
  readonly ipv6: string
  /** False while it has no power: then nothing answers, not even with a refusal. */
  powered: boolean
  /** How often it has lost power: what it had to repeat before is not repeated after. */
  readonly powerLossCount: number
}

export interface FabricOptions {
  /** One way between two machines, exponentially distributed on top of the least. Defaults 0.05 and 0.2 ms. */
  readonly latencyMsMin?: number
  readonly latencyMsMean?: number
  /** How many bytes of one direction of a connection are under way or unread at most; drawn for each. Default 16 KiB to 512 KiB. */
  readonly windowBytesMin?: number
  readonly windowBytesMax?: number
}

/** A packet that waits for its link to heal. */
interface HeldPacket {
  readonly stream: PacketStream
  /** Of the sender, when it was sent. */
  readonly powerLossCount: number
  readonly deliver: () => void
}

/** Packets that keep their order: one direction of one connection. */
export interface PacketStream {
  readonly from: FabricMachine
  readonly to: FabricMachine
  /** When the last packet arrives. */
  lastArrivalMs: number
}

/** What happens on a machine itself takes a tenth of the time. */
const loopbackFactor = 0.1

/** TCP repeats at growing intervals; a packet that was held arrives up to so long after its link healed. */
const repeatMsMax = 1500

export class Fabric {
  options: FabricOptions
  readonly events: EventQueue
  readonly random: SeededRandom
  readonly #machines = new Map<string, FabricMachine>()
  /** Cut links, as `from>to`, and what waits on each. */
  readonly #cut = new Map<string, HeldPacket[]>()
  readonly #onCut: ((from: FabricMachine, to: FabricMachine) => void)[] = []

  constructor(events: EventQueue, random: SeededRandom, options: FabricOptions) {
    this.events = events
    this.random = random
    this.options = options
  }

  add(machine: FabricMachine): void {
    for (const key of [machine.name, machine.ipv4, machine.ipv6]) {
      assert(!this.#machines.has(key), () => `two machines are called ${key}`)
      this.#machines.set(key, machine)
    }
  }

  /** The machine that a host name or address means when asked from `from`, and the address there; undefined when there is none. */
  resolve(host: string, from: FabricMachine): { machine: FabricMachine; address: string } | undefined {
    if (host === 'localhost' || host.startsWith('127.')) return { machine: from, address: '127.0.0.1' }
    if (host === '::1') return { machine: from, address: '::1' }
    const machine = this.#machines.get(host)
    if (machine === undefined) return undefined
    return { machine, address: host === machine.ipv6 ? machine.ipv6 : machine.ipv4 }
  }

  /** Cuts the link from one machine to another, one way. Connections stay until they notice. */
  cut(from: FabricMachine, to: FabricMachine): void {
    const key = linkKey(from, to)
    if (this.#cut.has(key)) return
    this.events.trace('network', `cut ${key}`)
    this.#cut.set(key, [])
    for (const listener of this.#onCut) listener(from, to)
  }

  heal(from: FabricMachine, to: FabricMachine): void {
    const key = linkKey(from, to)
    const held = this.#cut.get(key)
    if (held === undefined) return
    this.events.trace('network', `heal ${key}`)
    this.#cut.delete(key)
    const delays = new Map<PacketStream, number>()
    for (const { stream, powerLossCount, deliver } of held) {
      if (from.powerLossCount !== powerLossCount) continue
      let delayMs = delays.get(stream)
      if (delayMs === undefined) {
        delayMs = this.random.float() * repeatMsMax
        delays.set(stream, delayMs)
      }
      this.#deliverAt(stream, this.events.nowMs + delayMs, deliver)
    }
  }

  isCut(from: FabricMachine, to: FabricMachine): boolean {
    return this.#cut.has(linkKey(from, to))
  }

  /** Calls `listener` for each link that is cut from now on. */
  onCut(listener: (from: FabricMachine, to: FabricMachine) => void): void {
    this.#onCut.push(listener)
  }

  /** Sends a packet behind the others of its stream. What reaches a machine without power is lost. */
  send(stream: PacketStream, deliver: () => void): void {
    const held = this.#cut.get(linkKey(stream.from, stream.to))
    if (held !== undefined) held.push({ stream, powerLossCount: stream.from.powerLossCount, deliver })
    else this.#deliverAt(stream, this.events.nowMs + this.#latencyMs(stream), deliver)
  }

  #deliverAt(stream: PacketStream, atMs: number, deliver: () => void): void {
    stream.lastArrivalMs = Math.max(atMs, stream.lastArrivalMs + 0.0001)
    this.events.schedule(stream.lastArrivalMs - this.events.nowMs, undefined, () => {
      if (stream.to.powered) deliver()
    })
  }

  #latencyMs({ from, to }: PacketStream): number {
    const { latencyMsMin = 0.05, latencyMsMean = 0.2 } = this.options
    const latencyMs = latencyMsMin + this.random.exponential(latencyMsMean)
    return from === to ? latencyMs * loopbackFactor : latencyMs
  }
}

function linkKey(from: FabricMachine, to: FabricMachine): string {
  return `${from.name}>${to.name}`
}
