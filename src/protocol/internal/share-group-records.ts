/**
 * Share groups in `__consumer_offsets` (KIP-932). The key's version is the type of the record. A null value deletes what the
 * key names.
 */

import { array, int32, int64, int64Exact, int8, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

const topicPartitionsInfo = { topicId: uuid, topicName: string, partitions: array(int32) }

export const ShareGroupMetadataKey = message({
  name: 'ShareGroupMetadataKey',
  apiKey: 11,
  versions: '0,11',
  fields: { groupId: string },
})
export type ShareGroupMetadataKey = Infer<typeof ShareGroupMetadataKey>

export const ShareGroupMetadataValue = message({
  name: 'ShareGroupMetadataValue',
  apiKey: 11,
  versions: '0',
  flexibleSince: 0,
  fields: { epoch: int32, metadataHash: int64Exact },
})
export type ShareGroupMetadataValue = Infer<typeof ShareGroupMetadataValue>

export const ShareGroupPartitionMetadataKey = message({
  name: 'ShareGroupPartitionMetadataKey',
  versions: '9',
  fields: { groupId: string },
})
export type ShareGroupPartitionMetadataKey = Infer<typeof ShareGroupPartitionMetadataKey>

export const ShareGroupPartitionMetadataValue = message({
  name: 'ShareGroupPartitionMetadataValue',
  versions: '0',
  flexibleSince: 0,
  fields: {
    initializedTopics: array({ topicId: uuid, topicName: string, partitions: array(int32) }),
    deletingTopics: array({ topicId: uuid, topicName: string }),
  },
})
export type ShareGroupPartitionMetadataValue = Infer<typeof ShareGroupPartitionMetadataValue>

export const ShareGroupMemberMetadataKey = message({
  name: 'ShareGroupMemberMetadataKey',
  apiKey: 10,
  versions: '0,10',
  fields: { groupId: string, memberId: string },
})
export type ShareGroupMemberMetadataKey = Infer<typeof ShareGroupMemberMetadataKey>

export const ShareGroupMemberMetadataValue = message({
  name: 'ShareGroupMemberMetadataValue',
  apiKey: 10,
  versions: '0',
  flexibleSince: 0,
  fields: { rackId: string.nullable(), clientId: string, clientHost: string, subscribedTopicNames: array(string) },
})
export type ShareGroupMemberMetadataValue = Infer<typeof ShareGroupMemberMetadataValue>

export const ShareGroupTargetAssignmentMetadataKey = message({
  name: 'ShareGroupTargetAssignmentMetadataKey',
  apiKey: 12,
  versions: '0',
  fields: { groupId: string },
})
export type ShareGroupTargetAssignmentMetadataKey = Infer<typeof ShareGroupTargetAssignmentMetadataKey>

export const ShareGroupTargetAssignmentMetadataValue = message({
  name: 'ShareGroupTargetAssignmentMetadataValue',
  apiKey: 12,
  versions: '0',
  flexibleSince: 0,
  fields: { assignmentEpoch: int32, assignmentTimestamp: int64.tagged(0) },
})
export type ShareGroupTargetAssignmentMetadataValue = Infer<typeof ShareGroupTargetAssignmentMetadataValue>

export const ShareGroupTargetAssignmentMemberKey = message({
  name: 'ShareGroupTargetAssignmentMemberKey',
  apiKey: 13,
  versions: '0',
  fields: { groupId: string, memberId: string },
})
export type ShareGroupTargetAssignmentMemberKey = Infer<typeof ShareGroupTargetAssignmentMemberKey>

export const ShareGroupTargetAssignmentMemberValue = message({
  name: 'ShareGroupTargetAssignmentMemberValue',
  apiKey: 13,
  versions: '0',
  flexibleSince: 0,
  fields: { topicPartitions: array({ topicId: uuid, partitions: array(int32) }) },
})
export type ShareGroupTargetAssignmentMemberValue = Infer<typeof ShareGroupTargetAssignmentMemberValue>

export const ShareGroupCurrentMemberAssignmentKey = message({
  name: 'ShareGroupCurrentMemberAssignmentKey',
  apiKey: 14,
  versions: '0',
  fields: { groupId: string, memberId: string },
})
export type ShareGroupCurrentMemberAssignmentKey = Infer<typeof ShareGroupCurrentMemberAssignmentKey>

export const ShareGroupCurrentMemberAssignmentValue = message({
  name: 'ShareGroupCurrentMemberAssignmentValue',
  apiKey: 14,
  versions: '0',
  flexibleSince: 0,
  fields: {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array({ topicId: uuid, partitions: array(int32) }),
  },
})
export type ShareGroupCurrentMemberAssignmentValue = Infer<typeof ShareGroupCurrentMemberAssignmentValue>

export const ShareGroupStatePartitionMetadataKey = message({
  name: 'ShareGroupStatePartitionMetadataKey',
  apiKey: 15,
  versions: '0',
  fields: { groupId: string },
})
export type ShareGroupStatePartitionMetadataKey = Infer<typeof ShareGroupStatePartitionMetadataKey>

export const ShareGroupStatePartitionMetadataValue = message({
  name: 'ShareGroupStatePartitionMetadataValue',
  apiKey: 15,
  versions: '0',
  flexibleSince: 0,
  fields: {
    initializingTopics: array(topicPartitionsInfo),
    initializedTopics: array(topicPartitionsInfo),
    deletingTopics: array({ topicId: uuid, topicName: string }),
  },
})
export type ShareGroupStatePartitionMetadataValue = Infer<typeof ShareGroupStatePartitionMetadataValue>
