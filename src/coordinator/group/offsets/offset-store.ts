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
import type { CommittedOffset } from './offset-table.ts'

type Flag = true

export class OffsetStore {
  readonly committed: OffsetTable
  readonly #timeline: Timeline
  /** By the producer whose transaction is open. */
  readonly #pending: TimelineMap<number, OffsetTable>
  /** The producers with pending offsets of a group. */
  readonly #producersOf: TimelineMap<string, TimelineMap<number, Flag>>

  #lastTopicId: Uuid = ZERO_UUID

  constructor(timeline: Timeline) {
    this.#timeline = timeline
    this.committed = new OffsetTable(timeline)
    this.#pending = new TimelineMap(timeline)
    this.#producersOf = new TimelineMap(timeline)
  }

  /** Whether a transaction that is not decided has an offset for the partition. */
  isPending(groupId: string, topic: string, partition: number): boolean {
    const producers = this.#producersOf.get(groupId)
    if (producers === undefined) return false
    for (const producerId of producers.keys())
      if (this.#pending.get(producerId)?.get(groupId, topic, partition) !== undefined) return true
    return false
  }

  hasOpenTransactions(groupId: string): boolean {
    return this.#producersOf.has(groupId)
  }

  /** Partitions with offsets that a transaction has pending. */
  *pendingOffsets(groupId: string): Generator<{ topic: string; partition: number }> {
    const producers = this.#producersOf.get(groupId)
    if (producers === undefined) return
    for (const producerId of producers.keys()) {
      const table = this.#pending.get(producerId)
      if (table !== undefined) yield* table.offsets(groupId)
    }
  }

  /** The groups of which there is an offset, committed or pending. */
  *groupIds(): Generator<string> {
    yield* this.committed.groupIds()
    for (const groupId of this.#producersOf.keys()) if (this.committed.group(groupId) === undefined) yield groupId
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
      this.#forgetProducer(groupId, producerId)
      if (result !== 'COMMIT') continue
      for (const { topic, partition, committed } of pending.offsets(groupId)) {
        const there = this.committed.get(groupId, topic, partition)
        if (there === undefined || committed.recordOffset > there.recordOffset)
          this.committed.set(groupId, topic, partition, committed)
      }
    }
  }

  /** A tombstone deletes what is pending, too: the transaction must not bring it back. */
  #delete(groupId: string, topic: string, partition: number): void {
    this.committed.delete(groupId, topic, partition)
    const producers = this.#producersOf.get(groupId)
    if (producers === undefined) return
    for (const producerId of producers.keys()) {
      const table = this.#pending.get(producerId)
      table?.delete(groupId, topic, partition)
      // Else the group would have an open transaction for ever: its end speaks only of groups that it has offsets of.
      if (table?.group(groupId) === undefined) this.#forgetProducer(groupId, producerId)
    }
  }

  #setPending(producerId: number, groupId: string, topic: string, partition: number, offset: CommittedOffset): void {
    let table = this.#pending.get(producerId)
    if (table === undefined) {
      table = new OffsetTable(this.#timeline)
      this.#pending.set(producerId, table)
    }
    table.set(groupId, topic, partition, offset)
    let producers = this.#producersOf.get(groupId)
    if (producers === undefined) {
      producers = new TimelineMap(this.#timeline)
      this.#producersOf.set(groupId, producers)
    }
    if (!producers.has(producerId)) producers.set(producerId, true)
  }

  #forgetProducer(groupId: string, producerId: number): void {
    const producers = this.#producersOf.get(groupId)
    if (producers === undefined) return
    producers.delete(producerId)
    if (producers.size === 0) this.#producersOf.delete(groupId)
  }
}
