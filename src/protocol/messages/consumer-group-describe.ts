/**
 * Describes new-protocol consumer groups (KIP-848). Version 1 tells the type of each member (KIP-1099).
 */

import { array, boolean, int16, int32, INT32_MIN, int8, message, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

const topicPartitions = { topicId: uuid, topicName: string, partitions: array(int32) }

export const ConsumerGroupDescribeRequest = message({
  name: 'ConsumerGroupDescribeRequest',
  apiKey: 69,
  versions: '0-1',
  flexibleSince: 0,
  fields: { groupIds: array(string), includeAuthorizedOperations: boolean },
})
export type ConsumerGroupDescribeRequest = Infer<typeof ConsumerGroupDescribeRequest>

export const ConsumerGroupDescribeResponse = message({
  name: 'ConsumerGroupDescribeResponse',
  apiKey: 69,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().default(null),
      groupId: string,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      assignorName: string,
      members: array({
        memberId: string,
        instanceId: string.nullable().default(null),
        rackId: string.nullable().default(null),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: array(string),
        subscribedTopicRegex: string.nullable().default(null),
        assignment: struct({ topicPartitions: array(topicPartitions) }),
        targetAssignment: struct({ topicPartitions: array(topicPartitions) }),
        memberType: int8.since(1).default(-1).ignorable(),
      }),
      authorizedOperations: int32.default(INT32_MIN),
    }),
  },
})
export type ConsumerGroupDescribeResponse = Infer<typeof ConsumerGroupDescribeResponse>
