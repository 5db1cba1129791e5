/**
 * Applies the records of consumer groups: the only way in which their state changes, while the broker serves and when it loads.
 *
 * A compacted log may begin in the middle of a group's life, so whatever is not there is made, and the deletion of what is not there is passed over. What
 * comes out of order otherwise was never written by a coordinator, and is a bug or a damaged log.
 */

import { assert } from '../../../std/assert.ts'
import type { Timeline } from '../../runtime/timeline.ts'
import type { TimelineMap } from '../../runtime/timeline.ts'
import type { Group } from '../group.ts'
import { assertHasNext } from '../group-records.ts'
import type { GroupRecord, GroupRecordOf } from '../group-records.ts'
import { ConsumerGroup, NO_ASSIGNMENT_EPOCH } from './consumer-group.ts'
import { LEAVE_EPOCH, MemberState, newMember, NO_PARTITIONS } from './member.ts'
import type { ClassicMemberMetadata, PartitionEpochs } from './member.ts'
import { ownBytes } from '../../../std/own-bytes.ts'

export type ConsumerGroupRecord = Extract<GroupRecord, { readonly type: `consumer-group-${string}` }>

export function isConsumerGroupRecord(record: GroupRecord): record is ConsumerGroupRecord {
  return record.type.startsWith('consumer-group-')
}

/** `canReplace`: whether a group of another kind holds nothing but committed offsets, so that no record of its own is in the log. */
export interface ReplayTarget {
  readonly timeline: Timeline
  readonly groups: TimelineMap<string, Group>
  canReplace(group: Group): boolean
}

export function replayConsumerGroupRecord(record: ConsumerGroupRecord, target: ReplayTarget): void {
  const group = groupFor(record, target)
  if (group === undefined) return
  switch (record.type) {
    case 'consumer-group-metadata':
      if (record.value === null) deleteGroup(group, target)
      else {
        assertHasNext(record.value.epoch, `the epoch of ${group.groupId}`)
        group.groupEpoch.set(record.value.epoch)
        group.metadataHash.set(record.value.metadataHash)
      }
      return
    case 'consumer-group-partition-metadata':
      if (group.hasPartitionMetadataRecord.get() !== (record.value !== null)) {
        group.hasPartitionMetadataRecord.set(record.value !== null)
      }
      return
    case 'consumer-group-member-metadata':
      replayMemberMetadata(group, record)
      return
    case 'consumer-group-target-assignment-metadata':
      replayTargetMetadata(group, record)
      return
    case 'consumer-group-target-assignment-member':
      group.setTarget(
        record.key.memberId,
        record.value === null ? undefined : assignmentOf(record.value.topicPartitions),
      )
      return
    case 'consumer-group-current-member-assignment':
      replayCurrentAssignment(group, record)
      return
    case 'consumer-group-regular-expression':
      replayRegex(group, record)
      return
  }
}

/** The group that the record is about; one that is made for it; undefined where it deletes what is not there. */
function groupFor(
  record: ConsumerGroupRecord,
  { timeline, groups, canReplace }: ReplayTarget,
): ConsumerGroup | undefined {
  const { groupId } = record.key
  const group = groups.get(groupId)
  if (group instanceof ConsumerGroup) return group
  if (group === undefined && record.value === null) return undefined
  assert(
    group === undefined || canReplace(group),
    () => `a record of consumer group ${groupId}, which is ${group?.type}`,
  )
  const made = new ConsumerGroup(timeline, groupId)
  groups.set(groupId, made)
  return made
}

function deleteGroup(group: ConsumerGroup, { groups }: ReplayTarget): void {
  const { groupId } = group
  assert(group.members.size === 0, () => `group ${groupId} is deleted with ${group.members.size} members`)
  assert(group.targets.size === 0, () => `group ${groupId} is deleted with targets of ${group.targets.size} members`)
  assert(
    group.assignmentEpoch === NO_ASSIGNMENT_EPOCH,
    () => `group ${groupId} is deleted before its target assignment`,
  )
  groups.delete(groupId)
}

