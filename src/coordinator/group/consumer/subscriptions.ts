/** Which topics the members of a group subscribe to, counted: by name, and by the regular expressions that stand for them. */

import { regexOf } from './member.ts'
import type { ConsumerGroupMember } from './member.ts'
import type { ResolvedRegex } from './resolved-regex.ts'

export interface SubscriptionCount {
  /** Members that name the topic. */
  readonly byName: number
  /** Regular expressions that match it. */
  readonly byRegex: number
}

const NONE: SubscriptionCount = { byName: 0, byRegex: 0 }

/** What a Map and a TimelineMap have in common. */
interface Counts<V> {
  get(key: string): V | undefined
  set(key: string, value: V): unknown
  delete(key: string): unknown
}

/** Counts `delta` members more that name each topic. */
export function countNames(counts: Counts<SubscriptionCount>, topicNames: Iterable<string>, delta: 1 | -1): void {
  for (const name of topicNames) {
    const { byName, byRegex } = counts.get(name) ?? NONE
    put(counts, name, { byName: byName + delta, byRegex })
  }
}

/** Counts `delta` regular expressions more that match each topic. */
export function countRegex(counts: Counts<SubscriptionCount>, topicNames: Iterable<string>, delta: 1 | -1): void {
  for (const name of topicNames) {
    const { byName, byRegex } = counts.get(name) ?? NONE
    put(counts, name, { byName, byRegex: byRegex + delta })
  }
}

function put(counts: Counts<SubscriptionCount>, name: string, count: SubscriptionCount): void {
  if (count.byName <= 0 && count.byRegex <= 0) counts.delete(name)
  else counts.set(name, count)
}

/** Counts one more or one less of `key`, if there is one; what is at zero is not there. */
export function countOne(counts: Counts<number>, key: string | null | undefined, delta: 1 | -1): void {
  if (key === null || key === undefined) return
  const count = (counts.get(key) ?? 0) + delta
  if (count <= 0) counts.delete(key)
  else counts.set(key, count)
}

/** All topics that a member subscribes to. A regular expression that is not resolved yet stands for none. */
export function subscribedTopicNames(
  member: ConsumerGroupMember,
  resolved: (regex: string) => ResolvedRegex | undefined,
): ReadonlySet<string> {
  const regex = regexOf(member)
  const byRegex = regex === undefined ? undefined : resolved(regex)?.topicNames
  if (byRegex === undefined || byRegex.size === 0) return member.subscribedTopicNames
  if (member.subscribedTopicNames.size === 0) return byRegex
  return new Set([...member.subscribedTopicNames, ...byRegex])
}

/** Whether all members subscribe to the same topics: all to the same names, or all to one regular expression and to nothing else. */
export function isHomogeneous(
  regexes: { readonly size: number; values(): Iterable<number> },
  topics: Iterable<SubscriptionCount>,
  memberCount: number,
): boolean {
  const counts = [...topics]
  if (regexes.size === 0) return counts.every(({ byName }) => byName === memberCount)
  const [first] = regexes.values()
  return first === memberCount && counts.every(({ byName, byRegex }) => byRegex === 1 && byName === 0)
}
