/**
 * A leader of the controllers steps down (KIP-595). Version 1 knows directory ids and endpoints (KIP-853).
 */

import { array, int16, int32, message, string, uint16, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const EndQuorumEpochRequest = message({
  name: 'EndQuorumEpochRequest',
  apiKey: 54,
  versions: '0-1',
  flexibleSince: 1,
  fields: {
    clusterId: string.nullable().default(null),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32,
        preferredCandidates: array({ candidateId: int32, candidateDirectoryId: uuid }).since(1).ignorable(),
        preferredSuccessors: array(int32).until(0).ignorable(),
      }),
    }),
    leaderEndpoints: array({ name: string, host: string, port: uint16 }).since(1).ignorable(),
  },
})
export type EndQuorumEpochRequest = Infer<typeof EndQuorumEpochRequest>

export const EndQuorumEpochResponse = message({
  name: 'EndQuorumEpochResponse',
  apiKey: 54,
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
export type EndQuorumEpochResponse = Infer<typeof EndQuorumEpochResponse>
