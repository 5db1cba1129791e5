/**
 * Where the log of an epoch ends, so that a follower or consumer knows from where on it differs (KIP-101, KIP-320). Version 2
 * tells the sender's own idea of the epoch, 3 who asks.
 */

import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const OffsetForLeaderEpochRequest = message({
  name: 'OffsetForLeaderEpochRequest',
  apiKey: 23,
  versions: '0-4',
  flexibleSince: 4,
  fields: {
    replicaId: int32.since(3).default(-2).ignorable(),
    topics: array({
      topic: string,
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.since(2).default(-1).ignorable(),
        leaderEpoch: int32,
      }),
    }),
  },
})
export type OffsetForLeaderEpochRequest = Infer<typeof OffsetForLeaderEpochRequest>

export const OffsetForLeaderEpochResponse = message({
  name: 'OffsetForLeaderEpochResponse',
  apiKey: 23,
  versions: '0-4',
  flexibleSince: 4,
  fields: {
    throttleTimeMs: int32.since(2).ignorable(),
    topics: array({
      topic: string,
      partitions: array({
        errorCode: int16,
        partition: int32,
        leaderEpoch: int32.since(1).default(-1).ignorable(),
        endOffset: int64.default(-1),
      }),
    }),
  },
})
export type OffsetForLeaderEpochResponse = Infer<typeof OffsetForLeaderEpochResponse>
