/**
 * A group of the consumer rebalance protocol (KIP-848): all that the log says of it, and what is counted from that.
 *
 * Three epochs chase each other. The *group epoch* grows whenever members, subscriptions or topics change; the *assignment epoch* is the group
 * epoch for which the target assignment was computed; each member's epoch is the assignment epoch that it has come to. The group is stable
 * when all are equal. Only replay changes a group (`replay.ts`); operations read it and make records.
 */

import type { ErrorName } from '../../../protocol/errors.ts'
import type { Uuid } from '../../../protocol/uuid.ts'
import { assert } from '../../../std/assert.ts'
import { TimelineMap, TimelineValue } from '../../runtime/timeline.ts'
import type { ScheduledTimer } from '../../runtime/timers.ts'
import type { Timeline } from '../../runtime/timeline.ts'
import { EMPTY_ASSIGNMENT } from '../assignors/assignor.ts'
import type { Assignment } from '../assignors/assignor.ts'
import { loadOf } from '../classic/classic-member.ts'
import { grownBuckets, inHashOrder, stringHash } from '../assignors/hash-order.ts'
import type { Committer, ExpirableOffset, Group, ListedGroup, View } from '../group.ts'
import type { GroupRecord } from '../group-records.ts'
import { groupTombstones } from './consumer-group-records.ts'
import { isReconciledTo, regexOf, usesClassicProtocol } from './member.ts'
import type { ConsumerGroupMember, PartitionEpochs } from './member.ts'
import { validateCommit, validateFetch } from './offset-validation.ts'
import type { ResolvedRegex } from './resolved-regex.ts'
import { countNames, countOne, countRegex } from './subscriptions.ts'
import type { SubscriptionCount } from './subscriptions.ts'

export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable' | 'Dead'

/** The epoch of a new group, before anything has happened in it, and of its assignment. */
const FIRST_EPOCH = 1
/** What is left of the assignment epoch when its record was deleted. */
export const NO_ASSIGNMENT_EPOCH = -1

export interface TargetAssignmentMetadata {
  readonly epoch: number
  /** When it was computed; 0: not known. */
  readonly timestampMs: number
}

/** When the group's topics are to be looked at again, whatever has happened. Not in the log. */
interface MetadataRefresh {
  readonly deadlineMs: number
  /** The group epoch that its operation meant to reach. Where the group has not come so far, that operation failed. */
  readonly groupEpoch: number
}

const REFRESH_AT_ONCE: MetadataRefresh = { deadlineMs: 0, groupEpoch: 0 }

/** So many names of topics are about as much to remember as a member that says nothing unusual. */
const NAMES_PER_MEMBER = 32

/** As how many members one counts that subscribes to so many names. */
export function subscriptionLoad(names: number): number {
  return Math.max(1, Math.ceil(names / NAMES_PER_MEMBER))
}

export class ConsumerGroup implements Group {
  readonly type = 'consumer'
  readonly groupId: string
  readonly groupEpoch: TimelineValue<number>
  readonly metadataHash: TimelineValue<bigint>
  readonly targetMetadata: TimelineValue<TargetAssignmentMetadata>
  readonly members: TimelineMap<string, ConsumerGroupMember>
  readonly targets: TimelineMap<string, Assignment>
  /** By instance id: the member that has it, or had it and means to come back. */
  readonly staticMembers: TimelineMap<string, string>
  /** How many members name a topic or match it. */
  readonly topicCounts: TimelineMap<string, SubscriptionCount>
  /** How many members subscribe to a regular expression. */
  readonly regexCounts: TimelineMap<string, number>
  readonly resolvedRegexes: TimelineMap<string, ResolvedRegex>
  /** How many members ask for an assignor. */
  readonly assignorCounts: TimelineMap<string, number>
  readonly classicMemberCount: TimelineValue<number>
  /** How many classic members support a protocol. */
  readonly classicProtocolCounts: TimelineMap<string, number>
  /** A record of Kafka 3.9 is in the log and is to be deleted. */
  readonly hasPartitionMetadataRecord: TimelineValue<boolean>
  /** By topic and partition: in whose target assignment it is. */
  readonly #targetOwners: TimelineMap<string, string>
  /** By topic and partition: the epoch of the member that has it, or that has yet to give it up. */
  readonly #partitionEpochs: TimelineMap<string, number>
  /** The ends of members' sessions, by member, as they are scheduled. */
  readonly sessions = new Map<string, ScheduledTimer>()
  /** By member that has not said that it owns what it was given last, how many heartbeats it has sent since: see `heartbeats.ts`. */
  readonly silentBeats = new Map<string, number>()
  #refresh = REFRESH_AT_ONCE

