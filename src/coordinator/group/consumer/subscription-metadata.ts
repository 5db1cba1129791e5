/**
 * After a member has come or changed, or topics have: whether the group has to go to a new epoch, and what for. And the target assignment of the epoch it is in.
 */

import type { GroupRecord } from '../group-records.ts'
import { EMPTY_ASSIGNMENT } from '../assignors/assignor.ts'
import type { Assignment, MemberSpec } from '../assignors/assignor.ts'
import {
  groupEpochRecord,
  partitionMetadataTombstone,
  targetAssignmentEpochRecord,
  targetAssignmentRecord,
} from './consumer-group-records.ts'
import type { ConsumerGroupContext } from './consumer-group-context.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { regexOf, sameAssignment } from './member.ts'
import type { ConsumerGroupMember } from './member.ts'
import { countNames, countOne, countRegex, isHomogeneous, subscribedTopicNames } from './subscriptions.ts'
import type { SubscriptionCount } from './subscriptions.ts'

/** Topics are looked at when they change; beyond that as good as never. */
export const METADATA_REFRESH_MS = 2 ** 31 - 1

/** A member before and after an operation. */
export interface MemberChange {
  readonly before: ConsumerGroupMember
  readonly after: ConsumerGroupMember
}

/** Regular expressions by how many members will subscribe to them. */
export function regexCountsAfter(group: ConsumerGroup, { before, after }: MemberChange): Map<string, number> {
  const counts = new Map(group.regexCounts.entries())
  countOne(counts, regexOf(before), -1)
  countOne(counts, regexOf(after), 1)
  return counts
}

/** Topics by how many will subscribe to them. */
function topicCountsAfter(group: ConsumerGroup, { before, after }: MemberChange): Map<string, SubscriptionCount> {
  const counts = new Map(group.topicCounts.entries())
  countNames(counts, before.subscribedTopicNames, -1)
  countNames(counts, after.subscribedTopicNames, 1)
  const regex = regexOf(before)
  if (regex !== undefined && regex !== regexOf(after) && group.regexCounts.get(regex) === 1) {
    countRegex(counts, group.resolvedRegexes.get(regex)?.topicNames ?? [], -1)
  }
  return counts
}

/** Takes the group to its next epoch where `isBumped` says so or its topics are not what they were. Returns the epoch that it is in then. */
export function updateSubscriptionMetadata(
  context: ConsumerGroupContext,
  group: ConsumerGroup,
  change: MemberChange,
  isBumped: boolean,
  records: GroupRecord[],
): number {
  const { groupId } = group
  const metadataHash = context.topicHashes.ofGroup(topicCountsAfter(group, change).keys())
  const hasNewEpoch = isBumped || metadataHash !== group.metadataHash.get()
  const groupEpoch = group.groupEpoch.get() + (hasNewEpoch ? 1 : 0)
  if (hasNewEpoch) {
    records.push(groupEpochRecord(groupId, groupEpoch, metadataHash))
    context.logger.info('a consumer group has a new epoch', { group: groupId, epoch: groupEpoch })
  }
  group.setMetadataRefresh(context.shard.nowMs() + METADATA_REFRESH_MS, groupEpoch)
  if (group.hasPartitionMetadataRecord.get()) records.push(partitionMetadataTombstone(groupId))
  return groupEpoch
}

/**
 * Whether all will subscribe to the same topics. Kafka only counts a member that joins where its subscription changes the group; one that joins with none can
 * then make it assign nothing to anybody.
 */
function isHomogeneousAfter(group: ConsumerGroup, change: MemberChange): boolean {
  const { after } = change
  const isNew = !group.hasMember(after.memberId) && !group.staticMembers.has(after.instanceId ?? '')
  const memberCount = group.members.size + (isNew ? 1 : 0)
  return isHomogeneous(regexCountsAfter(group, change), topicCountsAfter(group, change).values(), memberCount)
}

export interface Target {
  readonly epoch: number
  /** Of the member. */
  readonly assignment: Assignment
}

/**
 * The target of the member, in the epoch that the group has come to if an assignment may be computed for it now: `consumer.assignment.interval.ms` after the
 * last one, so that many who come at once are taken together (KIP-1263).
 */
export function updateTargetAssignment(
  context: ConsumerGroupContext,
  group: ConsumerGroup,
  change: MemberChange,
  groupEpoch: number,
  records: GroupRecord[],
): Target {
  const { groupId } = group
  const { before, after } = change
  const last: Target = { epoch: group.assignmentEpoch, assignment: group.targetOf(after.memberId, after.instanceId) }
  if (last.epoch >= groupEpoch || !mayAssign(context, group)) return last
  const members = memberSpecs(group, after)
  const assignor = assignorOf(context, group.preferredAssignor('latest', before, after))
  const assigned = assignor.assign(
    {
      members,
      isHomogeneous: isHomogeneousAfter(group, change),
      isAssigned: (topicId, partition) => group.isInTarget(topicId, partition),
    },
    context.shard.topics,
  )
  for (const memberId of members.keys()) {
    const old = group.targets.get(memberId)
    const assignment = assigned.get(memberId) ?? EMPTY_ASSIGNMENT
    if (old === undefined || !sameAssignment(old, assignment))
      records.push(targetAssignmentRecord(groupId, memberId, assignment))
  }
  records.push(targetAssignmentEpochRecord(groupId, groupEpoch, context.shard.nowMs()))
  context.logger.info('a consumer group has a new target assignment', {
    group: groupId,
    epoch: groupEpoch,
    assignor: assignor.name,
  })
  return { epoch: groupEpoch, assignment: assigned.get(after.memberId) ?? EMPTY_ASSIGNMENT }
}

function mayAssign({ shard, config }: ConsumerGroupContext, group: ConsumerGroup): boolean {
  const { timestampMs } = group.targetMetadata.get()
  const intervalMs = config.assignmentIntervalMs(group.groupId)
  const nowMs = shard.nowMs()
  // A clock that was set back would keep everybody waiting until it has caught up (G5).
  const isSetBack = nowMs < timestampMs
  return timestampMs === 0 || intervalMs === 0 || isSetBack || nowMs >= timestampMs + intervalMs
}

function assignorOf({ config }: ConsumerGroupContext, name: string | undefined) {
  return config.assignors.find(assignor => assignor.name === name) ?? config.assignors[0]!
}

/** All members with their targets so far, and the changed one with what it was given before, under this id or as the static member that it stands for. */
function memberSpecs(group: ConsumerGroup, changed: ConsumerGroupMember): Map<string, MemberSpec> {
  const resolved = (regex: string) => group.resolvedRegexes.get(regex)
  const specOf = (member: ConsumerGroupMember, assignment: Assignment | undefined): MemberSpec => ({
    instanceId: member.instanceId,
    rackId: member.rackId,
    topicNames: subscribedTopicNames(member, resolved),
    assignment: assignment ?? EMPTY_ASSIGNMENT,
  })
  const specs = new Map<string, MemberSpec>()
  for (const [memberId, member] of group.members.entries())
    specs.set(memberId, specOf(member, group.targets.get(memberId)))
  const former = changed.instanceId === null ? undefined : group.staticMembers.get(changed.instanceId)
  specs.set(changed.memberId, specOf(changed, group.targets.get(former ?? changed.memberId)))
  if (former !== undefined && former !== changed.memberId) specs.delete(former)
  return specs
}
