/**
 * Commits offsets of a consumer group as part of a transaction. Version 3 names the member, so that the group's fencing holds
 * here too (KIP-447).
 */

import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const TxnOffsetCommitRequest = message({
  name: 'TxnOffsetCommitRequest',
  apiKey: 28,
  versions: '0-5',
  flexibleSince: 3,
  fields: {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationId: int32.since(3).default(-1),
    memberId: string.since(3),
    groupInstanceId: string.nullable().since(3).default(null),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.since(2).default(-1).ignorable(),
        committedMetadata: string.nullable(),
      }),
    }),
  },
})
export type TxnOffsetCommitRequest = Infer<typeof TxnOffsetCommitRequest>

export const TxnOffsetCommitResponse = message({
  name: 'TxnOffsetCommitResponse',
  apiKey: 28,
  versions: '0-5',
  flexibleSince: 3,
  fields: {
    throttleTimeMs: int32,
    topics: array({ name: string, partitions: array({ partitionIndex: int32, errorCode: int16 }) }),
  },
})
export type TxnOffsetCommitResponse = Infer<typeof TxnOffsetCommitResponse>
