/**
 * The listeners of a broker and the connections that they have accepted.
 *
 * Lifecycle: `bind` takes the ports, so that a port in use is found out before a log is opened; connections that come before `serve` wait
 * unread; `stop` closes the listeners, lets requests in flight be answered, and ends what is left at the deadline.
 */

import type { Io, Listener, Socket, Timer } from '../io/io.ts'
import type { BrokerConfig } from '../metadata/config/broker-config.ts'
import { ProtocolError } from '../protocol/byte-reader.ts'
import type { Later } from '../std/later.ts'
import type { Logger } from '../std/logger.ts'
import { LogThrottle } from '../std/log-throttle.ts'
import type { LogRate } from '../std/log-throttle.ts'
import { Connection, InvalidFrameError, plainAddress, StalledError } from './connection.ts'
import type { Answer, ConnectionHost, ConnectionLimits, ReceivedRequest } from './connection.ts'
import { ConnectionMemory } from './connection-memory.ts'
import type { MemoryBudgets } from './connection-memory.ts'
import { ConnectionQuota } from './connection-quota.ts'
import type { Dispatcher } from './dispatch.ts'
import { ServingTurns } from './serving-turns.ts'

/** A named listener and the addresses that it binds; more than one only for loopback, which has two. */
export interface ListenerBinding {
  readonly name: string
  readonly hosts: readonly string[]
  /** 0: a free one, the same for all hosts. */
  readonly port: number
}

export interface BoundListener {
  readonly name: string
  readonly hosts: readonly string[]
  readonly port: number
}

export class BindError extends Error {
  override readonly name = 'BindError'
  readonly code: string
  readonly host: string
  readonly port: number

  constructor(code: string, host: string, port: number, cause: Error) {
    super(cause.message, { cause })
    this.code = code
    this.host = host
    this.port = port
  }
}

/** A socket of which nothing has been read yet. */
interface Accepted {
  readonly socket: Socket
  readonly listener: string
}

/** Of each kind. */
const complaintRate: LogRate = { burst: 100, perSecond: 10 }

export class Acceptor implements ConnectionHost {
  readonly io: Io
  readonly limits: ConnectionLimits
  readonly memory: ConnectionMemory
  readonly turns: ServingTurns
  readonly #quota: ConnectionQuota
  readonly #config: () => BrokerConfig
  readonly #logger: Logger
  /** Of what strangers do. */
  readonly #complaints: LogThrottle
  readonly #refusals: LogThrottle
  readonly #listeners: Listener[] = []
  readonly #bound: BoundListener[] = []
  readonly #connections = new Set<Connection>()
  /** Accepted before there was anybody to serve them. */
  #early: Accepted[] = []
  /** Accepted while there were as many connections as there may be: begun, in order, as others end. */
  #waiting: Accepted[] = []
  /** Accepted, and begun when the rate of new connections allows it. */
  readonly #delayed = new Map<Accepted, Timer>()
  #dispatcher: Dispatcher | undefined
  #nextId = 1
  #stopping = false
  #whenEmpty: (() => void) | undefined
  #refused = 0
  /** Accepted and not closed: each takes a descriptor, of which files need some too. */
  readonly #socketsMax: number

