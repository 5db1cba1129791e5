/**
 * The transaction coordinator has commit and abort markers written by the leaders. Version 2 tells the version of transactions.
 */

import { array, boolean, int16, int32, int64, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const WriteTxnMarkersRequest = message({
  name: 'WriteTxnMarkersRequest',
  apiKey: 27,
  versions: '0-2',
  flexibleSince: 1,
  fields: {
    markers: array({
      producerId: int64,
      producerEpoch: int16,
      transactionResult: boolean,
      topics: array({ name: string, partitionIndexes: array(int32) }),
      coordinatorEpoch: int32,
      transactionVersion: int8.since(2).ignorable(),
    }),
  },
})
export type WriteTxnMarkersRequest = Infer<typeof WriteTxnMarkersRequest>

export const WriteTxnMarkersResponse = message({
  name: 'WriteTxnMarkersResponse',
  apiKey: 27,
  versions: '0-2',
  flexibleSince: 1,
  fields: {
    markers: array({
      producerId: int64,
      topics: array({ name: string, partitions: array({ partitionIndex: int32, errorCode: int16 }) }),
    }),
  },
})
export type WriteTxnMarkersResponse = Infer<typeof WriteTxnMarkersResponse>
