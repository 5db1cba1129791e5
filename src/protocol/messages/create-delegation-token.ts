/**
 * Creates a delegation token (KIP-48). Version 3 can do so for another owner.
 */

import { array, bytes, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const CreateDelegationTokenRequest = message({
  name: 'CreateDelegationTokenRequest',
  apiKey: 38,
  versions: '0-3',
  flexibleSince: 2,
  fields: {
    ownerPrincipalType: string.nullable().since(3),
    ownerPrincipalName: string.nullable().since(3),
    renewers: array({ principalType: string, principalName: string }),
    maxLifetimeMs: int64,
  },
})
export type CreateDelegationTokenRequest = Infer<typeof CreateDelegationTokenRequest>

export const CreateDelegationTokenResponse = message({
  name: 'CreateDelegationTokenResponse',
  apiKey: 38,
  versions: '0-3',
  flexibleSince: 2,
  fields: {
    errorCode: int16,
    principalType: string,
    principalName: string,
    tokenRequesterPrincipalType: string.since(3),
    tokenRequesterPrincipalName: string.since(3),
    issueTimestampMs: int64,
    expiryTimestampMs: int64,
    maxTimestampMs: int64,
    tokenId: string,
    hmac: bytes,
    throttleTimeMs: int32,
  },
})
export type CreateDelegationTokenResponse = Infer<typeof CreateDelegationTokenResponse>
