/**
 * The state of share partitions in `__share_group_state` (KIP-932): snapshots, and the updates that follow them. The key's
 * version is the type of the record.
 */

import { array, int16, int32, int64, int8, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ShareSnapshotKey = message({
  name: 'ShareSnapshotKey',
  apiKey: 0,
  versions: '0',
  fields: { groupId: string, topicId: uuid, partition: int32 },
})
export type ShareSnapshotKey = Infer<typeof ShareSnapshotKey>

export const ShareSnapshotValue = message({
  name: 'ShareSnapshotValue',
  apiKey: 0,
  versions: '0',
  flexibleSince: 0,
  fields: {
    snapshotEpoch: int32,
    stateEpoch: int32,
    leaderEpoch: int32,
    startOffset: int64,
    createTimestamp: int64,
    writeTimestamp: int64,
    stateBatches: array({ firstOffset: int64, lastOffset: int64, deliveryState: int8, deliveryCount: int16 }),
    deliveryCompleteCount: int32.tagged(0).default(-1),
  },
})
export type ShareSnapshotValue = Infer<typeof ShareSnapshotValue>

export const ShareUpdateKey = message({
  name: 'ShareUpdateKey',
  apiKey: 1,
  versions: '0',
  fields: { groupId: string, topicId: uuid, partition: int32 },
})
export type ShareUpdateKey = Infer<typeof ShareUpdateKey>

export const ShareUpdateValue = message({
  name: 'ShareUpdateValue',
  apiKey: 1,
  versions: '0',
  flexibleSince: 0,
  fields: {
    snapshotEpoch: int32,
    leaderEpoch: int32,
    startOffset: int64,
    stateBatches: array({ firstOffset: int64, lastOffset: int64, deliveryState: int8, deliveryCount: int16 }),
    deliveryCompleteCount: int32.tagged(0).default(-1),
  },
})
export type ShareUpdateValue = Infer<typeof ShareUpdateValue>
