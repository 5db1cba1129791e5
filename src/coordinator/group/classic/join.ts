/**
 * JoinGroup: a member enters a classic group, or comes back for the next generation. Its answer comes when all others have joined too.
 *
 * Somebody without an id gets one and has to come again with it (KIP-394), unless its version knows nothing of that or it is a static member (KIP-345), which takes
 * over from whoever was there under the same instance id.
 */

import { STRING_BYTES_MAX } from '../../../protocol/byte-reader.ts'
import { ErrorCode } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import type { JoinGroupRequest } from '../../../protocol/messages/join-group.ts'
import { newMemberJoinTimeoutMs } from '../group-config.ts'
import { classicGroupOf, nothing } from './classic-context.ts'
import type { ClassicContext, ClassicResult, GroupRequester } from './classic-context.ts'
import { ClassicGroup } from './classic-group.ts'
import { ClassicMember } from './classic-member.ts'
import type { JoinAnswer } from './classic-member.ts'
import { generationOf } from './rebalance.ts'
import type { Rebalances } from './rebalance.ts'
import { ownBytes } from '../../../std/own-bytes.ts'

/** The first versions in which a member comes twice, and in which a leader can be told to leave the assignment as it is. */
const memberIdRequiredSince = 4
const skipsAssignmentSince = 9

const uuidChars = 36
/** What is as long as a string may be is too long to make an id of. (Kafka cannot send its answer then, and closes the connection.) */
const nameBytesMax = STRING_BYTES_MAX - '-'.length - uuidChars

export interface Join {
  readonly requester: GroupRequester
  readonly request: JoinGroupRequest
  /** Called once, now or much later. */
  readonly answer: (answer: JoinAnswer) => void
}

export class Joins {
  readonly #context: ClassicContext
  readonly #rebalances: Rebalances

  constructor(context: ClassicContext, rebalances: Rebalances) {
    this.#context = context
    this.#rebalances = rebalances
  }

  join(join: Join): ClassicResult {
    const { request, answer } = join
    const { groups, shard } = this.#context
    const isUnknown = request.memberId === ''
    if (isUnknown && Buffer.byteLength(nameOf(join)) > nameBytesMax) {
      answer(refusal(request.memberId, 'INVALID_REQUEST'))
      return nothing
    }
    const existing = classicGroupOf(groups, request.groupId)
    if (existing !== undefined) return this.#enter(existing, join)
    const other = groups.get(request.groupId)
    if (!isUnknown || other?.isEmpty() === false) {
      answer(refusal(request.memberId, isUnknown ? 'INCONSISTENT_GROUP_PROTOCOL' : 'UNKNOWN_MEMBER_ID'))
      return nothing
    }
    // An empty group of another kind makes room.
    const tombstones = other?.tombstones() ?? []
    const group = ClassicGroup.empty(request.groupId, shard.nowMs)
    group.isCreated = false
    groups.set(request.groupId, group)
    const result = this.#enter(group, join)
    // Without a record nobody would know of the group, and nothing could take it back.
    const complete = result.records.length > 0 ? result : this.#writeEmpty(group, answer)
    return tombstones.length === 0 ? complete : { ...complete, records: [...tombstones, ...complete.records] }
  }

  #writeEmpty(group: ClassicGroup, answer: (answer: JoinAnswer) => void): ClassicResult {
    return {
      records: [group.emptyRecord()],
      response: undefined,
      isApplied: true,
      onCompleted: error => {
        if (error !== undefined) answer(refusal('', error))
        // It is gone again where it could not be written, and with it whoever waits. It stays where that only took too long.
        if (classicGroupOf(this.#context.groups, group.groupId) === group) this.#rebalances.groupCreated(group)
      },
    }
  }

  #enter(group: ClassicGroup, join: Join): ClassicResult {
    const { request, answer } = join
    const { memberId } = request
    if (!this.#hasRoomFor(group, memberId)) {
      group.remove(memberId)
      answer(refusal('', 'GROUP_MAX_SIZE_REACHED'))
      return nothing
    }
    const error = entryError(group, request)
    if (error !== undefined) {
      answer(refusal(memberId, error))
      return nothing
    }
    return memberId === '' ? this.#enterNew(group, join) : this.#enterKnown(group, join)
  }

