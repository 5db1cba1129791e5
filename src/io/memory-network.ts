/**
 * The simulated `Network` of one life of a process: listeners and connections over the `Fabric` of its world.
 */

import { assert } from '../std/assert.ts'
import type { Address, HttpRequest, HttpResponse, Listener, ListenOptions, Network, Socket } from './io.ts'
import type { Life } from './memory-events.ts'
import type { Fabric, FabricMachine, PacketStream } from './memory-fabric.ts'
import { serveHttp } from './memory-http.ts'
import { MemorySocket, NetworkError } from './memory-socket.ts'

interface BoundListener extends Address {
  readonly machine: FabricMachine
  readonly life: Life
  readonly onConnection: (socket: Socket) => void
}

/** What all processes of a world share. */
export class NetworkState {
  readonly fabric: Fabric
  readonly listeners: BoundListener[] = []
  readonly sockets = new Set<MemorySocket>()
  /** By machine name: the last port that was given to whoever asked for none. */
  readonly lastPorts = new Map<string, number>()
  connectionCount = 0

  constructor(fabric: Fabric) {
    this.fabric = fabric
    fabric.onCut((from, to) => {
      for (const socket of this.#openSockets()) {
        const across = [socket.machine, socket.peerMachine]
        if (across.includes(from) && across.includes(to)) socket.watchReachability()
      }
    })
  }

  /** Ends what the process had open; with its machine's power gone, without telling anybody. */
  crash(life: Life, powered: boolean): void {
    for (let i = this.listeners.length - 1; i >= 0; i--) {
      if (this.listeners[i]!.life === life) this.listeners.splice(i, 1)
    }
    for (const socket of this.#openSockets()) if (socket.life === life) socket.crash(powered)
  }

  powerOn(machine: FabricMachine): void {
    for (const socket of this.#openSockets()) if (socket.peerMachine === machine) socket.peerBooted()
  }

  nextPort(machine: FabricMachine): number {
    let port = this.lastPorts.get(machine.name) ?? 32_767
    do port = port === 60_999 ? 32_768 : port + 1
    while (this.listeners.some(listener => listener.machine === machine && listener.port === port))
    this.lastPorts.set(machine.name, port)
    return port
  }

  #openSockets(): MemorySocket[] {
    for (const socket of this.sockets) if (socket.isClosed) this.sockets.delete(socket)
    return [...this.sockets]
  }
}

export class MemoryNetwork implements Network {
  readonly #state: NetworkState
  readonly #life: Life
  readonly #machine: FabricMachine

  constructor(state: NetworkState, life: Life, machine: FabricMachine) {
    this.#state = state
    this.#life = life
    this.#machine = machine
  }

  listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listener> {
    return this.#event((resolve, reject) => {
      const what = `listen ${options.host}:${options.port}`
      const host = this.#bindAddress(options.host)
      if (host === undefined) return reject(new NetworkError('EADDRNOTAVAIL', what))
      const port = options.port === 0 ? this.#state.nextPort(this.#machine) : options.port
      const { listeners } = this.#state
      if (
        listeners.some(other => other.machine === this.#machine && other.port === port && overlap(host, other.host))
      ) {
        return reject(new NetworkError('EADDRINUSE', what))
      }
      const bound: BoundListener = { machine: this.#machine, life: this.#life, host, port, onConnection }
      listeners.push(bound)
      this.#trace(`listen ${host}:${port}`)
      resolve({ host, port, close: () => this.#close(bound) })
    })
  }

  connect(host: string, port: number, timeoutMs: number): Promise<Socket> {
    return this.#event((resolve, reject) => {
      const target = this.#state.fabric.resolve(host, this.#machine)
      if (target === undefined) return reject(new NetworkError('ENOTFOUND', `connect ${host}`))
      this.#dial(target, port, timeoutMs, resolve, reject)
    })
  }

  listenHttp(options: ListenOptions, handler: (request: HttpRequest) => Promise<HttpResponse>): Promise<Listener> {
    return this.listen(options, socket => serveHttp(socket, handler))
  }

