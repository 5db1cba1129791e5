/**
 * Removes a controller from the voters (KIP-853).
 */

import { int16, int32, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const RemoveRaftVoterRequest = message({
  name: 'RemoveRaftVoterRequest',
  apiKey: 81,
  versions: '0',
  flexibleSince: 0,
  fields: { clusterId: string.nullable(), voterId: int32, voterDirectoryId: uuid },
})
export type RemoveRaftVoterRequest = Infer<typeof RemoveRaftVoterRequest>

export const RemoveRaftVoterResponse = message({
  name: 'RemoveRaftVoterResponse',
  apiKey: 81,
  versions: '0',
  flexibleSince: 0,
  fields: { throttleTimeMs: int32, errorCode: int16, errorMessage: string.nullable() },
})
export type RemoveRaftVoterResponse = Infer<typeof RemoveRaftVoterResponse>
