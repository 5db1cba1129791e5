/**
 * Commits offsets of a consumer group.
 *
 * Version 1 has a timestamp for each partition, 2 to 4 a retention time instead; since 5 the broker's own setting rules. 6 adds
 * leader epochs, 7 static members. 9 is the first that members of new-protocol groups use (KIP-848): the generation is then
 * their epoch. 10 names topics by id.
 */

import { array, int16, int32, int64, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const OffsetCommitRequest = message({
  name: 'OffsetCommitRequest',
  apiKey: 8,
  versions: '0-10',
  flexibleSince: 8,
  fields: {
    groupId: string,
    generationIdOrMemberEpoch: int32.since(1).default(-1).ignorable(),
    memberId: string.since(1).ignorable(),
    groupInstanceId: string.nullable().since(7).default(null),
    retentionTimeMs: int64.since(2).until(4).default(-1).ignorable(),
    topics: array({
      topicId: uuid.since(10).ignorable(),
      name: string.until(9).ignorable(),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.since(6).default(-1).ignorable(),
        commitTimestamp: int64.since(1).until(1).default(-1),
        committedMetadata: string.nullable(),
      }),
    }),
  },
})
export type OffsetCommitRequest = Infer<typeof OffsetCommitRequest>

export const OffsetCommitResponse = message({
  name: 'OffsetCommitResponse',
  apiKey: 8,
  versions: '0-10',
  flexibleSince: 8,
  fields: {
    throttleTimeMs: int32.since(3).ignorable(),
    topics: array({
      topicId: uuid.since(10).ignorable(),
      name: string.until(9).ignorable(),
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
})
export type OffsetCommitResponse = Infer<typeof OffsetCommitResponse>
