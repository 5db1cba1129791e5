/**
 * Deletes committed offsets of a group that is not subscribed to their topics (KIP-496).
 */

import { array, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const OffsetDeleteRequest = message({
  name: 'OffsetDeleteRequest',
  apiKey: 47,
  versions: '0',
  fields: { groupId: string, topics: array({ name: string, partitions: array({ partitionIndex: int32 }) }) },
})
export type OffsetDeleteRequest = Infer<typeof OffsetDeleteRequest>

export const OffsetDeleteResponse = message({
  name: 'OffsetDeleteResponse',
  apiKey: 47,
  versions: '0',
  fields: {
    errorCode: int16,
    throttleTimeMs: int32,
    topics: array({ name: string, partitions: array({ partitionIndex: int32, errorCode: int16 }) }),
  },
})
export type OffsetDeleteResponse = Infer<typeof OffsetDeleteResponse>
