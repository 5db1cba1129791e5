/**
 * Makes the records of consumer groups (KIP-848), with their lists in the order in which Kafka has them where it has one.
 *
 * Kafka 3.9 and older also kept the topics of a group (`ConsumerGroupPartitionMetadata`); since KIP-1101 a hash stands for them, and all that is left of that
 * record is its deletion.
 */

import type { Assignment } from '../assignors/assignor.ts'
import type { GroupRecord } from '../group-records.ts'
import type { ConsumerGroupMember, PartitionEpochs } from './member.ts'
import type { ResolvedRegex } from './resolved-regex.ts'

export function memberMetadataRecord(groupId: string, member: ConsumerGroupMember): GroupRecord {
  return {
    type: 'consumer-group-member-metadata',
    key: { groupId, memberId: member.memberId },
    value: {
      instanceId: member.instanceId,
      rackId: member.rackId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: [...member.subscribedTopicNames].sort(),
      subscribedTopicRegex: member.subscribedTopicRegex,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      serverAssignor: member.serverAssignor,
      classicMemberMetadata: member.classic,
    },
  }
}

export function groupEpochRecord(groupId: string, epoch: number, metadataHash: bigint): GroupRecord {
  return { type: 'consumer-group-metadata', key: { groupId }, value: { epoch, metadataHash } }
}

export function targetAssignmentRecord(groupId: string, memberId: string, assignment: Assignment): GroupRecord {
  const topicPartitions = Array.from(assignment, ([topicId, partitions]) => ({ topicId, partitions: [...partitions] }))
  return { type: 'consumer-group-target-assignment-member', key: { groupId, memberId }, value: { topicPartitions } }
}

export function targetAssignmentEpochRecord(groupId: string, epoch: number, timestampMs: number): GroupRecord {
  const value = { assignmentEpoch: epoch, assignmentTimestamp: timestampMs }
  return { type: 'consumer-group-target-assignment-metadata', key: { groupId }, value }
}

export function currentAssignmentRecord(groupId: string, member: ConsumerGroupMember): GroupRecord {
  return {
    type: 'consumer-group-current-member-assignment',
    key: { groupId, memberId: member.memberId },
    value: {
      memberEpoch: member.memberEpoch,
      previousMemberEpoch: member.previousMemberEpoch,
      state: member.state,
      assignedPartitions: topicPartitionsOf(member.assignedPartitions),
      partitionsPendingRevocation: topicPartitionsOf(member.partitionsPendingRevocation),
    },
  }
}

function topicPartitionsOf(partitions: PartitionEpochs) {
  return Array.from(partitions, ([topicId, epochs]) => ({
    topicId,
    partitions: [...epochs.keys()],
    assignmentEpochs: [...epochs.values()],
  }))
}

export function regexRecord(groupId: string, regex: string, resolved: ResolvedRegex): GroupRecord {
  const { topicNames, version, timestampMs } = resolved
  return {
    type: 'consumer-group-regular-expression',
    key: { groupId, regularExpression: regex },
    value: { topics: [...topicNames].sort(), version, timestamp: timestampMs },
  }
}

export function regexTombstone(groupId: string, regex: string): GroupRecord {
  return { type: 'consumer-group-regular-expression', key: { groupId, regularExpression: regex }, value: null }
}

export function partitionMetadataTombstone(groupId: string): GroupRecord {
  return { type: 'consumer-group-partition-metadata', key: { groupId }, value: null }
}

/** Everything about one member, in the order in which replay takes it apart. */
export function memberTombstones(groupId: string, memberId: string): GroupRecord[] {
  return [
    { type: 'consumer-group-current-member-assignment', key: { groupId, memberId }, value: null },
    { type: 'consumer-group-target-assignment-member', key: { groupId, memberId }, value: null },
    { type: 'consumer-group-member-metadata', key: { groupId, memberId }, value: null },
  ]
}

/** Everything about a group, in the order in which replay takes it apart. */
export function groupTombstones(
  groupId: string,
  memberIds: readonly string[],
  regexes: Iterable<string>,
): GroupRecord[] {
  const perMember = memberIds.map(memberId => memberTombstones(groupId, memberId))
  return [
    ...perMember.map(([currentAssignment]) => currentAssignment!),
    ...perMember.map(([, targetAssignment]) => targetAssignment!),
    { type: 'consumer-group-target-assignment-metadata', key: { groupId }, value: null },
    ...perMember.map(([, , metadata]) => metadata!),
    ...Array.from(regexes, regex => regexTombstone(groupId, regex)),
    partitionMetadataTombstone(groupId),
    { type: 'consumer-group-metadata', key: { groupId }, value: null },
  ]
}
