/**
 * A client asks which of its metrics the broker wants (KIP-714).
 */

import { array, boolean, int16, int32, int8, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const GetTelemetrySubscriptionsRequest = message({
  name: 'GetTelemetrySubscriptionsRequest',
  apiKey: 71,
  versions: '0',
  flexibleSince: 0,
  fields: { clientInstanceId: uuid },
})
export type GetTelemetrySubscriptionsRequest = Infer<typeof GetTelemetrySubscriptionsRequest>

export const GetTelemetrySubscriptionsResponse = message({
  name: 'GetTelemetrySubscriptionsResponse',
  apiKey: 71,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    clientInstanceId: uuid,
    subscriptionId: int32,
    acceptedCompressionTypes: array(int8),
    pushIntervalMs: int32,
    telemetryMaxBytes: int32,
    deltaTemporality: boolean,
    requestedMetrics: array(string),
  },
})
export type GetTelemetrySubscriptionsResponse = Infer<typeof GetTelemetrySubscriptionsResponse>
