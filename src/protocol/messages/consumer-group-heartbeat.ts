/**
 * The only request of a member of a new-protocol consumer group: joins, leaves, reports and receives partitions (KIP-848).
 * Version 1 can subscribe by a regular expression that the broker resolves, and the member chooses its id itself.
 */

import { array, int16, int32, message, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ConsumerGroupHeartbeatRequest = message({
  name: 'ConsumerGroupHeartbeatRequest',
  apiKey: 68,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: string.nullable().default(null),
    rackId: string.nullable().default(null),
    rebalanceTimeoutMs: int32.default(-1),
    subscribedTopicNames: array(string).nullable().default(null),
    subscribedTopicRegex: string.nullable().since(1).default(null),
    serverAssignor: string.nullable().default(null),
    topicPartitions: array({ topicId: uuid, partitions: array(int32) })
      .nullable()
      .default(null),
  },
})
export type ConsumerGroupHeartbeatRequest = Infer<typeof ConsumerGroupHeartbeatRequest>

export const ConsumerGroupHeartbeatResponse = message({
  name: 'ConsumerGroupHeartbeatResponse',
  apiKey: 68,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    memberId: string.nullable().default(null),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: struct({ topicPartitions: array({ topicId: uuid, partitions: array(int32) }) })
      .nullable()
      .default(null),
  },
})
export type ConsumerGroupHeartbeatResponse = Infer<typeof ConsumerGroupHeartbeatResponse>
