/**
 * The group coordinator has the state of share partitions set up (KIP-932).
 */

import { array, int16, int32, int64, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const InitializeShareGroupStateRequest = message({
  name: 'InitializeShareGroupStateRequest',
  apiKey: 83,
  versions: '0',
  flexibleSince: 0,
  fields: {
    groupId: string,
    topics: array({ topicId: uuid, partitions: array({ partition: int32, stateEpoch: int32, startOffset: int64 }) }),
  },
})
export type InitializeShareGroupStateRequest = Infer<typeof InitializeShareGroupStateRequest>

export const InitializeShareGroupStateResponse = message({
  name: 'InitializeShareGroupStateResponse',
  apiKey: 83,
  versions: '0',
  flexibleSince: 0,
  fields: {
    results: array({
      topicId: uuid,
      partitions: array({ partition: int32, errorCode: int16, errorMessage: string.nullable().default(null) }),
    }),
  },
})
export type InitializeShareGroupStateResponse = Infer<typeof InitializeShareGroupStateResponse>
