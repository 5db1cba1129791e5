/**
 * Which transactions have an offset pending, by group, topic and partition: what is asked of tens of thousands of partitions, or deleted for as many, must not look at the
 * offsets of every transaction for each of them.
 */

import { TimelineMap } from '../../runtime/timeline.ts'
import type { Timeline } from '../../runtime/timeline.ts'

type Producers = TimelineMap<number, true>
type Partitions = TimelineMap<number, Producers>
type Topics = TimelineMap<string, Partitions>

export class PendingIndex {
  readonly #timeline: Timeline
  readonly #groups: TimelineMap<string, Topics>

  constructor(timeline: Timeline) {
    this.#timeline = timeline
    this.#groups = new TimelineMap(timeline)
  }

  hasGroup(groupId: string): boolean {
    return this.#groups.has(groupId)
  }

  groupIds(): Iterable<string> {
    return this.#groups.keys()
  }

  has(groupId: string, topic: string, partition: number): boolean {
    return this.#groups.get(groupId)?.get(topic)?.has(partition) === true
  }

  /** Of a group, each partition once. */
  *partitions(groupId: string): Generator<{ topic: string; partition: number }> {
    const topics = this.#groups.get(groupId)
    if (topics === undefined) return
    for (const [topic, partitions] of topics.entries())
      for (const partition of partitions.keys()) yield { topic, partition }
  }

  /** A copy: they may be removed while it is gone through. */
  producers(groupId: string, topic: string, partition: number): readonly number[] {
    return [...(this.#groups.get(groupId)?.get(topic)?.get(partition)?.keys() ?? [])]
  }

  add(groupId: string, topic: string, partition: number, producerId: number): void {
    const topics = this.#inner(this.#groups, groupId)
    const partitions = this.#inner(topics, topic)
    const producers = this.#inner(partitions, partition)
    if (!producers.has(producerId)) producers.set(producerId, true)
  }

  remove(groupId: string, topic: string, partition: number, producerId: number): void {
    const topics = this.#groups.get(groupId)
    const partitions = topics?.get(topic)
    const producers = partitions?.get(partition)
    if (topics === undefined || partitions === undefined || producers === undefined) return
    producers.delete(producerId)
    if (producers.size > 0) return
    partitions.delete(partition)
    if (partitions.size > 0) return
    topics.delete(topic)
    if (topics.size === 0) this.#groups.delete(groupId)
  }

  #inner<K, K2, V2>(outer: TimelineMap<K, TimelineMap<K2, V2>>, key: K): TimelineMap<K2, V2> {
    const known = outer.get(key)
    if (known !== undefined) return known
    const made = new TimelineMap<K2, V2>(this.#timeline)
    outer.set(key, made)
    return made
  }
}
