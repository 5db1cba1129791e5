/**
 * The consumer rebalance protocol (KIP-848) in one shard of the group coordinator: what the shard calls.
 *
 * Requests of the new protocol come to `consumerGroupHeartbeat` and `describe`; those of classic members in a consumer group to the rest. Lifecycle: records are
 * replayed while the shard loads and as they are written; `onLoaded` starts the sessions of all members there are.
 */

import { ErrorCode } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import type { ConsumerGroupHeartbeatRequest } from '../../../protocol/messages/consumer-group-heartbeat.ts'
import type { HeartbeatRequest } from '../../../protocol/messages/heartbeat.ts'
import type { LeaveGroupRequest } from '../../../protocol/messages/leave-group.ts'
import { assert } from '../../../std/assert.ts'
import { respond } from '../../runtime/coordinator.ts'
import type { CoordinatorResult, TopicsChange } from '../../runtime/coordinator.ts'
import type { ClassicResult, GroupRequester } from '../classic/classic-context.ts'
import { ClassicGroup } from '../classic/classic-group.ts'
import type { Join } from '../classic/join.ts'
import type { LeaveAnswer } from '../classic/leave.ts'
import type { Sync } from '../classic/sync.ts'
import type { Group } from '../group.ts'
import type { GroupRecord } from '../group-records.ts'
import type { GroupShardParts } from '../group-shard.ts'
import type { NewerGroups } from '../newer-groups.ts'
import { ClassicMembers } from './classic-members.ts'
import type { ConsumerGroupConfig, ConsumerGroupContext } from './consumer-group-context.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { describeGroup } from './describe.ts'
import type { DescribedConsumerGroup } from './describe.ts'
import { Downgrades } from './downgrade.ts'
import { Fencing } from './fencing.ts'
import { Heartbeats } from './heartbeats.ts'
import type { HeartbeatAnswer } from './heartbeats.ts'
import { MemberUpdates } from './member-update.ts'
import { MemberState, usesClassicProtocol } from './member.ts'
import { TopicHashes } from './metadata-hash.ts'
import { RegexRefresh } from './regex-refresh.ts'
import { isConsumerGroupRecord, replayConsumerGroupRecord } from './replay.ts'
import { Upgrades } from './upgrade.ts'

export class ConsumerGroups implements NewerGroups {
  readonly #context: ConsumerGroupContext
  readonly #fencing: Fencing
  readonly #regexRefresh: RegexRefresh
  readonly #heartbeats: Heartbeats
  readonly #classicMembers: ClassicMembers

  constructor({ context: shard, groups, classic, logger }: GroupShardParts, config: ConsumerGroupConfig) {
    const context = { shard, groups, config, logger, topicHashes: new TopicHashes(shard.topics) }
    const downgrades = new Downgrades(context, classic.rebalances)
    this.#context = context
    this.#fencing = new Fencing(context, downgrades)
    this.#regexRefresh = new RegexRefresh(context)
    const updates = new MemberUpdates(context, this.#fencing, this.#regexRefresh)
    this.#heartbeats = new Heartbeats(context, this.#fencing, new Upgrades(context, this.#fencing), updates)
    this.#classicMembers = new ClassicMembers(context, this.#fencing, updates, downgrades)
  }

  consumerGroupHeartbeat(
    request: ConsumerGroupHeartbeatRequest,
    requester: GroupRequester,
  ): CoordinatorResult<GroupRecord, HeartbeatAnswer> {
    return this.#heartbeats.heartbeat(request, requester)
  }

  /** Of what is committed. */
  describe(groupId: string): DescribedConsumerGroup {
    const { groups, config, shard } = this.#context
    const group = groups.getCommitted(groupId)
    if (group instanceof ConsumerGroup) return describeGroup(group, config.assignors[0]!.name, shard.topics)
    const errorMessage = group === undefined ? `there is no group ${groupId}` : `${groupId} is a ${group.type} group`
    return { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage }
  }

  replay(record: GroupRecord): void {
    const { shard, groups } = this.#context
    if (isConsumerGroupRecord(record))
      replayConsumerGroupRecord(record, { timeline: shard.timeline, groups, canReplace: isSimple })
  }

  onLoaded(): void {
    for (const [groupId, group] of this.#context.groups.entries()) {
      if (!(group instanceof ConsumerGroup)) continue
      for (const [memberId, member] of group.members.entries()) {
        this.#fencing.renewSession(group, memberId)
        if (!usesClassicProtocol(member) && member.assignedPartitions.size > 0) group.silentBeats.set(memberId, 0)
        const isRevoking = member.state === MemberState.UNREVOKED_PARTITIONS && !usesClassicProtocol(member)
        if (isRevoking) this.#fencing.awaitRevocation(groupId, member)
      }
    }
  }

  /** Nobody waits here: every answer is part of a write. */
  onUnloaded(): void {}

  onTopicsChanged({ hasNew, changed, deleted }: TopicsChange): void {
    const names = [...changed, ...deleted.keys()]
    if (hasNew) this.#regexRefresh.topicsWereMade()
    this.#context.topicHashes.forget(names)
    for (const group of this.#context.groups.values()) {
      if (group instanceof ConsumerGroup && names.some(name => group.isSubscribedTo(name)))
        group.requestMetadataRefresh()
    }
  }

  takesClassicMembers(group: Group): boolean {
    return group instanceof ConsumerGroup
  }

  join(group: Group, join: Join): ClassicResult {
    return this.#classicMembers.join(consumerGroup(group), join)
  }

  sync(group: Group, sync: Sync): ClassicResult {
    return this.#classicMembers.sync(consumerGroup(group), sync)
  }

  heartbeat(group: Group, request: HeartbeatRequest): CoordinatorResult<GroupRecord, ErrorName> {
    return respond(this.#classicMembers.heartbeat(consumerGroup(group), request))
  }

  leave(group: Group, members: LeaveGroupRequest['members']): CoordinatorResult<GroupRecord, LeaveAnswer> {
    return this.#classicMembers.leave(consumerGroup(group), members)
  }
}

function consumerGroup(group: Group): ConsumerGroup {
  assert(group instanceof ConsumerGroup, () => `${group.groupId} is a ${group.type} group`)
  return group
}

/** A group that was made to hold committed offsets has no record of its own in the log. */
function isSimple(group: Group): boolean {
  return group instanceof ClassicGroup && group.isSimple
}
