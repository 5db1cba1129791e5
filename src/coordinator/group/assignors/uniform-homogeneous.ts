/**
 * `uniform` where all members subscribe to the same topics. First balance, then stickiness: members give up what is above their quota, in
 * one pass, and what is free then goes to those below theirs, in another.
 */

import type { Uuid } from '../../../protocol/uuid.ts'
import { assert } from '../../../std/assert.ts'
import { subscribedTopics } from './assignor.ts'
import type { AssignableTopics, Assignment, GroupSpec } from './assignor.ts'
import { copiedBuckets, grownBuckets, inHashOrder, intHash, stringHash, uuidHash } from './hash-order.ts'

interface Partition {
  readonly topicId: Uuid
  readonly partition: number
}

interface Unfilled {
  readonly memberId: string
  readonly room: number
}

export function assignHomogeneous(group: GroupSpec, topics: AssignableTopics): ReadonlyMap<string, Assignment> {
  const memberIds = inHashOrder(group.members.keys(), stringHash, grownBuckets(group.members.size))
  const { topicNames } = group.members.get(memberIds[0]!)!
  const names = inHashOrder(topicNames, stringHash, copiedBuckets(topicNames.size))
  const subscribed = new Map(subscribedTopics(names, topics).map(topic => [topic.id, topic]))
  if (subscribed.size === 0) return new Map()
  const free: Partition[] = []
  let total = 0
  for (const topicId of inHashOrder(subscribed.keys(), uuidHash, copiedBuckets(topicNames.size))) {
    const { partitionCount } = subscribed.get(topicId)!
    for (let partition = 0; partition < partitionCount; partition++) {
      if (!group.isAssigned(topicId, partition)) free.push({ topicId, partition })
    }
    total += partitionCount
  }

  const quotaMin = Math.floor(total / memberIds.length)
  let extrasLeft = total % memberIds.length
  const assignments = new Map<string, Assignment>()
  const unfilled: Unfilled[] = []
  memberIds.forEach((memberId, index) => {
    let takesExtra = extrasLeft > 0
    const { kept, given, left } = split(
      group.members.get(memberId)!.assignment,
      subscribed,
      takesExtra ? quotaMin + 1 : quotaMin,
    )
    let room = left
    // It leaves the extra one to another, unless all who are still to come have to take one.
    if (room > 0 && takesExtra && memberIds.length - index > extrasLeft) {
      room--
      takesExtra = false
    }
    if (takesExtra) extrasLeft--
    if (room > 0) unfilled.push({ memberId, room })
    free.push(...given)
    assignments.set(memberId, kept)
  })
  fill(assignments, unfilled, free)
  return assignments
}

/** What a member keeps of its old assignment and what it gives to others, and how many partitions more it could have. */
function split(
  old: Assignment,
  subscribed: ReadonlyMap<Uuid, unknown>,
  quota: number,
): { readonly kept: Assignment; readonly given: readonly Partition[]; readonly left: number } {
  const kept = new Map<Uuid, ReadonlySet<number>>()
  const given: Partition[] = []
  let left = quota
  for (const topicId of inHashOrder(old.keys(), uuidHash, grownBuckets(old.size))) {
    if (!subscribed.has(topicId)) continue
    const partitions = old.get(topicId)!
    const inOrder = inHashOrder(partitions, intHash, copiedBuckets(partitions.size))
    const keeps = inOrder.slice(0, left)
    if (keeps.length > 0) kept.set(topicId, new Set(keeps))
    for (const partition of inOrder.slice(left)) given.push({ topicId, partition })
    left -= keeps.length
  }
  return { kept, given, left }
}

/** Gives what is free to those who have room, in place. */
function fill(assignments: Map<string, Assignment>, unfilled: readonly Unfilled[], free: readonly Partition[]): void {
  let next = 0
  for (const { memberId, room } of unfilled) {
    const assignment = new Map(Array.from(assignments.get(memberId)!, ([topicId, kept]) => [topicId, new Set(kept)]))
    for (const end = Math.min(next + room, free.length); next < end; next++) {
      const { topicId, partition } = free[next]!
      const partitions = assignment.get(topicId)
      if (partitions === undefined) assignment.set(topicId, new Set([partition]))
      else partitions.add(partition)
    }
    assignments.set(memberId, assignment)
  }
  assert(next === free.length, () => `${free.length - next} partitions found no member`)
}
