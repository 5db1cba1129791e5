/**
 * What stands in front of every request and response, after the frame's size.
 *
 * Request header version 0 (no client id) was only used by ControlledShutdown; 2 and response header 1 belong to flexible versions.
 * The client id keeps its classic form in all of them, so that a broker can read it before it knows whether it knows the version;
 * for the same reason the answer to ApiVersions always has response header 0. Which header goes with which version says `apis.ts`.
 */

import { int16, int32, message, string } from './schema.ts'
import type { Infer } from './schema.ts'

export const RequestHeader = message({
  name: 'RequestHeader',
  versions: '0-2',
  flexibleSince: 2,
  fields: {
    requestApiKey: int16,
    requestApiVersion: int16,
    correlationId: int32,
    clientId: string.classic().nullable().since(1).ignorable(),
  },
})
export type RequestHeader = Infer<typeof RequestHeader>

export const ResponseHeader = message({
  name: 'ResponseHeader',
  versions: '0-1',
  flexibleSince: 1,
  fields: { correlationId: int32 },
})
export type ResponseHeader = Infer<typeof ResponseHeader>
