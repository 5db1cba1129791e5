/** The classic protocol of one shard: the requests of its members, the records that say what became of them, and what others may see of it. */

import { ErrorCode } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import type { DescribeGroupsResponse } from '../../../protocol/messages/describe-groups.ts'
import type { HeartbeatRequest } from '../../../protocol/messages/heartbeat.ts'
import type { LeaveGroupRequest } from '../../../protocol/messages/leave-group.ts'
import type { Input } from '../../../protocol/schema.ts'
import type { CoordinatorResult } from '../../runtime/coordinator.ts'
import { assertHasNext } from '../group-records.ts'
import type { GroupRecord, GroupRecordOf } from '../group-records.ts'
import { classicGroupOf } from './classic-context.ts'
import type { ClassicContext, ClassicResult } from './classic-context.ts'
import { ClassicGroup } from './classic-group.ts'
import { ClassicMember } from './classic-member.ts'
import { Joins } from './join.ts'
import type { Join } from './join.ts'
import { Leaves } from './leave.ts'
import type { LeaveAnswer } from './leave.ts'
import { Rebalances } from './rebalance.ts'
import { Syncs } from './sync.ts'
import type { Sync } from './sync.ts'
import { ownBytes } from '../../../std/own-bytes.ts'

export type DescribedGroup = NonNullable<Input<typeof DescribeGroupsResponse>['groups']>[number]

export class ClassicGroups {
  /** For whoever turns groups of another kind into classic ones. */
  readonly rebalances: Rebalances
  readonly #context: ClassicContext
  readonly #joins: Joins
  readonly #syncs: Syncs
  readonly #leaves: Leaves

  constructor(context: ClassicContext) {
    this.#context = context
    this.rebalances = new Rebalances(context)
    this.#joins = new Joins(context, this.rebalances)
    this.#syncs = new Syncs(context, this.rebalances)
    this.#leaves = new Leaves(context, this.rebalances)
  }

  /** Into a classic group, or one that does not exist yet. */
  join(join: Join): ClassicResult {
    return this.#joins.join(join)
  }

  sync(group: ClassicGroup, sync: Sync): ClassicResult {
    return this.#syncs.sync(group, sync)
  }

  heartbeat(group: ClassicGroup, request: HeartbeatRequest): ErrorName {
    return this.#syncs.heartbeat(group, request)
  }

  leave(group: ClassicGroup, members: LeaveGroupRequest['members']): CoordinatorResult<GroupRecord, LeaveAnswer> {
    return this.#leaves.leave(group, members)
  }

  /** A commit of offsets shows, as a heartbeat does, that the member is alive. */
  committed(group: ClassicGroup, memberId: string): void {
    const member = group.members.get(memberId)
    if (member !== undefined && group.is('Stable', 'PreparingRebalance')) this.rebalances.renewSession(group, member)
  }

  replay({ key, value }: GroupRecordOf<'group-metadata'>): void {
    const { groups, shard } = this.#context
    if (value === null) groups.delete(key.group)
    else groups.set(key.group, restored(key.group, value, shard.nowMs))
  }

  /** Sessions begin when the group is loaded; nobody could have sent a heartbeat before. */
  onLoaded(): void {
    const { groups, config, shard } = this.#context
    const { maxSize } = config()
    for (const group of groups.values()) {
      if (!(group instanceof ClassicGroup)) continue
      for (const member of group.members.values()) this.rebalances.renewSession(group, member)
      if (group.isVoid)
        shard.write(() => this.rebalances.prepareOrComplete(group, 'loaded before its members had joined again'))
      if (group.members.size > maxSize)
        shard.write(() => this.rebalances.prepareOrComplete(group, `loaded with more than ${maxSize} members`))
    }
  }

  onUnloaded(error: ErrorName): void {
    for (const group of this.#context.groups.values()) if (group instanceof ClassicGroup) bury(group, error)
  }

  /** As DescribeGroups shows it. */
  describe(groupId: string, apiVersion: number): DescribedGroup {
    const group = this.#context.groups.getCommitted(groupId)
    if (!(group instanceof ClassicGroup)) return undescribed(groupId, group !== undefined, apiVersion)
    const { protocolName } = group
    const isStable = group.is('Stable') && protocolName !== undefined
    return {
      groupId,
      groupState: group.state(),
      protocolType: group.protocolType ?? '',
      protocolData: isStable ? protocolName : '',
      members: [...group.members.values()].map(member => ({
        ...member.identity,
        // What it has is told while the group rebalances; what it wants only means something under a protocol.
        memberAssignment: member.assignment,
        ...(isStable ? { memberMetadata: member.metadata(protocolName) } : {}),
      })),
    }
  }

  group(groupId: string): ClassicGroup | undefined {
    return classicGroupOf(this.#context.groups, groupId)
  }
}

/** Since version 6 a client can be told that there is none; before, it was described as dead. */
function undescribed(groupId: string, isOfAnotherKind: boolean, apiVersion: number): DescribedGroup {
  const message = isOfAnotherKind ? `Group ${groupId} is not a classic group.` : `Group ${groupId} not found.`
  const since6 = apiVersion >= 6 ? { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage: message } : {}
  return { groupId, groupState: 'Dead', ...since6 }
}

/** Ends a group whose shard leaves this broker: its members find the next coordinator and go on there. */
function bury(group: ClassicGroup, error: ErrorName): void {
  group.transitionTo('Dead')
  for (const member of group.members.values()) {
    group.answerJoin(member, { memberId: member.memberId, errorCode: ErrorCode[error] })
    member.answerSync({ errorCode: ErrorCode[error] })
  }
}

type GroupMetadata = NonNullable<GroupRecordOf<'group-metadata'>['value']>

function restored(groupId: string, value: GroupMetadata, nowMs: () => number): ClassicGroup {
  const { protocolType, protocol, members, generation, leader, currentStateTimestamp } = value
  assertHasNext(generation, `the generation of ${groupId}`)
  const group = new ClassicGroup(groupId, nowMs, {
    state: members.length === 0 ? 'Empty' : 'Stable',
    generationId: generation,
    protocolType: protocolType === '' ? undefined : protocolType,
    protocolName: protocol ?? undefined,
    leaderId: leader ?? undefined,
    stateTimestampMs: currentStateTimestamp,
  })
  // Of a member that is named twice the last one counts, as in Kafka.
  for (const member of new Map(members.map(each => [each.memberId, each])).values()) {
    const { memberId, groupInstanceId, clientId, clientHost, sessionTimeout, rebalanceTimeout } = member
    const timeouts = {
      sessionTimeoutMs: sessionTimeout,
      rebalanceTimeoutMs: rebalanceTimeout === -1 ? sessionTimeout : rebalanceTimeout,
    }
    // Copies: what was decoded are views of a batch that is not to stay in memory for them.
    const protocols = [{ name: protocol ?? '', metadata: ownBytes(member.subscription) }]
    const identity = { memberId, groupInstanceId, clientId, clientHost }
    group.add(new ClassicMember(identity, timeouts, protocolType, protocols, ownBytes(member.assignment)))
  }
  group.refreshSubscribedTopics()
  group.isVoid = leader === null && members.length > 0
  return group
}
