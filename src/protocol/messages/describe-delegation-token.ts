/**
 * Lists delegation tokens of owners (KIP-48). Version 3 tells who asked for them.
 */

import { array, bytes, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DescribeDelegationTokenRequest = message({
  name: 'DescribeDelegationTokenRequest',
  apiKey: 41,
  versions: '0-3',
  flexibleSince: 2,
  fields: { owners: array({ principalType: string, principalName: string }).nullable() },
})
export type DescribeDelegationTokenRequest = Infer<typeof DescribeDelegationTokenRequest>

export const DescribeDelegationTokenResponse = message({
  name: 'DescribeDelegationTokenResponse',
  apiKey: 41,
  versions: '0-3',
  flexibleSince: 2,
  fields: {
    errorCode: int16,
    tokens: array({
      principalType: string,
      principalName: string,
      tokenRequesterPrincipalType: string.since(3),
      tokenRequesterPrincipalName: string.since(3),
      issueTimestamp: int64,
      expiryTimestamp: int64,
      maxTimestamp: int64,
      tokenId: string,
      hmac: bytes,
      renewers: array({ principalType: string, principalName: string }),
    }),
    throttleTimeMs: int32,
  },
})
export type DescribeDelegationTokenResponse = Infer<typeof DescribeDelegationTokenResponse>
