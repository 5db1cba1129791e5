/**
 * What a heartbeat and a classic join have in common: the member is changed, its group goes to a new epoch where that is needed, an assignment is
 * computed for that, and the member is brought as near to it as it can be. Everything is read off the state and comes out as records.
 */

import type { Uuid } from '../../../protocol/uuid.ts'
import type { GroupRecord } from '../group-records.ts'
import { currentAssignmentRecord, memberMetadataRecord, regexTombstone } from './consumer-group-records.ts'
import { refuse } from './consumer-group-context.ts'
import type { ConsumerGroupContext, Refusal } from './consumer-group-context.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { Fencing } from './fencing.ts'
import { isReconciledTo, MemberState, regexOf, sameMember, sameSet, usesClassicProtocol } from './member.ts'
import type { ConsumerGroupMember } from './member.ts'
import { reconcile } from './reconcile.ts'
import type { OwnedPartitions } from './reconcile.ts'
import type { RegexRefresh } from './regex-refresh.ts'
import { regexProblem } from './resolved-regex.ts'
import { regexCountsAfter } from './subscription-metadata.ts'
import type { MemberChange, Target } from './subscription-metadata.ts'
import { subscribedTopicNames } from './subscriptions.ts'

/** How a member's subscription has changed. */
export interface SubscriptionChange {
  readonly hasNames: boolean
  readonly hasRegex: boolean
  /** What its new regular expression stands for is known already; else the group need not go to a new epoch before it is. */
  readonly isRegexKnown: boolean
}

export class MemberUpdates {
  readonly #context: ConsumerGroupContext
  readonly #fencing: Fencing
  readonly #regexRefresh: RegexRefresh

  constructor(context: ConsumerGroupContext, fencing: Fencing, regexRefresh: RegexRefresh) {
    this.#context = context
    this.#fencing = fencing
    this.#regexRefresh = regexRefresh
  }

  /** Writes what the member says of itself, if that is new. */
  update(group: ConsumerGroup, change: MemberChange, records: GroupRecord[]): SubscriptionChange | Refusal {
    const { before, after } = change
    const hasNames = !sameSet(before.subscribedTopicNames, after.subscribedTopicNames)
    if (!sameMember(before, after)) records.push(memberMetadataRecord(group.groupId, after))
    const regex = this.#updateRegex(group, change, records)
    return 'error' in regex ? regex : { hasNames, ...regex }
  }

  #updateRegex(
    group: ConsumerGroup,
    change: MemberChange,
    records: GroupRecord[],
  ): Omit<SubscriptionChange, 'hasNames'> | Refusal {
    const before = regexOf(change.before)
    const after = regexOf(change.after)
    const hasRegex = change.before.subscribedTopicRegex !== change.after.subscribedTopicRegex
    let isRegexKnown = false
    let isNew = false
    if (hasRegex) {
      if (before !== undefined && group.regexCounts.get(before) === 1)
        records.push(regexTombstone(group.groupId, before))
      if (after === undefined) isRegexKnown = before !== undefined
      else if (group.regexCounts.has(after)) isRegexKnown = group.resolvedRegexes.get(after) !== undefined
      else {
        const problem = regexProblem(after)
        if (problem !== undefined)
          return refuse('INVALID_REGULAR_EXPRESSION', `${after} is no regular expression: ${problem}`)
        isNew = true
      }
    }
    this.#regexRefresh.maybeBegin(group, regexCountsAfter(group, change), isNew)
    return { hasRegex, isRegexKnown }
  }

  /** Brings the member nearer to its target. */
  reconcile(
    group: ConsumerGroup,
    member: ConsumerGroupMember,
    target: Target,
    said: { readonly owned: OwnedPartitions | null; readonly hasSubscriptionChanged: boolean },
    records: GroupRecord[],
  ): ConsumerGroupMember | Refusal {
    const { groupId } = group
    if (!said.hasSubscriptionChanged && isReconciledTo(member, target.epoch)) return member
    const reconciled = reconcile(member, {
      targetEpoch: target.epoch,
      target: target.assignment,
      subscribedTopicIds: this.#subscribedTopicIds(group, member),
      ...said,
      isTaken: (topicId, partition) => group.isTaken(topicId, partition),
    })
    if (reconciled === 'fenced')
      return refuse(
        'FENCED_MEMBER_EPOCH',
        'the state of the member is of a newer version: it has to give up its partitions and join again',
      )
    if (sameMember(member, reconciled)) return member
    records.push(currentAssignmentRecord(groupId, reconciled))
    if (!usesClassicProtocol(reconciled)) {
      if (reconciled.state === MemberState.UNREVOKED_PARTITIONS) this.#fencing.awaitRevocation(groupId, reconciled)
      else this.#fencing.revocationDone(groupId, reconciled.memberId)
    }
    return reconciled
  }

  #subscribedTopicIds(group: ConsumerGroup, member: ConsumerGroupMember): ReadonlySet<Uuid> {
    const { topics } = this.#context.shard
    const ids = new Set<Uuid>()
    for (const name of subscribedTopicNames(member, regex => group.resolvedRegexes.get(regex))) {
      const topic = topics.byName(name)
      if (topic !== undefined) ids.add(topic.id)
    }
    return ids
  }
}
