/**
 * What serving one API is: its schemas, the versions that we serve, and a function from request to response.
 *
 * Each file of `handlers/` defines one; `served.ts` lists them, and that one list drives both dispatch and ApiVersions.
 */

import type { Infer, Input, Message } from '../protocol/schema.ts'
import type { Later } from '../std/later.ts'
import type { PooledMemory } from '../std/memory-pool.ts'
import type { BrokerContext } from './broker-context.ts'
import type { Connection } from './connection.ts'

/** Everything a handler may use besides the request itself. */
export interface RequestContext {
  readonly broker: BrokerContext
  readonly connection: Connection
  readonly apiVersion: number
  readonly clientId: string | null
  /** When it was begun to be served, on the monotonic clock. */
  readonly startedMs: number
  /** What the request's bytes are in, for a handler that borrows the frame: `undefined` when they are gone once `handle` returns. */
  readonly frameMemory: PooledMemory | undefined
  /** Called when the response has been sent, or never will be: gives back the memory that it refers to. */
  sent: (() => void) | undefined
}

export interface ApiDefinition<Q extends Message, R extends Message> {
  readonly request: Q
  readonly response: R
  /** First and last version that are served. */
  readonly versions: readonly [first: number, last: number]
  /** Where ApiVersions must name an earlier first version than the one that is served. */
  readonly advertisedSince?: number
  /** Whether it may start while earlier requests of its connection, of such APIs too, are not answered yet. */
  readonly startsEarly?: boolean
  /** Whether it keeps nothing of the request's byte fields once `handle` has returned, unless it retains `frameMemory`: others get a frame of their own. */
  readonly borrowsFrame?: boolean
  /** Nothing is returned where the protocol sends no answer. A throw means a bug or bytes that are not the protocol: the connection is closed. */
  handle(
    request: Infer<Q>,
    context: RequestContext,
  ): Input<R> | undefined | Promise<Input<R> | undefined> | Later<Input<R> | undefined>
}

/** A definition whose message types are forgotten, so that all fit in one list. */
export interface ApiHandler {
  readonly name: string
  readonly apiKey: number
  readonly request: Message
  readonly response: Message
  readonly versions: readonly [first: number, last: number]
  readonly advertisedSince: number
  readonly startsEarly: boolean
  readonly borrowsFrame: boolean
  handle(
    request: unknown,
    context: RequestContext,
  ): object | undefined | Promise<object | undefined> | Later<object | undefined>
}

export function apiHandler<Q extends Message, R extends Message>(definition: ApiDefinition<Q, R>): ApiHandler {
  const { request, response, versions } = definition
  return {
    name: request.name.replace(/Request$/, ''),
    apiKey: request.apiKey!,
    request,
    response,
    versions,
    advertisedSince: definition.advertisedSince ?? versions[0],
    startsEarly: definition.startsEarly ?? false,
    borrowsFrame: definition.borrowsFrame ?? false,
    handle: (decoded, context) => definition.handle(decoded as Infer<Q>, context),
  }
}
