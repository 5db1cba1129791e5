/**
 * Turns a consumer group into a classic one, when its last member of the new protocol goes and members of the classic protocol remain
 * (`group.consumer.migration.policy`).
 *
 * They keep what the group had assigned to them, as an assignment of a new generation, and are made to join again unless nothing has changed. The records say
 * what is done here at once: the classic group is not only what the log has of it. That they have to join again is told by the absence of a leader, which a group
 * with members has otherwise: one that is loaded so rebalances. In Kafka its members go on, and what the last one had is nobody's until something else happens (G5).
 */

import { ClassicGroup } from '../classic/classic-group.ts'
import { ClassicMember } from '../classic/classic-member.ts'
import type { Rebalances } from '../classic/rebalance.ts'
import type { GroupRecord } from '../group-records.ts'
import { groupTombstones } from './consumer-group-records.ts'
import { refuse } from './consumer-group-context.ts'
import type { ConsumerGroupContext, Refusal } from './consumer-group-context.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { CONSUMER_PROTOCOL_TYPE, writeAssignment } from './consumer-protocol.ts'
import { usesClassicProtocol } from './member.ts'
import type { ConsumerGroupMember } from './member.ts'

/** Who goes, and who stands in its place. */
export interface Departure {
  readonly leaving: ReadonlySet<ConsumerGroupMember>
  /** A static member that has come back with the classic protocol, under a new id. */
  readonly replacement?: ConsumerGroupMember | undefined
}

export class Downgrades {
  readonly #context: ConsumerGroupContext
  readonly #rebalances: Rebalances

  constructor(context: ConsumerGroupContext, rebalances: Rebalances) {
    this.#context = context
    this.#rebalances = rebalances
  }

  /** Whether after this the group consists of members of the classic protocol, and may be one of theirs. */
  isDue(group: ConsumerGroup, { leaving, replacement }: Departure): boolean {
    const { migrationPolicy, classicMaxSize } = this.#context.config
    const classicLeaving = [...leaving].filter(usesClassicProtocol).length
    const remaining = group.members.size - leaving.size
    // A replacement of a classic member changes nothing.
    if (replacement !== undefined && classicLeaving > 0) return false
    if (group.classicMemberCount.get() - classicLeaving !== remaining) return false
    const count = remaining + (replacement === undefined ? 0 : 1)
    const isAllowed = migrationPolicy === 'bidirectional' || migrationPolicy === 'downgrade'
    return count > 0 && isAllowed && count <= classicMaxSize
  }

  /** Returns the records of it; they are applied already. With `reason` the members have to join again. */
  downgrade(group: ConsumerGroup, departure: Departure, reason: string | undefined): GroupRecord[] | Refusal {
    const { groups } = this.#context
    const { groupId } = group
    const { leaving, replacement } = departure
    const classic = this.#classicGroup(group, departure)
    if (classic === undefined)
      return refuse('GROUP_ID_NOT_FOUND', `a member of ${groupId} has a subscription that cannot be read`)
    // The one that is replaced is written away already, and its replacement written in its place.
    const memberIds = Array.from(group.members.values(), member =>
      replacement !== undefined && leaving.has(member) ? replacement.memberId : member.memberId,
    )
    const records = [
      ...groupTombstones(groupId, [...memberIds, ...group.targetsOfNobody()], group.resolvedRegexes.keys()),
      classic.record(undefined, { isVoid: reason !== undefined }),
    ]
    groups.set(groupId, classic)
    for (const member of classic.members.values()) this.#rebalances.renewSession(classic, member)
    this.#context.logger.info('a consumer group becomes a classic group', {
      group: groupId,
      members: classic.members.size,
    })
    if (reason !== undefined) records.push(...this.#rebalances.prepare(classic, reason).records)
    return records
  }

  #classicGroup(group: ConsumerGroup, { leaving, replacement }: Departure): ClassicGroup | undefined {
    const { shard } = this.#context
    const { nowMs } = shard
    const classic = new ClassicGroup(group.groupId, nowMs, {
      state: 'Stable',
      generationId: group.groupEpoch.get(),
      protocolType: CONSUMER_PROTOCOL_TYPE,
      protocolName: undefined,
      leaderId: undefined,
      stateTimestampMs: nowMs(),
    })
    const remaining = [...group.members.values()].filter(member => !leaving.has(member))
    for (const member of replacement === undefined ? remaining : [...remaining, replacement])
      classic.add(classicMember(member))
    classic.protocolName = classic.selectProtocol()
    classic.refreshSubscribedTopics()
    for (const member of classic.members.values()) {
      const target = group.targetOf(member.memberId, member.groupInstanceId)
      const assignment = writeAssignment(target, member.metadata(classic.protocolName), shard.topics)
      if (assignment === undefined) return undefined
      member.assignment = assignment
    }
    return classic
  }
}

function classicMember(member: ConsumerGroupMember): ClassicMember {
  const { memberId, instanceId, clientId, clientHost, rebalanceTimeoutMs } = member
  const { sessionTimeoutMs, supportedProtocols } = member.classic!
  const identity = { memberId, groupInstanceId: instanceId, clientId, clientHost }
  return new ClassicMember(
    identity,
    { rebalanceTimeoutMs, sessionTimeoutMs },
    CONSUMER_PROTOCOL_TYPE,
    supportedProtocols,
  )
}