  constructor(timeline: Timeline, groupId: string) {
    this.groupId = groupId
    this.groupEpoch = new TimelineValue(timeline, FIRST_EPOCH)
    this.metadataHash = new TimelineValue(timeline, 0n)
    this.targetMetadata = new TimelineValue<TargetAssignmentMetadata>(timeline, { epoch: FIRST_EPOCH, timestampMs: 0 })
    this.members = new TimelineMap(timeline)
    this.targets = new TimelineMap(timeline)
    this.staticMembers = new TimelineMap(timeline)
    this.topicCounts = new TimelineMap(timeline)
    this.regexCounts = new TimelineMap(timeline)
    this.resolvedRegexes = new TimelineMap(timeline)
    this.assignorCounts = new TimelineMap(timeline)
    this.classicMemberCount = new TimelineValue(timeline, 0)
    this.classicProtocolCounts = new TimelineMap(timeline)
    this.hasPartitionMetadataRecord = new TimelineValue(timeline, false)
    this.#targetOwners = new TimelineMap(timeline)
    this.#partitionEpochs = new TimelineMap(timeline)
  }

  get assignmentEpoch(): number {
    return this.targetMetadata.get().epoch
  }

  isEmpty(): boolean {
    return this.members.size === 0
  }

  get memberCount(): number {
    let count = 0
    for (const { subscribedTopicNames, classic } of this.members.values())
      count += subscriptionLoad(subscribedTopicNames.size) + (classic === null ? 0 : loadOf(classic.supportedProtocols))
    return count
  }

  hasMember(memberId: string): boolean {
    return this.members.has(memberId)
  }

  state(view: View): ConsumerGroupState {
    const isCommitted = view === 'committed'
    const memberCount = isCommitted ? this.members.committedSize : this.members.size
    if (memberCount === 0) return 'Empty'
    const groupEpoch = isCommitted ? this.groupEpoch.getCommitted() : this.groupEpoch.get()
    const { epoch } = isCommitted ? this.targetMetadata.getCommitted() : this.targetMetadata.get()
    if (groupEpoch > epoch) return 'Assigning'
    for (const [, member] of this.membersIn(view)) if (!isReconciledTo(member, epoch)) return 'Reconciling'
    return 'Stable'
  }

  membersIn(view: View): Iterable<[string, ConsumerGroupMember]> {
    return view === 'committed' ? this.members.committedEntries() : this.members.entries()
  }

  listed(view: View): ListedGroup {
    return { groupId: this.groupId, protocolType: 'consumer', groupState: this.state(view), groupType: 'consumer' }
  }

  isSubscribedTo(topic: string): boolean {
    return this.topicCounts.has(topic)
  }

  /** The member with this instance id, whichever member id it has. */
  staticMember(instanceId: string | null): ConsumerGroupMember | undefined {
    const memberId = instanceId === null ? undefined : this.staticMembers.get(instanceId)
    return memberId === undefined ? undefined : this.members.get(memberId)
  }

  /** The target of a member; of a static one that comes back under another id, that of the member it was. */
  targetOf(memberId: string, instanceId: string | null): Assignment {
    const id = instanceId === null ? memberId : (this.staticMembers.get(instanceId) ?? memberId)
    return this.targets.get(id) ?? EMPTY_ASSIGNMENT
  }

