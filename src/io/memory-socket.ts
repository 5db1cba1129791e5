/**
 * One end of a simulated TCP connection.
 *
 * Bytes keep their order and arrive in pieces that the seed cuts. What is under way and unread is bounded by a window; the rest waits at the sender as
 * `unsentBytes`. What is written before an orderly end arrives, a reset may take what was not read with it. A socket that is not being read notices a reset
 * only when it is read or written again, as with the real one.
 */

import { crc32 } from 'node:zlib'
import { assert } from '../std/assert.ts'
import type { Address, Socket, SocketHandler } from './io.ts'
import type { Life } from './memory-events.ts'
import type { Fabric, FabricMachine, PacketStream } from './memory-fabric.ts'

/** See `lingerMs` in `node-network.ts`. */
const lingerMs = 1000

/** When a peer is found to be out of reach: by keepalive where nothing is under way, else when TCP has given up repeating. */
const keepAliveMs = 70_000
const repeatGivesUpMs = 924_000

interface Unsent {
  readonly buffer: Uint8Array
  offset: number
}

export class NetworkError extends Error {
  readonly code: string

  constructor(code: string, what: string) {
    super(`${code}: ${what}`)
    this.code = code
  }
}

export class MemorySocket implements Socket {
  readonly remote: Address
  readonly local: Address
  /** For the trace: the connection and which end this is. */
  readonly name: string
  readonly life: Life
  readonly machine: FabricMachine
  readonly #fabric: Fabric
  readonly #outgoing: PacketStream
  #peer: MemorySocket | undefined
  #handler: SocketHandler | undefined
  /** What the handler gave for the next bytes. */
  #memory: Uint8Array | undefined
  #paused = false
  #readScheduled = false
  /** Nothing more will be sent or handed over. */
  #ended = false
  #finSent = false
  #closed = false
  #closeError: Error | undefined
  #backlogged = false
  #unsent: Unsent[] = []
  #unsentBytes = 0
  readonly #windowBytes: number
  /** How many more bytes may be under way to the peer or unread by it. */
  #creditBytes: number
  /** Sent, and not arrived. */
  #unackedBytes = 0
  #arrived: Uint8Array[] = []
  #arrivedBytes = 0
  /** Read, and not yet given back to the peer as credit. */
  #owedBytes = 0
  #finArrived = false
  /** What broke the connection and was not noticed yet. */
  #broken: Error | undefined
  #unreachableSinceMs: number | undefined

  constructor(
    fabric: Fabric,
    life: Life,
    machine: FabricMachine,
    name: string,
    addresses: { local: Address; remote: Address },
    outgoing: PacketStream,
  ) {
    this.#fabric = fabric
    this.life = life
    this.machine = machine
    this.name = name
    this.local = addresses.local
    this.remote = addresses.remote
    this.#outgoing = outgoing
    const { windowBytesMin = 16 * 1024, windowBytesMax = 512 * 1024 } = fabric.options
    this.#windowBytes = fabric.random.between(windowBytesMin, windowBytesMax)
    this.#creditBytes = this.#windowBytes
  }

  static join(a: MemorySocket, b: MemorySocket): void {
    a.#peer = b
    b.#peer = a
  }

  /** Gone as far as the network is concerned: what still arrives is refused. */
  get isClosed(): boolean {
    return this.#closed
  }

  get peerMachine(): FabricMachine {
    return this.#outgoing.to
  }

  get unsentBytes(): number {
    return this.#unsentBytes
  }

