/**
 * Members of the classic protocol in a consumer group, while it goes from the one protocol to the other. They see a generation where there is a member epoch,
 * and a rebalance of their own whenever there is something new for them: told by a heartbeat to join again, they join, which brings them a step nearer to
 * their target as a heartbeat of the new protocol would, and then sync, which tells them what they have.
 */

import { ErrorCode } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import type { HeartbeatRequest } from '../../../protocol/messages/heartbeat.ts'
import type { JoinGroupRequest } from '../../../protocol/messages/join-group.ts'
import type { LeaveGroupRequest } from '../../../protocol/messages/leave-group.ts'
import type { SyncGroupRequest } from '../../../protocol/messages/sync-group.ts'
import type { CoordinatorResult } from '../../runtime/coordinator.ts'
import type { GroupRequester } from '../classic/classic-context.ts'
import type { Join } from '../classic/join.ts'
import type { LeaveAnswer } from '../classic/leave.ts'
import type { Sync } from '../classic/sync.ts'
import type { GroupRecord } from '../group-records.ts'
import { isRefusal, refuse } from './consumer-group-context.ts'
import type { ConsumerGroupContext, Refusal } from './consumer-group-context.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { byTopicId, CONSUMER_PROTOCOL_TYPE, readSubscription, writeAssignment } from './consumer-protocol.ts'
import type { Downgrades } from './downgrade.ts'
import type { Fencing } from './fencing.ts'
import { fencedByInstance, findMember, notAMember, unknownInstance } from './find-member.ts'
import type { MemberUpdates } from './member-update.ts'
import { MemberState, withoutEpochs } from './member.ts'
import type { ClassicMemberMetadata, ConsumerGroupMember } from './member.ts'
import type { OwnedPartitions } from './reconcile.ts'
import { updateSubscriptionMetadata, updateTargetAssignment } from './subscription-metadata.ts'
import type { MemberChange } from './subscription-metadata.ts'
import { ownBytes } from '../../../std/own-bytes.ts'

/** From this version of JoinGroup on a dynamic member comes twice, the second time with the id that it was given (KIP-394). */
const MEMBER_ID_REQUIRED_SINCE = 4

type Done = CoordinatorResult<GroupRecord, void>
const nothing: Done = { records: [], response: undefined }

/** A member that speaks the classic protocol. */
type ClassicSpeaker = ConsumerGroupMember & { readonly classic: ClassicMemberMetadata }

export class ClassicMembers {
  readonly #context: ConsumerGroupContext
  readonly #fencing: Fencing
  readonly #updates: MemberUpdates
  readonly #downgrades: Downgrades

  constructor(context: ConsumerGroupContext, fencing: Fencing, updates: MemberUpdates, downgrades: Downgrades) {
    this.#context = context
    this.#fencing = fencing
    this.#updates = updates
    this.#downgrades = downgrades
  }

  /** Into a group that has members. `answer` is called once, when all is written. */
  join(group: ConsumerGroup, { request, requester, answer }: Join): Done {
    const memberId = request.memberId === '' ? this.#context.shard.randomUuid() : request.memberId
    const problem = this.#joinProblem(group, request, memberId)
    if (problem === undefined && needsMemberId(request, requester)) {
      answer({ memberId, errorCode: ErrorCode.MEMBER_ID_REQUIRED, protocolName: null })
      return nothing
    }
    const joined = problem ?? this.#join(group, request, requester, memberId)
    if (isRefusal(joined)) {
      answer({ errorCode: ErrorCode[joined.error], protocolName: null })
      return nothing
    }
    const { member, records, isDowngrade } = joined
    return {
      records,
      response: undefined,
      isApplied: isDowngrade,
      onCompleted: error => {
        if (error !== undefined) {
          answer({ errorCode: ErrorCode[error], protocolName: null })
          return
        }
        const { groupId } = group
        this.#fencing.joinDone(groupId, memberId)
        if (!isDowngrade) {
          this.#fencing.renewSession(group, memberId, request.sessionTimeoutMs)
          this.#fencing.awaitSync(groupId, memberId, request.rebalanceTimeoutMs)
        }
        answer({
          memberId,
          generationId: member.memberEpoch,
          protocolType: CONSUMER_PROTOCOL_TYPE,
          protocolName: protocolNameOf(member),
        })
      },
    }
  }

