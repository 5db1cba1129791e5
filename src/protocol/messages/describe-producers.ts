/**
 * Tells the producers that a partition remembers, to find hanging transactions (KIP-664).
 */

import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DescribeProducersRequest = message({
  name: 'DescribeProducersRequest',
  apiKey: 61,
  versions: '0',
  flexibleSince: 0,
  fields: { topics: array({ name: string, partitionIndexes: array(int32) }) },
})
export type DescribeProducersRequest = Infer<typeof DescribeProducersRequest>

export const DescribeProducersResponse = message({
  name: 'DescribeProducersResponse',
  apiKey: 61,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        activeProducers: array({
          producerId: int64,
          producerEpoch: int32,
          lastSequence: int32.default(-1),
          lastTimestamp: int64.default(-1),
          coordinatorEpoch: int32,
          currentTxnStartOffset: int64.default(-1),
        }),
      }),
    }),
  },
})
export type DescribeProducersResponse = Infer<typeof DescribeProducersResponse>
