/**
 * The group coordinator reads how far share partitions are (KIP-932).
 */

import { array, int16, int32, int64, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ReadShareGroupStateSummaryRequest = message({
  name: 'ReadShareGroupStateSummaryRequest',
  apiKey: 87,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    groupId: string,
    topics: array({ topicId: uuid, partitions: array({ partition: int32, leaderEpoch: int32 }) }),
  },
})
export type ReadShareGroupStateSummaryRequest = Infer<typeof ReadShareGroupStateSummaryRequest>

export const ReadShareGroupStateSummaryResponse = message({
  name: 'ReadShareGroupStateSummaryResponse',
  apiKey: 87,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    results: array({
      topicId: uuid,
      partitions: array({
        partition: int32,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        stateEpoch: int32,
        leaderEpoch: int32,
        startOffset: int64,
        deliveryCompleteCount: int32.since(1).default(-1).ignorable(),
      }),
    }),
  },
})
export type ReadShareGroupStateSummaryResponse = Infer<typeof ReadShareGroupStateSummaryResponse>
