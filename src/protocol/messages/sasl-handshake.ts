/**
 * Chooses a SASL mechanism. After version 0 raw tokens follow outside of the protocol, after 1 they travel in SaslAuthenticate
 * (KIP-152).
 */

import { array, int16, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const SaslHandshakeRequest = message({
  name: 'SaslHandshakeRequest',
  apiKey: 17,
  versions: '0-1',
  fields: { mechanism: string },
})
export type SaslHandshakeRequest = Infer<typeof SaslHandshakeRequest>

export const SaslHandshakeResponse = message({
  name: 'SaslHandshakeResponse',
  apiKey: 17,
  versions: '0-1',
  fields: { errorCode: int16, mechanisms: array(string) },
})
export type SaslHandshakeResponse = Infer<typeof SaslHandshakeResponse>
