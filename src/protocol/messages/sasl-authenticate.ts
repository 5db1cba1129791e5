/**
 * Carries the tokens of a SASL exchange (KIP-152). Version 1 tells for how long the session is good (KIP-368).
 */

import { bytes, int16, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const SaslAuthenticateRequest = message({
  name: 'SaslAuthenticateRequest',
  apiKey: 36,
  versions: '0-2',
  flexibleSince: 2,
  fields: { authBytes: bytes },
})
export type SaslAuthenticateRequest = Infer<typeof SaslAuthenticateRequest>

export const SaslAuthenticateResponse = message({
  name: 'SaslAuthenticateResponse',
  apiKey: 36,
  versions: '0-2',
  flexibleSince: 2,
  fields: {
    errorCode: int16,
    errorMessage: string.nullable(),
    authBytes: bytes,
    sessionLifetimeMs: int64.since(1).ignorable(),
  },
})
export type SaslAuthenticateResponse = Infer<typeof SaslAuthenticateResponse>
