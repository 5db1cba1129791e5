/** Offsets whose retention is over (KIP-211), groups that have nothing left, and offsets of topics that are gone. */

import { ZERO_UUID } from '../../../protocol/uuid.ts'
import type { Uuid } from '../../../protocol/uuid.ts'
import type { GroupRecord } from '../group-records.ts'
import type { Group } from '../group.ts'
import { offsetTombstone } from './offset-commits.ts'
import type { OffsetStore } from './offset-store.ts'

/** The tombstones of what has expired of a group; of the group itself, too, where it is empty and nothing of it remains. */
export function expireGroup(store: OffsetStore, group: Group, nowMs: number, retentionMs: number): GroupRecord[] {
  const { groupId } = group
  const records: GroupRecord[] = []
  const remaining = expireOffsets(store, group, nowMs, retentionMs, records)
  if (!remaining && group.isEmpty() && !store.hasOpenTransactions(groupId)) records.push(...group.tombstones())
  return records
}

/** Whether some of the group's offsets have to stay. */
function expireOffsets(
  store: OffsetStore,
  group: Group,
  nowMs: number,
  retentionMs: number,
  records: GroupRecord[],
): boolean {
  const { groupId } = group
  if (store.committed.group(groupId) === undefined) return false
  const baseOf = group.expiryBase()
  if (baseOf === undefined) return true
  let remaining = false
  for (const { topic, partition, committed } of store.committed.offsets(groupId)) {
    const { expireTimestampMs } = committed
    const isOver = expireTimestampMs === -1 ? nowMs - baseOf(committed) >= retentionMs : nowMs >= expireTimestampMs
    if (isOver && !group.isSubscribedTo(topic) && !store.isPending(groupId, topic, partition))
      records.push(offsetTombstone(groupId, topic, partition))
    else remaining = true
  }
  return remaining
}

/** The tombstones of a group's offsets in topics that were deleted, pending ones too. An offset of a later topic of the name stays. */
export function forgetTopics(store: OffsetStore, groupId: string, deleted: ReadonlyMap<string, Uuid>): GroupRecord[] {
  const records: GroupRecord[] = []
  for (const [topic, id] of deleted) {
    for (const [partition, { topicId }] of store.committed.topic(groupId, topic, 'latest')?.entries() ?? [])
      if (topicId === ZERO_UUID || topicId === id) records.push(offsetTombstone(groupId, topic, partition))
  }
  for (const { topic, partition } of store.pendingOffsets(groupId)) {
    if (deleted.has(topic) && store.committed.get(groupId, topic, partition) === undefined)
      records.push(offsetTombstone(groupId, topic, partition))
  }
  return records
}
