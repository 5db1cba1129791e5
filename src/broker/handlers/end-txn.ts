/**
 * EndTxn (key 26): commits or aborts a transaction. It is answered when the decision is safe; the markers are written meanwhile (KIP-98).
 *
 * v2 PRODUCER_FENCED; v3 flexible; v5 transactions of version 2, answers with the producer id and epoch to go on with (KIP-890).
 */

import { ErrorCode } from '../../protocol/errors.ts'
import { EndTxnRequest, EndTxnResponse } from '../../protocol/messages/end-txn.ts'
import { apiHandler } from '../api-handler.ts'

const fencedSince = 2
const epochBumpSince = 5

export const endTxn = apiHandler({
  request: EndTxnRequest,
  response: EndTxnResponse,
  versions: [0, 5],
  async handle({ transactionalId, producerId, producerEpoch, committed }, { broker, apiVersion }) {
    if (transactionalId === '') return { errorCode: ErrorCode.INVALID_REQUEST }
    const bumpsEpoch = apiVersion >= epochBumpSince
    const answer = await broker.transactions.coordinator.endTransaction({
      transactionalId,
      producerId,
      producerEpoch,
      result: committed ? 'COMMIT' : 'ABORT',
      clientTransactionVersion: bumpsEpoch ? 2 : 0,
    })
    if (typeof answer !== 'string') return bumpsEpoch ? { errorCode: ErrorCode.NONE, ...answer } : { errorCode: 0 }
    const isOlder = apiVersion < fencedSince && answer === 'PRODUCER_FENCED'
    return { errorCode: ErrorCode[isOlder ? 'INVALID_PRODUCER_EPOCH' : answer] }
  },
})
