/**
 * Tells who leads the controllers and how far the others are (KIP-595, KIP-836). Version 2 has directory ids and endpoints
 * (KIP-853).
 */

import { array, int16, int32, int64, message, string, uint16, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

const replicaState = {
  replicaId: int32,
  replicaDirectoryId: uuid.since(2),
  logEndOffset: int64,
  lastFetchTimestamp: int64.since(1).default(-1).ignorable(),
  lastCaughtUpTimestamp: int64.since(1).default(-1).ignorable(),
}

export const DescribeQuorumRequest = message({
  name: 'DescribeQuorumRequest',
  apiKey: 55,
  versions: '0-2',
  flexibleSince: 0,
  fields: { topics: array({ topicName: string, partitions: array({ partitionIndex: int32 }) }) },
})
export type DescribeQuorumRequest = Infer<typeof DescribeQuorumRequest>

export const DescribeQuorumResponse = message({
  name: 'DescribeQuorumResponse',
  apiKey: 55,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    errorCode: int16,
    errorMessage: string.nullable().since(2).ignorable(),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().since(2).ignorable(),
        leaderId: int32,
        leaderEpoch: int32,
        highWatermark: int64,
        currentVoters: array(replicaState),
        observers: array(replicaState),
      }),
    }),
    nodes: array({ nodeId: int32, listeners: array({ name: string, host: string, port: uint16 }) }).since(2),
  },
})
export type DescribeQuorumResponse = Infer<typeof DescribeQuorumResponse>
