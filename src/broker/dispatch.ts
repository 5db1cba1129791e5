/**
 * From a frame to a handler and back to bytes: reads the header, picks the handler by API key and version, decodes, and encodes what
 * it answers. One table, made from the list of handlers, decides what is served.
 *
 * Bytes that are not the protocol throw, which closes the connection, as Kafka does; so does a version that is not served, except of
 * ApiVersions, whose whole point is to find that out.
 */

import { apiOf } from '../protocol/apis.ts'
import type { Api } from '../protocol/apis.ts'
import { ByteReader, ProtocolError } from '../protocol/byte-reader.ts'
import { ByteWriter } from '../protocol/byte-writer.ts'
import { codecOf } from '../protocol/codec.ts'
import { ErrorCode } from '../protocol/errors.ts'
import { RequestHeader, ResponseHeader } from '../protocol/header.ts'
import { SchemaError } from '../protocol/schema.ts'
import type { Input, Message } from '../protocol/schema.ts'
import { assert } from '../std/assert.ts'
import { Later } from '../std/later.ts'
import type { ApiHandler, RequestContext } from './api-handler.ts'
import type { BrokerContext } from './broker-context.ts'
import type { Answer, Connection, ReceivedRequest } from './connection.ts'

const apiVersionsKey = 18

/**
 * How many elements the arrays of a request may have together. A request takes memory for each and keeps everybody else waiting while it is served,
 * and whoever has more partitions to speak of can do so in several requests.
 */
export const requestElementsMax = 100_000

interface Served {
  readonly api: Api
  readonly handler: ApiHandler
}

export class Dispatcher {
  readonly #byKey: readonly (Served | undefined)[]
  readonly #broker: BrokerContext
  /** Both are free again when the call that uses them returns, so one of each serves all connections. */
  readonly #reader = new ByteReader(new Uint8Array(0), 0, 0, requestElementsMax, requestElementsMax)
  readonly #writer = new ByteWriter()

  constructor(handlers: readonly ApiHandler[], broker: BrokerContext) {
    const byKey: (Served | undefined)[] = []
    for (const handler of handlers) {
      const api = apiOf(handler.apiKey)
      assert(api !== undefined && byKey[handler.apiKey] === undefined, `API ${handler.apiKey} is served once`)
      byKey[handler.apiKey] = { api, handler }
    }
    this.#byKey = byKey
    this.#broker = broker
    // A client says its name and the names of its topics with each request.
    this.#reader.rememberValues()
  }

  /** Whether a request may start before earlier ones of its connection are answered. Looks at the API key alone. */
  startsEarly(frame: Buffer): boolean {
    if (frame.length < 2) return false
    return this.#byKey[frame.readInt16BE(0)]?.handler.startsEarly ?? false
  }

  /** Whether the handler knows how to keep a part of the frame. */
  borrowsFrame(frame: Buffer): boolean {
    if (frame.length < 2) return false
    return this.#byKey[frame.readInt16BE(0)]?.handler.borrowsFrame ?? false
  }

  /** `startedMs` is the time, on the monotonic clock. */
  serve(
    received: ReceivedRequest,
    connection: Connection,
    startedMs: number,
  ): Answer | Promise<Answer> | Later<Answer> {
    const { frame } = received
    if (frame.length < 8) throw new ProtocolError(`a request of ${frame.length} bytes has no header`)
    const apiKey = frame.readInt16BE(0)
    const version = frame.readInt16BE(2)
    const served = this.#byKey[apiKey]
    if (served === undefined)
      throw new ProtocolError(`API key ${apiKey} (${apiOf(apiKey)?.name ?? 'unknown'}) is not served`)
    const [first, last] = served.handler.versions
    if (version < first || version > last) {
      if (apiKey === apiVersionsKey) return this.#answerUnsupportedApiVersions(served, frame.readInt32BE(4))
      throw new ProtocolError(`${served.api.name} v${version} is not served, only v${first} to v${last}`)
    }
    return this.#serve(served, version, received, connection, startedMs)
  }

  #serve(
    served: Served,
    version: number,
    { frame, memory }: ReceivedRequest,
    connection: Connection,
    startedMs: number,
  ): Answer | Promise<Answer> | Later<Answer> {
    const { api, handler } = served
    const reader = this.#reader
    reader.reset(frame)
    const header = codecOf(RequestHeader, api.requestHeaderVersion(version)).decode(reader)
    const request = codecOf(api.request, version).decode(reader)
    const context: RequestContext = {
      broker: this.#broker,
      connection,
      apiVersion: version,
      clientId: header.clientId,
      startedMs,
      frameMemory: memory,
      sent: undefined,
    }
    const body = handler.handle(request, context)
    const isPromise = body instanceof Promise
    if (isPromise || body instanceof Later)
      return this.#finishLater(body, api, header.correlationId, frame.length, context)
    return this.#finish(body, api, header.correlationId, frame.length, context)
  }

  /** A function of its own, so that what is answered at once makes none. */
  #finishLater(
    body: Promise<object | undefined> | Later<object | undefined>,
    api: Api,
    correlationId: number,
    requestBytes: number,
    context: RequestContext,
  ): Promise<Answer> | Later<Answer> {
    const finish = (value: object | undefined): Answer => this.#finish(value, api, correlationId, requestBytes, context)
    return body instanceof Later ? body.map(finish) : body.then(finish)
  }

  #finish(
    body: object | undefined,
    api: Api,
    correlationId: number,
    requestBytes: number,
    { apiVersion, startedMs, sent }: RequestContext,
  ): Answer {
    const { requestMetrics, io } = this.#broker
    requestMetrics.served(api.name, apiVersion, requestBytes, io.clock.monotonicMs() - startedMs)
    return body === undefined ? undefined : { buffers: this.#encode(api, apiVersion, correlationId, body), sent }
  }

  #encode(api: Api, version: number, correlationId: number, body: object): readonly Uint8Array[] {
    try {
      return this.#encodeAsIs(api, version, correlationId, body)
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
      return this.#encodeAsIs(api, version, correlationId, withShortMessages(body) as object)
    }
  }

  #encodeAsIs(api: Api, version: number, correlationId: number, body: object): readonly Uint8Array[] {
    const writer = this.#writer
    try {
      writer.int32(0)
      codecOf(ResponseHeader, api.responseHeaderVersion(version)).encode({ correlationId }, writer)
      codecOf(api.response, version).encode(body as Input<Message>, writer)
      writer.patchInt32(0, writer.length - 4)
      return writer.finish()
    } catch (error) {
      writer.discard()
      throw error
    }
  }

  /** In the form of v0, which every client can read: UNSUPPORTED_VERSION, and the versions of ApiVersions itself (KIP-511). */
  #answerUnsupportedApiVersions(served: Served, correlationId: number): Answer {
    const [minVersion, maxVersion] = served.handler.versions
    const apiKeys = [{ apiKey: apiVersionsKey, minVersion, maxVersion }]
    return {
      buffers: this.#encode(served.api, 0, correlationId, { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys }),
    }
  }
}

/** In UTF-8 they are at most three times as many bytes, which is within what a string may have. */
const messageCharsMax = 8000

/**
 * A response with its messages cut. They quote what a client has named, and a name as long as a string may be is too long for a string together with
 * what is said about it.
 */
function withShortMessages(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withShortMessages)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  const entries = Object.entries(value).map(([key, inner]: [string, unknown]) => {
    const isMessage = key.endsWith('Message') && typeof inner === 'string'
    return [key, isMessage ? inner.slice(0, messageCharsMax) : withShortMessages(inner)]
  })
  return Object.fromEntries(entries)
}