  private constructor(io: Io, config: () => BrokerConfig, logger: Logger, budgets: MemoryBudgets, socketsMax: number) {
    this.#socketsMax = socketsMax
    this.io = io
    this.memory = new ConnectionMemory(io.clock, () => requestBudget(budgets, config()), this.#connections)
    this.turns = new ServingTurns(io.clock)
    this.#config = config
    this.#logger = logger
    this.#complaints = new LogThrottle(() => io.clock.monotonicMs(), complaintRate)
    this.#refusals = new LogThrottle(() => io.clock.monotonicMs(), complaintRate)
    this.#quota = new ConnectionQuota(config)
    this.limits = { requestBytesMax: config().socketRequestMaxBytes, idleMsMax: config().connectionsMaxIdleMs }
  }

  /** Rejects with a `BindError`, with nothing left bound. */
  static async bind(
    io: Io,
    bindings: readonly ListenerBinding[],
    config: () => BrokerConfig,
    logger: Logger,
    budgets: MemoryBudgets,
    socketsMax: number,
  ): Promise<Acceptor> {
    const acceptor = new Acceptor(io, config, logger, budgets, socketsMax)
    try {
      for (const binding of bindings) await acceptor.#bind(binding)
    } catch (error) {
      await acceptor.#closeListeners()
      throw error
    }
    return acceptor
  }

  get bound(): readonly BoundListener[] {
    return this.#bound
  }

  get connectionCount(): number {
    return this.#quota.count
  }

  connectionCountOf(listener: string): number {
    return this.#quota.countOf(listener)
  }

  get refusedCount(): number {
    return this.#refused
  }

  /** From now on connections are served, those first that came early. */
  serve(dispatcher: Dispatcher): void {
    this.#dispatcher = dispatcher
    const early = this.#early
    this.#early = []
    for (const { socket, listener } of early) this.#connected(socket, listener)
  }

  /** Stops accepting and gives what is in flight until the deadline to be answered. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true
    this.#dropUnbegun()
    // At once, before anything is awaited: no request begins a wait that nobody would end.
    for (const connection of this.#connections) connection.drain()
    await this.#closeListeners()
    if (this.#connections.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#whenEmpty = resolve
    const timer = this.io.clock.setTimer(deadlineMs, () => {
      this.#logger.warn('ending connections that did not take their answers in time', {
        connections: this.#connections.size,
      })
      for (const connection of this.#connections) connection.destroy()
    })
    await promise
    timer.cancel()
  }

  startsEarly(frame: Buffer): boolean {
    return this.#dispatcher!.startsEarly(frame)
  }

  borrowsFrame(frame: Buffer): boolean {
    return this.#dispatcher!.borrowsFrame(frame)
  }

  serveRequest(request: ReceivedRequest, connection: Connection): Answer | Promise<Answer> | Later<Answer> {
    return this.#dispatcher!.serve(request, connection, this.turns.startedMs)
  }

  onFailure(connection: Connection, reason: unknown): void {
    const { remote, listenerName } = connection
    const isPeers =
      reason instanceof ProtocolError || reason instanceof InvalidFrameError || reason instanceof StalledError
    const fields = { remote: `${remote.host}:${remote.port}`, listener: listenerName }
    if (isPeers) {
      this.#complaints.run(unlogged =>
        this.#logger.warn(`closing a connection: ${reason.message}`, { ...fields, unlogged }),
      )
    } else this.#logger.error('closing a connection: serving its request failed', fields, reason)
  }

  onClosed(connection: Connection): void {
    this.#connections.delete(connection)
    this.#quota.release(connection.listenerName, connection.remote.host)
    if (this.#connections.size === 0) this.#whenEmpty?.()
    this.#admitWaiting()
  }

  /** Settings have changed; connections that are open stay. */
  limitsChanged(): void {
    const { socketRequestMaxBytes, connectionsMaxIdleMs } = this.#config()
    this.limits.requestBytesMax = socketRequestMaxBytes
    this.limits.idleMsMax = connectionsMaxIdleMs
    this.#admitWaiting()
  }

  async #bind({ name, hosts, port }: ListenerBinding): Promise<void> {
    let actualPort = port
    const boundHosts: string[] = []
    for (const [index, host] of hosts.entries()) {
      const options = { host, port: actualPort, backlog: this.#config().socketListenBacklogSize }
      try {
        const listener = await this.io.network.listen(options, socket => this.#connected(socket, name))
        this.#listeners.push(listener)
        boundHosts.push(host)
        actualPort = listener.port
      } catch (error) {
        const code = (error as { code?: string }).code ?? 'UNKNOWN'
        // Many machines and containers have no IPv6: the second loopback address is a courtesy.
        if (index > 0 && code !== 'EADDRINUSE') continue
        throw new BindError(code, host, actualPort, error as Error)
      }
    }
    this.#bound.push({ name, hosts: boundHosts, port: actualPort })
  }

  async #closeListeners(): Promise<void> {
    await Promise.all(this.#listeners.splice(0).map(listener => listener.close()))
  }

  #connected(socket: Socket, listener: string): void {
    const accepted: Accepted = { socket, listener }
    if (this.#stopping) socket.destroy()
    else if (this.#socketCount >= this.#socketsMax) this.#refuse(accepted, 'open files of the process')
    else if (this.#dispatcher === undefined) this.#early.push(accepted)
    else if (!this.#admit(accepted)) this.#wait(accepted)
  }

  get #socketCount(): number {
    return this.#quota.count + this.#waiting.length + this.#early.length
  }

  /** False when it has to wait until another connection ends. */
  #admit(accepted: Accepted): boolean {
    const { socket, listener } = accepted
    const admission = this.#quota.admit(listener, plainAddress(socket.remote.host), this.io.clock.monotonicMs())
    if (admission.kind === 'full') return false
    if (admission.kind === 'refused') this.#refuse(accepted, admission.limit)
    else if (admission.delayMs === 0) this.#begin(accepted)
    else this.#beginLater(accepted, admission.delayMs)
    return true
  }

  #wait(accepted: Accepted): void {
    if (this.#waiting.length < this.#config().socketListenBacklogSize) this.#waiting.push(accepted)
    else this.#refuse(accepted, 'max.connections')
  }

  #admitWaiting(): void {
    if (this.#waiting.length === 0 || this.#stopping) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const accepted of waiting) if (!this.#admit(accepted)) this.#waiting.push(accepted)
  }

  #refuse({ socket, listener }: Accepted, limit: string): void {
    this.#refused += 1
    this.#refusals.run(unlogged =>
      this.#logger.info('refusing a connection', { remote: socket.remote.host, listener, limit, unlogged }),
    )
    socket.destroy()
  }

  #beginLater(accepted: Accepted, delayMs: number): void {
    const timer = this.io.clock.setTimer(delayMs, () => {
      this.#delayed.delete(accepted)
      this.#begin(accepted)
    })
    this.#delayed.set(accepted, timer)
  }

  #begin({ socket, listener }: Accepted): void {
    const connection = new Connection(this, socket, this.#nextId, listener)
    this.#nextId += 1
    // A socket that broke while it waited is closed by the time it is started.
    if (!connection.isClosed) this.#connections.add(connection)
  }

  #dropUnbegun(): void {
    for (const { socket } of [...this.#early, ...this.#waiting]) socket.destroy()
    this.#early = []
    this.#waiting = []
    for (const [{ socket, listener }, timer] of this.#delayed) {
      timer.cancel()
      this.#quota.release(listener, plainAddress(socket.remote.host))
      socket.destroy()
    }
    this.#delayed.clear()
  }
}

/** The limit that is set, or a share of the memory where none is. */
function requestBudget(budgets: MemoryBudgets, { queuedMaxRequestBytes }: BrokerConfig): MemoryBudgets {
  return queuedMaxRequestBytes > 0 ? { ...budgets, requestBytes: queuedMaxRequestBytes } : budgets
}
