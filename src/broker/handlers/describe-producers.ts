/** DescribeProducers (key 61): the producers that partitions remember, with their open transactions (KIP-664). */

import { ErrorCode, errorOf } from '../../protocol/errors.ts'
import { DescribeProducersRequest, DescribeProducersResponse } from '../../protocol/messages/describe-producers.ts'
import { apiHandler } from '../api-handler.ts'
import { isValidTopicName } from '../topic-names.ts'

export const describeProducers = apiHandler({
  request: DescribeProducersRequest,
  response: DescribeProducersResponse,
  versions: [0, 0],
  handle({ topics }, { broker }) {
    const described = new Map<string, Set<number>>()
    // Once each, however often it is named: a partition may remember many producers.
    const isFirst = (name: string, partitionIndex: number): boolean => {
      let ofTopic = described.get(name)
      if (ofTopic === undefined) described.set(name, (ofTopic = new Set()))
      return ofTopic.size < ofTopic.add(partitionIndex).size
    }
    return {
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes
          .filter(partitionIndex => isFirst(name, partitionIndex))
          .map(partitionIndex => {
            const partition = isValidTopicName(name)
              ? broker.partitions.lookup(name, partitionIndex)
              : 'INVALID_TOPIC_EXCEPTION'
            const error = typeof partition === 'string' ? partition : partition.leaderError(-1)
            if (typeof partition === 'string' || error !== undefined) {
              const errorCode = ErrorCode[error!]
              return { partitionIndex, errorCode, errorMessage: errorOf(errorCode).message, activeProducers: [] }
            }
            const activeProducers = partition.log.activeProducers().map(producer => ({
              producerId: producer.producerId,
              producerEpoch: producer.producerEpoch,
              lastSequence: producer.lastSequence,
              lastTimestamp: producer.lastTimestampMs,
              coordinatorEpoch: producer.coordinatorEpoch,
              currentTxnStartOffset: producer.currentTransactionStartOffset,
            }))
            return { partitionIndex, errorCode: ErrorCode.NONE, activeProducers }
          }),
      })),
    }
  },
})
