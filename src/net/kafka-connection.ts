/**
 * One connection to a Kafka broker, seen from the side that asks: framing, correlation, version negotiation and time limits.
 *
 * Used by the client, by followers and by coordinators alike. Requests may be in flight together; answers come in the order of the
 * requests. Lifecycle: `connect` opens the socket and asks for the broker's versions; from the first failure on every request rejects with the
 * same `ConnectionError`, since what is in flight then is unknown, never a silent success.
 */

import type { Io, Socket, SocketHandler, Timer } from '../io/io.ts'
import type { Api } from '../protocol/apis.ts'
import { apis } from '../protocol/apis.ts'
import { ByteReader } from '../protocol/byte-reader.ts'
import { ByteWriter } from '../protocol/byte-writer.ts'
import { codecOf } from '../protocol/codec.ts'
import { ErrorCode } from '../protocol/errors.ts'
import { RequestHeader, ResponseHeader } from '../protocol/header.ts'
import type { Infer, Input, Message } from '../protocol/schema.ts'
import { Fifo } from '../std/fifo.ts'
import { FrameReader } from './frame-reader.ts'

export type ConnectionFailure = 'closed' | 'timed-out' | 'unsupported-version' | 'protocol-error'

export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  readonly failure: ConnectionFailure

  constructor(failure: ConnectionFailure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.failure = failure
  }
}

export interface KafkaConnectionOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  /** For connecting, and for each request that does not say otherwise. */
  readonly timeoutMs: number
  /** The largest response that is accepted. */
  readonly responseBytesMax?: number
}

export interface RequestOptions {
  /** Default: the newest version that both sides have. */
  readonly version?: number
  readonly timeoutMs?: number
}

interface InFlight {
  readonly api: Api
  readonly version: number
  readonly correlationId: number
  readonly resolve: (response: unknown) => void
  readonly reject: (error: ConnectionError) => void
  readonly timer: Timer
}

const defaultResponseBytesMax = 512 * 1024 * 1024
const clientSoftware = { clientSoftwareName: 'ottla', clientSoftwareVersion: '0.1.0' }

export class KafkaConnection implements SocketHandler {
  readonly #io: Io
  readonly #socket: Socket
  readonly #options: KafkaConnectionOptions
  readonly #reader: FrameReader
  readonly #inFlight = new Fifo<InFlight>()
  readonly #writer = new ByteWriter()
  /** What the broker serves, by API key. */
  readonly #served = new Map<number, { min: number; max: number }>()
  #nextCorrelationId = 0
  #failure: ConnectionError | undefined

