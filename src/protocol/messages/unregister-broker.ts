/**
 * Takes a stopped broker out of the cluster (KIP-500).
 */

import { int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const UnregisterBrokerRequest = message({
  name: 'UnregisterBrokerRequest',
  apiKey: 64,
  versions: '0',
  flexibleSince: 0,
  fields: { brokerId: int32 },
})
export type UnregisterBrokerRequest = Infer<typeof UnregisterBrokerRequest>

export const UnregisterBrokerResponse = message({
  name: 'UnregisterBrokerResponse',
  apiKey: 64,
  versions: '0',
  flexibleSince: 0,
  fields: { throttleTimeMs: int32, errorCode: int16, errorMessage: string.nullable() },
})
export type UnregisterBrokerResponse = Infer<typeof UnregisterBrokerResponse>
