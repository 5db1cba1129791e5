/**
 * The committed offsets of one shard's groups, and those that transactions have pending. Changed by replaying records and end-transaction markers only.
 */

import { ZERO_UUID } from '../../../protocol/uuid.ts'
import type { Uuid } from '../../../protocol/uuid.ts'
import { TimelineMap } from '../../runtime/timeline.ts'
import type { Timeline } from '../../runtime/timeline.ts'
import type { RecordPlace, TransactionResult } from '../../runtime/coordinator.ts'
import type { GroupRecordOf } from '../group-records.ts'
import type { OffsetCommit } from './offset-commits.ts'
import { metadataWeight, OffsetTable } from './offset-table.ts'
import type { CommittedOffset, TopicOffsets } from './offset-table.ts'
import { PendingIndex } from './pending-index.ts'

export class OffsetStore {
  readonly committed: OffsetTable
  readonly #timeline: Timeline
  /** By the producer whose transaction is open. */
  readonly #pending: TimelineMap<number, OffsetTable>
  readonly #pendingIndex: PendingIndex

  #lastTopicId: Uuid = ZERO_UUID

  constructor(timeline: Timeline) {
    this.#timeline = timeline
    this.committed = new OffsetTable(timeline)
    this.#pending = new TimelineMap(timeline)
    this.#pendingIndex = new PendingIndex(timeline)
  }

  /** Whether a transaction that is not decided has an offset for the partition. */
  isPending(groupId: string, topic: string, partition: number): boolean {
    return this.#pendingIndex.has(groupId, topic, partition)
  }

  hasOpenTransactions(groupId: string): boolean {
    return this.#pendingIndex.hasGroup(groupId)
  }

  /** Partitions with offsets that a transaction has pending. */
  pendingOffsets(groupId: string): Iterable<{ topic: string; partition: number }> {
    return this.#pendingIndex.partitions(groupId)
  }

  /** The groups of which there is an offset, committed or pending. */
  *groupIds(): Generator<string> {
    yield* this.committed.groupIds()
    for (const groupId of this.#pendingIndex.groupIds()) if (this.committed.group(groupId) === undefined) yield groupId
  }

  /** How much there is to remember, committed and pending. Looks at every offset. */
  weight(): number {
    let weight = this.committed.weight()
    for (const table of this.#pending.values()) weight += table.weight()
    return weight
  }

  /** How much more that may be with these offsets: one that takes the place of another takes no more, but for its metadata. */
  weightAdded({ groupId, topics }: Pick<OffsetCommit, 'groupId' | 'topics'>): number {
    let weight = 0
    for (const { name, partitions } of topics) {
      const known = this.committed.topic(groupId, name, 'latest')
      for (const { partitionIndex, committedMetadata } of partitions) {
        if (known?.has(partitionIndex) !== true) weight += 1
        weight += metadataWeight(committedMetadata ?? '')
      }
    }
    return weight
  }

  /** For loading: the committed offsets of a topic, to be filled. Whoever keeps it must let go of it when anything else happens here. */
  partitions(groupId: string, topic: string): TopicOffsets {
    return this.committed.partitions(groupId, topic)
  }

  replay({ key, value }: GroupRecordOf<'offset-commit'>, { offset: recordOffset, producerId }: RecordPlace): void {
    const { group, topic, partition } = key
    if (value === null) {
      this.#delete(group, topic, partition)
      return
    }
    // One string for all that name the same topic: each that is decoded is another one.
    if (value.topicId !== this.#lastTopicId) this.#lastTopicId = value.topicId
    const committed: CommittedOffset = {
      offset: value.offset,
      leaderEpoch: value.leaderEpoch,
      metadata: value.metadata,
      commitTimestampMs: value.commitTimestamp,
      expireTimestampMs: value.expireTimestamp,
      recordOffset,
      topicId: this.#lastTopicId,
    }
    if (producerId === -1) this.committed.set(group, topic, partition, committed)
    else this.#setPending(producerId, group, topic, partition, committed)
  }

  /** A transaction is decided: its offsets count from now on, unless later ones do already, or never did. */
  replayEndTransaction(producerId: number, result: TransactionResult): void {
    const pending = this.#pending.get(producerId)
    if (pending === undefined) return
    this.#pending.delete(producerId)
    for (const groupId of pending.groupIds()) {
      for (const { topic, partition, committed } of pending.offsets(groupId)) {
        this.#pendingIndex.remove(groupId, topic, partition, producerId)
        if (result !== 'COMMIT') continue
        const there = this.committed.get(groupId, topic, partition)
        if (there === undefined || committed.recordOffset > there.recordOffset)
          this.committed.set(groupId, topic, partition, committed)
      }
    }
  }

  /** A tombstone deletes what is pending, too: the transaction must not bring it back. */
  #delete(groupId: string, topic: string, partition: number): void {
    this.committed.delete(groupId, topic, partition)
    for (const producerId of this.#pendingIndex.producers(groupId, topic, partition)) {
      this.#pending.get(producerId)?.delete(groupId, topic, partition)
      this.#pendingIndex.remove(groupId, topic, partition, producerId)
    }
  }

  #setPending(producerId: number, groupId: string, topic: string, partition: number, offset: CommittedOffset): void {
    let table = this.#pending.get(producerId)
    if (table === undefined) {
      table = new OffsetTable(this.#timeline)
      this.#pending.set(producerId, table)
    }
    table.set(groupId, topic, partition, offset)
    this.#pendingIndex.add(groupId, topic, partition, producerId)
  }
}
