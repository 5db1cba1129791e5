/**
 * The real `Network`: TCP by `node:net`.
 *
 * Reads go into memory that the receiver hands out (`onread`), which is twice as fast as the stream's 'data' event and needs half the
 * memory. Node offers that for connections one makes only. For those one accepts, the handle is taken out of the accepted socket
 * and put into a new one; Node 20 to 26 allow it, none documents it, so 'data' stays as the way for a Node that does not.
 */

import * as net from 'node:net'
import { assert } from '../std/assert.ts'
import type {
  Address,
  HttpRequest,
  HttpResponse,
  Listener,
  ListenOptions,
  Network,
  Socket,
  SocketHandler,
} from './io.ts'
import { listenHttpNode } from './node-http.ts'
import { listenerOf, startListening } from './node-listen.ts'

/** After this long without traffic the kernel probes whether the peer is there; libuv gives it ten more seconds to answer. */
const keepAliveDelayMs = 60_000

/** How long a socket that has sent everything waits for the peer to close: closing before that would discard what is under way if the peer still sends. */
const lingerMs = 1000

/**
 * Where the first bytes of a connection go, which Node asks for before there is a handler, and those that nobody wants any more.
 * Shared by all, since they are copied out, or dropped, before the call that brings them returns.
 */
const sharedMemory = Buffer.allocUnsafeSlow(64 * 1024)

/** Into the receiver's memory, or by Node's stream and a copy. */
type Reading = 'onread' | 'data'

/** The part of a socket's handle that must be there for `onread` to work on it. */
interface Handle {
  useUserBuffer?: unknown
  readStart?: unknown
}

/** What @types/node does not know, or knows for outgoing connections only. */
interface SocketOptions extends Omit<net.SocketConstructorOpts, 'handle'> {
  handle?: Handle
  pauseOnCreate?: boolean
  writableHighWaterMark?: number
}

interface SocketWithHandle {
  _handle: Handle | null
}

export class NodeNetwork implements Network {
  readonly #reading: Reading

  /** `reading` is for tests, which hold the way that is kept for other Nodes to the contract too. */
  constructor(reading: Reading = 'onread') {
    this.#reading = reading
  }

  async listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listener> {
    const server = net.createServer({
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveDelayMs,
      highWaterMark: 0,
    })
    server.on('connection', accepted => onConnection(wrapAccepted(accepted, this.#reading)))
    await startListening(server, options)
    return listenerOf(server)
  }

  connect(host: string, port: number, timeoutMs: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const target: { socket?: NodeSocket } = {}
      const options: net.TcpNetConnectOpts & SocketOptions = {
        host,
        port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveDelayMs,
        writableHighWaterMark: 0,
        onread: {
          buffer: () => target.socket?.nextMemory() ?? sharedMemory,
          callback: (bytes, memory) => target.socket!.onRead(bytes, memory),
        },
      }
      const socket = net.connect(options)
      socket.pause()
      const timeout = setTimeout(() => {
        const error = new Error(`connect ETIMEDOUT ${host}:${port} after ${timeoutMs} ms`)
        socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }))
      }, timeoutMs)
      socket.once('error', error => {
        clearTimeout(timeout)
        reject(error)
      })
      socket.once('connect', () => {
        clearTimeout(timeout)
        socket.removeAllListeners('error')
        target.socket = new NodeSocket(socket)
        resolve(target.socket)
      })
    })
  }

  listenHttp(options: ListenOptions, handler: (request: HttpRequest) => Promise<HttpResponse>): Promise<Listener> {
    return listenHttpNode(options, handler)
  }
}

/** Gives the accepted connection to a socket that reads into the receiver's memory. */
function wrapAccepted(accepted: net.Socket, reading: Reading): NodeSocket {
  const owner = accepted as unknown as SocketWithHandle
  const handle = owner._handle
  const fits = typeof handle?.useUserBuffer === 'function' && typeof handle.readStart === 'function'
  if (reading === 'data' || !fits) return new NodeSocket(accepted, 'data')
  const addresses = addressesOf(accepted)
  // Without its handle this only takes the accepted socket off the server's books.
  owner._handle = null
  accepted.destroy()
  const target: { socket?: NodeSocket } = {}
  const options: SocketOptions = {
    handle,
    pauseOnCreate: true,
    writableHighWaterMark: 0,
    onread: {
      buffer: () => target.socket?.nextMemory() ?? sharedMemory,
      callback: (bytes, memory) => target.socket!.onRead(bytes, memory),
    },
  }
  target.socket = new NodeSocket(new net.Socket(options as net.SocketConstructorOpts), 'onread', addresses)
  return target.socket
}

