/**
 * Sets when a delegation token ends, or ends it at once with a negative period (KIP-48).
 */

import { bytes, int16, int32, int64, message } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ExpireDelegationTokenRequest = message({
  name: 'ExpireDelegationTokenRequest',
  apiKey: 40,
  versions: '0-2',
  flexibleSince: 2,
  fields: { hmac: bytes, expiryTimePeriodMs: int64 },
})
export type ExpireDelegationTokenRequest = Infer<typeof ExpireDelegationTokenRequest>

export const ExpireDelegationTokenResponse = message({
  name: 'ExpireDelegationTokenResponse',
  apiKey: 40,
  versions: '0-2',
  flexibleSince: 2,
  fields: { errorCode: int16, expiryTimestampMs: int64, throttleTimeMs: int32 },
})
export type ExpireDelegationTokenResponse = Infer<typeof ExpireDelegationTokenResponse>
