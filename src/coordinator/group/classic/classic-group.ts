/**
 * A group of the classic protocol: its members, its generation, and the state of its rebalance. The broker brings members together (join), lets one of them, the
 * leader, divide the work (sync), and holds nobody to anything but heartbeats. Any kind of client may use it so: consumers, Connect, whatever else.
 *
 * This is the state and what may be asked of it; what happens when is in `rebalance.ts` and the files beside it.
 */

import { ErrorCode } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import { assert } from '../../../std/assert.ts'
import type { Committer, ExpirableOffset, Group, ListedGroup } from '../group.ts'
import type { GroupRecord, GroupRecordOf } from '../group-records.ts'
import type { ClassicMember, JoinAnswer, MemberProtocol } from './classic-member.ts'
import { subscribedTopicsOf } from './subscribed-topics.ts'

export type ClassicGroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/** The states from which each may be entered. */
const before: Readonly<Record<ClassicGroupState, readonly ClassicGroupState[]>> = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['Stable', 'CompletingRebalance', 'Empty'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Stable', 'PreparingRebalance', 'CompletingRebalance', 'Empty', 'Dead'],
}

/** The protocol type of consumers, whose subscriptions can be read. */
export const consumerProtocolType = 'consumer'

export interface ClassicGroupStart {
  readonly state: 'Empty' | 'Stable'
  readonly generationId: number
  readonly protocolType: string | undefined
  readonly protocolName: string | undefined
  readonly leaderId: string | undefined
  /** When it entered its state; −1 where an old record does not say. */
  readonly stateTimestampMs: number
}

export class ClassicGroup implements Group {
  readonly type = 'classic'
  readonly groupId: string
  /** In the order in which they joined. */
  readonly members = new Map<string, ClassicMember>()
  generationId: number
  protocolType: string | undefined
  protocolName: string | undefined
  leaderId: string | undefined
  /** Its record says that its members have to join again. */
  isVoid = false
  /** Somebody joined while the first rebalance waits for more: it may wait longer. */
  newMemberAdded = false
  /** Not before others can see it. */
  isCreated = true
  /** Ids that were given out and have not come back to join (KIP-394). */
  readonly pendingMembers = new Set<string>()
  /** Members that have not sent SyncGroup for this generation. */
  readonly pendingSyncs = new Set<string>()
  readonly #staticMembers = new Map<string, string>()
  /** How many members know each protocol. */
  readonly #protocolCounts = new Map<string, number>()
  #awaitingJoins = 0
  #state: ClassicGroupState
  #previousState: ClassicGroupState = 'Dead'
  #stateTimestampMs: number
  #subscribedTopics: ReadonlySet<string> | undefined
  readonly #nowMs: () => number

  constructor(groupId: string, nowMs: () => number, start: ClassicGroupStart) {
    this.groupId = groupId
    this.#nowMs = nowMs
    this.#state = start.state
    this.generationId = start.generationId
    this.protocolType = start.protocolType
    this.protocolName = start.protocolName
    this.leaderId = start.leaderId
    this.#stateTimestampMs = start.stateTimestampMs
  }

  /** A group that nobody is in yet. */
  static empty(groupId: string, nowMs: () => number): ClassicGroup {
    const nothing = { protocolType: undefined, protocolName: undefined, leaderId: undefined }
    return new ClassicGroup(groupId, nowMs, { state: 'Empty', generationId: 0, ...nothing, stateTimestampMs: nowMs() })
  }

  get currentState(): ClassicGroupState {
    return this.#state
  }

  get previousState(): ClassicGroupState {
    return this.#previousState
  }

