/**
 * The leader of a share partition stores its state with the share coordinator (KIP-932).
 */

import { array, int16, int32, int64, int8, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const WriteShareGroupStateRequest = message({
  name: 'WriteShareGroupStateRequest',
  apiKey: 85,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    groupId: string,
    topics: array({
      topicId: uuid,
      partitions: array({
        partition: int32,
        stateEpoch: int32,
        leaderEpoch: int32,
        startOffset: int64,
        deliveryCompleteCount: int32.since(1).default(-1).ignorable(),
        stateBatches: array({ firstOffset: int64, lastOffset: int64, deliveryState: int8, deliveryCount: int16 }),
      }),
    }),
  },
})
export type WriteShareGroupStateRequest = Infer<typeof WriteShareGroupStateRequest>

export const WriteShareGroupStateResponse = message({
  name: 'WriteShareGroupStateResponse',
  apiKey: 85,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    results: array({
      topicId: uuid,
      partitions: array({ partition: int32, errorCode: int16, errorMessage: string.nullable().default(null) }),
    }),
  },
})
export type WriteShareGroupStateResponse = Infer<typeof WriteShareGroupStateResponse>