  /** The handshake: there, and back with the answer. */
  #dial(
    target: { machine: FabricMachine; address: string },
    port: number,
    timeoutMs: number,
    resolve: (socket: Socket) => void,
    reject: (error: Error) => void,
  ): void {
    const { fabric } = this.#state
    const there: PacketStream = { from: this.#machine, to: target.machine, lastArrivalMs: 0 }
    const back: PacketStream = { from: target.machine, to: this.#machine, lastArrivalMs: 0 }
    const what = `connect ${target.address}:${port}`
    let settled = false
    const timeout = fabric.events.schedule(timeoutMs, this.#life, () => {
      settled = true
      this.#trace(`${what} ETIMEDOUT`)
      reject(new NetworkError('ETIMEDOUT', `${what} after ${timeoutMs} ms`))
    })
    const answered = (socket: MemorySocket | undefined): void => {
      if (settled || !this.#life.alive) return socket?.reset()
      settled = true
      fabric.events.cancel(timeout)
      this.#trace(socket === undefined ? `${what} ECONNREFUSED` : `connected ${socket.name}`)
      if (socket === undefined) reject(new NetworkError('ECONNREFUSED', what))
      else resolve(socket)
    }
    fabric.send(there, () => {
      const listener = this.#state.listeners.find(
        ({ machine, host, port: bound }) =>
          machine === target.machine &&
          bound === port &&
          (host === target.address || isWildcardFor(host, target.address)),
      )
      const socket = listener === undefined ? undefined : this.#establish(listener, target.address, there, back)
      fabric.send(back, () => answered(socket))
    })
  }

  /** Makes both ends; the listener gets its own in an event of its process, the dialler's is returned. */
  #establish(listener: BoundListener, address: string, there: PacketStream, back: PacketStream): MemorySocket {
    const { fabric, sockets } = this.#state
    const server: Address = { host: address, port: listener.port }
    const client: Address = { host: this.#sourceAddress(address), port: this.#state.nextPort(this.#machine) }
    const id = this.#state.connectionCount++
    const ours = new MemorySocket(
      fabric,
      this.#life,
      this.#machine,
      `#${id}>${server.port}`,
      { local: client, remote: server },
      there,
    )
    const theirs = new MemorySocket(
      fabric,
      listener.life,
      listener.machine,
      `#${id}<${server.port}`,
      { local: server, remote: client },
      back,
    )
    MemorySocket.join(ours, theirs)
    sockets.add(ours).add(theirs)
    fabric.events.schedule(fabric.random.float() * 0.05, listener.life, () => {
      if (!this.#state.listeners.includes(listener)) return theirs.reset()
      fabric.events.trace(listener.life.name, `accept ${theirs.name}`)
      listener.onConnection(theirs)
    })
    return ours
  }

  #close(bound: BoundListener): Promise<void> {
    return this.#event(resolve => {
      const index = this.#state.listeners.indexOf(bound)
      if (index !== -1) this.#state.listeners.splice(index, 1)
      this.#trace(`unlisten ${bound.host}:${bound.port}`)
      resolve()
    })
  }

  /** The address that a listener binds to; undefined when it is not one of this machine. */
  #bindAddress(host: string): string | undefined {
    if (host === '0.0.0.0' || host === '::') return host
    const resolved = this.#state.fabric.resolve(host, this.#machine)
    return resolved?.machine === this.#machine ? resolved.address : undefined
  }

  /** The address from which a connection to `address` goes out. */
  #sourceAddress(address: string): string {
    if (address === '127.0.0.1' || address === '::1') return address
    return address.includes(':') ? this.#machine.ipv6 : this.#machine.ipv4
  }

  #event<T>(run: (resolve: (value: T) => void, reject: (error: Error) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#life.alive) return
      const { events, random } = this.#state.fabric
      events.schedule(random.float() * 0.05, this.#life, () => run(resolve, reject))
    })
  }

  #trace(what: string): void {
    this.#state.fabric.events.trace(this.#life.name, what)
  }
}

function isWildcardFor(host: string, address: string): boolean {
  return host === (address.includes(':') ? '::' : '0.0.0.0')
}

function overlap(host: string, other: string): boolean {
  assert(host !== '' && other !== '', 'a listener without an address')
  return host === other || isWildcardFor(host, other) || isWildcardFor(other, host)
}
