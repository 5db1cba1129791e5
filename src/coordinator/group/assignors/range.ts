/**
 * The `range` assignor: of each topic, a contiguous range of partitions to each subscriber. Members with the same subscriptions get the same
 * partition numbers of topics with the same number of partitions, which joins rely on.
 *
 * Members come in the order of their instance ids, where they have one, else of their member ids; those with an instance id first. So a
 * static member keeps its range over restarts.
 */

import type { Uuid } from '../../../protocol/uuid.ts'
import { subscribedTopics } from './assignor.ts'
import type { AssignableTopic, AssignableTopics, Assignment, Assignor, GroupSpec, MemberSpec } from './assignor.ts'

export const rangeAssignor: Assignor = { name: 'range', assign: assignRanges }

/** How far the ranges of one topic have been given out. */
interface Progress {
  readonly partitionCount: number
  subscribers: number
  /** Members that have had their turn. */
  served: number
  next: number
}

function assignRanges({ members }: GroupSpec, topics: AssignableTopics): ReadonlyMap<string, Assignment> {
  const ordered = [...members].sort(byInstanceThenMember)
  const subscriptions = new Map<string, readonly AssignableTopic[]>()
  const progress = new Map<Uuid, Progress>()
  for (const [memberId, { topicNames }] of ordered) {
    const subscribed = subscribedTopics(topicNames, topics)
    subscriptions.set(memberId, subscribed)
    for (const { id, partitionCount } of subscribed) {
      const topic = progress.get(id)
      if (topic === undefined) progress.set(id, { partitionCount, subscribers: 1, served: 0, next: 0 })
      else topic.subscribers++
    }
  }
  const assignments = new Map<string, Assignment>()
  for (const [memberId] of ordered) {
    const assignment = new Map<Uuid, ReadonlySet<number>>()
    for (const { id } of subscriptions.get(memberId)!) {
      const range = nextRange(progress.get(id)!)
      if (range.size > 0) assignment.set(id, range)
    }
    assignments.set(memberId, assignment)
  }
  return assignments
}

/** Equal shares; the remainder goes to the first members, one each. */
function nextRange(topic: Progress): Set<number> {
  const { partitionCount, subscribers } = topic
  const share = Math.floor(partitionCount / subscribers) + (topic.served < partitionCount % subscribers ? 1 : 0)
  const range = new Set<number>()
  for (const end = topic.next + share; topic.next < end; topic.next++) range.add(topic.next)
  topic.served++
  return range
}

function byInstanceThenMember(
  [idA, a]: readonly [string, MemberSpec],
  [idB, b]: readonly [string, MemberSpec],
): number {
  if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId)
  if (a.instanceId !== null) return -1
  if (b.instanceId !== null) return 1
  return compare(idA, idB)
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
