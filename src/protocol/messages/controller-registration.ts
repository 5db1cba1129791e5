/**
 * A controller registers with the leader of the controllers (KIP-919).
 */

import { array, boolean, int16, int32, message, string, uint16, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ControllerRegistrationRequest = message({
  name: 'ControllerRegistrationRequest',
  apiKey: 70,
  versions: '0',
  flexibleSince: 0,
  fields: {
    controllerId: int32,
    incarnationId: uuid,
    zkMigrationReady: boolean,
    listeners: array({ name: string, host: string, port: uint16, securityProtocol: int16 }),
    features: array({ name: string, minSupportedVersion: int16, maxSupportedVersion: int16 }),
  },
})
export type ControllerRegistrationRequest = Infer<typeof ControllerRegistrationRequest>

export const ControllerRegistrationResponse = message({
  name: 'ControllerRegistrationResponse',
  apiKey: 70,
  versions: '0',
  flexibleSince: 0,
  fields: { throttleTimeMs: int32, errorCode: int16, errorMessage: string.nullable() },
})
export type ControllerRegistrationResponse = Infer<typeof ControllerRegistrationResponse>
