/**
 * Turns a classic group of consumers into a consumer group, when the first member of the new protocol joins it (`group.consumer.migration.policy`).
 *
 * The classic members stay: what they have is what their last assignment gave them, and the generation is the epoch of all. If they were in the middle of a
 * rebalance they are told to join again. The member that joins changes the subscriptions, so a new assignment follows, unless it is static and takes the place of a former
 * self that wanted the same. Where what is assigned is then not all there is, because the rebalance in whose middle they were was to assign it, a new assignment is asked for by
 * `isUnsettled`; in Kafka the rest stays nobody's until something else happens to the group (G5).
 */

import { ErrorCode } from '../../../protocol/errors.ts'
import { Timeline } from '../../runtime/timeline.ts'
import type { TopicsView } from '../../runtime/coordinator.ts'
import type { Assignment } from '../assignors/assignor.ts'
import type { ClassicGroup } from '../classic/classic-group.ts'
import type { ClassicMember } from '../classic/classic-member.ts'
import { noAssignment } from '../classic/classic-member.ts'
import type { GroupRecord } from '../group-records.ts'
import {
  currentAssignmentRecord,
  groupEpochRecord,
  memberMetadataRecord,
  targetAssignmentEpochRecord,
  targetAssignmentRecord,
} from './consumer-group-records.ts'
import { isRefusal, refuse } from './consumer-group-context.ts'
import type { ConsumerGroupContext, Refusal } from './consumer-group-context.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { byTopicId, readAssignment, readSubscription } from './consumer-protocol.ts'
import type { Fencing } from './fencing.ts'
import { newMember, withEpoch } from './member.ts'
import type { ConsumerGroupMember } from './member.ts'

/** A group as it will be when its records have been replayed. */
export interface UpcomingGroup {
  readonly group: ConsumerGroup
  readonly records: readonly GroupRecord[]
  /** It needs a new assignment, whoever joins. */
  readonly isUnsettled: boolean
}

/** A group that nothing is known of yet, and that nobody but its operation sees. */
export function upcomingGroup(groupId: string, records: readonly GroupRecord[]): UpcomingGroup {
  const timeline = new Timeline()
  timeline.isSettled = true
  return { group: new ConsumerGroup(timeline, groupId), records, isUnsettled: false }
}

export class Upgrades {
  readonly #context: ConsumerGroupContext
  readonly #fencing: Fencing

  constructor(context: ConsumerGroupContext, fencing: Fencing) {
    this.#context = context
    this.#fencing = fencing
  }

  upgrade(classic: ClassicGroup): UpcomingGroup | Refusal {
    const { groupId } = classic
    const { config, shard, topicHashes, logger } = this.#context
    const problem = this.#problem(classic)
    if (problem !== undefined)
      return refuse('GROUP_ID_NOT_FOUND', `classic group ${groupId} cannot become a consumer group: ${problem}`)
    const members: ConversionOf[] = []
    for (const member of classic.members.values()) {
      const converted = convert(classic, member, shard.topics)
      if (isRefusal(converted)) return converted
      members.push(converted)
    }
    answerAll(classic)
    const { group, records } = upcomingGroup(groupId, classic.tombstones())
    const epoch = classic.generationId
    group.groupEpoch.set(epoch)
    group.targetMetadata.set({ epoch, timestampMs: 0 })
    for (const { member, target } of members) {
      group.setTarget(member.memberId, target)
      group.putMember(member)
      this.#fencing.renewSession(group, member.memberId, member.classic!.sessionTimeoutMs)
    }
    const metadataHash = topicHashes.ofGroup(group.topicCounts.keys())
    group.metadataHash.set(metadataHash)
    logger.info('a classic group becomes a consumer group', {
      group: groupId,
      members: members.length,
      policy: config.migrationPolicy,
    })
    return {
      group,
      isUnsettled: !classic.is('Stable') || !isAllAssigned(group, members, shard.topics),
      records: [
        ...records,
        ...members.map(({ member }) => memberMetadataRecord(groupId, member)),
        groupEpochRecord(groupId, epoch, metadataHash),
        ...members.map(({ member, target }) => targetAssignmentRecord(groupId, member.memberId, target)),
        targetAssignmentEpochRecord(groupId, epoch, 0),
        ...members.map(({ member }) => currentAssignmentRecord(groupId, member)),
      ],
    }
  }

