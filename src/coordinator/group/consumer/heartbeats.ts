/**
 * ConsumerGroupHeartbeat (KIP-848): how a member joins, says that it is alive, what it subscribes to and what it owns, hears of its assignment, and leaves.
 */

import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from '../../../protocol/messages/consumer-group-heartbeat.ts'
import { ErrorCode } from '../../../protocol/errors.ts'
import type { Input } from '../../../protocol/schema.ts'
import type { CoordinatorResult } from '../../runtime/coordinator.ts'
import type { GroupRequester } from '../classic/classic-context.ts'
import { ClassicGroup } from '../classic/classic-group.ts'
import type { GroupRecord } from '../group-records.ts'
import { currentAssignmentRecord } from './consumer-group-records.ts'
import { isRefusal, refuse } from './consumer-group-context.ts'
import type { ConsumerGroupContext, Refusal } from './consumer-group-context.ts'
import { ConsumerGroup } from './consumer-group.ts'
import type { Fencing } from './fencing.ts'
import { fencedByInstance, findMember, isWithin, notAMember, unknownInstance } from './find-member.ts'
import { heartbeatProblem } from './heartbeat-request.ts'
import type { MemberUpdates } from './member-update.ts'
import {
  JOIN_EPOCH,
  LEAVE_EPOCH,
  LEAVE_STATIC_EPOCH,
  NO_PARTITIONS,
  samePartitionEpochs,
  withEpoch,
  withoutEpochs,
} from './member.ts'
import type { ConsumerGroupMember, PartitionEpochs } from './member.ts'
import { updateSubscriptionMetadata, updateTargetAssignment } from './subscription-metadata.ts'
import { upcomingGroup } from './upgrade.ts'
import type { UpcomingGroup, Upgrades } from './upgrade.ts'

export type HeartbeatAnswer = Input<typeof ConsumerGroupHeartbeatResponse>
type Result = CoordinatorResult<GroupRecord, HeartbeatAnswer>

export class Heartbeats {
  readonly #context: ConsumerGroupContext
  readonly #fencing: Fencing
  readonly #upgrades: Upgrades
  readonly #updates: MemberUpdates

  constructor(context: ConsumerGroupContext, fencing: Fencing, upgrades: Upgrades, updates: MemberUpdates) {
    this.#context = context
    this.#fencing = fencing
    this.#upgrades = upgrades
    this.#updates = updates
  }

  heartbeat(request: ConsumerGroupHeartbeatRequest, requester: GroupRequester): Result {
    const problem = heartbeatProblem(request, requester.apiVersion, this.#context.config)
    const result = problem ?? this.#serve(request, requester)
    if (!isRefusal(result)) return result
    return { records: [], response: { errorCode: ErrorCode[result.error], errorMessage: result.message } }
  }

  #serve(request: ConsumerGroupHeartbeatRequest, requester: GroupRequester): Result | Refusal {
    const { memberEpoch } = request
    const isLeaving = memberEpoch === LEAVE_EPOCH || memberEpoch === LEAVE_STATIC_EPOCH
    return isLeaving ? this.#leave(request) : this.#beat(request, requester)
  }

  #beat(request: ConsumerGroupHeartbeatRequest, requester: GroupRequester): Result | Refusal {
    const upcoming = this.#groupOf(request)
    if (isRefusal(upcoming)) return upcoming
    const { group } = upcoming
    const full = this.#fullness(group, request.memberId)
    if (full !== undefined) return full
    const memberId = request.memberId === '' ? this.#context.shard.randomUuid() : request.memberId
    const owned = request.topicPartitions
    const found = findMember(group, {
      memberId,
      instanceId: request.instanceId,
      isJoining: request.memberEpoch === JOIN_EPOCH,
      epoch: { memberEpoch: request.memberEpoch, owned },
    })
    if (isRefusal(found)) return found
    const records = [...upcoming.records, ...found.records]
    const before = found.member
    const change = { before, after: memberAfter(before, request, requester) }
    const subscription = this.#updates.update(group, change, records)
    if (isRefusal(subscription)) return subscription
    const isBumped = subscription.hasNames || subscription.isRegexKnown || upcoming.isUnsettled
    const isRefreshDue = isBumped || group.needsMetadataRefresh(this.#context.shard.nowMs())
    const groupEpoch = isRefreshDue
      ? updateSubscriptionMetadata(this.#context, group, change, isBumped, records)
      : group.groupEpoch.get()
    const target = updateTargetAssignment(this.#context, group, change, groupEpoch, records)
    const hasSubscriptionChanged = subscription.hasNames || subscription.hasRegex
    const after = this.#updates.reconcile(group, change.after, target, { owned, hasSubscriptionChanged }, records)
    if (isRefusal(after)) return after
    this.#fencing.renewSession(group, memberId)
    followDelivery(group, request, before, after)
    return { records, response: this.#answer(group, request, before, after) }
  }

  #groupOf({ groupId, memberEpoch }: ConsumerGroupHeartbeatRequest): UpcomingGroup | Refusal {
    const group = this.#context.groups.get(groupId)
    if (group instanceof ConsumerGroup) return { group, records: [], isUnsettled: false }
    if (memberEpoch !== JOIN_EPOCH) return refuse('GROUP_ID_NOT_FOUND', `there is no consumer group ${groupId}`)
    if (group === undefined) return upcomingGroup(groupId, [])
    if (!(group instanceof ClassicGroup)) return refuse('GROUP_ID_NOT_FOUND', `${groupId} is a ${group.type} group`)
    return group.isEmpty() ? upcomingGroup(groupId, group.tombstones()) : this.#upgrades.upgrade(group)
  }

  #fullness(group: ConsumerGroup, memberId: string): Refusal | undefined {
    const { maxSize } = this.#context.config
    if (group.members.size < maxSize || group.hasMember(memberId)) return undefined
    return refuse(
      'GROUP_MAX_SIZE_REACHED',
      `the group has ${maxSize} members, as many as group.consumer.max.size allows`,
    )
  }

  /** The assignment goes out when it has changed, and to whoever may not have it: who joins, and who says everything of itself, as after an error. */
  #answer(
    { groupId, silentBeats }: ConsumerGroup,
    request: ConsumerGroupHeartbeatRequest,
    before: ConsumerGroupMember,
    after: ConsumerGroupMember,
  ): HeartbeatAnswer {
    const isFull =
      request.rebalanceTimeoutMs !== -1 &&
      (request.subscribedTopicNames !== null || request.subscribedTopicRegex !== null) &&
      request.topicPartitions !== null
    const isDue =
      request.memberEpoch === JOIN_EPOCH ||
      isFull ||
      (silentBeats.get(after.memberId) ?? 0) > silentBeatsMax ||
      !samePartitionEpochs(before.assignedPartitions, after.assignedPartitions)
    return {
      memberId: after.memberId,
      memberEpoch: after.memberEpoch,
      heartbeatIntervalMs: this.#context.config.heartbeatIntervalMs(groupId),
      assignment: isDue ? { topicPartitions: topicPartitionsOf(after) } : null,
    }
  }

