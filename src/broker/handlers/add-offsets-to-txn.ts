/**
 * AddOffsetsToTxn (key 25): takes the partition of `__consumer_offsets` that a group lives in into a transaction, before offsets are committed in it (KIP-98).
 *
 * v2 PRODUCER_FENCED; v3 flexible; v4 TRANSACTION_ABORTABLE. From transactions of version 2 on TxnOffsetCommit does it by itself.
 */

import { ErrorCode } from '../../protocol/errors.ts'
import { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse } from '../../protocol/messages/add-offsets-to-txn.ts'
import { apiHandler } from '../api-handler.ts'
import { GROUP_TOPIC } from '../../metadata/internal-topics.ts'

const fencedSince = 2

export const addOffsetsToTxn = apiHandler({
  request: AddOffsetsToTxnRequest,
  response: AddOffsetsToTxnResponse,
  versions: [0, 4],
  async handle({ transactionalId, producerId, producerEpoch, groupId }, { broker, apiVersion }) {
    if (transactionalId === '') return { errorCode: ErrorCode.INVALID_REQUEST }
    const partitions = new Map([[GROUP_TOPIC, new Set([broker.transactions.offsetsPartitionFor(groupId)])]])
    const request = { transactionalId, producerId, producerEpoch, partitions }
    const error = await broker.transactions.coordinator.addToTransaction(request, 0)
    const isOlder = apiVersion < fencedSince && error === 'PRODUCER_FENCED'
    return { errorCode: ErrorCode[isOlder ? 'INVALID_PRODUCER_EPOCH' : error] }
  },
})
