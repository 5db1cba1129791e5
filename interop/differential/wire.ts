/** Asks a broker over a plain socket, one request at a time, and tells an answer from a closed connection and from silence. */

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { apis } from '../../src/protocol/apis.ts'
import type { Api, ApiName } from '../../src/protocol/apis.ts'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { codecOf } from '../../src/protocol/codec.ts'
import { RequestHeader, ResponseHeader } from '../../src/protocol/header.ts'
import type { Input, Message } from '../../src/protocol/schema.ts'

export type WireAnswer =
  | { readonly kind: 'answered'; readonly body: Record<string, unknown> }
  | { readonly kind: 'closed' | 'silent' }

const answerTimeoutMs = 15_000

export class Wire {
  readonly #port: number
  readonly #clientId: string
  #socket: Socket | undefined
  #received = Buffer.alloc(0)
  #correlationId = 0

  constructor(port: number, clientId: string) {
    this.#port = port
    this.#clientId = clientId
  }

  async ask(name: ApiName, version: number, body: object): Promise<WireAnswer> {
    const api = apis[name] as unknown as Api
    this.#correlationId += 1
    const frame = encodeRequest(api, version, this.#correlationId, this.#clientId, body)
    const answer = await this.#exchange(frame)
    if (typeof answer === 'string') return { kind: answer }
    const reader = new ByteReader(answer)
    const header = codecOf(ResponseHeader, api.responseHeaderVersion(version)).decode(reader)
    if (header.correlationId !== this.#correlationId)
      throw new Error(`${name} v${version} answered with correlation id ${header.correlationId}`)
    return {
      kind: 'answered',
      body: codecOf(api.response, version).decode(reader),
    }
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  async #exchange(frame: readonly Uint8Array[]): Promise<Buffer | 'closed' | 'silent'> {
    const socket = (this.#socket ??= await dial(this.#port))
    return new Promise(resolve => {
      const finish = (outcome: Buffer | 'closed' | 'silent'): void => {
        clearTimeout(timer)
        socket.removeAllListeners()
        if (typeof outcome === 'string') this.close()
        resolve(outcome)
      }
      const timer = setTimeout(() => finish('silent'), answerTimeoutMs)
      socket.on('error', () => {})
      socket.on('close', () => finish('closed'))
      socket.on('data', chunk => {
        this.#received = Buffer.concat([this.#received, chunk])
        if (this.#received.length < 4 || this.#received.length < 4 + this.#received.readInt32BE(0)) return
        const end = 4 + this.#received.readInt32BE(0)
        const answer = this.#received.subarray(4, end)
        this.#received = Buffer.from(this.#received.subarray(end))
        finish(answer)
      })
      socket.write(Buffer.concat(frame))
    })
  }
}

function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.removeAllListeners()
      resolve(socket)
    })
  })
}

function encodeRequest(api: Api, version: number, correlationId: number, clientId: string, body: object): Uint8Array[] {
  const writer = new ByteWriter()
  writer.int32(0)
  const header = { requestApiKey: api.key, requestApiVersion: version, correlationId, clientId }
  codecOf(RequestHeader, api.requestHeaderVersion(version)).encode(header, writer)
  codecOf(api.request, version).encode(body as Input<Message>, writer)
  writer.patchInt32(0, writer.length - 4)
  return writer.finish()
}
