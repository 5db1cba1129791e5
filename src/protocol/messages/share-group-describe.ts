/**
 * Describes share groups (KIP-932). Version 0 was an early access.
 */

import { array, boolean, int16, int32, INT32_MIN, message, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ShareGroupDescribeRequest = message({
  name: 'ShareGroupDescribeRequest',
  apiKey: 77,
  versions: '0-1',
  flexibleSince: 0,
  fields: { groupIds: array(string), includeAuthorizedOperations: boolean },
})
export type ShareGroupDescribeRequest = Infer<typeof ShareGroupDescribeRequest>

export const ShareGroupDescribeResponse = message({
  name: 'ShareGroupDescribeResponse',
  apiKey: 77,
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
        rackId: string.nullable().default(null),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: array(string),
        assignment: struct({ topicPartitions: array({ topicId: uuid, topicName: string, partitions: array(int32) }) }),
      }),
      authorizedOperations: int32.default(INT32_MIN),
    }),
  },
})
export type ShareGroupDescribeResponse = Infer<typeof ShareGroupDescribeResponse>
