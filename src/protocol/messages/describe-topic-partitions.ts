/**
 * Describes partitions of topics in pages, with a cursor (KIP-966).
 */

import { array, boolean, int16, int32, INT32_MIN, message, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DescribeTopicPartitionsRequest = message({
  name: 'DescribeTopicPartitionsRequest',
  apiKey: 75,
  versions: '0',
  flexibleSince: 0,
  fields: {
    topics: array({ name: string }),
    responsePartitionLimit: int32.default(2000),
    cursor: struct({ topicName: string, partitionIndex: int32 }).nullable().default(null),
  },
})
export type DescribeTopicPartitionsRequest = Infer<typeof DescribeTopicPartitionsRequest>

export const DescribeTopicPartitionsResponse = message({
  name: 'DescribeTopicPartitionsResponse',
  apiKey: 75,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    topics: array({
      errorCode: int16,
      name: string.nullable(),
      topicId: uuid,
      isInternal: boolean,
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.default(-1),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        eligibleLeaderReplicas: array(int32).nullable().default(null),
        lastKnownElr: array(int32).nullable().default(null),
        offlineReplicas: array(int32),
      }),
      topicAuthorizedOperations: int32.default(INT32_MIN),
    }),
    nextCursor: struct({ topicName: string, partitionIndex: int32 }).nullable().default(null),
  },
})
export type DescribeTopicPartitionsResponse = Infer<typeof DescribeTopicPartitionsResponse>
