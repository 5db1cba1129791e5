import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LogSegment } from '../log-segment.ts'
import { groupSegments } from './segment-groups.ts'
import type { GroupLimits, SegmentSizes } from './segment-groups.ts'

function segment(baseOffset: number, sizeBytes: number, offsetIndexBytes = 8, timeIndexBytes = 12): SegmentSizes {
  return { segment: { baseOffset } as LogSegment, baseOffset, sizeBytes, offsetIndexBytes, timeIndexBytes }
}

function basesOf(segments: readonly SegmentSizes[], limits: Partial<GroupLimits> = {}): number[][] {
  const groups = groupSegments(segments, { segmentBytes: 1000, segmentIndexBytes: 100, endOffset: 1000, ...limits })
  return groups.map(group => group.map(each => each.baseOffset))
}

describe('groupSegments', () => {
  test('puts together what fits into the size of a segment', () => {
    assert.deepEqual(basesOf([segment(0, 400), segment(10, 600), segment(20, 1), segment(30, 999), segment(40, 1)]), [
      [0, 10],
      [20, 30],
      [40],
    ])
  })

  test('leaves a segment alone that is too large by itself', () => {
    assert.deepEqual(basesOf([segment(0, 5000), segment(10, 1)]), [[0], [10]])
  })

  test('keeps the indexes within their size', () => {
    assert.deepEqual(basesOf([segment(0, 1, 60), segment(10, 1, 48)]), [[0], [10]])
    assert.deepEqual(basesOf([segment(0, 1, 8, 60), segment(10, 1, 8, 48)]), [[0], [10]])
  })

  test('keeps offsets within reach of an index', () => {
    const far = 0x8000_0000
    assert.deepEqual(basesOf([segment(0, 1), segment(5, 1), segment(far, 1)], { endOffset: far + 1 }), [[0, 5], [far]])
    assert.deepEqual(basesOf([segment(0, 1), segment(far - 10, 1)], { endOffset: far }), [[0, far - 10]])
    assert.deepEqual(basesOf([segment(0, 1), segment(far - 10, 1)], { endOffset: far + 1 }), [[0], [far - 10]])
  })

  test('takes an empty segment along however far away it is', () => {
    assert.deepEqual(basesOf([segment(0, 1), segment(0x9000_0000, 0)], { endOffset: 0xa000_0000 }), [[0, 0x9000_0000]])
  })

  test('of nothing makes nothing', () => assert.deepEqual(basesOf([]), []))
})
