/**
 * Deletes the offsets of share groups that have no members (KIP-932).
 */

import { array, int16, int32, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DeleteShareGroupOffsetsRequest = message({
  name: 'DeleteShareGroupOffsetsRequest',
  apiKey: 92,
  versions: '0',
  flexibleSince: 0,
  fields: { groupId: string, topics: array({ topicName: string }) },
})
export type DeleteShareGroupOffsetsRequest = Infer<typeof DeleteShareGroupOffsetsRequest>

export const DeleteShareGroupOffsetsResponse = message({
  name: 'DeleteShareGroupOffsetsResponse',
  apiKey: 92,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    responses: array({
      topicName: string,
      topicId: uuid,
      errorCode: int16,
      errorMessage: string.nullable().default(null),
    }),
  },
})
export type DeleteShareGroupOffsetsResponse = Infer<typeof DeleteShareGroupOffsetsResponse>