  #leave(request: ConsumerGroupHeartbeatRequest): Result | Refusal {
    const { groupId, memberId, instanceId, memberEpoch } = request
    const group = this.#context.groups.get(groupId)
    if (!(group instanceof ConsumerGroup)) return refuse('GROUP_ID_NOT_FOUND', `there is no consumer group ${groupId}`)
    const member = instanceId === null ? group.members.get(memberId) : group.staticMember(instanceId)
    if (member === undefined) return instanceId === null ? notAMember(group, memberId) : unknownInstance(instanceId)
    const fenced = instanceId === null ? undefined : fencedByInstance(member, memberId, instanceId)
    if (fenced !== undefined) return fenced
    this.#context.logger.info('a member leaves', { group: groupId, member: memberId, epoch: memberEpoch })
    if (memberEpoch === LEAVE_STATIC_EPOCH && instanceId !== null) return this.#leaveForAWhile(group, member)
    return this.#fencing.fence(group, new Set([member]), { memberId, memberEpoch })
  }

  /** A static member keeps its assignment until its session ends. Whoever comes back in its place has it from the first epoch on. */
  #leaveForAWhile(group: ConsumerGroup, member: ConsumerGroupMember): Result {
    const away: ConsumerGroupMember = {
      ...member,
      memberEpoch: LEAVE_STATIC_EPOCH,
      assignedPartitions: withEpoch(withoutEpochs(member.assignedPartitions), 0),
      partitionsPendingRevocation: NO_PARTITIONS,
    }
    return {
      records: [currentAssignmentRecord(group.groupId, away)],
      response: { memberId: member.memberId, memberEpoch: LEAVE_STATIC_EPOCH },
    }
  }
}

/** A member that has been given something says what it owns in its next heartbeat, or in one of the next. */
const silentBeatsMax = 2
/** So often it is told again: then it has heard, whatever it says. */
const tellingsMax = 3

/**
 * Follows whether a member owns what it was given. Who does not say so for some heartbeats is told again, a few times: the answer may have been that to a request which it had
 * given up long before, and which was held up on its way. It would hear no other, as nothing changes any more, and what it was given would stay nobody's (G5), as it
 * does in Kafka. A client that does know, and is only slow, is told what it knows. Of what was before the group was loaded nobody knows, so that all members are told then.
 */
function followDelivery(
  { silentBeats }: ConsumerGroup,
  { topicPartitions: owned }: ConsumerGroupHeartbeatRequest,
  before: ConsumerGroupMember,
  after: ConsumerGroupMember,
): void {
  const { memberId, assignedPartitions } = after
  if (!samePartitionEpochs(before.assignedPartitions, assignedPartitions)) {
    silentBeats.set(memberId, 0)
    return
  }
  const beats = silentBeats.get(memberId)
  if (beats === undefined) return
  if (beats >= silentBeatsMax + tellingsMax) silentBeats.delete(memberId)
  else if (owned === null) silentBeats.set(memberId, beats + 1)
  else if (isWithin(owned, assignedPartitions) && countOf(owned) === sizeOf(assignedPartitions))
    silentBeats.delete(memberId)
}

function countOf(owned: readonly { readonly partitions: readonly number[] }[]): number {
  return owned.reduce((sum, { partitions }) => sum + partitions.length, 0)
}

function sizeOf(assigned: PartitionEpochs): number {
  let size = 0
  for (const epochs of assigned.values()) size += epochs.size
  return size
}

/** What is null or absent in a request is what it was. */
function memberAfter(
  before: ConsumerGroupMember,
  request: ConsumerGroupHeartbeatRequest,
  { clientId, clientHost }: GroupRequester,
): ConsumerGroupMember {
  const { subscribedTopicNames: names, rebalanceTimeoutMs } = request
  return {
    ...before,
    instanceId: request.instanceId ?? before.instanceId,
    rackId: request.rackId ?? before.rackId,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? before.rebalanceTimeoutMs : rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? before.serverAssignor,
    subscribedTopicNames: names === null ? before.subscribedTopicNames : new Set(names),
    subscribedTopicRegex: request.subscribedTopicRegex ?? before.subscribedTopicRegex,
    clientId,
    clientHost,
    classic: null,
  }
}

function topicPartitionsOf({ assignedPartitions }: ConsumerGroupMember) {
  return Array.from(assignedPartitions, ([topicId, epochs]) => ({ topicId, partitions: [...epochs.keys()] }))
}
