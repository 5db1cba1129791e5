/**
 * Brings a member one step nearer to its target assignment (KIP-848), from what it has, what it says it owns, and what is free.
 *
 * A member gives up first: while it owns a partition that is not in its target it stays in its epoch, UNREVOKED. Then it goes to the target's
 * epoch and gets what is free; while some of its target belongs to others it is UNRELEASED, and gets that as they let go. So a partition has
 * one owner at a time (G1), and nobody waits for the whole group.
 */

import type { Uuid } from '../../../protocol/uuid.ts'
import type { Assignment } from '../assignors/assignor.ts'
import { MemberState, inEpoch, NO_PARTITIONS } from './member.ts'
import type { ConsumerGroupMember, PartitionEpochs } from './member.ts'

/** As a request says it. */
export type OwnedPartitions = readonly { readonly topicId: Uuid; readonly partitions: readonly number[] }[]

export interface Reconciliation {
  readonly targetEpoch: number
  readonly target: Assignment
  /** Ids of the topics that the member subscribes to and that exist. */
  readonly subscribedTopicIds: ReadonlySet<Uuid>
  /** Whether its subscription is another since its last heartbeat. Then it loses at once what it does not subscribe to. */
  readonly hasSubscriptionChanged: boolean
  /** What the member says it owns; null: it says nothing, nothing has changed. */
  readonly owned: OwnedPartitions | null
  /** Whether some member has the partition, or has not yet given it up. */
  isTaken(topicId: Uuid, partition: number): boolean
}

/** The member as it is afterwards: the same value where there is nothing to do. `fenced`: it has to join again, without partitions. */
export function reconcile(member: ConsumerGroupMember, to: Reconciliation): ConsumerGroupMember | 'fenced' {
  switch (member.state) {
    case MemberState.STABLE:
      if (member.memberEpoch !== to.targetEpoch) return nextAssignment(member, member.memberEpoch, to)
      return to.hasSubscriptionChanged ? withoutUnsubscribed(member, to) : member
    case MemberState.UNREVOKED_PARTITIONS:
      if (!stillOwns(to.owned, member.partitionsPendingRevocation)) {
        return nextAssignment(member, member.memberEpoch, to)
      }
      return to.hasSubscriptionChanged ? withoutUnsubscribed(member, to) : member
    case MemberState.UNRELEASED_PARTITIONS:
      return nextAssignment(member, member.memberEpoch, to)
    default:
      // A newer version wrote the state. All that can be done is to begin anew.
      if (to.owned === null || to.owned.length > 0) return 'fenced'
      return nextAssignment(member, to.targetEpoch, to)
  }
}

/** Whether the member has not given up, or has not said that it has, some of these partitions. */
function stillOwns(owned: OwnedPartitions | null, partitions: PartitionEpochs): boolean {
  if (owned === null) return true
  return owned.some(topic => {
    const epochs = partitions.get(topic.topicId)
    return epochs !== undefined && topic.partitions.some(partition => epochs.has(partition))
  })
}

/** Takes from the member the topics that it has just ceased to subscribe to, whatever its target says. */
function withoutUnsubscribed(member: ConsumerGroupMember, to: Reconciliation): ConsumerGroupMember {
  const kept = new Map<Uuid, ReadonlyMap<number, number>>()
  const revoked = new Map(member.partitionsPendingRevocation)
  for (const [topicId, epochs] of member.assignedPartitions) {
    if (to.subscribedTopicIds.has(topicId)) kept.set(topicId, epochs)
    else revoked.set(topicId, new Map([...(revoked.get(topicId) ?? []), ...epochs]))
  }
  if (kept.size === member.assignedPartitions.size) return member
  const shrunk = { ...inEpoch(member, member.memberEpoch), assignedPartitions: kept }
  if (!stillOwns(to.owned, revoked)) return shrunk
  return { ...shrunk, state: MemberState.UNREVOKED_PARTITIONS, partitionsPendingRevocation: revoked }
}

function nextAssignment(member: ConsumerGroupMember, epoch: number, to: Reconciliation): ConsumerGroupMember {
  const { assigned, revoked, gained, isWaiting } = compare(member, to)
  if (revoked.size > 0 && stillOwns(to.owned, revoked)) {
    return {
      ...inEpoch(member, epoch),
      state: MemberState.UNREVOKED_PARTITIONS,
      assignedPartitions: assigned,
      partitionsPendingRevocation: revoked,
    }
  }
  for (const [topicId, partitions] of gained) {
    const epochs = new Map(assigned.get(topicId))
    for (const partition of partitions) epochs.set(partition, to.targetEpoch)
    assigned.set(topicId, epochs)
  }
  return {
    ...inEpoch(member, to.targetEpoch),
    state: isWaiting ? MemberState.UNRELEASED_PARTITIONS : MemberState.STABLE,
    assignedPartitions: assigned,
    partitionsPendingRevocation: NO_PARTITIONS,
  }
}

interface Comparison {
  /** What it has and shall have. */
  readonly assigned: Map<Uuid, ReadonlyMap<number, number>>
  /** What it has and shall not have. */
  readonly revoked: Map<Uuid, ReadonlyMap<number, number>>
  /** What it shall have and can have at once. */
  readonly gained: ReadonlyMap<Uuid, readonly number[]>
  /** Whether there is something that it shall have and cannot have yet. */
  readonly isWaiting: boolean
}

function compare(member: ConsumerGroupMember, to: Reconciliation): Comparison {
  const assigned = new Map<Uuid, ReadonlyMap<number, number>>()
  const revoked = new Map<Uuid, ReadonlyMap<number, number>>()
  const gained = new Map<Uuid, readonly number[]>()
  let isWaiting = false
  for (const topicId of new Set([...to.target.keys(), ...member.assignedPartitions.keys()])) {
    const current = member.assignedPartitions.get(topicId) ?? NO_EPOCHS
    const target = (to.subscribedTopicIds.has(topicId) ? to.target.get(topicId) : undefined) ?? NOTHING
    const keeps = [...current].filter(([partition]) => target.has(partition))
    const loses = [...current].filter(([partition]) => !target.has(partition))
    const wants = [...target].filter(partition => !current.has(partition))
    // What the member itself is just giving up is not taken by another: nobody else can have it.
    const own = member.partitionsPendingRevocation.get(topicId) ?? NO_EPOCHS
    const gets = wants.filter(partition => own.has(partition) || !to.isTaken(topicId, partition))
    if (keeps.length > 0) assigned.set(topicId, new Map(keeps))
    if (loses.length > 0) revoked.set(topicId, new Map(loses))
    if (gets.length > 0) gained.set(topicId, gets)
    isWaiting ||= gets.length < wants.length
  }
  return { assigned, revoked, gained, isWaiting }
}

const NO_EPOCHS: ReadonlyMap<number, number> = new Map()
const NOTHING: ReadonlySet<number> = new Set()
