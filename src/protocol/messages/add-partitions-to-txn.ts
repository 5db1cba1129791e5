/**
 * Adds partitions to a transaction (KIP-98). From version 4 on brokers do it for several transactions at once, or only verify
 * (KIP-890); clients use 3 and below.
 */

import { array, boolean, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

const addPartitionsToTxnTopic = { name: string, partitions: array(int32) }

const addPartitionsToTxnPartitionResult = { partitionIndex: int32, partitionErrorCode: int16 }

export const AddPartitionsToTxnRequest = message({
  name: 'AddPartitionsToTxnRequest',
  apiKey: 24,
  versions: '0-5',
  flexibleSince: 3,
  fields: {
    transactions: array({
      transactionalId: string,
      producerId: int64,
      producerEpoch: int16,
      verifyOnly: boolean,
      topics: array(addPartitionsToTxnTopic),
    }).since(4),
    v3AndBelowTransactionalId: string.until(3),
    v3AndBelowProducerId: int64.until(3),
    v3AndBelowProducerEpoch: int16.until(3),
    v3AndBelowTopics: array(addPartitionsToTxnTopic).until(3),
  },
})
export type AddPartitionsToTxnRequest = Infer<typeof AddPartitionsToTxnRequest>

export const AddPartitionsToTxnResponse = message({
  name: 'AddPartitionsToTxnResponse',
  apiKey: 24,
  versions: '0-5',
  flexibleSince: 3,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16.since(4).ignorable(),
    resultsByTransaction: array({
      transactionalId: string,
      topicResults: array({ name: string, resultsByPartition: array(addPartitionsToTxnPartitionResult) }),
    }).since(4),
    resultsByTopicV3AndBelow: array({
      name: string,
      resultsByPartition: array(addPartitionsToTxnPartitionResult),
    }).until(3),
  },
})
export type AddPartitionsToTxnResponse = Infer<typeof AddPartitionsToTxnResponse>
