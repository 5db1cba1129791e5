/** Offsets read straight from bytes are what decoding them gives, and loading them so is the same as replaying them. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ByteReader } from '../../../protocol/byte-reader.ts'
import { codecOf, encodeVersioned } from '../../../protocol/codec.ts'
import { OffsetCommitValue } from '../../../protocol/internal/offset-commit-records.ts'
import { ZERO_UUID } from '../../../protocol/uuid.ts'
import { TestGroups } from '../group.fixture.ts'
import type { CommitOutcome } from './offset-commits.ts'
import { isOffsetKey, readCommittedOffset } from './offset-bytes.ts'

const safe = fc.maxSafeInteger()
const values = fc.record({
  offset: safe,
  leaderEpoch: fc.integer({ min: -1, max: 0x7fff_ffff }),
  metadata: fc.string({ unit: 'grapheme' }),
  commitTimestamp: safe,
  topicId: fc.oneof(
    fc.constant(ZERO_UUID),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => Buffer.from(bytes).toString('base64url')),
  ),
})

describe('an offset in bytes', () => {
  test('is what decoding gives', () => {
    fc.assert(
      fc.property(values, safe, (value, recordOffset) => {
        const bytes = encodeVersioned(OffsetCommitValue, 4, value)
        const reader = new ByteReader(bytes)
        const decoded = codecOf(OffsetCommitValue, 4).decode(new ByteReader(bytes, 2))
        assert.deepEqual(readCommittedOffset(reader, recordOffset), {
          offset: decoded.offset,
          leaderEpoch: decoded.leaderEpoch,
          metadata: decoded.metadata,
          commitTimestampMs: decoded.commitTimestamp,
          expireTimestampMs: decoded.expireTimestamp,
          recordOffset,
          topicId: decoded.topicId,
        })
        assert.equal(reader.remaining, 0)
      }),
    )
  })

  test('of an older version, or with fields that are not known, is left to the decoder', () => {
    const value = { offset: 5, metadata: 'm', commitTimestamp: 7 }
    for (const version of [0, 1, 2, 3])
      assert.equal(
        readCommittedOffset(new ByteReader(encodeVersioned(OffsetCommitValue, version, value)), 0),
        undefined,
      )
    const bytes = encodeVersioned(OffsetCommitValue, 4, value)
    const unknown = Buffer.concat([bytes.subarray(0, -1), Buffer.from([1, 9, 1, 0])])
    assert.equal(readCommittedOffset(new ByteReader(unknown), 0), undefined)
    const wrongLength = Buffer.concat([bytes.subarray(0, -1), Buffer.from([1, 0, 1, 0])])
    assert.equal(readCommittedOffset(new ByteReader(wrongLength), 0), undefined)
  })

  test('has the keys of two versions', () => {
    const keys = ['0000', '0001', '0002', 'ffff'].map(hex => new ByteReader(Buffer.from(hex, 'hex')))
    assert.deepEqual(keys.map(isOffsetKey), [true, true, false, false])
  })
})

test('offsets that are loaded side by side are where they belong, whatever lies between them', () => {
  const groups = new TestGroups()
  const deleteOffsets = (partitionIndexes: readonly number[]): void => {
    const topics = [{ name: 't', partitions: partitionIndexes.map(partitionIndex => ({ partitionIndex })) }]
    groups.write<CommitOutcome>(
      shard => shard.deleteOffsets({ groupId: 'g', topics }),
      error => error,
    )
  }
  groups.commitOffset(1)
  groups.commitOffset(2, { partitionIndex: 1 })
  deleteOffsets([0, 1])
  groups.commitOffset(3, { partitionIndex: 2 })
  groups.write<readonly string[]>(
    shard => shard.deleteGroups(['g']),
    error => [error],
  )
  groups.commitOffset(4)
  groups.commitOffset(5, { partitionIndex: 1 })
  groups.commitOffset(6, { groupId: 'h', partitionIndex: 1 })
  groups.commitOffset(7, { partitionIndex: 3 })
  const all = (): unknown[] => [0, 1, 2, 3].map(partitionIndex => groups.offset({ partitionIndex }))
  assert.deepEqual(all(), [4, 5, -1, 7])
  groups.restart()
  assert.deepEqual(all(), [4, 5, -1, 7])
  assert.equal(groups.offset({ group: 'h', partitionIndex: 1 }), 6)
  assert.equal(groups.state(), 'Empty')
})
