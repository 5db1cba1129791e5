/**
 * One client's connection at the broker: frames in, responses out, in the order of the requests.
 *
 * Lifecycle: made when a listener accepts a socket, ends in `closed` exactly once, whoever closed it. A request starts when all earlier
 * ones of its connection are answered, as in Kafka; only produce requests, which an idempotent producer pipelines, start while
 * earlier produce requests still wait for their commit.
 *
 * Memory is bounded on both sides: a connection that has too much waiting to be served, or that does not read its responses, is not
 * read from until that has gone down.
 */

import type { Address, Io, Socket, SocketHandler, Timer } from '../io/io.ts'
import { FrameReader } from '../net/frame-reader.ts'
import { assert } from '../std/assert.ts'
import { Later } from '../std/later.ts'
import type { PooledMemory } from '../std/memory-pool.ts'
import type { ConnectionMemory, MemoryUser } from './connection-memory.ts'
import type { ServingTurns, TurnTaker } from './serving-turns.ts'

/** What serving one request gives, or nothing where the protocol sends no answer (acks=0). */
export type Answer = Response | undefined

export interface Response {
  /** A gather list that begins with the length prefix. */
  readonly buffers: readonly Uint8Array[]
  /** Called once it has been sent, or will never be: gives back the memory that it refers to. */
  readonly sent?: (() => void) | undefined
}

/** A request as it was received. */
export interface ReceivedRequest {
  readonly frame: Buffer
  /** What the frame is in. Who keeps a part of the frame beyond the call retains it; where there is none, nothing may be kept without a copy. */
  readonly memory: PooledMemory | undefined
}

export interface ConnectionLimits {
  /** `socket.request.max.bytes`. */
  requestBytesMax: number
  /** `connections.max.idle.ms`: closed after so long without a byte from the peer and nothing in flight. */
  idleMsMax: number
}

/** What a connection needs of the broker. */
export interface ConnectionHost {
  readonly io: Io
  readonly limits: ConnectionLimits
  readonly memory: ConnectionMemory
  readonly turns: ServingTurns
  /** Whether this request may start while earlier ones that also may are not answered. Cheap: looks at the API key only. */
  startsEarly(frame: Buffer): boolean
  /** Whether who serves it knows how to keep a part of the frame; who does not gets a frame of its own. As cheap. */
  borrowsFrame(frame: Buffer): boolean
  /** Serves a request. A throw or a rejection closes the connection: what the client sent was not the protocol, or we have a bug. */
  serveRequest(request: ReceivedRequest, connection: Connection): Answer | Promise<Answer> | Later<Answer>
  onFailure(connection: Connection, reason: unknown): void
  onClosed(connection: Connection): void
}

/** Under memory pressure requests from this size on have to wait for each other. */
const largeRequestBytes = 64 * 1024

/** The peer does not do its part, such as sending the rest of a request. */
export class StalledError extends Error {
  override readonly name = 'StalledError'
}

/** What arrives is not a frame of the protocol. */
export class InvalidFrameError extends Error {
  override readonly name = 'InvalidFrameError'
}

/** A request that was started and whose answer was not yet written. */
class Exchange {
  /** Whether later requests may start before this one is answered. */
  readonly early: boolean
  readonly requestBytes: number
  done = false
  answer: Answer

  constructor(early: boolean, requestBytes: number) {
    this.early = early
    this.requestBytes = requestBytes
  }
}

/**
 * What is to be sent while there is nothing: the same for all. A list of each connection's own, replaced with each answer, lives until the next one comes, and is old by then; and what old garbage holds is kept until
 * all of the heap is looked through.
 */
const nothingToSend: readonly Uint8Array[] = []

/** Above these, counting what waits and what is in flight, the connection is not read from. Two limits, since many small requests cost as much as a few large ones. */
const heldRequestsMax = 256
const heldBytesMax = 2 * 1024 * 1024
/** Above this many bytes that the peer has not taken, no further request of it is started. */
const unsentBytesMax = 1024 * 1024