  isInTarget(topicId: Uuid, partition: number): boolean {
    return this.#targetOwners.has(partitionKey(topicId, partition))
  }

  /** Whether some member has the partition, or has not yet given it up. */
  isTaken(topicId: Uuid, partition: number): boolean {
    return this.#partitionEpochs.has(partitionKey(topicId, partition))
  }

  /** The assignor that most members ask for, with `joining` in the place of `leaving`. */
  preferredAssignor(view: View, leaving?: ConsumerGroupMember, joining?: ConsumerGroupMember): string | undefined {
    const counts = new Map(
      view === 'committed' ? this.assignorCounts.committedEntries() : this.assignorCounts.entries(),
    )
    countOne(counts, leaving?.serverAssignor, -1)
    countOne(counts, joining?.serverAssignor, 1)
    const names = inHashOrder(counts.keys(), stringHash, grownBuckets(counts.size))
    return names.reduce<string | undefined>(
      (best, name) => (best !== undefined && counts.get(best)! >= counts.get(name)! ? best : name),
      undefined,
    )
  }

  validateOffsetCommit(committer: Committer): ErrorName | undefined {
    return validateCommit(this, committer)
  }

  validateOffsetFetch(memberId: string | null, memberEpoch: number, view: View): ErrorName | undefined {
    return validateFetch(this, memberId, memberEpoch, view)
  }

  validateOffsetDelete(): undefined {
    return undefined
  }

  validateDelete(): ErrorName | undefined {
    return this.isEmpty() ? undefined : 'NON_EMPTY_GROUP'
  }

  /** Every commit is kept for the retention time, of topics that nobody subscribes to. */
  expiryBase(): (offset: ExpirableOffset) => number {
    return offset => offset.commitTimestampMs
  }

  tombstones(): readonly GroupRecord[] {
    const memberIds = [...this.members.keys(), ...this.targetsOfNobody()]
    return groupTombstones(this.groupId, memberIds, this.resolvedRegexes.keys())
  }

  /** Whoever has a target and is no member: only somebody else's records say so, and they have to go with the group. */
  targetsOfNobody(): string[] {
    return [...this.targets.keys()].filter(memberId => !this.members.has(memberId))
  }

  needsMetadataRefresh(nowMs: number): boolean {
    return nowMs >= this.#refresh.deadlineMs || this.groupEpoch.get() < this.#refresh.groupEpoch
  }

  /** The topics of the group have just been looked at, on behalf of an operation that will bring the group to this epoch. */
  setMetadataRefresh(deadlineMs: number, groupEpoch: number): void {
    this.#refresh = { deadlineMs, groupEpoch }
  }

  /** Its topics have changed: the next heartbeat is to look. */
  requestMetadataRefresh(): void {
    this.#refresh = REFRESH_AT_ONCE
  }

  /** For replay: the member is as given from now on. */
  putMember(member: ConsumerGroupMember): void {
    const before = this.members.get(member.memberId)
    this.members.set(member.memberId, member)
    this.#count(before, member)
    if (before !== undefined) this.#releasePartitions(before)
    this.#takePartitions(member, member.assignedPartitions)
    this.#takePartitions(member, member.partitionsPendingRevocation)
    if (member.instanceId !== null) this.staticMembers.set(member.instanceId, member.memberId)
  }

  /** For replay. It has let go of its partitions with the deletion of its current assignment, which comes before. */
  deleteMember(memberId: string): void {
    const before = this.members.get(memberId)
    if (before === undefined) return
    assert(
      before.assignedPartitions.size === 0 && before.partitionsPendingRevocation.size === 0,
      () => `G1: ${memberId} is deleted, and has partitions`,
    )
    this.members.delete(memberId)
    this.#count(before, undefined)
    if (before.instanceId !== null) this.staticMembers.delete(before.instanceId)
  }