function addressesOf(socket: net.Socket): { remote: Address; local: Address } {
  // A peer that has gone already leaves no address.
  return {
    remote: { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
    local: { host: socket.localAddress ?? '', port: socket.localPort ?? 0 },
  }
}

export class NodeSocket implements Socket {
  readonly remote: Address
  readonly local: Address
  readonly #socket: net.Socket
  readonly #reading: Reading
  #handler: SocketHandler | undefined
  #error: Error | undefined
  /** Either side has ended: nothing is sent any more, and what arrives is dropped. */
  #ended = false
  #closed = false
  /** Some of what was written is not sent; `drained` is due. */
  #backlogged = false
  /** Set while what `nextMemory` gave is the handler's. */
  #memory: Uint8Array | undefined
  #paused = false
  /** Bytes that arrived and that the handler, being paused, was not given. */
  #rest: Uint8Array | undefined

  constructor(socket: net.Socket, reading: Reading = 'onread', addresses = addressesOf(socket)) {
    this.#socket = socket
    this.#reading = reading
    this.remote = addresses.remote
    this.local = addresses.local
    socket.on('error', error => {
      this.#error = error
    })
    socket.on('close', () => this.#onClose())
    socket.on('end', () => {
      this.#ended = true
    })
    socket.on('drain', () => this.#onDrain())
  }

  start(handler: SocketHandler): void {
    assert(this.#handler === undefined, 'a socket is started once')
    this.#handler = handler
    if (this.#closed) {
      setImmediate(() => handler.closed(this.#error))
      return
    }
    if (this.#reading === 'data') this.#socket.on('data', (chunk: Buffer) => this.#hand(chunk))
    if (!this.#paused) this.#socket.resume()
  }

  get unsentBytes(): number {
    return this.#closed || !this.#backlogged ? 0 : this.#socket.writableLength
  }

  write(buffers: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    if (this.#ended || socket.destroyed) return false
    if (buffers.length === 1) {
      socket.write(buffers[0]!)
    } else {
      socket.cork()
      for (const buffer of buffers) socket.write(buffer)
      socket.uncork()
    }
    if (socket.writableLength > 0) this.#backlogged = true
    return true
  }

  pause(): void {
    if (this.#ended) return
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#paused || this.#ended) return
    this.#paused = false
    if (this.#handler === undefined) return
    if (this.#rest === undefined) this.#socket.resume()
    else setImmediate(() => this.#handRest())
  }

  end(): void {
    if (this.#ended || this.#closed) return
    this.#ended = true
    const socket = this.#socket
    socket.end(() => {
      const timeout = setTimeout(() => socket.destroy(), lingerMs)
      timeout.unref()
      socket.once('close', () => clearTimeout(timeout))
    })
    // Reading on, to nobody, is how the end of the peer is seen.
    socket.resume()
  }

  destroy(): void {
    this.#ended = true
    this.#socket.destroy()
  }

  /**
   * Asked by Node after each read, for the next. While the handler pauses it gets shared memory: the handler's own would be kept until the handler
   * resumes, and what it was for may be over by then.
   */
  nextMemory(): Uint8Array {
    const wanted = this.#handler !== undefined && !this.#ended && !this.#paused
    this.#memory = wanted ? this.#handler!.buffer() : undefined
    return this.#memory ?? sharedMemory
  }

  /** Called by Node after each read; false stops reading. */
  onRead(bytes: number, memory: Uint8Array): boolean {
    if (this.#ended) return true
    if (this.#paused) {
      // A stream that is paused in the same turn in which it was resumed starts reading all the same.
      this.#keep(memory.subarray(0, bytes))
      return false
    }
    if (memory === this.#memory) this.#handler!.received(bytes)
    else this.#hand(memory.subarray(0, bytes))
    return true
  }

  /** Copies bytes that are in other memory than the handler's to where the handler wants them. */
  #hand(chunk: Uint8Array): void {
    const handler = this.#handler!
    let position = 0
    while (position < chunk.length && !this.#ended) {
      if (this.#paused) return this.#keep(chunk.subarray(position))
      const memory = handler.buffer()
      const bytes = Math.min(memory.length, chunk.length - position)
      memory.set(chunk.subarray(position, position + bytes))
      position += bytes
      handler.received(bytes)
    }
  }

  #keep(bytes: Uint8Array): void {
    this.#rest = Buffer.concat(this.#rest === undefined ? [bytes] : [this.#rest, bytes])
  }

  #handRest(): void {
    const rest = this.#rest
    if (rest === undefined || this.#paused || this.#ended) return
    this.#rest = undefined
    this.#hand(rest)
    if (this.#rest === undefined && !this.#paused) this.#socket.resume()
  }

  #onDrain(): void {
    if (!this.#backlogged || this.#ended || this.#socket.writableLength > 0) return
    this.#backlogged = false
    this.#handler?.drained()
  }

  #onClose(): void {
    this.#closed = true
    this.#ended = true
    this.#handler?.closed(this.#error)
  }
}
