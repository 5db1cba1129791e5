/**
 * Transactions in `__transaction_state`, by transactional id. Version 1 of the value is flexible, so that tagged fields could
 * be added for the producer ids before and after the present one (KIP-890).
 */

import { array, int16, int32, int64, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const TransactionLogKey = message({
  name: 'TransactionLogKey',
  apiKey: 0,
  versions: '0',
  fields: { transactionalId: string },
})
export type TransactionLogKey = Infer<typeof TransactionLogKey>

export const TransactionLogValue = message({
  name: 'TransactionLogValue',
  apiKey: 0,
  versions: '0-1',
  flexibleSince: 1,
  fields: {
    producerId: int64,
    producerEpoch: int16,
    transactionTimeoutMs: int32,
    transactionStatus: int8,
    transactionPartitions: array({ topic: string, partitionIds: array(int32) }).nullable(),
    transactionLastUpdateTimestampMs: int64,
    transactionStartTimestampMs: int64,
    previousProducerId: int64.since(1).tagged(0).default(-1),
    nextProducerId: int64.since(1).tagged(1).default(-1),
    clientTransactionVersion: int16.since(1).tagged(2),
    nextProducerEpoch: int16.since(1).tagged(3).default(-1),
  },
})
export type TransactionLogValue = Infer<typeof TransactionLogValue>