export class Connection implements SocketHandler, MemoryUser, TurnTaker {
  readonly id: number
  readonly listenerName: string
  readonly remote: Address
  readonly local: Address
  /** From ApiVersions v3 on, for the logs and metrics. */
  clientSoftware: { name: string; version: string } | undefined
  /** For `ServingTurns`. */
  servedMs = 0
  servedAtMs = 0
  readonly #host: ConnectionHost
  readonly #socket: Socket
  readonly #reader: FrameReader
  readonly #waiting: ReceivedRequest[] = []
  readonly #inFlight: Exchange[] = []
  /** Answers that go out together at the end of the turn. */
  #outgoing: readonly Uint8Array[] = nothingToSend
  /** The same list where several answers are in it, which makes it ours to add to; one answer's is sent as it is. */
  #gathered: Uint8Array[] | undefined
  #outgoingBytes = 0
  /** All that was ever given to the socket, and whose memory is given back when how much of it has been sent. */
  #writtenBytes = 0
  readonly #unsent: { readonly endBytes: number; readonly sent: () => void }[] = []
  #sendScheduled = false
  /** How many of those in flight nothing may overtake. */
  #barriers = 0
  /** Request bytes waiting and in flight. */
  #heldBytes = 0
  /** What the broker's account of memory has been told of this connection. */
  #countedRequestBytes = 0
  #countedResponseBytes = 0
  #receivedBytes = 0
  #paused = false
  #draining = false
  #closed = false
  readonly #closeListeners = new Map<object, () => void>()
  #lastActiveMs: number
  #idleTimer: Timer

