/**
 * New-protocol consumer groups in `__consumer_offsets` (KIP-848). The key's version is the type of the record. A null value
 * deletes what the key names.
 */

import { array, bytes, int32, int64, int64Exact, int8, message, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

const topicPartitions = { topicId: uuid, partitions: array(int32), assignmentEpochs: array(int32).nullable().tagged(0) }

export const ConsumerGroupMetadataKey = message({
  name: 'ConsumerGroupMetadataKey',
  apiKey: 3,
  versions: '0,3',
  fields: { groupId: string },
})
export type ConsumerGroupMetadataKey = Infer<typeof ConsumerGroupMetadataKey>

export const ConsumerGroupMetadataValue = message({
  name: 'ConsumerGroupMetadataValue',
  apiKey: 3,
  versions: '0',
  flexibleSince: 0,
  fields: { epoch: int32, metadataHash: int64Exact.tagged(0) },
})
export type ConsumerGroupMetadataValue = Infer<typeof ConsumerGroupMetadataValue>

export const ConsumerGroupPartitionMetadataKey = message({
  name: 'ConsumerGroupPartitionMetadataKey',
  apiKey: 4,
  versions: '0,4',
  fields: { groupId: string },
})
export type ConsumerGroupPartitionMetadataKey = Infer<typeof ConsumerGroupPartitionMetadataKey>

export const ConsumerGroupPartitionMetadataValue = message({
  name: 'ConsumerGroupPartitionMetadataValue',
  apiKey: 4,
  versions: '0',
  flexibleSince: 0,
  fields: {
    topics: array({
      topicId: uuid,
      topicName: string,
      numPartitions: int32,
      partitionMetadata: array({ partition: int32, racks: array(string) }),
    }),
  },
})
export type ConsumerGroupPartitionMetadataValue = Infer<typeof ConsumerGroupPartitionMetadataValue>

export const ConsumerGroupMemberMetadataKey = message({
  name: 'ConsumerGroupMemberMetadataKey',
  apiKey: 5,
  versions: '0,5',
  fields: { groupId: string, memberId: string },
})
export type ConsumerGroupMemberMetadataKey = Infer<typeof ConsumerGroupMemberMetadataKey>

export const ConsumerGroupMemberMetadataValue = message({
  name: 'ConsumerGroupMemberMetadataValue',
  apiKey: 5,
  versions: '0',
  flexibleSince: 0,
  fields: {
    instanceId: string.nullable(),
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    subscribedTopicNames: array(string),
    subscribedTopicRegex: string.nullable(),
    rebalanceTimeoutMs: int32.default(-1),
    serverAssignor: string.nullable(),
    classicMemberMetadata: struct({
      sessionTimeoutMs: int32,
      supportedProtocols: array({ name: string, metadata: bytes }),
    })
      .nullable()
      .tagged(0),
  },
})
export type ConsumerGroupMemberMetadataValue = Infer<typeof ConsumerGroupMemberMetadataValue>

export const ConsumerGroupTargetAssignmentMetadataKey = message({
  name: 'ConsumerGroupTargetAssignmentMetadataKey',
  apiKey: 6,
  versions: '0,6',
  fields: { groupId: string },
})
export type ConsumerGroupTargetAssignmentMetadataKey = Infer<typeof ConsumerGroupTargetAssignmentMetadataKey>

export const ConsumerGroupTargetAssignmentMetadataValue = message({
  name: 'ConsumerGroupTargetAssignmentMetadataValue',
  apiKey: 6,
  versions: '0',
  flexibleSince: 0,
  fields: { assignmentEpoch: int32, assignmentTimestamp: int64.tagged(0) },
})
export type ConsumerGroupTargetAssignmentMetadataValue = Infer<typeof ConsumerGroupTargetAssignmentMetadataValue>

export const ConsumerGroupTargetAssignmentMemberKey = message({
  name: 'ConsumerGroupTargetAssignmentMemberKey',
  apiKey: 7,
  versions: '0,7',
  fields: { groupId: string, memberId: string },
})
export type ConsumerGroupTargetAssignmentMemberKey = Infer<typeof ConsumerGroupTargetAssignmentMemberKey>

export const ConsumerGroupTargetAssignmentMemberValue = message({
  name: 'ConsumerGroupTargetAssignmentMemberValue',
  apiKey: 7,
  versions: '0',
  flexibleSince: 0,
  fields: { topicPartitions: array({ topicId: uuid, partitions: array(int32) }) },
})
export type ConsumerGroupTargetAssignmentMemberValue = Infer<typeof ConsumerGroupTargetAssignmentMemberValue>

export const ConsumerGroupCurrentMemberAssignmentKey = message({
  name: 'ConsumerGroupCurrentMemberAssignmentKey',
  apiKey: 8,
  versions: '0,8',
  fields: { groupId: string, memberId: string },
})
export type ConsumerGroupCurrentMemberAssignmentKey = Infer<typeof ConsumerGroupCurrentMemberAssignmentKey>

export const ConsumerGroupCurrentMemberAssignmentValue = message({
  name: 'ConsumerGroupCurrentMemberAssignmentValue',
  apiKey: 8,
  versions: '0',
  flexibleSince: 0,
  fields: {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(topicPartitions),
    partitionsPendingRevocation: array(topicPartitions),
  },
})
export type ConsumerGroupCurrentMemberAssignmentValue = Infer<typeof ConsumerGroupCurrentMemberAssignmentValue>

export const ConsumerGroupRegularExpressionKey = message({
  name: 'ConsumerGroupRegularExpressionKey',
  apiKey: 16,
  versions: '0',
  fields: { groupId: string, regularExpression: string },
})
export type ConsumerGroupRegularExpressionKey = Infer<typeof ConsumerGroupRegularExpressionKey>

export const ConsumerGroupRegularExpressionValue = message({
  name: 'ConsumerGroupRegularExpressionValue',
  apiKey: 16,
  versions: '0',
  flexibleSince: 0,
  fields: { topics: array(string), version: int64, timestamp: int64 },
})
export type ConsumerGroupRegularExpressionValue = Infer<typeof ConsumerGroupRegularExpressionValue>
