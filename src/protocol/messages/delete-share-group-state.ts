/**
 * The group coordinator has the state of share partitions deleted (KIP-932).
 */

import { array, int16, int32, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DeleteShareGroupStateRequest = message({
  name: 'DeleteShareGroupStateRequest',
  apiKey: 86,
  versions: '0',
  flexibleSince: 0,
  fields: { groupId: string, topics: array({ topicId: uuid, partitions: array({ partition: int32 }) }) },
})
export type DeleteShareGroupStateRequest = Infer<typeof DeleteShareGroupStateRequest>

export const DeleteShareGroupStateResponse = message({
  name: 'DeleteShareGroupStateResponse',
  apiKey: 86,
  versions: '0',
  flexibleSince: 0,
  fields: {
    results: array({
      topicId: uuid,
      partitions: array({ partition: int32, errorCode: int16, errorMessage: string.nullable().default(null) }),
    }),
  },
})
export type DeleteShareGroupStateResponse = Infer<typeof DeleteShareGroupStateResponse>