  /**
   * Members that are there may always stay, as far as the size goes; while a rebalance gathers them, those who have come count, so that a group that has become
   * too large loses the last to join.
   */
  #hasRoomFor(group: ClassicGroup, memberId: string): boolean {
    const { maxSize } = this.#context.config()
    if (group.is('Empty', 'Dead')) return true
    const member = group.members.get(memberId)
    if (group.is('PreparingRebalance')) return member?.isAwaitingJoin === true || group.awaitingJoins < maxSize
    return member !== undefined || group.members.size < maxSize
  }

  #enterNew(group: ClassicGroup, join: Join): ClassicResult {
    const { requester, request, answer } = join
    const { groupInstanceId } = request
    const memberId = `${nameOf(join)}-${this.#context.shard.randomUuid()}`
    if (groupInstanceId !== null) {
      const former = group.staticMemberId(groupInstanceId)
      return former === undefined ? this.#add(group, memberId, join) : this.#takeOver(group, former, memberId, join)
    }
    if (requester.apiVersion < memberIdRequiredSince) return this.#add(group, memberId, join)
    group.pendingMembers.add(memberId)
    this.#rebalances.scheduleSession(group.groupId, memberId, request.sessionTimeoutMs)
    answer(refusal(memberId, 'MEMBER_ID_REQUIRED'))
    return nothing
  }

  #enterKnown(group: ClassicGroup, join: Join): ClassicResult {
    const { request, answer } = join
    const { memberId, groupInstanceId } = request
    if (group.pendingMembers.has(memberId)) {
      // An id is given out to dynamic members only. Kafka answers the same.
      if (groupInstanceId === null) return this.#add(group, memberId, join)
      answer(refusal(memberId, 'UNKNOWN_SERVER_ERROR'))
      return nothing
    }
    const error = group.memberError(memberId, groupInstanceId)
    if (error !== undefined) {
      answer({ ...refusal(memberId, error), protocolName: null })
      return nothing
    }
    const member = group.member(memberId)
    const protocols = request.protocols
    const rejoin = (reason: string): ClassicResult => this.#rejoin(group, member, join, reason)
    switch (group.currentState) {
      case 'PreparingRebalance':
        return rejoin('it joins')
      case 'CompletingRebalance':
        if (!member.hasProtocols(protocols)) return rejoin('it has changed what it says of itself')
        // It may have missed our answer to its first request.
        answer({ ...generationOf(group, memberId), members: group.isLeader(memberId) ? group.describeMembers() : [] })
        return nothing
      case 'Stable':
        // That is how a leader asks for another assignment, for example because a topic has more partitions now.
        if (group.isLeader(memberId)) return rejoin('the leader joins again')
        if (!member.hasProtocols(protocols)) return rejoin('it has changed what it says of itself')
        answer({ ...generationOf(group, memberId), members: [] })
        return nothing
      default:
        answer(refusal(memberId, 'UNKNOWN_MEMBER_ID'))
        return nothing
    }
  }

  #rejoin(group: ClassicGroup, member: ClassicMember, { request, answer }: Join, why: string): ClassicResult {
    group.update(member, saidBy(request), answer)
    return this.#rebalances.prepareOrComplete(group, `${member.memberId}: ${why}; client reason: ${reasonOf(request)}`)
  }

  #add(group: ClassicGroup, memberId: string, { requester, request, answer }: Join): ClassicResult {
    const { clientId, clientHost } = requester
    const { groupInstanceId } = request
    const { protocols, ...timeouts } = saidBy(request)
    const identity = { memberId, groupInstanceId, clientId, clientHost }
    const member = new ClassicMember(identity, timeouts, request.protocolType, protocols)
    member.isNew = true
    member.awaitJoin(answer)
    if (group.is('PreparingRebalance') && group.previousState === 'Empty') group.newMemberAdded = true
    group.add(member)
    // It cannot send heartbeats before it is answered, and we do not notice when it goes. It is asked to come again instead of waiting for ever.
    this.#rebalances.renewSession(group, member, newMemberJoinTimeoutMs)
    const who = groupInstanceId === null ? memberId : `${memberId}, instance ${groupInstanceId},`
    return this.#rebalances.prepareOrComplete(group, `${who} is new; client reason: ${reasonOf(request)}`)
  }

  /** A static member comes back without its id, as after a restart: it gets a new one, and keeps its assignment where nothing else has changed. */
  #takeOver(group: ClassicGroup, formerId: string, memberId: string, join: Join): ClassicResult {
    const { request, answer } = join
    const former = group.member(formerId)
    const formerLeader = group.leaderId
    const replacement = new ClassicMember(
      { ...former.identity, memberId },
      former,
      former.protocolType,
      former.protocols,
      former.assignment,
    )
    group.replaceStatic(formerId, replacement)
    this.#rebalances.renewSession(group, replacement)
    group.update(replacement, saidBy(request), answer)
    const reason = `${memberId} takes the place of ${formerId}; client reason: ${reasonOf(request)}`
    // The leader may have been told of the old id: what it assigns to that would be lost.
    if (group.is('CompletingRebalance')) return this.#rebalances.prepare(group, reason)
    if (!group.is('Stable')) return this.#rebalances.completeIfAllJoined(group)
    if (group.protocolName !== group.selectProtocol()) return this.#rebalances.prepareOrComplete(group, reason)
    return {
      records: [group.record(undefined)],
      response: undefined,
      isApplied: true,
      onCompleted: error => {
        if (error === undefined) this.#answerTakeOver(group, replacement, formerLeader, join)
        else this.#undoTakeOver(group, former, replacement, error)
      },
    }
  }

  #answerTakeOver(
    group: ClassicGroup,
    member: ClassicMember,
    formerLeader: string | undefined,
    { requester }: Join,
  ): void {
    const { memberId } = member
    const generation = generationOf(group, memberId)
    if (requester.apiVersion >= skipsAssignmentSince) {
      const isLeader = group.isLeader(memberId)
      group.answerJoin(member, {
        ...generation,
        members: isLeader ? group.describeMembers() : [],
        skipAssignment: isLeader,
      })
    } else {
      // A leader that learns that it is one would divide the work anew, which its version cannot be asked not to: it is told of its old id instead.
      group.answerJoin(member, { ...generation, leader: formerLeader ?? '' })
    }
  }

  #undoTakeOver(group: ClassicGroup, former: ClassicMember, replacement: ClassicMember, error: ErrorName): void {
    const stillThere = group.members.get(replacement.memberId) === replacement
    group.answerJoin(replacement, { ...generationOf(group, ''), errorCode: ErrorCode[error] })
    if (!stillThere) return
    group.update(replacement, former, undefined)
    group.replaceStatic(replacement.memberId, former)
    this.#rebalances.renewSession(group, former)
  }
}

/** What the id of a new member begins with. */
function nameOf({ requester, request }: Join): string {
  return request.groupInstanceId ?? requester.clientId
}

function entryError(group: ClassicGroup, { protocolType, protocols }: JoinGroupRequest): ErrorName | undefined {
  // It was just removed, or moves to another coordinator.
  if (group.is('Dead')) return 'COORDINATOR_NOT_AVAILABLE'
  return group.supports(protocolType, protocols) ? undefined : 'INCONSISTENT_GROUP_PROTOCOL'
}

/** Owned by us: a request's bytes are gone when it has been served. */
function saidBy({ protocols, rebalanceTimeoutMs, sessionTimeoutMs }: JoinGroupRequest) {
  return {
    protocols: protocols.map(({ name, metadata }) => ({ name, metadata: ownBytes(metadata) })),
    rebalanceTimeoutMs,
    sessionTimeoutMs,
  }
}

function reasonOf({ reason }: JoinGroupRequest): string {
  return reason === null || reason === '' ? 'not provided' : reason
}

export function refusal(memberId: string, error: ErrorName): JoinAnswer {
  return { memberId, errorCode: ErrorCode[error] }
}