  start(handler: SocketHandler): void {
    assert(this.#handler === undefined, 'a socket is started once')
    this.#handler = handler
    if (this.#closed) this.#tellClosed()
    else this.#scheduleRead()
  }

  write(buffers: readonly Uint8Array[]): boolean {
    if (this.#ended || this.#closed) return false
    for (const buffer of buffers) {
      if (buffer.length === 0) continue
      this.#unsent.push({ buffer, offset: 0 })
      this.#unsentBytes += buffer.length
    }
    this.#send()
    if (this.#unsentBytes > 0) this.#backlogged = true
    if (this.#broken !== undefined) this.#later(() => this.#close(this.#broken))
    return true
  }

  pause(): void {
    if (!this.#ended) this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#scheduleRead()
  }

  end(): void {
    if (this.#ended || this.#closed) return
    this.#ended = true
    this.#paused = false
    this.#send()
    this.#scheduleRead()
  }

  destroy(): void {
    if (this.#closed) return
    this.#ended = true
    this.#abandon(this.#arrivedBytes > 0)
    this.#close(undefined)
  }

  /** The process has died: its kernel closes for it, or with the power gone does nothing. */
  crash(powered: boolean): void {
    assert(!this.life.alive, () => `${this.life.name} lives`)
    if (this.#closed) return
    this.#closed = true
    if (powered) this.#abandon(this.#arrivedBytes > 0 || this.#fabric.random.chance(0.5))
    else this.#peer?.watchReachability()
  }

  /** Refuses a connection that was set up but will not be used. */
  reset(): void {
    if (this.#closed) return
    this.#ended = true
    this.#abandon(true)
    this.#close(undefined)
  }

  /** The peer may be out of reach from now on: finds out after the time that TCP takes, unless that has passed by then. */
  watchReachability(): void {
    if (this.#closed || this.#unreachableSinceMs !== undefined) return
    this.#unreachableSinceMs = this.#fabric.events.nowMs
    this.#probeAfter(keepAliveMs)
  }

  /** The peer's machine runs again and knows nothing of this connection: what is repeated to it is refused. */
  peerBooted(): void {
    if (this.#closed || this.#unackedBytes === 0) return
    this.#peer?.sendReset()
  }

  sendReset(): void {
    const peer = this.#peer
    this.#fabric.send(this.#outgoing, () => peer?.onReset())
  }

  #probeAfter(delayMs: number): void {
    this.#fabric.events.schedule(delayMs, this.life, () => {
      if (this.#closed || this.#unreachableSinceMs === undefined) return
      const { from, to } = this.#outgoing
      const reachable = to.powered && !this.#fabric.isCut(from, to) && !this.#fabric.isCut(to, from)
      if (reachable) {
        this.#unreachableSinceMs = undefined
        if (this.#peer?.isClosed === true) this.onReset()
        return
      }
      const restMs = this.#unreachableSinceMs + repeatGivesUpMs - this.#fabric.events.nowMs
      if (this.#unackedBytes > 0 && restMs > 0) this.#probeAfter(restMs)
      else this.#break(new NetworkError('ETIMEDOUT', this.name))
    })
  }

  /** Gives to the network what the window has room for, then the end where that is due. */
  #send(): void {
    const peer = this.#peer
    const bytes = Math.min(this.#unsentBytes, this.#creditBytes)
    if (bytes > 0) {
      const segment = this.#take(bytes)
      this.#creditBytes -= bytes
      this.#unackedBytes += bytes
      this.#fabric.send(this.#outgoing, () => {
        this.#unackedBytes -= bytes
        peer?.onArrival(segment)
      })
    }
    if (this.#ended && this.#unsentBytes === 0 && !this.#finSent) {
      this.#sendFin()
      if (this.#finArrived) this.#close(undefined)
      else this.#fabric.events.schedule(lingerMs, this.life, () => this.destroy())
    }
  }

  #take(bytes: number): Uint8Array {
    const segment = new Uint8Array(bytes)
    let filled = 0
    while (filled < bytes) {
      const first = this.#unsent[0]!
      const part = first.buffer.subarray(first.offset, first.offset + bytes - filled)
      segment.set(part, filled)
      filled += part.length
      first.offset += part.length
      if (first.offset === first.buffer.length) this.#unsent.shift()
    }
    this.#unsentBytes -= bytes
    return segment
  }

  #sendFin(): void {
    this.#finSent = true
    const peer = this.#peer
    this.#fabric.send(this.#outgoing, () => peer?.onFin())
  }

  /** The last that the peer hears: an orderly end behind what is under way, or a reset. */
  #abandon(reset: boolean): void {
    if (reset) this.sendReset()
    else if (!this.#finSent) this.#sendFin()
  }

  onArrival(segment: Uint8Array): void {
    if (this.#closed) return this.sendReset()
    this.#arrived.push(segment)
    this.#arrivedBytes += segment.length
    this.#readSoon()
  }

  onFin(): void {
    if (this.#closed) return
    this.#finArrived = true
    this.#readSoon()
  }

  onReset(): void {
    if (this.#fabric.random.chance(0.5)) {
      this.#arrived = []
      this.#arrivedBytes = 0
    }
    this.#break(new NetworkError('ECONNRESET', this.name))
  }

  onCredit(bytes: number): void {
    if (this.#closed) return
    this.#creditBytes += bytes
    assert(this.#creditBytes <= this.#windowBytes, () => `credit ${this.#creditBytes} of ${this.#windowBytes}`)
    this.#send()
    if (!this.#backlogged || this.#unsentBytes > 0 || this.#ended) return
    this.#backlogged = false
    if (this.life.isPaused) this.#later(() => this.#tellDrained())
    else this.#tellDrained()
  }

  #tellDrained(): void {
    this.#fabric.events.trace(this.life.name, `drained ${this.name}`)
    this.#handler?.drained()
  }

  #break(error: Error): void {
    if (this.#closed) return
    this.#broken ??= error
    if (this.#unsentBytes > 0) this.#close(this.#broken)
    else this.#readSoon()
  }

  /** In the event of the arrival, unless the process stands still. */
  #readSoon(): void {
    if (this.#readScheduled) return
    if (this.life.isPaused) this.#scheduleRead()
    else this.#read()
  }

  #scheduleRead(): void {
    if (this.#readScheduled || this.#closed) return
    this.#readScheduled = true
    this.#later(() => {
      this.#readScheduled = false
      this.#read()
    })
  }

  #later(run: () => void): void {
    this.#fabric.events.schedule(this.#fabric.random.float() * 0.02, this.life, run)
  }

  /** One read: some of what has arrived, or its end. */
  #read(): void {
    if (this.#closed || (this.#paused && !this.#ended)) return
    if (this.#ended) {
      this.#discardArrived()
    } else if (this.#handler === undefined) {
      return
    } else if (this.#arrivedBytes > 0) {
      this.#receive(this.#handler)
      if (this.#arrivedBytes > 0 || this.#finArrived || this.#broken !== undefined) this.#scheduleRead()
      return
    }
    if (this.#broken !== undefined) {
      this.#close(this.#broken)
    } else if (this.#finArrived) {
      this.#ended = true
      if (this.#finSent) this.#close(undefined)
      else this.#send()
    }
  }

  #receive(handler: SocketHandler): void {
    this.#memory ??= handler.buffer()
    assert(this.#memory.length > 0, 'no room to read into')
    const { random } = this.#fabric
    const available = Math.min(this.#arrivedBytes, this.#memory.length)
    const bytes = random.chance(0.3) ? random.between(1, available) : available
    let filled = 0
    while (filled < bytes) {
      const first = this.#arrived[0]!
      const part = first.subarray(0, bytes - filled)
      this.#memory.set(part, filled)
      filled += part.length
      if (part.length === first.length) this.#arrived.shift()
      else this.#arrived[0] = first.subarray(part.length)
    }
    this.#arrivedBytes -= bytes
    this.#owe(bytes)
    const digest = crc32(this.#memory.subarray(0, bytes)).toString(16)
    this.#fabric.events.trace(this.life.name, `receive ${this.name} ${bytes} ${digest}`)
    handler.received(bytes)
    this.#memory = this.#ended || this.#closed ? undefined : handler.buffer()
  }

  #discardArrived(): void {
    this.#owe(this.#arrivedBytes)
    this.#arrived = []
    this.#arrivedBytes = 0
  }

  /** Gives room back to the sender, a quarter of the window at a time. */
  #owe(bytes: number): void {
    this.#owedBytes += bytes
    const peer = this.#peer
    // The window of this direction is the sender's to know.
    if (peer === undefined || this.#owedBytes < peer.#windowBytes / 4) return
    const credit = this.#owedBytes
    this.#owedBytes = 0
    this.#fabric.send(this.#outgoing, () => peer.onCredit(credit))
  }

  #close(error: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.#ended = true
    this.#closeError = error
    this.#unsent = []
    this.#unsentBytes = 0
    this.#arrived = []
    this.#arrivedBytes = 0
    if (this.#handler !== undefined) this.#tellClosed()
  }

  #tellClosed(): void {
    this.#later(() => {
      const error = this.#closeError
      this.#fabric.events.trace(this.life.name, `closed ${this.name}${error === undefined ? '' : ` ${error.message}`}`)
      this.#handler!.closed(error)
    })
  }
}