  constructor(host: ConnectionHost, socket: Socket, id: number, listenerName: string) {
    this.#host = host
    this.#socket = socket
    this.id = id
    this.listenerName = listenerName
    this.remote = { ...socket.remote, host: plainAddress(socket.remote.host) }
    this.local = { ...socket.local, host: plainAddress(socket.local.host) }
    this.#lastActiveMs = host.io.clock.monotonicMs()
    this.#reader = new FrameReader({
      frameBytesMax: host.limits.requestBytesMax,
      onFrame: (frame, memory) => this.#accept(frame, memory),
      onInvalid: length =>
        this.#fail(
          new InvalidFrameError(
            `frame length ${length} is not within 0..${host.limits.requestBytesMax}${lengthHint(length)}`,
          ),
        ),
    })
    this.#idleTimer = this.#armIdleTimer(host.limits.idleMsMax)
    socket.start(this)
    this.#balanceReading()
  }

  get isClosed(): boolean {
    return this.#closed
  }

  get isMidRequest(): boolean {
    return !this.#closed && this.#reader.midFrame
  }

  get isMidLargeRequest(): boolean {
    return !this.#closed && this.#reader.pendingBytes >= largeRequestBytes
  }

  get isHeldUpByItself(): boolean {
    return !this.#closed && this.#waiting.length > 0 && this.#socket.unsentBytes > unsentBytesMax
  }

  get progress(): number {
    return this.#receivedBytes - this.#socket.unsentBytes
  }

  get unsentBytes(): number {
    return this.#closed ? 0 : this.#socket.unsentBytes
  }

  get takenBytes(): number {
    return this.#writtenBytes - this.#socket.unsentBytes
  }

  memoryChanged(): void {
    this.#balanceReading()
  }

  /** For `ServingTurns`: it is this connection's turn. */
  goOn(): void {
    this.#pump()
    this.#account()
  }

  /**
   * For a request that would keep everybody waiting: `rest` does some of what is left of it, in later turns of the loop, and says when that was all. Nothing that came behind it on
   * this connection starts before; and it goes on when the connection has closed meanwhile, since what was received is served.
   */
  goOnLater(rest: () => boolean): void {
    const { turns } = this.#host
    this.#barriers += 1
    const goOn = (): void => {
      while (turns.mayStart(taker)) {
        if (!rest()) continue
        this.#barriers -= 1
        this.#pump()
        this.#account()
        return
      }
    }
    const taker = new RestOfRequest(this, goOn)
    goOn()
  }

  stalled(): void {
    this.#fail(
      new StalledError(
        'requests have taken all the memory that they may, and this client neither sends the rest of its own nor takes its answers',
      ),
    )
  }

  leavesResponses(): void {
    this.#fail(
      new StalledError('responses have taken all the memory that they may, and this client does not take its own'),
    )
  }

  /** Calls `listener` when the connection has closed, at once when it already has: for what must not outlive it, such as a waiting fetch. */
  onceClosed(key: object, listener: () => void): void {
    if (this.#closed) listener()
    else this.#closeListeners.set(key, listener)
  }

  forgetOnceClosed(key: object): void {
    this.#closeListeners.delete(key)
  }

  /** Starts no further request, answers those in flight, then closes. */
  drain(): void {
    if (this.#draining || this.#closed) return
    this.#draining = true
    this.#reader.stop()
    this.#dropWaiting()
    this.#send()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  buffer(): Buffer {
    return this.#reader.buffer()
  }

  received(length: number): void {
    this.#lastActiveMs = this.#host.io.clock.monotonicMs()
    this.#receivedBytes += length
    this.#reader.received(length)
    this.#pump()
    this.#account()
  }

  drained(): void {
    this.#lastActiveMs = this.#host.io.clock.monotonicMs()
    this.#giveBackSent()
    this.#pump()
    this.#account()
  }

  closed(_error: Error | undefined): void {
    assert(!this.#closed, 'a connection closes once')
    this.#closed = true
    this.#idleTimer.cancel()
    this.#reader.stop()
    this.#dropWaiting()
    for (const { sent } of this.#unsent.splice(0)) sent()
    for (const listener of this.#closeListeners.values()) listener()
    this.#closeListeners.clear()
    this.#host.onClosed(this)
    this.#account()
    this.#host.memory.left(this)
    this.#host.turns.leave(this)
  }

  /** Starts the request where it is, if it may start; otherwise keeps it, and with it its memory. */
  #accept(frame: Buffer, memory: PooledMemory | undefined): void {
    this.#heldBytes += frame.length
    if (this.#waiting.length === 0 && this.#mayStart(frame) && this.#host.turns.mayStart(this)) {
      const isOwn = memory !== undefined || this.#host.borrowsFrame(frame)
      this.#start({ frame: isOwn ? frame : Buffer.from(frame), memory })
    } else {
      this.#waiting.push({ frame: memory === undefined ? Buffer.from(frame) : frame, memory })
    }
  }

  #dropWaiting(): void {
    for (const { frame } of this.#waiting) this.#heldBytes -= frame.length
    this.#waiting.length = 0
  }

  /** Starts what may start, sends what is answered; then stops or resumes reading. */
  #pump(): void {
    if (this.#closed) return
    const { turns } = this.#host
    while (this.#waiting.length > 0 && this.#mayStart(this.#waiting[0]!.frame) && turns.mayStart(this)) {
      this.#start(this.#waiting.shift()!)
    }
    this.#send()
    this.#balanceReading()
  }

  #mayStart(frame: Buffer): boolean {
    if (this.#closed || this.#draining || this.#unsentBytes > unsentBytesMax) return false
    if (this.#inFlight.length === 0) return true
    return this.#barriers === 0 && this.#inFlight.length < heldRequestsMax && this.#host.startsEarly(frame)
  }

  #start(request: ReceivedRequest): void {
    const { frame, memory } = request
    const early = this.#host.startsEarly(frame)
    const exchange = new Exchange(early, frame.length)
    this.#inFlight.push(exchange)
    if (!early) this.#barriers += 1
    let answer: Answer | Promise<Answer> | Later<Answer>
    try {
      answer = this.#host.serveRequest(request, this)
    } catch (error) {
      this.#fail(error)
      return
    }
    // What was kept of it has been retained. Of a frame that is given away wholly nobody knows when it is done with.
    if (memory !== undefined && this.#host.borrowsFrame(frame)) memory.release()
    if (answer instanceof Later) {
      answer.whenSettled(
        value => this.#answered(exchange, value),
        (error: unknown) => this.#fail(error),
      )
    } else if (answer instanceof Promise) {
      answer.then(
        value => this.#answered(exchange, value),
        (error: unknown) => this.#fail(error),
      )
    } else {
      exchange.done = true
      exchange.answer = answer
      this.#retire()
    }
  }

  /** What else is answered in this turn is sent together with it. */
  #answered(exchange: Exchange, answer: Answer): void {
    exchange.done = true
    exchange.answer = answer
    this.#retire()
    if (this.#sendScheduled) return
    this.#sendScheduled = true
    queueMicrotask(() => {
      this.#sendScheduled = false
      this.#pump()
      this.#account()
    })
  }

  /** Tells the broker's account of memory what has changed. Of a closed connection counts what is produced and waits for the disk; all else is soon over. */
  #account(): void {
    const requestBytes = this.#closed ? this.#outlivingBytes() : this.#heldBytes + this.#reader.pendingBytes
    const responseBytes = this.#closed ? 0 : this.#socket.unsentBytes
    const { memory } = this.#host
    const requestDelta = requestBytes - this.#countedRequestBytes
    const responseDelta = responseBytes - this.#countedResponseBytes
    this.#countedRequestBytes = requestBytes
    this.#countedResponseBytes = responseBytes
    if (responseDelta !== 0) memory.responseBytesChanged(responseDelta)
    memory.requestBytesChanged(this, requestDelta)
  }

  #outlivingBytes(): number {
    let bytes = 0
    for (const { early, done, requestBytes } of this.#inFlight) if (early && !done) bytes += requestBytes
    return bytes
  }

  /** Takes the answers at the head of the line that are ready: they are to be sent. */
  #retire(): void {
    let count = 0
    for (; count < this.#inFlight.length && this.#inFlight[count]!.done; count++) {
      const exchange = this.#inFlight[count]!
      if (exchange.answer !== undefined) this.#takeOut(exchange.answer)
      if (!exchange.early) this.#barriers -= 1
      this.#heldBytes -= exchange.requestBytes
    }
    // The usual one leaves its place to the next; emptying the list would have it make room anew.
    if (count === 1 && this.#inFlight.length === 1) this.#inFlight.pop()
    else if (count === this.#inFlight.length) this.#inFlight.length = 0
    else if (count > 0) this.#inFlight.splice(0, count)
    assert(
      this.#barriers >= 0 && this.#heldBytes >= 0,
      () => `counted twice: ${this.#barriers} barriers, ${this.#heldBytes} bytes`,
    )
  }

  #takeOut({ buffers, sent }: Response): void {
    if (this.#closed) {
      sent?.()
      return
    }
    for (const buffer of buffers) this.#outgoingBytes += buffer.length
    if (this.#outgoing.length === 0) this.#outgoing = buffers
    else {
      this.#gathered ??= [...this.#outgoing]
      for (const buffer of buffers) this.#gathered.push(buffer)
      this.#outgoing = this.#gathered
    }
    if (sent !== undefined) this.#unsent.push({ endBytes: this.#writtenBytes + this.#outgoingBytes, sent })
  }

  #send(): void {
    if (this.#outgoing.length > 0 && !this.#closed) {
      if (this.#socket.write(joined(this.#outgoing))) {
        this.#writtenBytes += this.#outgoingBytes
        this.#giveBackSent()
      } else {
        // What was written before may still be on its way.
        while (this.#unsent.length > 0 && this.#unsent.at(-1)!.endBytes > this.#writtenBytes) this.#unsent.pop()!.sent()
      }
      this.#outgoing = nothingToSend
      this.#gathered = undefined
      this.#outgoingBytes = 0
    }
    if (this.#draining) this.#endWhenDrained()
  }

  #giveBackSent(): void {
    if (this.#unsent.length === 0) return
    const sentBytes = this.#writtenBytes - this.#socket.unsentBytes
    let count = 0
    while (count < this.#unsent.length && this.#unsent[count]!.endBytes <= sentBytes) this.#unsent[count++]!.sent()
    if (count > 0) this.#unsent.splice(0, count)
  }

  /** What the peer has not taken. */
  get #unsentBytes(): number {
    return this.#socket.unsentBytes + this.#outgoingBytes
  }

  #endWhenDrained(): void {
    if (this.#inFlight.length === 0 && !this.#closed) this.#socket.end()
  }

  #balanceReading(): void {
    if (this.#closed) return
    const full =
      this.#waiting.length + this.#inFlight.length >= heldRequestsMax ||
      this.#heldBytes >= heldBytesMax ||
      this.#socket.unsentBytes > unsentBytesMax ||
      !this.#host.memory.mayRead(this)
    if (full === this.#paused) return
    this.#paused = full
    if (full) this.#socket.pause()
    else this.#socket.resume()
  }

  #fail(reason: unknown): void {
    if (this.#closed) return
    this.#reader.stop()
    // What was answered before is still told.
    this.#send()
    this.#host.onFailure(this, reason)
    this.#socket.destroy()
  }

  /** One timer a connection that is only looked at when it fires: activity costs a store, not a timer. */
  #armIdleTimer(delayMs: number): Timer {
    return this.#host.io.clock.setTimer(delayMs, () => {
      const idleMs = this.#host.io.clock.monotonicMs() - this.#lastActiveMs
      const restMs = this.#host.limits.idleMsMax - idleMs
      const waitsForUs = this.#inFlight.length > 0 && this.#socket.unsentBytes === 0
      if (waitsForUs) this.#idleTimer = this.#armIdleTimer(this.#host.limits.idleMsMax)
      else if (restMs > 0) this.#idleTimer = this.#armIdleTimer(restMs)
      else this.#socket.destroy()
    })
  }
}

/** What is left of a request takes turns by itself, for it may outlive its connection; the time is the connection's. */
class RestOfRequest implements TurnTaker {
  readonly #connection: Connection
  readonly #goOn: () => void

  constructor(connection: Connection, goOn: () => void) {
    this.#connection = connection
    this.#goOn = goOn
  }

  get servedMs(): number {
    return this.#connection.servedMs
  }

  set servedMs(ms: number) {
    this.#connection.servedMs = ms
  }

  get servedAtMs(): number {
    return this.#connection.servedAtMs
  }

  set servedAtMs(ms: number) {
    this.#connection.servedAtMs = ms
  }

  goOn(): void {
    this.#goOn()
  }
}

/** Buffers that lie one behind the other in memory, as small answers do, as one. */
function joined(buffers: readonly Uint8Array[]): readonly Uint8Array[] {
  if (buffers.length === 1) return buffers
  const runs: Uint8Array[] = []
  for (let index = 0; index < buffers.length;) {
    const first = buffers[index++]!
    const memory = first.buffer
    let endAt = first.byteOffset + first.length
    const from = index
    for (let next = buffers[index]; next?.buffer === memory && next.byteOffset === endAt; next = buffers[++index])
      endAt += next.length
    runs.push(index === from ? first : Buffer.from(memory, first.byteOffset, endAt - first.byteOffset))
  }
  return runs
}

/** An IPv4 address as such, which a socket that listens for both families gives in the form of IPv6. */
export function plainAddress(host: string): string {
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(host) ? host.slice(7) : host
}

/** Says what a peer that does not speak Kafka's protocol seems to speak: the first thing that its owner needs to know. */
function lengthHint(length: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(length)
  if (bytes[0] === 0x16 && bytes[1] === 3) return ': the peer speaks TLS to a plaintext port'
  if (/^(GET |POST|PUT |HEAD|OPTI|DELE|PATC|CONN|TRAC|PRI )/.test(bytes.toString('latin1')))
    return ': the peer speaks HTTP to a Kafka port'
  return ''
}
