/**
 * A classic group on its way from one generation to the next, and the timers that keep it moving (G5).
 *
 *     prepare     members have to join again; a group that was empty waits a little for more of them
 *     complete    all have joined, or the time is up: who has not is out, the rest is a generation and hears of it
 *     (sync)      the leader's assignment is written, then everybody hears theirs: `sync.ts`
 *
 * A member that neither joins, nor syncs, nor sends heartbeats in time is removed, which begins it all anew.
 */

import { ErrorCode } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import { assert } from '../../../std/assert.ts'
import type { ScheduledTimer } from '../../runtime/timers.ts'
import { classicGroupOf, nothing } from './classic-context.ts'
import type { ClassicContext, ClassicResult } from './classic-context.ts'
import type { ClassicGroup } from './classic-group.ts'
import { noAssignment } from './classic-member.ts'
import type { ClassicMember } from './classic-member.ts'

/** No id that a client can send has a zero byte in the place that these have one. */
const sessionKey = (groupId: string, memberId: string): string => `session\0${groupId}\0${memberId}`
const joinKey = (groupId: string): string => `join\0${groupId}`
const syncKey = (groupId: string): string => `sync\0${groupId}`

export class Rebalances {
  readonly #context: ClassicContext

  constructor(context: ClassicContext) {
    this.#context = context
  }

  /** Begins a rebalance where the state allows one; where one goes on already, sees whether it is done. */
  prepareOrComplete(group: ClassicGroup, reason: string): ClassicResult {
    return group.canRebalance ? this.prepare(group, reason) : this.completeIfAllJoined(group)
  }

  prepare(group: ClassicGroup, reason: string): ClassicResult {
    // Whoever waits for its part in a division that is void now has to join again.
    if (group.is('CompletingRebalance')) this.propagateError(group, 'REBALANCE_IN_PROGRESS')
    this.#cancelSyncExpiry(group)
    const { groupId } = group
    const isFirst = group.is('Empty')
    group.transitionTo('PreparingRebalance')
    if (isFirst && group.isCreated) this.#awaitFirst(group)
    const { generationId: generation } = group
    this.#context.logger.info('preparing to rebalance a group', { group: groupId, generation, reason })
    if (isFirst) return nothing
    if (group.haveAllJoined) return this.complete(group)
    this.#scheduleCompletion(group)
    return nothing
  }

  /** The first rebalance of a group is over when its delay is, not when all that are there have joined. */
  completeIfAllJoined(group: ClassicGroup): ClassicResult {
    if (!group.is('PreparingRebalance') || group.previousState === 'Empty' || !group.haveAllJoined) return nothing
    return this.complete(group)
  }

  complete(group: ClassicGroup): ClassicResult {
    const { shard, logger } = this.#context
    const { groupId } = group
    shard.timers.cancel(joinKey(groupId))
    const missing = [...group.members.values()].filter(member => !member.isAwaitingJoin && !member.isStatic)
    for (const { memberId } of missing) {
      group.remove(memberId)
      this.forgetSession(groupId, memberId)
    }
    if (missing.length > 0)
      logger.info('members did not join a rebalance', { group: groupId, members: missing.map(each => each.memberId) })
    if (group.members.size > 0 && !group.electJoinedLeader()) {
      // Only static members are left and none of them has joined: until one does, or their sessions end.
      this.#scheduleCompletion(group)
      return nothing
    }
    group.beginGeneration()
    const { generationId: generation } = group
    if (group.isEmpty()) {
      logger.info('a group is empty', { group: groupId, generation })
      // Should this not become durable, the last generation comes back after a crash, and times out.
      return { records: [group.record(undefined)], response: undefined, isApplied: true }
    }
    logger.info('a group has a new generation', { group: groupId, generation, members: group.members.size })
    for (const member of group.members.values()) this.#tellOfGeneration(group, member)
    this.#scheduleSyncExpiry(group)
    return nothing
  }

  /** A member's session begins anew. */
  renewSession(group: ClassicGroup, member: ClassicMember, timeoutMs: number = member.sessionTimeoutMs): void {
    // A heartbeat: what each member does all the time.
    if (member.session?.postpone(timeoutMs) !== true)
      member.session = this.scheduleSession(group.groupId, member.memberId, timeoutMs)
  }

  /** For an id that was only given out, too: it has as long to come back. */
  scheduleSession(groupId: string, memberId: string, timeoutMs: number): ScheduledTimer {
    const expire = (): ClassicResult => this.#expireSession(groupId, memberId)
    return this.#context.shard.timers.schedule(sessionKey(groupId, memberId), timeoutMs, expire)
  }

  forgetSession(groupId: string, memberId: string): void {
    this.#context.shard.timers.cancel(sessionKey(groupId, memberId))
  }

  /** Nobody gets an assignment. */
  propagateError(group: ClassicGroup, error: ErrorName): void {
    assert(group.is('CompletingRebalance'), () => `${group.groupId} in ${group.currentState} resets its assignment`)
    for (const member of group.members.values()) {
      member.assignment = noAssignment
      const waited = member.answerSync({ errorCode: ErrorCode[error] })
      if (waited) this.renewSession(group, member)
    }
  }

