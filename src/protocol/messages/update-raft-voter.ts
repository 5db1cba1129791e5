/**
 * A voter tells its endpoints and versions to the leader of the controllers (KIP-853).
 */

import { array, int16, int32, message, string, struct, uint16, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const UpdateRaftVoterRequest = message({
  name: 'UpdateRaftVoterRequest',
  apiKey: 82,
  versions: '0',
  flexibleSince: 0,
  fields: {
    clusterId: string.nullable(),
    currentLeaderEpoch: int32,
    voterId: int32,
    voterDirectoryId: uuid,
    listeners: array({ name: string, host: string, port: uint16 }),
    kRaftVersionFeature: struct({ minSupportedVersion: int16, maxSupportedVersion: int16 }),
  },
})
export type UpdateRaftVoterRequest = Infer<typeof UpdateRaftVoterRequest>

export const UpdateRaftVoterResponse = message({
  name: 'UpdateRaftVoterResponse',
  apiKey: 82,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    currentLeader: struct({
      leaderId: int32.default(-1),
      leaderEpoch: int32.default(-1),
      host: string,
      port: int32,
    }).tagged(0),
  },
})
export type UpdateRaftVoterResponse = Infer<typeof UpdateRaftVoterResponse>