  sync(group: ConsumerGroup, { request, answer }: Sync): Done {
    const { groupId, memberId, protocolType, protocolName } = request
    const member = this.#syncing(group, request)
    if (isRefusal(member)) {
      answer({ errorCode: ErrorCode[member.error], protocolName: null })
      return nothing
    }
    const target = withoutEpochs(member.assignedPartitions)
    const { metadata } = member.classic.supportedProtocols[0]!
    const assignment = writeAssignment(target, metadata, this.#context.shard.topics)
    return {
      ...nothing,
      onCompleted: error => {
        if (error !== undefined || assignment === undefined) {
          answer({ errorCode: ErrorCode[error ?? 'UNKNOWN_SERVER_ERROR'], protocolName: null })
          return
        }
        this.#fencing.syncDone(groupId, memberId)
        this.#fencing.renewSession(group, memberId, member.classic.sessionTimeoutMs)
        answer({ protocolType, protocolName, assignment })
      },
    }
  }

  heartbeat(group: ConsumerGroup, request: HeartbeatRequest): ErrorName {
    const { memberId, groupInstanceId, generationId } = request
    const member = speaker(group, memberId, groupInstanceId)
    if (isRefusal(member)) return member.error
    if (member.memberEpoch !== generationId) return 'ILLEGAL_GENERATION'
    this.#fencing.renewSession(group, memberId, member.classic.sessionTimeoutMs)
    if (!hasNews(group, member)) return 'NONE'
    this.#fencing.awaitJoin(group.groupId, member)
    return 'REBALANCE_IN_PROGRESS'
  }

  leave(group: ConsumerGroup, members: LeaveGroupRequest['members']): CoordinatorResult<GroupRecord, LeaveAnswer> {
    const leaving = new Set<ConsumerGroupMember>()
    const answers = members.map(({ memberId, groupInstanceId }) => {
      const member = leavingMember(group, memberId, groupInstanceId)
      const error = isRefusal(member) ? member.error : 'NONE'
      if (!isRefusal(member)) leaving.add(member)
      return { memberId, groupInstanceId, errorCode: ErrorCode[error] }
    })
    return this.#fencing.fence(group, leaving, { members: answers })
  }

  #joinProblem(
    group: ConsumerGroup,
    { protocolType, protocols }: JoinGroupRequest,
    memberId: string,
  ): Refusal | undefined {
    const { migrationPolicy, maxSize } = this.#context.config
    if (migrationPolicy === 'disabled')
      return refuse('INCONSISTENT_GROUP_PROTOCOL', 'group.consumer.migration.policy forbids it')
    if (group.members.size >= maxSize && !group.hasMember(memberId))
      return refuse(
        'GROUP_MAX_SIZE_REACHED',
        `the group has ${maxSize} members, as many as group.consumer.max.size allows`,
      )
    const classicCount = group.classicMemberCount.get()
    const isKnown = protocols.some(({ name }) => (group.classicProtocolCounts.get(name) ?? 0) === classicCount)
    if (protocolType === CONSUMER_PROTOCOL_TYPE && isKnown) return undefined
    return refuse('INCONSISTENT_GROUP_PROTOCOL', 'the other classic members do not all know one of its protocols')
  }

  #join(
    group: ConsumerGroup,
    request: JoinGroupRequest,
    requester: GroupRequester,
    memberId: string,
  ): { member: ConsumerGroupMember; records: GroupRecord[]; isDowngrade: boolean } | Refusal {
    const { topics, nowMs } = this.#context.shard
    const { groupInstanceId } = request
    const subscription = readSubscription(request.protocols[0]!.metadata)
    if (subscription === undefined) return refuse('UNKNOWN_SERVER_ERROR', 'the subscription cannot be read')
    const isJoining = groupInstanceId === null || request.memberId === ''
    const found = findMember(group, { memberId, instanceId: groupInstanceId, isJoining, epoch: 'classic' })
    if (isRefusal(found)) return found
    const records = [...found.records]
    const before = found.member
    const change: MemberChange = { before, after: memberAfter(before, request, requester, subscription) }
    const changed = this.#updates.update(group, change, records)
    if (isRefusal(changed)) return changed
    const isBumped = changed.hasNames || changed.hasRegex
    const groupEpoch =
      isBumped || group.needsMetadataRefresh(nowMs())
        ? updateSubscriptionMetadata(this.#context, group, change, isBumped, records)
        : group.groupEpoch.get()
    const said = { owned: byTopicId(subscription.ownedPartitions, topics), hasSubscriptionChanged: isBumped }

    const former = group.staticMember(groupInstanceId)
    const departure = former === undefined ? undefined : { leaving: new Set([former]), replacement: change.after }
    if (departure === undefined || !this.#downgrades.isDue(group, departure)) {
      const target = updateTargetAssignment(this.#context, group, change, groupEpoch, records)
      const member = this.#updates.reconcile(group, change.after, target, said, records)
      return isRefusal(member) ? member : { member, records, isDowngrade: false }
    }
    const isStale = group.assignmentEpoch < groupEpoch
    const member = isStale ? change.after : this.#reconcileWithLast(group, change.after, said, records)
    if (isRefusal(member)) return member
    const reason = isStale ? 'its last member of the consumer protocol has come back with the classic one' : undefined
    const downgraded = this.#downgrades.downgrade(group, { ...departure, replacement: member }, reason)
    if (isRefusal(downgraded)) return downgraded
    return { member, records: [...records, ...downgraded], isDowngrade: true }
  }

  #reconcileWithLast(
    group: ConsumerGroup,
    member: ConsumerGroupMember,
    said: { readonly owned: OwnedPartitions; readonly hasSubscriptionChanged: boolean },
    records: GroupRecord[],
  ): ConsumerGroupMember | Refusal {
    const target = { epoch: group.assignmentEpoch, assignment: group.targetOf(member.memberId, member.instanceId) }
    return this.#updates.reconcile(group, member, target, said, records)
  }

  #syncing(group: ConsumerGroup, request: SyncGroupRequest): ClassicSpeaker | Refusal {
    const { memberId, groupInstanceId, generationId, protocolType, protocolName } = request
    const member = speaker(group, memberId, groupInstanceId)
    if (isRefusal(member)) return member
    if (member.memberEpoch !== generationId)
      return refuse('ILLEGAL_GENERATION', `the member is in epoch ${member.memberEpoch}`)
    const isOtherType = protocolType !== null && protocolType !== CONSUMER_PROTOCOL_TYPE
    if (isOtherType || (protocolName !== null && protocolName !== protocolNameOf(member)))
      return refuse('INCONSISTENT_GROUP_PROTOCOL', 'the protocol is not the one that the member joined with')
    // One that has partitions to give up has joined already, and has to give them up before it can come further.
    if (group.assignmentEpoch > member.memberEpoch && member.state !== MemberState.UNREVOKED_PARTITIONS) {
      this.#fencing.awaitJoin(group.groupId, member)
      return refuse('REBALANCE_IN_PROGRESS', 'there is a newer assignment')
    }
    return member
  }
}