  /** For replay; undefined: the member has no target any more. */
  setTarget(memberId: string, assignment: Assignment | undefined): void {
    const before = this.targets.get(memberId) ?? EMPTY_ASSIGNMENT
    for (const [topicId, partitions] of before) {
      for (const partition of partitions) {
        // A partition that goes from one member to another may have been given already when it is taken.
        const key = partitionKey(topicId, partition)
        const isKept = assignment?.get(topicId)?.has(partition) === true
        if (!isKept && this.#targetOwners.get(key) === memberId) this.#targetOwners.delete(key)
      }
    }
    for (const [topicId, partitions] of assignment ?? EMPTY_ASSIGNMENT) {
      for (const partition of partitions) {
        if (before.get(topicId)?.has(partition) !== true)
          this.#targetOwners.set(partitionKey(topicId, partition), memberId)
      }
    }
    if (assignment === undefined) this.targets.delete(memberId)
    else this.targets.set(memberId, assignment)
  }

  /** For replay; undefined: nobody subscribes to it any more. */
  setResolvedRegex(regex: string, resolved: ResolvedRegex | undefined): void {
    const before = this.resolvedRegexes.get(regex)
    if (before !== undefined) {
      this.resolvedRegexes.delete(regex)
      countRegex(this.topicCounts, before.topicNames, -1)
    }
    if (resolved === undefined) return
    this.resolvedRegexes.set(regex, resolved)
    countRegex(this.topicCounts, resolved.topicNames, 1)
  }

  #count(before: ConsumerGroupMember | undefined, after: ConsumerGroupMember | undefined): void {
    if (before?.subscribedTopicNames !== after?.subscribedTopicNames) {
      if (before !== undefined) countNames(this.topicCounts, before.subscribedTopicNames, -1)
      if (after !== undefined) countNames(this.topicCounts, after.subscribedTopicNames, 1)
    }
    if (before?.serverAssignor !== after?.serverAssignor) {
      countOne(this.assignorCounts, before?.serverAssignor, -1)
      countOne(this.assignorCounts, after?.serverAssignor, 1)
    }
    if (regexOf(before) !== regexOf(after)) {
      countOne(this.regexCounts, regexOf(before), -1)
      countOne(this.regexCounts, regexOf(after), 1)
    }
    if (before?.classic === after?.classic) return
    for (const { name } of before?.classic?.supportedProtocols ?? []) countOne(this.classicProtocolCounts, name, -1)
    for (const { name } of after?.classic?.supportedProtocols ?? []) countOne(this.classicProtocolCounts, name, 1)
    const delta =
      Number(after !== undefined && usesClassicProtocol(after)) -
      Number(before !== undefined && usesClassicProtocol(before))
    if (delta !== 0) this.classicMemberCount.set(this.classicMemberCount.get() + delta)
  }

  #takePartitions(member: ConsumerGroupMember, partitions: PartitionEpochs): void {
    for (const [topicId, epochs] of partitions) {
      for (const partition of epochs.keys()) {
        const key = partitionKey(topicId, partition)
        const taken = this.#partitionEpochs.get(key)
        assert(
          taken === undefined || taken < member.memberEpoch,
          () =>
            `G1: ${topicId}-${partition} goes to ${member.memberId} in epoch ${member.memberEpoch} and is owned in ${taken}`,
        )
        this.#partitionEpochs.set(key, member.memberEpoch)
      }
    }
  }

  #releasePartitions(member: ConsumerGroupMember): void {
    for (const partitions of [member.assignedPartitions, member.partitionsPendingRevocation]) {
      for (const [topicId, epochs] of partitions) {
        for (const partition of epochs.keys()) {
          // Whoever has it in another epoch has it from a record that came later than this member's.
          const key = partitionKey(topicId, partition)
          if (this.#partitionEpochs.get(key) === member.memberEpoch) this.#partitionEpochs.delete(key)
        }
      }
    }
  }
}

/** A topic id has a fixed length. */
function partitionKey(topicId: Uuid, partition: number): string {
  return `${topicId}${partition}`
}