  private constructor(io: Io, socket: Socket, options: KafkaConnectionOptions) {
    this.#io = io
    this.#socket = socket
    this.#options = options
    this.#reader = new FrameReader({
      frameBytesMax: options.responseBytesMax ?? defaultResponseBytesMax,
      // Who asked may keep what is in the answer for as long as it likes: memory out of the pool is not given back.
      onFrame: (frame, memory) => this.#answered(memory === undefined ? Buffer.from(frame) : frame),
      onInvalid: length =>
        this.#fail(new ConnectionError('protocol-error', `the peer announced a response of ${length} bytes`)),
    })
    socket.start(this)
  }

  /** Rejects with a `ConnectionError`, or with the network's error when nobody listens. */
  static async connect(io: Io, options: KafkaConnectionOptions): Promise<KafkaConnection> {
    const socket = await io.network.connect(options.host, options.port, options.timeoutMs)
    const connection = new KafkaConnection(io, socket, options)
    try {
      await connection.#negotiate()
    } catch (error) {
      connection.close()
      throw error
    }
    return connection
  }

  get isOpen(): boolean {
    return this.#failure === undefined
  }

  /** The newest version of an API that both sides have, or undefined. */
  versionOf(api: Api): number | undefined {
    const served = this.#served.get(api.key)
    if (served === undefined) return undefined
    const version = Math.min(served.max, api.versions.max)
    return version >= Math.max(served.min, api.versions.min) ? version : undefined
  }

  /** Sends a request and gives its response. Rejects with a `ConnectionError`: then whether the broker acted on it is unknown. */
  request<Q extends Message, R extends Message>(
    api: Api<Q, R>,
    body: Input<Q>,
    options: RequestOptions = {},
  ): Promise<Infer<R>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const version = options.version ?? this.versionOf(api)
    if (version === undefined) {
      return Promise.reject(
        new ConnectionError(
          'unsupported-version',
          `${this.#peer()} serves no version of ${api.name} that this client has`,
        ),
      )
    }
    return this.#send(api, body, version, options.timeoutMs ?? this.#options.timeoutMs) as Promise<Infer<R>>
  }

  /** Sends a request that has no response: Produce with acks=0. */
  sendOnly<Q extends Message>(api: Api<Q>, body: Input<Q>, version: number): void {
    if (this.#failure === undefined) this.#write(api, body, version, this.#takeCorrelationId())
  }

  close(): void {
    this.#fail(new ConnectionError('closed', `the connection to ${this.#peer()} was closed here`))
  }

  buffer(): Buffer {
    return this.#reader.buffer()
  }

  received(length: number): void {
    try {
      this.#reader.received(length)
    } catch (error) {
      this.#fail(
        new ConnectionError('protocol-error', `${this.#peer()} sent what is not a response: ${messageOf(error)}`, {
          cause: error,
        }),
      )
    }
  }

  drained(): void {}

  closed(error: Error | undefined): void {
    const why = error === undefined ? '' : `: ${error.message}`
    this.#fail(new ConnectionError('closed', `${this.#peer()} closed the connection${why}`, { cause: error }))
  }

  async #negotiate(): Promise<void> {
    const newest = await this.#askVersions(apis.ApiVersions.versions.max)
    // A broker that does not know our version answers in the form of v0, with those that it knows (KIP-511).
    const response = newest.errorCode === ErrorCode.UNSUPPORTED_VERSION ? await this.#askVersions(0) : newest
    if (response.errorCode !== ErrorCode.NONE) {
      throw new ConnectionError(
        'unsupported-version',
        `${this.#peer()} answered ApiVersions with error ${response.errorCode}`,
      )
    }
    for (const { apiKey, minVersion, maxVersion } of response.apiKeys)
      this.#served.set(apiKey, { min: minVersion, max: maxVersion })
  }

  async #askVersions(version: number): Promise<Infer<typeof apis.ApiVersions.response>> {
    return this.request(apis.ApiVersions, clientSoftware, { version })
  }

  #send(api: Api, body: object, version: number, timeoutMs: number): Promise<unknown> {
    const correlationId = this.#takeCorrelationId()
    this.#write(api, body, version, correlationId)
    return new Promise((resolve, reject) => {
      const timer = this.#io.clock.setTimer(timeoutMs, () => {
        // Answers come in order, so with one missing nothing that follows can be told apart.
        this.#fail(
          new ConnectionError('timed-out', `${this.#peer()} did not answer ${api.name} within ${timeoutMs} ms`),
        )
      })
      this.#inFlight.push({ api, version, correlationId, resolve, reject, timer })
    })
  }

  #write(api: Api, body: object, version: number, correlationId: number): void {
    const writer = this.#writer
    const header = {
      requestApiKey: api.key,
      requestApiVersion: version,
      correlationId,
      clientId: this.#options.clientId,
    }
    try {
      writer.int32(0)
      codecOf(RequestHeader, api.requestHeaderVersion(version)).encode(header, writer)
      codecOf(api.request, version).encode(body as Input<Message>, writer)
      writer.patchInt32(0, writer.length - 4)
    } catch (error) {
      writer.discard()
      throw error
    }
    this.#socket.write(writer.finish())
  }

  #answered(frame: Buffer): void {
    const exchange = this.#inFlight.peek()
    const reader = new ByteReader(frame)
    if (exchange === undefined) {
      this.#fail(new ConnectionError('protocol-error', `${this.#peer()} answered what was not asked`))
      return
    }
    const { api, version } = exchange
    const responseVersion = this.#isUnsupportedApiVersions(api, frame) ? 0 : version
    const { correlationId } = codecOf(ResponseHeader, api.responseHeaderVersion(responseVersion)).decode(reader)
    if (correlationId !== exchange.correlationId) {
      this.#fail(
        new ConnectionError(
          'protocol-error',
          `${this.#peer()} answered request ${correlationId} instead of ${exchange.correlationId}`,
        ),
      )
      return
    }
    const response = codecOf(api.response, responseVersion).decode(reader)
    this.#inFlight.shift()
    exchange.timer.cancel()
    exchange.resolve(response)
  }

  #isUnsupportedApiVersions(api: Api, frame: Buffer): boolean {
    return (
      api.key === apis.ApiVersions.key && frame.length >= 6 && frame.readInt16BE(4) === ErrorCode.UNSUPPORTED_VERSION
    )
  }

  #takeCorrelationId(): number {
    const id = this.#nextCorrelationId
    this.#nextCorrelationId = (id + 1) & 0x7fff_ffff
    return id
  }

  #fail(error: ConnectionError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#reader.stop()
    this.#socket.destroy()
    for (let exchange = this.#inFlight.shift(); exchange !== undefined; exchange = this.#inFlight.shift()) {
      exchange.timer.cancel()
      exchange.reject(error)
    }
  }

  #peer(): string {
    return `${this.#options.host}:${this.#options.port}`
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
