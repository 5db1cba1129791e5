/**
 * What must become of bytes that are sent to a broker: a copy of its first three steps (frame, header, body) with the product's decoder, so that the
 * fuzzer knows which requests reach a handler and have to be answered, and which have to end the connection.
 */

import { apiOf } from '../../src/protocol/apis.ts'
import type { Api } from '../../src/protocol/apis.ts'
import { ByteReader, ProtocolError } from '../../src/protocol/byte-reader.ts'
import { codecOf } from '../../src/protocol/codec.ts'
import { RequestHeader } from '../../src/protocol/header.ts'
import { requestElementsMax } from '../../src/broker/dispatch.ts'
import { served } from '../../src/broker/served.ts'

/** `socket.request.max.bytes` as it is by default. */
const frameBytesMax = 104_857_600

export interface Reached {
  readonly kind: 'handler'
  readonly api: Api
  readonly version: number
  /** The version that the answer has: 0 where ApiVersions is asked for in one that is not served. */
  readonly answerVersion: number
  readonly correlationId: number
  readonly request: Record<string, unknown>
}

export interface Refused {
  /** Where the connection ends: at the length prefix, the header, the body; or nowhere, as more bytes should follow. */
  readonly kind: 'framing' | 'header' | 'decoder' | 'incomplete'
}

export type Fate = Reached | Refused

const handlers = new Map(served.map(handler => [handler.apiKey, handler]))

/** The fates of the requests in these bytes, in order; nothing follows one that is not served. */
export function fatesOf(bytes: Buffer): Fate[] {
  const fates: Fate[] = []
  let at = 0
  while (at < bytes.length) {
    if (bytes.length - at < 4) return [...fates, { kind: 'incomplete' }]
    const length = bytes.readInt32BE(at)
    if (length < 0 || length > frameBytesMax) return [...fates, { kind: 'framing' }]
    at += 4
    if (bytes.length - at < length) return [...fates, { kind: 'incomplete' }]
    const fate = fateOf(bytes.subarray(at, at + length))
    fates.push(fate)
    if (fate.kind !== 'handler') return fates
    at += length
  }
  return fates
}

function fateOf(frame: Buffer): Fate {
  if (frame.length < 8) return { kind: 'header' }
  const api = apiOf(frame.readInt16BE(0))
  const handler = handlers.get(frame.readInt16BE(0))
  if (api === undefined || handler === undefined) return { kind: 'header' }
  const version = frame.readInt16BE(2)
  const correlationId = frame.readInt32BE(4)
  const [first, last] = handler.versions
  if (version < first || version > last) {
    if (api.name !== 'ApiVersions') return { kind: 'header' }
    return { kind: 'handler', api, version, answerVersion: 0, correlationId, request: {} }
  }
  const reader = new ByteReader(frame, 0, frame.length, requestElementsMax, requestElementsMax)
  try {
    codecOf(RequestHeader, api.requestHeaderVersion(version)).decode(reader)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return { kind: 'header' }
  }
  try {
    const request = codecOf(api.request, version).decode(reader) as Record<string, unknown>
    return { kind: 'handler', api, version, answerVersion: version, correlationId, request }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return { kind: 'decoder' }
  }
}

/** Produce with acks=0 is not answered, and ends the connection when it fails. */
export function isSilent({ api, request }: Reached): boolean {
  return api.name === 'Produce' && request['acks'] === 0
}

/** How long it may wait before it is answered: a fetch for data, a member of a group for the others. */
export function waitMsOf({ api, request }: Reached): number {
  if (api.name === 'JoinGroup' || api.name === 'SyncGroup') return Infinity
  return api.name === 'Fetch' ? Math.max(0, request['maxWaitMs'] as number) : 0
}

const BROKER = 4
const BROKER_LOGGER = 8

/** As it is by default. */
const NODE_ID = 1

/**
 * Whether it would change settings of the whole broker, or register it anew, by which the leaders of all partitions change: these are rights of
 * administrators and not faults, so such requests are not sent. That the same for a topic does no harm to others is for the fuzzer to find out.
 */
export function altersBroker({ api, request }: Reached): boolean {
  if (api.name === 'UnregisterBroker') return request['brokerId'] === NODE_ID
  if (api.name !== 'AlterConfigs' && api.name !== 'IncrementalAlterConfigs') return false
  if (request['validateOnly'] === true) return false
  const resources = request['resources'] as { resourceType: number }[]
  return resources.some(({ resourceType }) => resourceType === BROKER || resourceType === BROKER_LOGGER)
}
