/**
 * Moves the log start offset of partitions forward; -1 stands for the high watermark (KIP-107).
 */

import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DeleteRecordsRequest = message({
  name: 'DeleteRecordsRequest',
  apiKey: 21,
  versions: '0-2',
  flexibleSince: 2,
  fields: {
    topics: array({ name: string, partitions: array({ partitionIndex: int32, offset: int64 }) }),
    timeoutMs: int32,
  },
})
export type DeleteRecordsRequest = Infer<typeof DeleteRecordsRequest>

export const DeleteRecordsResponse = message({
  name: 'DeleteRecordsResponse',
  apiKey: 21,
  versions: '0-2',
  flexibleSince: 2,
  fields: {
    throttleTimeMs: int32,
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, lowWatermark: int64, errorCode: int16 }),
    }),
  },
})
export type DeleteRecordsResponse = Infer<typeof DeleteRecordsResponse>