function needsMemberId({ memberId, groupInstanceId }: JoinGroupRequest, { apiVersion }: GroupRequester): boolean {
  return groupInstanceId === null && memberId === '' && apiVersion >= MEMBER_ID_REQUIRED_SINCE
}

function protocolNameOf({ classic }: ConsumerGroupMember): string {
  return classic!.supportedProtocols[0]!.name
}

/** Whether there is something for the member that it only gets by joining again. */
function hasNews(group: ConsumerGroup, member: ConsumerGroupMember): boolean {
  if (member.memberEpoch < group.assignmentEpoch || member.state === MemberState.UNREVOKED_PARTITIONS) return true
  return member.state === MemberState.UNRELEASED_PARTITIONS && !isWaitingForOthers(group, member)
}

function isWaitingForOthers(group: ConsumerGroup, { memberId, assignedPartitions }: ConsumerGroupMember): boolean {
  for (const [topicId, partitions] of group.targets.get(memberId) ?? []) {
    const assigned = assignedPartitions.get(topicId)
    for (const partition of partitions) {
      if (assigned?.has(partition) !== true && group.isTaken(topicId, partition)) return true
    }
  }
  return false
}

function speaker(group: ConsumerGroup, memberId: string, instanceId: string | null): ClassicSpeaker | Refusal {
  const member = instanceId === null ? group.members.get(memberId) : group.staticMember(instanceId)
  if (member === undefined) return instanceId === null ? notAMember(group, memberId) : unknownInstance(instanceId)
  const fenced = instanceId === null ? undefined : fencedByInstance(member, memberId, instanceId)
  if (fenced !== undefined) return fenced
  if (member.classic === null)
    return refuse('UNKNOWN_MEMBER_ID', `member ${memberId} does not speak the classic protocol`)
  return member as ClassicSpeaker
}

/** An administrator names a static member by its instance alone. */
function leavingMember(
  group: ConsumerGroup,
  memberId: string,
  instanceId: string | null,
): ConsumerGroupMember | Refusal {
  const member = instanceId === null ? group.members.get(memberId) : group.staticMember(instanceId)
  if (member === undefined) return instanceId === null ? notAMember(group, memberId) : unknownInstance(instanceId)
  const isNamed = instanceId !== null && memberId !== ''
  return (isNamed ? fencedByInstance(member, memberId, instanceId) : undefined) ?? member
}

function memberAfter(
  before: ConsumerGroupMember,
  request: JoinGroupRequest,
  { clientId, clientHost }: GroupRequester,
  subscription: { readonly topics: readonly string[]; readonly rackId: string | null },
): ConsumerGroupMember {
  const { groupInstanceId, rebalanceTimeoutMs, sessionTimeoutMs, protocols } = request
  return {
    ...before,
    instanceId: groupInstanceId ?? before.instanceId,
    rackId: subscription.rackId || before.rackId,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? before.rebalanceTimeoutMs : rebalanceTimeoutMs,
    subscribedTopicNames: new Set(subscription.topics),
    subscribedTopicRegex: '',
    clientId,
    clientHost,
    classic: {
      sessionTimeoutMs,
      supportedProtocols: protocols.map(({ name, metadata }) => ({ name, metadata: ownBytes(metadata) })),
    },
  }
}
