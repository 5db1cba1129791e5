/**
 * Members go: by themselves, put out because a timer of theirs ran out, or by an administrator. The group is then in another epoch, and what they had becomes
 * free. When the last one of the new protocol goes and classic ones remain, the group becomes theirs (`downgrade.ts`).
 */

import type { CoordinatorResult } from '../../runtime/coordinator.ts'
import type { ScheduledTimer } from '../../runtime/timers.ts'
import type { GroupRecord } from '../group-records.ts'
import { groupEpochRecord, memberTombstones, regexTombstone } from './consumer-group-records.ts'
import { isRefusal } from './consumer-group-context.ts'
import type { ConsumerGroupContext } from './consumer-group-context.ts'
import { ConsumerGroup } from './consumer-group.ts'
import type { Downgrades } from './downgrade.ts'
import { regexOf } from './member.ts'
import type { ConsumerGroupMember } from './member.ts'
import { countNames, countOne, countRegex } from './subscriptions.ts'

type TimerKind = 'session' | 'rebalance' | 'join' | 'sync'
type Result<T> = CoordinatorResult<GroupRecord, T>

const timerKinds: readonly TimerKind[] = ['session', 'rebalance', 'join', 'sync']
const nothing: Result<void> = { records: [], response: undefined }

/** The length keeps apart what could be read as another group with another member. */
function timerKey(kind: TimerKind, groupId: string, memberId: string): string {
  return `consumer-${kind}:${groupId.length}:${groupId}:${memberId}`
}

export class Fencing {
  readonly #context: ConsumerGroupContext
  readonly #downgrades: Downgrades

  constructor(context: ConsumerGroupContext, downgrades: Downgrades) {
    this.#context = context
    this.#downgrades = downgrades
  }

  /** Takes the members out of the group. */
  fence<T>(group: ConsumerGroup, members: ReadonlySet<ConsumerGroupMember>, response: T): Result<T> {
    if (members.size === 0) return { records: [], response }
    if (this.#downgrades.isDue(group, { leaving: members })) {
      const records = this.#downgrades.downgrade(
        group,
        { leaving: members },
        'its last member of the consumer protocol has left',
      )
      // Where that cannot be done, which nobody's request is to blame for, the group stays what it is.
      if (!isRefusal(records)) return { records, response, isApplied: true }
    }
    const { groupId } = group
    const regexes = this.#unusedRegexes(group, members)
    const topicCounts = new Map(group.topicCounts.entries())
    for (const { subscribedTopicNames } of members) countNames(topicCounts, subscribedTopicNames, -1)
    for (const regex of regexes) countRegex(topicCounts, group.resolvedRegexes.get(regex)?.topicNames ?? [], -1)
    const metadataHash = this.#context.topicHashes.ofGroup(topicCounts.keys())
    for (const { memberId } of members) this.#cancelTimers(group, memberId)
    return {
      records: [
        ...[...members].flatMap(({ memberId }) => memberTombstones(groupId, memberId)),
        ...regexes.map(regex => regexTombstone(groupId, regex)),
        groupEpochRecord(groupId, group.groupEpoch.get() + 1, metadataHash),
      ],
      response,
    }
  }

  /** Regular expressions that nobody else subscribes to. */
  #unusedRegexes(group: ConsumerGroup, members: ReadonlySet<ConsumerGroupMember>): string[] {
    const leaving = new Map<string, number>()
    for (const member of members) countOne(leaving, regexOf(member), 1)
    return [...leaving].filter(([regex, count]) => group.regexCounts.get(regex) === count).map(([regex]) => regex)
  }

  /** The member has shown that it is alive. */
  renewSession(
    group: ConsumerGroup,
    memberId: string,
    timeoutMs = this.#context.config.sessionTimeoutMs(group.groupId),
  ): void {
    // A heartbeat: what each member does all the time.
    if (group.sessions.get(memberId)?.postpone(timeoutMs) === true) return
    const session = this.#schedule('session', group.groupId, memberId, timeoutMs, 'its session has ended')
    group.sessions.set(memberId, session)
  }

  /** The member has to give up partitions, and says how long that takes it. */
  awaitRevocation(groupId: string, { memberId, memberEpoch, rebalanceTimeoutMs }: ConsumerGroupMember): void {
    const key = timerKey('rebalance', groupId, memberId)
    this.#context.shard.timers.schedule(key, rebalanceTimeoutMs, () =>
      this.#expire(groupId, memberId, `it did not give up partitions within ${rebalanceTimeoutMs} ms`, memberEpoch),
    )
  }

  revocationDone(groupId: string, memberId: string): void {
    this.#context.shard.timers.cancel(timerKey('rebalance', groupId, memberId))
  }

  /** The classic member has been told to join again. */
  awaitJoin(groupId: string, { memberId, rebalanceTimeoutMs }: ConsumerGroupMember): void {
    const key = timerKey('join', groupId, memberId)
    this.#context.shard.timers.scheduleIfAbsent(key, rebalanceTimeoutMs, () =>
      this.#expire(groupId, memberId, 'it did not join again in time'),
    )
  }

  joinDone(groupId: string, memberId: string): void {
    this.#context.shard.timers.cancel(timerKey('join', groupId, memberId))
  }

  /** The classic member has joined, and is to ask for its assignment. */
  awaitSync(groupId: string, memberId: string, timeoutMs: number): void {
    this.#schedule('sync', groupId, memberId, timeoutMs, 'it did not ask for its assignment in time')
  }

  syncDone(groupId: string, memberId: string): void {
    this.#context.shard.timers.cancel(timerKey('sync', groupId, memberId))
  }

  #schedule(kind: TimerKind, groupId: string, memberId: string, timeoutMs: number, reason: string): ScheduledTimer {
    return this.#context.shard.timers.schedule(timerKey(kind, groupId, memberId), timeoutMs, () =>
      this.#expire(groupId, memberId, reason),
    )
  }

  #cancelTimers({ groupId, sessions, silentBeats }: ConsumerGroup, memberId: string): void {
    sessions.delete(memberId)
    silentBeats.delete(memberId)
    for (const kind of timerKinds) this.#context.shard.timers.cancel(timerKey(kind, groupId, memberId))
  }

  /** With `memberEpoch`: unless the member has come further since. */
  #expire(groupId: string, memberId: string, reason: string, memberEpoch?: number): Result<void> {
    const group = this.#context.groups.get(groupId)
    const member = group instanceof ConsumerGroup ? group.members.get(memberId) : undefined
    // A static member that another has taken the place of.
    if (member === undefined && group instanceof ConsumerGroup) this.#cancelTimers(group, memberId)
    if (member === undefined || (memberEpoch !== undefined && member.memberEpoch !== memberEpoch)) return nothing
    this.#context.logger.info('a member is put out of its group', { group: groupId, member: memberId, reason })
    return this.fence(group as ConsumerGroup, new Set([member]), undefined)
  }
}
