/** DescribeTransactions (key 65): what the coordinator knows of transactional ids (KIP-664). */

import type { TransactionMetadata } from '../../coordinator/transaction/transaction-metadata.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  DescribeTransactionsRequest,
  DescribeTransactionsResponse,
} from '../../protocol/messages/describe-transactions.ts'
import { apiHandler } from '../api-handler.ts'

export const describeTransactions = apiHandler({
  request: DescribeTransactionsRequest,
  response: DescribeTransactionsResponse,
  versions: [0, 0],
  handle({ transactionalIds }, { broker }) {
    // Once each, however often it is named: a transaction may have many partitions.
    const transactionStates = Array.from(new Set(transactionalIds), transactionalId => {
      if (transactionalId === '') return failed(transactionalId, ErrorCode.INVALID_REQUEST)
      const known = broker.transactions.coordinator.describe(transactionalId)
      if (known === undefined) return failed(transactionalId, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND)
      return typeof known === 'string' ? failed(transactionalId, ErrorCode[known]) : described(known)
    })
    return { transactionStates }
  },
})

function failed(transactionalId: string, errorCode: number) {
  return { errorCode, transactionalId }
}

function described(transaction: TransactionMetadata) {
  return {
    errorCode: ErrorCode.NONE,
    transactionalId: transaction.transactionalId,
    transactionState: transaction.state,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStartTimeMs: transaction.startTimestampMs,
    producerId: transaction.producerId,
    producerEpoch: transaction.producerEpoch,
    topics: [...transaction.partitions].map(([topic, numbers]) => ({ topic, partitions: [...numbers] })),
  }
}
