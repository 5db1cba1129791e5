/** Committed offsets by group, topic and partition: those that count, or those of one transaction that is not decided. */

import type { Uuid } from '../../../protocol/uuid.ts'
import { TimelineMap } from '../../runtime/timeline.ts'
import type { Timeline } from '../../runtime/timeline.ts'
import type { View } from '../group.ts'

/** Never changed once made. */
export interface CommittedOffset {
  readonly offset: number
  /** −1: not known. */
  readonly leaderEpoch: number
  readonly metadata: string
  readonly commitTimestampMs: number
  /** −1: as the broker's retention says. */
  readonly expireTimestampMs: number
  /** Of the record that says so: of two commits the later one counts, whenever they were decided. */
  readonly recordOffset: number
  /** Of the topic when it was committed; the zero uuid where the record does not say. */
  readonly topicId: Uuid
}

export type TopicOffsets = TimelineMap<number, CommittedOffset>
export type GroupOffsets = TimelineMap<string, TopicOffsets>

/** An offset without metadata counts as one; what it says besides, which may be 4,096 characters, by how much that is. */
export function metadataWeight(metadata: string): number {
  return metadata.length >> 8
}

export class OffsetTable {
  readonly #timeline: Timeline
  readonly #groups: TimelineMap<string, GroupOffsets>

  constructor(timeline: Timeline) {
    this.#timeline = timeline
    this.#groups = new TimelineMap(timeline)
  }

  get(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#groups.get(groupId)?.get(topic)?.get(partition)
  }

  group(groupId: string): GroupOffsets | undefined {
    return this.#groups.get(groupId)
  }

  groupIds(): Iterable<string> {
    return this.#groups.keys()
  }

  topic(groupId: string, topic: string, view: View): TopicOffsets | undefined {
    if (view === 'latest') return this.#groups.get(groupId)?.get(topic)
    return this.#groups.getCommitted(groupId)?.getCommitted(topic)
  }

  /** Topics of a group with their offsets, none of them empty. */
  *topics(groupId: string, view: View): Generator<[string, [number, CommittedOffset][]]> {
    const latest = view === 'latest'
    const topics = latest ? this.#groups.get(groupId) : this.#groups.getCommitted(groupId)
    if (topics === undefined) return
    for (const [topic, partitions] of latest ? topics.entries() : topics.committedEntries()) {
      const offsets = [...(latest ? partitions.entries() : partitions.committedEntries())]
      if (offsets.length > 0) yield [topic, offsets]
    }
  }

  /** All of a group's, newest view. */
  *offsets(groupId: string): Generator<{ topic: string; partition: number; committed: CommittedOffset }> {
    const topics = this.#groups.get(groupId)
    if (topics === undefined) return
    for (const [topic, partitions] of topics.entries())
      for (const [partition, committed] of partitions.entries()) yield { topic, partition, committed }
  }

  /** Looks at every offset. */
  weight(): number {
    let weight = 0
    for (const topics of this.#groups.values())
      for (const partitions of topics.values())
        for (const { metadata } of partitions.values()) weight += 1 + metadataWeight(metadata)
    return weight
  }

  set(groupId: string, topic: string, partition: number, offset: CommittedOffset): void {
    this.partitions(groupId, topic).set(partition, offset)
  }

  /** Of a topic, to be filled: made where there is none. */
  partitions(groupId: string, topic: string): TopicOffsets {
    let topics = this.#groups.get(groupId)
    if (topics === undefined) {
      topics = new TimelineMap(this.#timeline)
      this.#groups.set(groupId, topics)
    }
    let partitions = topics.get(topic)
    if (partitions === undefined) {
      partitions = new TimelineMap(this.#timeline)
      topics.set(topic, partitions)
    }
    return partitions
  }

  delete(groupId: string, topic: string, partition: number): void {
    const topics = this.#groups.get(groupId)
    const partitions = topics?.get(topic)
    if (topics === undefined || partitions === undefined || !partitions.delete(partition)) return
    if (partitions.size > 0) return
    topics.delete(topic)
    if (topics.size === 0) this.#groups.delete(groupId)
  }
}
