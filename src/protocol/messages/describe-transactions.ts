/**
 * Describes transactions of a coordinator (KIP-664).
 */

import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DescribeTransactionsRequest = message({
  name: 'DescribeTransactionsRequest',
  apiKey: 65,
  versions: '0',
  flexibleSince: 0,
  fields: { transactionalIds: array(string) },
})
export type DescribeTransactionsRequest = Infer<typeof DescribeTransactionsRequest>

export const DescribeTransactionsResponse = message({
  name: 'DescribeTransactionsResponse',
  apiKey: 65,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    transactionStates: array({
      errorCode: int16,
      transactionalId: string,
      transactionState: string,
      transactionTimeoutMs: int32,
      transactionStartTimeMs: int64,
      producerId: int64,
      producerEpoch: int16,
      topics: array({ topic: string, partitions: array(int32) }),
    }),
  },
})
export type DescribeTransactionsResponse = Infer<typeof DescribeTransactionsResponse>
