/**
 * A member of a consumer group (KIP-848) as the log has it: a value, put in the place of the one before whenever something changes.
 *
 * During a migration it may be a member that still speaks the classic protocol; then it has `classic`.
 */

import type { ConsumerGroupMemberMetadataValue } from '../../../protocol/internal/consumer-group-records.ts'
import type { Uuid } from '../../../protocol/uuid.ts'
import type { Assignment } from '../assignors/assignor.ts'

/** How far a member has come towards its target assignment; the numbers are those of the log. */
export const MemberState = {
  /** It has all of its target assignment, in the epoch that it has. */
  STABLE: 0,
  /** It still has to give up partitions before it may go on to the next epoch. */
  UNREVOKED_PARTITIONS: 1,
  /** It is in the target's epoch, but partitions of its target belong to others still. */
  UNRELEASED_PARTITIONS: 2,
  /** Written by a version that knows more states. */
  UNKNOWN: 127,
} as const
export type MemberState = (typeof MemberState)[keyof typeof MemberState]

/** Member epochs with a meaning of their own. */
export const JOIN_EPOCH = 0
export const LEAVE_EPOCH = -1
/** A static member goes, and means to come back with the same instance id. */
export const LEAVE_STATIC_EPOCH = -2

/** Partitions by topic, each with the member epoch in which it was assigned: commits of an older epoch do not apply to it. */
export type PartitionEpochs = ReadonlyMap<Uuid, ReadonlyMap<number, number>>

export const NO_PARTITIONS: PartitionEpochs = new Map()

/** What a member of the classic protocol joined with. */
export type ClassicMemberMetadata = NonNullable<ConsumerGroupMemberMetadataValue['classicMemberMetadata']>

export interface ConsumerGroupMember {
  readonly memberId: string
  readonly memberEpoch: number
  /** The one before, which it may still name when it has not heard of the present one. */
  readonly previousMemberEpoch: number
  readonly state: MemberState
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly rebalanceTimeoutMs: number
  readonly clientId: string
  readonly clientHost: string
  readonly subscribedTopicNames: ReadonlySet<string>
  /** Empty or null: none. */
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
  readonly assignedPartitions: PartitionEpochs
  readonly partitionsPendingRevocation: PartitionEpochs
  readonly classic: ClassicMemberMetadata | null
}

export function newMember(memberId: string): ConsumerGroupMember {
  return {
    memberId,
    memberEpoch: 0,
    previousMemberEpoch: -1,
    state: MemberState.STABLE,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: -1,
    clientId: '',
    clientHost: '',
    subscribedTopicNames: new Set(),
    subscribedTopicRegex: '',
    serverAssignor: null,
    assignedPartitions: NO_PARTITIONS,
    partitionsPendingRevocation: NO_PARTITIONS,
    classic: null,
  }
}

/** The member in its next epoch, or again in the same. */
export function inEpoch(member: ConsumerGroupMember, memberEpoch: number): ConsumerGroupMember {
  return { ...member, memberEpoch, previousMemberEpoch: member.memberEpoch }
}

/** The regular expression that a member subscribes to, if it does. */
export function regexOf(member: ConsumerGroupMember | undefined): string | undefined {
  return member?.subscribedTopicRegex || undefined
}

export function isReconciledTo(member: ConsumerGroupMember, assignmentEpoch: number): boolean {
  return member.state === MemberState.STABLE && member.memberEpoch === assignmentEpoch
}

export function usesClassicProtocol(member: ConsumerGroupMember): boolean {
  return member.classic !== null
}

export function sameMember(a: ConsumerGroupMember, b: ConsumerGroupMember): boolean {
  return (
    a.memberId === b.memberId &&
    a.memberEpoch === b.memberEpoch &&
    a.previousMemberEpoch === b.previousMemberEpoch &&
    a.state === b.state &&
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.subscribedTopicRegex === b.subscribedTopicRegex &&
    a.serverAssignor === b.serverAssignor &&
    sameSet(a.subscribedTopicNames, b.subscribedTopicNames) &&
    samePartitionEpochs(a.assignedPartitions, b.assignedPartitions) &&
    samePartitionEpochs(a.partitionsPendingRevocation, b.partitionsPendingRevocation) &&
    sameClassic(a.classic, b.classic)
  )
}

export function sameSet<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const each of a) if (!b.has(each)) return false
  return true
}

export function samePartitionEpochs(a: PartitionEpochs, b: PartitionEpochs): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId)
    if (others?.size !== partitions.size) return false
    for (const [partition, epoch] of partitions) if (others.get(partition) !== epoch) return false
  }
  return true
}

export function sameAssignment(a: Assignment, b: Assignment): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId)
    if (others === undefined || !sameSet(partitions, others)) return false
  }
  return true
}

function sameClassic(a: ClassicMemberMetadata | null, b: ClassicMemberMetadata | null): boolean {
  if (a === b) return true
  if (a === null || b === null) return false
  return (
    a.sessionTimeoutMs === b.sessionTimeoutMs &&
    a.supportedProtocols.length === b.supportedProtocols.length &&
    a.supportedProtocols.every(({ name, metadata }, i) => {
      const other = b.supportedProtocols[i]!
      return name === other.name && Buffer.compare(metadata, other.metadata) === 0
    })
  )
}

/** All partitions of an assignment, assigned in one epoch. */
export function withEpoch(assignment: Assignment, epoch: number): PartitionEpochs {
  return new Map(
    Array.from(assignment, ([topicId, partitions]) => [
      topicId,
      new Map(Array.from(partitions, each => [each, epoch])),
    ]),
  )
}

export function withoutEpochs(partitions: PartitionEpochs): Assignment {
  return new Map(Array.from(partitions, ([topicId, epochs]) => [topicId, new Set(epochs.keys())]))
}
