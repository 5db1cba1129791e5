/**
 * Committed offsets in `__consumer_offsets`. The key's version is the type of the record. Brokers write 1 and read 0, which the
 * legacy schemas describe as well.
 */

import { int32, int64, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const OffsetCommitKey = message({
  name: 'OffsetCommitKey',
  apiKey: 1,
  versions: '0-1',
  fields: { group: string, topic: string, partition: int32 },
})
export type OffsetCommitKey = Infer<typeof OffsetCommitKey>

export const OffsetCommitValue = message({
  name: 'OffsetCommitValue',
  apiKey: 1,
  versions: '0-4',
  flexibleSince: 4,
  fields: {
    offset: int64,
    leaderEpoch: int32.since(3).default(-1).ignorable(),
    metadata: string,
    commitTimestamp: int64,
    topicId: uuid.since(4).tagged(0).ignorable(),
    expireTimestamp: int64.since(1).until(1).default(-1).ignorable(),
  },
})
export type OffsetCommitValue = Infer<typeof OffsetCommitValue>

export const LegacyOffsetCommitKey = message({
  name: 'LegacyOffsetCommitKey',
  apiKey: 0,
  versions: '0',
  fields: { group: string, topic: string, partition: int32 },
})
export type LegacyOffsetCommitKey = Infer<typeof LegacyOffsetCommitKey>

export const LegacyOffsetCommitValue = message({
  name: 'LegacyOffsetCommitValue',
  apiKey: 0,
  versions: '0',
  fields: { offset: int64, metadata: string, commitTimestamp: int64 },
})
export type LegacyOffsetCommitValue = Infer<typeof LegacyOffsetCommitValue>
