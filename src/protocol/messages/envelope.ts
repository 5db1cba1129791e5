/**
 * A broker forwards a client's request to the controller, with its principal (KIP-590).
 */

import { bytes, int16, message } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const EnvelopeRequest = message({
  name: 'EnvelopeRequest',
  apiKey: 58,
  versions: '0',
  flexibleSince: 0,
  fields: { requestData: bytes, requestPrincipal: bytes.nullable(), clientHostAddress: bytes },
})
export type EnvelopeRequest = Infer<typeof EnvelopeRequest>

export const EnvelopeResponse = message({
  name: 'EnvelopeResponse',
  apiKey: 58,
  versions: '0',
  flexibleSince: 0,
  fields: { responseData: bytes.nullable().default(null), errorCode: int16 },
})
export type EnvelopeResponse = Infer<typeof EnvelopeResponse>
