/**
 * Prolongs a delegation token (KIP-48).
 */

import { bytes, int16, int32, int64, message } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const RenewDelegationTokenRequest = message({
  name: 'RenewDelegationTokenRequest',
  apiKey: 39,
  versions: '0-2',
  flexibleSince: 2,
  fields: { hmac: bytes, renewPeriodMs: int64 },
})
export type RenewDelegationTokenRequest = Infer<typeof RenewDelegationTokenRequest>

export const RenewDelegationTokenResponse = message({
  name: 'RenewDelegationTokenResponse',
  apiKey: 39,
  versions: '0-2',
  flexibleSince: 2,
  fields: { errorCode: int16, expiryTimestampMs: int64, throttleTimeMs: int32 },
})
export type RenewDelegationTokenResponse = Infer<typeof RenewDelegationTokenResponse>
