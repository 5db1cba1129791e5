/**
 * Committed offsets straight from the bytes of their records, for loading: there may be hundreds of thousands, and what `group-records.ts` makes of a record, a key, a value and what holds both, costs as
 * much again as the offset that is kept of them. It reads the version that is written today and nothing else; everything rarer is decoded.
 */

import type { ByteReader } from '../../../protocol/byte-reader.ts'
import { ZERO_UUID } from '../../../protocol/uuid.ts'
import type { CommittedOffset } from './offset-table.ts'

const keyVersions = { first: 0, last: 1 }
const valueVersion = 4
const topicIdTag = 0
const topicIdBytes = 16

/** Whether the key is that of an offset. What follows is its group, its topic and its partition. */
export function isOffsetKey(key: ByteReader): boolean {
  const version = key.int16()
  return version >= keyVersions.first && version <= keyVersions.last
}

/** Undefined: of another version, or with fields that are not known here. */
export function readCommittedOffset(value: ByteReader, recordOffset: number): CommittedOffset | undefined {
  if (value.int16() !== valueVersion) return undefined
  const offset = value.int64()
  const leaderEpoch = value.int32()
  const metadata = value.compactString()
  const commitTimestampMs = value.int64()
  let topicId = ZERO_UUID
  const tags = value.unsignedVarint()
  if (tags > 0) {
    const isTopicId = tags === 1 && value.unsignedVarint() === topicIdTag && value.unsignedVarint() === topicIdBytes
    if (!isTopicId) return undefined
    topicId = value.uuid()
  }
  return { offset, leaderEpoch, metadata, commitTimestampMs, expireTimestampMs: -1, recordOffset, topicId }
}
