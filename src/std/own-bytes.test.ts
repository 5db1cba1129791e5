import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownBytes } from './own-bytes.ts'

test('a copy of a part of a buffer shares no memory with it and keeps no more than it needs', () => {
  const frame = Buffer.alloc(1_000_000, 7)
  const kept = ownBytes(frame.subarray(100, 104))
  frame.fill(0)
  assert.deepEqual([...kept], [7, 7, 7, 7])
  assert.equal(kept.buffer.byteLength, 4)
})
