/**
 * Adds a controller to the voters (KIP-853). Version 1 can answer before the change is committed.
 */

import { array, boolean, int16, int32, message, string, uint16, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const AddRaftVoterRequest = message({
  name: 'AddRaftVoterRequest',
  apiKey: 80,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    clusterId: string.nullable(),
    timeoutMs: int32,
    voterId: int32,
    voterDirectoryId: uuid,
    listeners: array({ name: string, host: string, port: uint16 }),
    ackWhenCommitted: boolean.since(1).default(true),
  },
})
export type AddRaftVoterRequest = Infer<typeof AddRaftVoterRequest>

export const AddRaftVoterResponse = message({
  name: 'AddRaftVoterResponse',
  apiKey: 80,
  versions: '0-1',
  flexibleSince: 0,
  fields: { throttleTimeMs: int32, errorCode: int16, errorMessage: string.nullable() },
})
export type AddRaftVoterResponse = Infer<typeof AddRaftVoterResponse>
