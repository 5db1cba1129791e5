/**
 * A new leader of the controllers announces itself (KIP-595). Version 1 knows directory ids and endpoints (KIP-853).
 */

import { array, int16, int32, message, string, uint16, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const BeginQuorumEpochRequest = message({
  name: 'BeginQuorumEpochRequest',
  apiKey: 53,
  versions: '0-1',
  flexibleSince: 1,
  fields: {
    clusterId: string.nullable().default(null),
    voterId: int32.since(1).default(-1).ignorable(),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        voterDirectoryId: uuid.since(1).ignorable(),
        leaderId: int32,
        leaderEpoch: int32,
      }),
    }),
    leaderEndpoints: array({ name: string, host: string, port: uint16 }).since(1).ignorable(),
  },
})
export type BeginQuorumEpochRequest = Infer<typeof BeginQuorumEpochRequest>

export const BeginQuorumEpochResponse = message({
  name: 'BeginQuorumEpochResponse',
  apiKey: 53,
  versions: '0-1',
  flexibleSince: 1,
  fields: {
    errorCode: int16,
    topics: array({
      topicName: string,
      partitions: array({ partitionIndex: int32, errorCode: int16, leaderId: int32, leaderEpoch: int32 }),
    }),
    nodeEndpoints: array({ nodeId: int32, host: string, port: uint16 }).since(1).tagged(0),
  },
})
export type BeginQuorumEpochResponse = Infer<typeof BeginQuorumEpochResponse>
