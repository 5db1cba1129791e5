/**
 * Reads committed offsets.
 *
 * Version 2 can ask for all of a group's topics, with null, and has an error code for the group. 7 can demand stable offsets, 8
 * asks for several groups at once (fields outside of `groups` are then unused), 9 serves new-protocol groups, 10 names topics
 * by id.
 */

import { array, boolean, int16, int32, int64, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const OffsetFetchRequest = message({
  name: 'OffsetFetchRequest',
  apiKey: 9,
  versions: '0-10',
  flexibleSince: 6,
  fields: {
    groups: array({
      groupId: string,
      memberId: string.nullable().since(9).default(null).ignorable(),
      memberEpoch: int32.since(9).default(-1).ignorable(),
      topics: array({
        topicId: uuid.since(10).ignorable(),
        name: string.until(9).ignorable(),
        partitionIndexes: array(int32),
      }).nullable(),
    }).since(8),
    groupId: string.until(7),
    topics: array({ name: string, partitionIndexes: array(int32) })
      .nullable(2)
      .until(7),
    requireStable: boolean.since(7),
  },
})
export type OffsetFetchRequest = Infer<typeof OffsetFetchRequest>

export const OffsetFetchResponse = message({
  name: 'OffsetFetchResponse',
  apiKey: 9,
  versions: '0-10',
  flexibleSince: 6,
  fields: {
    throttleTimeMs: int32.since(3).ignorable(),
    groups: array({
      groupId: string,
      topics: array({
        topicId: uuid.since(10).ignorable(),
        name: string.until(9).ignorable(),
        partitions: array({
          partitionIndex: int32,
          committedOffset: int64,
          committedLeaderEpoch: int32.default(-1),
          metadata: string.nullable(),
          errorCode: int16,
        }),
      }),
      errorCode: int16,
    }).since(8),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.since(5).default(-1).ignorable(),
        metadata: string.nullable(),
        errorCode: int16,
      }),
    }).until(7),
    errorCode: int16.since(2).until(7).ignorable(),
  },
})
export type OffsetFetchResponse = Infer<typeof OffsetFetchResponse>
