/**
 * Who a heartbeat or a classic join is from: a member that is there, one that comes new, or a static one that takes the place of its former self. Requests of
 * somebody whose time is over are refused here (G2).
 */

import type { GroupRecord } from '../group-records.ts'
import {
  currentAssignmentRecord,
  memberMetadataRecord,
  memberTombstones,
  targetAssignmentRecord,
} from './consumer-group-records.ts'
import { refuse } from './consumer-group-context.ts'
import type { Refusal } from './consumer-group-context.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { JOIN_EPOCH, LEAVE_STATIC_EPOCH, newMember, usesClassicProtocol } from './member.ts'
import type { ConsumerGroupMember, PartitionEpochs } from './member.ts'
import type { OwnedPartitions } from './reconcile.ts'
import { EMPTY_ASSIGNMENT } from '../assignors/assignor.ts'

export interface FoundMember {
  readonly member: ConsumerGroupMember
  /** Of a static member that is replaced, what takes the old one's records away and writes the new one's. */
  readonly records: readonly GroupRecord[]
}

/** What a request says of who it is from. */
export interface Sender {
  readonly memberId: string
  readonly instanceId: string | null
  /** Whether it joins: then it need not be there. */
  readonly isJoining: boolean
  /** How it speaks: in the new protocol it also has to name its epoch, and then what it owns. */
  readonly epoch: { readonly memberEpoch: number; readonly owned: OwnedPartitions | null } | 'classic'
}

export function findMember(group: ConsumerGroup, sender: Sender): FoundMember | Refusal {
  return sender.instanceId === null ? findDynamic(group, sender) : findStatic(group, sender, sender.instanceId)
}

function findDynamic(group: ConsumerGroup, { memberId, isJoining, epoch }: Sender): FoundMember | Refusal {
  const member = group.members.get(memberId)
  if (member === undefined)
    return isJoining ? { member: newMember(memberId), records: [] } : notAMember(group, memberId)
  return fencedByEpoch(member, epoch) ?? { member, records: [] }
}

function findStatic(group: ConsumerGroup, sender: Sender, instanceId: string): FoundMember | Refusal {
  const { memberId, isJoining, epoch } = sender
  const existing = group.staticMember(instanceId)
  if (!isJoining) {
    if (existing === undefined) return unknownInstance(instanceId)
    return (
      fencedByInstance(existing, memberId, instanceId) ??
      fencedByEpoch(existing, epoch) ?? { member: existing, records: [] }
    )
  }
  if (existing === undefined) return { member: group.members.get(memberId) ?? newMember(memberId), records: [] }
  const bothSpeakNew = epoch !== 'classic' && !usesClassicProtocol(existing)
  if (bothSpeakNew && existing.memberEpoch !== LEAVE_STATIC_EPOCH) {
    return refuse(
      'UNRELEASED_INSTANCE_ID',
      `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${existing.memberId} member.`,
    )
  }
  const member = { ...existing, memberId, memberEpoch: 0, previousMemberEpoch: 0 }
  return { member, records: replacement(group, existing, member) }
}

/** The timers of the old member stay, should the write fail; when they are due they find nobody. */
function replacement(group: ConsumerGroup, old: ConsumerGroupMember, member: ConsumerGroupMember): GroupRecord[] {
  const { groupId } = group
  return [
    ...memberTombstones(groupId, old.memberId),
    memberMetadataRecord(groupId, member),
    targetAssignmentRecord(groupId, member.memberId, group.targets.get(old.memberId) ?? EMPTY_ASSIGNMENT),
    currentAssignmentRecord(groupId, member),
  ]
}

export function notAMember(group: ConsumerGroup, memberId: string): Refusal {
  return refuse('UNKNOWN_MEMBER_ID', `Member ${memberId} is not a member of group ${group.groupId}.`)
}

export function unknownInstance(instanceId: string): Refusal {
  return refuse('UNKNOWN_MEMBER_ID', `Instance id ${instanceId} is unknown.`)
}

export function fencedByInstance(
  member: ConsumerGroupMember,
  memberId: string,
  instanceId: string,
): Refusal | undefined {
  if (member.memberId === memberId) return undefined
  return refuse(
    'FENCED_INSTANCE_ID',
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.memberId}.`,
  )
}

/**
 * A member that names its previous epoch has not heard of the present one, whose answer was lost: it may go on as long as it owns nothing that it has not. Any
 * other epoch but its own, or 0 to join again, is of somebody who was written off.
 */
function fencedByEpoch(member: ConsumerGroupMember, epoch: Sender['epoch']): Refusal | undefined {
  if (epoch === 'classic' || epoch.memberEpoch === JOIN_EPOCH || epoch.memberEpoch === member.memberEpoch)
    return undefined
  const isLate = epoch.memberEpoch < member.memberEpoch
  if (isLate && epoch.memberEpoch === member.previousMemberEpoch && isWithin(epoch.owned, member.assignedPartitions)) {
    return undefined
  }
  return refuse(
    'FENCED_MEMBER_EPOCH',
    `The consumer group member has a ${isLate ? 'smaller' : 'greater'} member epoch (${epoch.memberEpoch}) than the one known by ` +
      `the group coordinator (${member.memberEpoch}). The member must abandon all its partitions and rejoin.`,
  )
}

export function isWithin(owned: OwnedPartitions | null, assigned: PartitionEpochs): boolean {
  if (owned === null) return false
  return owned.every(({ topicId, partitions }) => {
    const epochs = assigned.get(topicId)
    return epochs !== undefined && partitions.every(partition => epochs.has(partition))
  })
}