  /** Everybody who waits gets its own. */
  propagateAssignment(group: ClassicGroup, assignments: ReadonlyMap<string, Uint8Array>): void {
    assert(group.is('CompletingRebalance'), () => `${group.groupId} in ${group.currentState} gets an assignment`)
    const { protocolType = null, protocolName = null } = group
    for (const member of group.members.values()) {
      member.assignment = assignments.get(member.memberId) ?? noAssignment
      const waited = member.answerSync({ protocolType, protocolName, assignment: member.assignment })
      // While it waited, the end of its session was passed over.
      if (waited) this.renewSession(group, member)
    }
  }

  /** The member has sent SyncGroup. */
  syncArrived(group: ClassicGroup, memberId: string): void {
    group.pendingSyncs.delete(memberId)
    if (group.pendingSyncs.size === 0) this.#context.shard.timers.cancel(syncKey(group.groupId))
  }

  #tellOfGeneration(group: ClassicGroup, member: ClassicMember): void {
    const isLeader = group.isLeader(member.memberId)
    group.answerJoin(member, {
      ...generationOf(group, member.memberId),
      members: isLeader ? group.describeMembers() : [],
    })
    this.renewSession(group, member)
    member.isNew = false
    group.pendingSyncs.add(member.memberId)
  }

  #scheduleCompletion({ groupId, rebalanceTimeoutMs }: ClassicGroup): void {
    this.#context.shard.timers.schedule(joinKey(groupId), rebalanceTimeoutMs, () => {
      const group = classicGroupOf(this.#context.groups, groupId)
      return group?.is('PreparingRebalance') === true ? this.complete(group) : nothing
    })
  }

  /** Its record is committed: whoever has joined may be told, as others can see what it is a member of. */
  groupCreated(group: ClassicGroup): void {
    group.isCreated = true
    if (group.is('PreparingRebalance') && group.previousState === 'Empty') this.#awaitFirst(group)
  }

  #awaitFirst({ groupId, rebalanceTimeoutMs }: ClassicGroup): void {
    const delayMs = this.#context.config().initialRebalanceDelayMs
    this.#awaitMore(groupId, delayMs, Math.max(rebalanceTimeoutMs - delayMs, 0))
  }

  /** Waits `delayMs`, and again as long as members come and the rebalance timeout leaves time. */
  #awaitMore(groupId: string, delayMs: number, remainingMs: number): void {
    this.#context.shard.timers.schedule(joinKey(groupId), delayMs, () => {
      const group = classicGroupOf(this.#context.groups, groupId)
      if (group?.is('PreparingRebalance') !== true) return nothing
      if (!group.newMemberAdded || remainingMs === 0) return this.complete(group)
      group.newMemberAdded = false
      const nextDelayMs = Math.min(this.#context.config().initialRebalanceDelayMs, remainingMs)
      this.#awaitMore(groupId, nextDelayMs, Math.max(remainingMs - delayMs, 0))
      return nothing
    })
  }

  #scheduleSyncExpiry({ groupId, generationId, rebalanceTimeoutMs }: ClassicGroup): void {
    this.#context.shard.timers.schedule(syncKey(groupId), rebalanceTimeoutMs, () =>
      this.#expireSyncs(groupId, generationId),
    )
  }

  #cancelSyncExpiry(group: ClassicGroup): void {
    group.pendingSyncs.clear()
    this.#context.shard.timers.cancel(syncKey(group.groupId))
  }

  #expireSyncs(groupId: string, generationId: number): ClassicResult {
    const group = classicGroupOf(this.#context.groups, groupId)
    if (group === undefined || group.generationId !== generationId || group.pendingSyncs.size === 0) return nothing
    if (!group.is('CompletingRebalance', 'Stable')) return nothing
    const late = [...group.pendingSyncs]
    for (const memberId of late) {
      group.remove(memberId)
      this.forgetSession(groupId, memberId)
    }
    return this.prepare(group, `no SyncGroup in time from ${late.join(', ')}`)
  }

  #expireSession(groupId: string, memberId: string): ClassicResult {
    const group = classicGroupOf(this.#context.groups, groupId)
    if (group === undefined || group.is('Dead')) return nothing
    if (group.pendingMembers.has(memberId)) {
      group.remove(memberId)
      return this.completeIfJoined(group)
    }
    const member = group.members.get(memberId)
    if (member === undefined || member.isExcusedFromHeartbeats) return nothing
    this.#context.logger.info('the session of a member has ended', { group: groupId, member: memberId })
    return this.removeMember(group, member, `no heartbeat in time from ${memberId}`)
  }

  /** Takes a member out that may still wait for an answer. */
  removeMember(group: ClassicGroup, member: ClassicMember, reason: string): ClassicResult {
    group.answerJoin(member, { memberId: '', errorCode: ErrorCode.UNKNOWN_MEMBER_ID })
    group.remove(member.memberId)
    if (group.is('Stable', 'CompletingRebalance')) return this.prepareOrComplete(group, reason)
    return this.completeIfJoined(group)
  }

  /** Unlike `completeIfAllJoined`, also in the first rebalance of a group: whoever was waited for is gone. */
  completeIfJoined(group: ClassicGroup): ClassicResult {
    return group.is('PreparingRebalance') && group.haveAllJoined ? this.complete(group) : nothing
  }
}

/** What JoinGroup answers of the generation to one of its members. */
export function generationOf(group: ClassicGroup, memberId: string) {
  return {
    memberId,
    generationId: group.generationId,
    protocolType: group.protocolType ?? null,
    protocolName: group.protocolName ?? null,
    leader: group.leaderId ?? '',
  }
}
