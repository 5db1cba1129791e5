/**
 * A client hands in its metrics (KIP-714).
 */

import { boolean, bytes, int16, int32, int8, message, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const PushTelemetryRequest = message({
  name: 'PushTelemetryRequest',
  apiKey: 72,
  versions: '0',
  flexibleSince: 0,
  fields: {
    clientInstanceId: uuid,
    subscriptionId: int32,
    terminating: boolean,
    compressionType: int8,
    metrics: bytes,
  },
})
export type PushTelemetryRequest = Infer<typeof PushTelemetryRequest>

export const PushTelemetryResponse = message({
  name: 'PushTelemetryResponse',
  apiKey: 72,
  versions: '0',
  flexibleSince: 0,
  fields: { throttleTimeMs: int32, errorCode: int16 },
})
export type PushTelemetryResponse = Infer<typeof PushTelemetryResponse>
