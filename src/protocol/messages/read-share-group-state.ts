/**
 * The leader of a share partition reads its state from the share coordinator (KIP-932).
 */

import { array, int16, int32, int64, int8, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ReadShareGroupStateRequest = message({
  name: 'ReadShareGroupStateRequest',
  apiKey: 84,
  versions: '0',
  flexibleSince: 0,
  fields: {
    groupId: string,
    topics: array({ topicId: uuid, partitions: array({ partition: int32, leaderEpoch: int32 }) }),
  },
})
export type ReadShareGroupStateRequest = Infer<typeof ReadShareGroupStateRequest>

export const ReadShareGroupStateResponse = message({
  name: 'ReadShareGroupStateResponse',
  apiKey: 84,
  versions: '0',
  flexibleSince: 0,
  fields: {
    results: array({
      topicId: uuid,
      partitions: array({
        partition: int32,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        stateEpoch: int32,
        startOffset: int64,
        stateBatches: array({ firstOffset: int64, lastOffset: int64, deliveryState: int8, deliveryCount: int16 }),
      }),
    }),
  },
})
export type ReadShareGroupStateResponse = Infer<typeof ReadShareGroupStateResponse>