  is(...states: readonly ClassicGroupState[]): boolean {
    return states.includes(this.#state)
  }

  state(): string {
    return this.#state
  }

  isEmpty(): boolean {
    return this.#state === 'Empty'
  }

  listed(): ListedGroup {
    return {
      groupId: this.groupId,
      protocolType: this.protocolType ?? '',
      groupState: this.#state,
      groupType: this.type,
    }
  }

  /** It only holds committed offsets, of somebody who assigns partitions without the broker. */
  get isSimple(): boolean {
    return this.protocolType === undefined && this.isEmpty() && this.pendingMembers.size === 0
  }

  get usesConsumerProtocol(): boolean {
    return this.protocolType === consumerProtocolType
  }

  get canRebalance(): boolean {
    return before.PreparingRebalance.includes(this.#state)
  }

  get awaitingJoins(): number {
    return this.#awaitingJoins
  }

  get haveAllJoined(): boolean {
    return this.members.size === this.#awaitingJoins && this.pendingMembers.size === 0
  }

  /** The longest that any member grants the others. */
  get rebalanceTimeoutMs(): number {
    let longest = 0
    for (const { rebalanceTimeoutMs } of this.members.values()) longest = Math.max(longest, rebalanceTimeoutMs)
    return longest
  }

  get memberCount(): number {
    let count = this.pendingMembers.size
    for (const { load } of this.members.values()) count += load
    return count
  }

  hasMember(memberId: string): boolean {
    return this.members.has(memberId)
  }

  member(memberId: string): ClassicMember {
    const member = this.members.get(memberId)
    assert(member !== undefined, () => `${memberId} is no member of ${this.groupId}`)
    return member
  }

  isLeader(memberId: string): boolean {
    return this.leaderId === memberId
  }

  staticMemberId(groupInstanceId: string): string | undefined {
    return this.#staticMembers.get(groupInstanceId)
  }

  transitionTo(state: ClassicGroupState): void {
    assert(before[state].includes(this.#state), () => `group ${this.groupId} goes ${this.#state} → ${state}`)
    this.#previousState = this.#state
    this.#state = state
    this.#stateTimestampMs = this.#nowMs()
  }

  add(member: ClassicMember): void {
    const { memberId, groupInstanceId } = member
    assert(!this.members.has(memberId), () => `${memberId} joins ${this.groupId} twice`)
    if (groupInstanceId !== null) {
      assert(!this.#staticMembers.has(groupInstanceId), () => `${groupInstanceId} is in ${this.groupId} already`)
      this.#staticMembers.set(groupInstanceId, memberId)
    }
    if (this.members.size === 0) this.protocolType = member.protocolType
    assert(
      this.protocolType === member.protocolType,
      () => `${memberId} of type ${member.protocolType} joins ${this.groupId} of type ${this.protocolType}`,
    )
    this.leaderId ??= memberId
    this.members.set(memberId, member)
    this.#count(member.protocols, 1)
    if (member.isAwaitingJoin) this.#awaitingJoins += 1
    this.pendingMembers.delete(memberId)
  }

  /** A member, or an id that was only given out. */
  remove(memberId: string): void {
    const member = this.members.get(memberId)
    if (member !== undefined) {
      this.members.delete(memberId)
      this.#count(member.protocols, -1)
      if (member.isAwaitingJoin) this.#awaitingJoins -= 1
      if (member.groupInstanceId !== null) this.#staticMembers.delete(member.groupInstanceId)
    }
    if (this.isLeader(memberId)) this.leaderId = this.members.keys().next().value
    this.pendingMembers.delete(memberId)
    this.pendingSyncs.delete(memberId)
  }

  /** What a member says when it joins again. `answer`: how it is told of the new generation; undefined: it does not wait. */
  update(
    member: ClassicMember,
    said: {
      readonly protocols: readonly MemberProtocol[]
      readonly rebalanceTimeoutMs: number
      readonly sessionTimeoutMs: number
    },
    answer: ((answer: JoinAnswer) => void) | undefined,
  ): void {
    this.#count(member.protocols, -1)
    member.protocols = said.protocols
    this.#count(member.protocols, 1)
    member.rebalanceTimeoutMs = said.rebalanceTimeoutMs
    member.sessionTimeoutMs = said.sessionTimeoutMs
    this.#awaitingJoins += (answer === undefined ? 0 : 1) - (member.isAwaitingJoin ? 1 : 0)
    member.awaitJoin(answer)
  }

  /** False: the member does not wait. */
  answerJoin(member: ClassicMember, answer: JoinAnswer): boolean {
    const waited = member.answerJoin(answer)
    if (waited) this.#awaitingJoins -= 1
    return waited
  }

  /** Puts another member id in the place of a static member's, which is fenced thereby. */
  replaceStatic(oldMemberId: string, replacement: ClassicMember): void {
    const old = this.member(oldMemberId)
    const fenced = { errorCode: ErrorCode.FENCED_INSTANCE_ID }
    this.answerJoin(old, { memberId: oldMemberId, protocolName: null, ...fenced })
    old.answerSync(fenced)
    assert(
      replacement.groupInstanceId !== null && replacement.groupInstanceId === old.groupInstanceId,
      () => `${replacement.memberId} cannot take the place of ${oldMemberId}`,
    )
    this.members.delete(oldMemberId)
    this.members.set(replacement.memberId, replacement)
    if (this.isLeader(oldMemberId)) this.leaderId = replacement.memberId
    this.#staticMembers.set(replacement.groupInstanceId, replacement.memberId)
  }

  /** Where the leader has not joined, somebody who has takes its place. False: nobody has. */
  electJoinedLeader(): boolean {
    if (this.leaderId === undefined) return false
    if (this.member(this.leaderId).isAwaitingJoin) return true
    for (const member of this.members.values()) {
      if (!member.isAwaitingJoin) continue
      this.leaderId = member.memberId
      return true
    }
    return false
  }

  /** Everybody has joined, or been removed. */
  beginGeneration(): void {
    this.generationId += 1
    this.protocolName = this.members.size > 0 ? this.selectProtocol() : undefined
    this.refreshSubscribedTopics()
    this.transitionTo(this.members.size > 0 ? 'CompletingRebalance' : 'Empty')
    this.pendingSyncs.clear()
  }

  /** The protocol that all members know and most like best; of several such, the one that was voted for first. */
  selectProtocol(): string {
    const candidates = new Set<string>()
    for (const [name, count] of this.#protocolCounts) if (count === this.members.size) candidates.add(name)
    const votes = new Map<string, number>()
    for (const member of this.members.values()) {
      const choice = member.vote(candidates)
      votes.set(choice, (votes.get(choice) ?? 0) + 1)
    }
    let best: string | undefined
    for (const [name, count] of votes) if (best === undefined || count > votes.get(best)!) best = name
    assert(best !== undefined, () => `group ${this.groupId} without members selects a protocol`)
    return best
  }

  /** Whether somebody of this type, with these protocols, can be a member. */
  supports(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.isEmpty()) return protocolType !== '' && protocols.length > 0
    return (
      this.protocolType === protocolType &&
      protocols.some(({ name }) => (this.#protocolCounts.get(name) ?? 0) === this.members.size)
    )
  }

  refreshSubscribedTopics(): void {
    const { protocolName } = this
    if (!this.usesConsumerProtocol) this.#subscribedTopics = undefined
    else if (this.members.size === 0) this.#subscribedTopics = new Set()
    else if (protocolName === undefined) this.#subscribedTopics = undefined
    else
      this.#subscribedTopics = subscribedTopicsOf([...this.members.values()].map(each => each.metadata(protocolName)))
  }

  /** What the leader needs to know of all. */
  describeMembers(): NonNullable<JoinAnswer['members']> {
    const { protocolName } = this
    assert(protocolName !== undefined, () => `group ${this.groupId} has no protocol`)
    return [...this.members.values()].map(member => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: member.metadata(protocolName),
    }))
  }

  /** Why a request that names this member cannot be its own; `groupInstanceId` null where it names none. */
  memberError(memberId: string, groupInstanceId: string | null): ErrorName | undefined {
    if (groupInstanceId !== null) {
      const known = this.#staticMembers.get(groupInstanceId)
      if (known === undefined) return 'UNKNOWN_MEMBER_ID'
      if (known !== memberId) return 'FENCED_INSTANCE_ID'
    }
    return this.members.has(memberId) ? undefined : 'UNKNOWN_MEMBER_ID'
  }

  validateOffsetCommit(committer: Committer): ErrorName | undefined {
    const { memberId, groupInstanceId, generationIdOrMemberEpoch: generationId, isTransactional } = committer
    if (this.#state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE'
    // Somebody who manages its partitions by itself, or an administrator.
    if (generationId < 0 && this.isEmpty()) return undefined
    if (generationId >= 0 || memberId !== '' || groupInstanceId !== null) {
      const error = this.memberError(memberId, groupInstanceId)
      if (error !== undefined) return error
      if (generationId !== this.generationId) return 'ILLEGAL_GENERATION'
    } else if (!isTransactional && !this.isEmpty()) {
      return 'UNKNOWN_MEMBER_ID'
    }
    // The member has heard of the generation and not yet of its assignment: it cannot have anything to commit in it.
    if (!isTransactional && this.#state === 'CompletingRebalance') return 'REBALANCE_IN_PROGRESS'
    return undefined
  }

  validateOffsetFetch(): ErrorName | undefined {
    return this.#state === 'Dead' ? 'GROUP_ID_NOT_FOUND' : undefined
  }

  validateOffsetDelete(): ErrorName | undefined {
    if (this.#state === 'Dead') return 'GROUP_ID_NOT_FOUND'
    return this.isEmpty() || this.usesConsumerProtocol ? undefined : 'NON_EMPTY_GROUP'
  }

  validateDelete(): ErrorName | undefined {
    if (this.#state === 'Dead') return 'GROUP_ID_NOT_FOUND'
    return this.isEmpty() ? undefined : 'NON_EMPTY_GROUP'
  }

  /** Consumers whose subscriptions cannot be read may be subscribed to anything. */
  isSubscribedTo(topic: string): boolean {
    return this.#subscribedTopics === undefined ? this.usesConsumerProtocol : this.#subscribedTopics.has(topic)
  }

  expiryBase(): ((offset: ExpirableOffset) => number) | undefined {
    const sinceCommit = (offset: ExpirableOffset): number => offset.commitTimestampMs
    if (this.protocolType === undefined) return sinceCommit
    if (this.isEmpty()) {
      const emptySinceMs = this.#stateTimestampMs
      return emptySinceMs === -1 ? sinceCommit : () => emptySinceMs
    }
    const knowsTopics = this.usesConsumerProtocol && this.#subscribedTopics !== undefined
    return knowsTopics && this.#state === 'Stable' ? sinceCommit : undefined
  }

  tombstones(): readonly GroupRecord[] {
    return [{ type: 'group-metadata', key: { group: this.groupId }, value: null }]
  }

  /**
   * The record of the group as it is, with these assignments in the place of its members' own. `isVoid`: whoever loads it has to have its members join again, which it says by
   * leaving out the leader.
   */
  record(
    assignments: ReadonlyMap<string, Uint8Array> | undefined,
    { isVoid = false }: { readonly isVoid?: boolean } = {},
  ): GroupRecordOf<'group-metadata'> {
    const { protocolName } = this
    return {
      type: 'group-metadata',
      key: { group: this.groupId },
      value: {
        protocolType: this.protocolType ?? '',
        generation: this.generationId,
        protocol: protocolName ?? null,
        leader: isVoid ? null : (this.leaderId ?? null),
        currentStateTimestamp: this.#stateTimestampMs,
        members: [...this.members.values()].map(member => {
          assert(protocolName !== undefined, () => `the members of ${this.groupId} are written without a protocol`)
          return {
            ...member.identity,
            rebalanceTimeout: member.rebalanceTimeoutMs,
            sessionTimeout: member.sessionTimeoutMs,
            subscription: member.metadata(protocolName),
            assignment: assignments?.get(member.memberId) ?? member.assignment,
          }
        }),
      },
    }
  }

  /** The record of a group that was just made: whoever is about to join is in no generation yet. */
  emptyRecord(): GroupRecordOf<'group-metadata'> {
    return {
      type: 'group-metadata',
      key: { group: this.groupId },
      value: {
        protocolType: '',
        generation: 0,
        protocol: null,
        leader: null,
        currentStateTimestamp: this.#stateTimestampMs,
        members: [],
      },
    }
  }

  #count(protocols: readonly MemberProtocol[], difference: 1 | -1): void {
    // A member that names a protocol twice knows it once.
    for (const name of new Set(protocols.map(each => each.name))) {
      const count = (this.#protocolCounts.get(name) ?? 0) + difference
      if (count === 0) this.#protocolCounts.delete(name)
      else this.#protocolCounts.set(name, count)
    }
  }
}
