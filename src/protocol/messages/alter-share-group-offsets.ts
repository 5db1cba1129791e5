/**
 * Sets from where share groups that have no members go on (KIP-932).
 */

import { array, int16, int32, int64, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const AlterShareGroupOffsetsRequest = message({
  name: 'AlterShareGroupOffsetsRequest',
  apiKey: 91,
  versions: '0',
  flexibleSince: 0,
  fields: {
    groupId: string,
    topics: array({ topicName: string, partitions: array({ partitionIndex: int32, startOffset: int64 }) }),
  },
})
export type AlterShareGroupOffsetsRequest = Infer<typeof AlterShareGroupOffsetsRequest>

export const AlterShareGroupOffsetsResponse = message({
  name: 'AlterShareGroupOffsetsResponse',
  apiKey: 91,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    responses: array({
      topicName: string,
      topicId: uuid,
      partitions: array({ partitionIndex: int32, errorCode: int16, errorMessage: string.nullable().default(null) }),
    }),
  },
})
export type AlterShareGroupOffsetsResponse = Infer<typeof AlterShareGroupOffsetsResponse>