function replayMemberMetadata(group: ConsumerGroup, record: GroupRecordOf<'consumer-group-member-metadata'>): void {
  const { memberId } = record.key
  const before = group.members.get(memberId)
  const { value } = record
  if (value === null) {
    if (before === undefined) return
    assert(before.memberEpoch === LEAVE_EPOCH, () => `${memberId} is deleted before its current assignment`)
    assert(!group.targets.has(memberId), () => `${memberId} is deleted before its target assignment`)
    group.deleteMember(memberId)
    return
  }
  const { subscribedTopicNames, classicMemberMetadata, ...said } = value
  group.putMember({
    ...(before ?? newMember(memberId)),
    instanceId: said.instanceId,
    rackId: said.rackId,
    clientId: said.clientId,
    clientHost: said.clientHost,
    rebalanceTimeoutMs: said.rebalanceTimeoutMs,
    subscribedTopicRegex: said.subscribedTopicRegex,
    serverAssignor: said.serverAssignor,
    subscribedTopicNames: new Set(subscribedTopicNames),
    classic: classicMemberMetadata === null ? null : owned(classicMemberMetadata),
  })
}

/** Bytes that were read from a request or from the log lie in memory much larger than they are. */
function owned({ sessionTimeoutMs, supportedProtocols }: ClassicMemberMetadata): ClassicMemberMetadata {
  return {
    sessionTimeoutMs,
    supportedProtocols: supportedProtocols.map(({ name, metadata }) => ({ name, metadata: ownBytes(metadata) })),
  }
}

function replayTargetMetadata(
  group: ConsumerGroup,
  { value }: GroupRecordOf<'consumer-group-target-assignment-metadata'>,
): void {
  if (value !== null) {
    assertHasNext(value.assignmentEpoch, `the assignment epoch of ${group.groupId}`)
    group.targetMetadata.set({ epoch: value.assignmentEpoch, timestampMs: value.assignmentTimestamp })
    return
  }
  assert(
    group.targets.size === 0,
    () => `the assignment of ${group.groupId} is deleted with targets of ${group.targets.size}`,
  )
  group.targetMetadata.set({ epoch: NO_ASSIGNMENT_EPOCH, timestampMs: 0 })
}

function replayCurrentAssignment(
  group: ConsumerGroup,
  record: GroupRecordOf<'consumer-group-current-member-assignment'>,
): void {
  const { memberId } = record.key
  const before = group.members.get(memberId)
  const { value } = record
  if (value === null) {
    if (before === undefined) return
    group.putMember({
      ...before,
      memberEpoch: LEAVE_EPOCH,
      previousMemberEpoch: LEAVE_EPOCH,
      assignedPartitions: NO_PARTITIONS,
      partitionsPendingRevocation: NO_PARTITIONS,
    })
    return
  }
  assertHasNext(value.memberEpoch, `the epoch of ${memberId}`)
  group.putMember({
    ...(before ?? newMember(memberId)),
    memberEpoch: value.memberEpoch,
    previousMemberEpoch: value.previousMemberEpoch,
    state: stateOf(value.state),
    assignedPartitions: partitionEpochsOf(value.assignedPartitions, value.memberEpoch),
    partitionsPendingRevocation: partitionEpochsOf(value.partitionsPendingRevocation, value.memberEpoch),
  })
}

function replayRegex(group: ConsumerGroup, record: GroupRecordOf<'consumer-group-regular-expression'>): void {
  const { value } = record
  group.setResolvedRegex(
    record.key.regularExpression,
    value === null
      ? undefined
      : { topicNames: new Set(value.topics), version: value.version, timestampMs: value.timestamp },
  )
}

function stateOf(state: number): MemberState {
  return Object.values(MemberState).find(each => each === state) ?? MemberState.UNKNOWN
}

type Topics = NonNullable<GroupRecordOf<'consumer-group-current-member-assignment'>['value']>['assignedPartitions']

/** Records older than Kafka 4.3 do not say in which epoch a partition was assigned: as far as we know, in the member's. */
function partitionEpochsOf(topics: Topics, memberEpoch: number): PartitionEpochs {
  const unknown = Math.max(memberEpoch, 0)
  return new Map(
    topics.map(({ topicId, partitions, assignmentEpochs: epochs }) => {
      const known = epochs?.length === partitions.length ? epochs : undefined
      return [topicId, new Map(partitions.map((partition, i) => [partition, known?.[i] ?? unknown]))]
    }),
  )
}

function assignmentOf(topics: readonly { readonly topicId: string; readonly partitions: readonly number[] }[]) {
  return new Map(topics.map(({ topicId, partitions }) => [topicId, new Set(partitions)]))
}