  #problem(classic: ClassicGroup): string | undefined {
    const { migrationPolicy, maxSize } = this.#context.config
    if (migrationPolicy !== 'bidirectional' && migrationPolicy !== 'upgrade')
      return 'group.consumer.migration.policy forbids it'
    if (!classic.usesConsumerProtocol) return `its protocol type is ${classic.protocolType ?? 'none'}`
    if (classic.members.size > maxSize)
      return `it has ${classic.members.size} members, and group.consumer.max.size is ${maxSize}`
    return undefined
  }
}

interface ConversionOf {
  readonly member: ConsumerGroupMember
  readonly target: Assignment
}

/** Whether each partition that the group subscribes to is somebody's. */
function isAllAssigned(group: ConsumerGroup, members: readonly ConversionOf[], topics: TopicsView): boolean {
  for (const name of group.topicCounts.keys()) {
    const topic = topics.byName(name)
    if (topic === undefined) continue
    let assigned = 0
    for (const { target } of members) assigned += target.get(topic.id)?.size ?? 0
    if (assigned < topic.partitionCount) return false
  }
  return true
}

function convert(group: ClassicGroup, member: ClassicMember, topics: TopicsView): ConversionOf | Refusal {
  const target = targetOf(group, member, topics)
  if (isRefusal(target)) return target
  // In its first rebalance a group has no protocol yet; then it is the one that it would have had.
  const subscription = readSubscription(member.metadata(group.protocolName ?? group.selectProtocol()))
  if (subscription === undefined) return malformed(group, member)
  const { generationId } = group
  const { clientId, clientHost, groupInstanceId } = member.identity
  return {
    target,
    member: {
      ...newMember(member.memberId),
      memberEpoch: generationId,
      previousMemberEpoch: generationId,
      instanceId: groupInstanceId,
      rackId: subscription.rackId === '' ? null : subscription.rackId,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      clientId,
      clientHost,
      subscribedTopicNames: new Set(subscription.topics),
      assignedPartitions: withEpoch(target, generationId),
      classic: {
        sessionTimeoutMs: member.sessionTimeoutMs,
        supportedProtocols: member.protocols.map(({ name, metadata }) => ({ name, metadata })),
      },
    },
  }
}

/** Nothing, where the member has joined and never heard of an assignment. */
function targetOf(group: ClassicGroup, member: ClassicMember, topics: TopicsView): Assignment | Refusal {
  if (member.assignment.length === noAssignment.length) return new Map()
  const assignment = readAssignment(member.assignment)
  if (assignment === undefined) return malformed(group, member)
  if (assignment.userData !== null && assignment.userData.length > 0) {
    return refuse(
      'GROUP_ID_NOT_FOUND',
      `classic group ${group.groupId} cannot become a consumer group: its assignor keeps data of its own with the assignments, which would be lost`,
    )
  }
  const owned = byTopicId(assignment.assignedPartitions, topics)
  return new Map(owned.map(({ topicId, partitions }) => [topicId, new Set(partitions)]))
}

function malformed(group: ClassicGroup, { memberId }: ClassicMember): Refusal {
  return refuse(
    'GROUP_ID_NOT_FOUND',
    `classic group ${group.groupId} cannot become a consumer group: what member ${memberId} has said or been told cannot be read`,
  )
}

/** Whoever waits for the rebalance that does not come any more. */
function answerAll(group: ClassicGroup): void {
  const errorCode = ErrorCode.REBALANCE_IN_PROGRESS
  for (const member of group.members.values()) {
    group.answerJoin(member, { memberId: member.memberId, protocolName: null, errorCode })
    member.answerSync({ protocolName: null, errorCode })
  }
}
