/**
 * A candidate asks for votes in the quorum of controllers (KIP-595). Version 1 has directory ids (KIP-853), 2 pre-votes
 * (KIP-996).
 */

import { array, boolean, int16, int32, int64, message, string, uint16, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const VoteRequest = message({
  name: 'VoteRequest',
  apiKey: 52,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    clusterId: string.nullable().default(null),
    voterId: int32.since(1).default(-1).ignorable(),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        replicaEpoch: int32,
        replicaId: int32,
        replicaDirectoryId: uuid.since(1).ignorable(),
        voterDirectoryId: uuid.since(1).ignorable(),
        lastOffsetEpoch: int32,
        lastOffset: int64,
        preVote: boolean.since(2),
      }),
    }),
  },
})
export type VoteRequest = Infer<typeof VoteRequest>

export const VoteResponse = message({
  name: 'VoteResponse',
  apiKey: 52,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    errorCode: int16,
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        leaderId: int32,
        leaderEpoch: int32,
        voteGranted: boolean,
      }),
    }),
    nodeEndpoints: array({ nodeId: int32, host: string, port: uint16 }).since(1).tagged(0),
  },
})
export type VoteResponse = Infer<typeof VoteResponse>
