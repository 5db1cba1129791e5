import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EpochCheck } from './epoch-check.ts'

test('a log whose records are all deleted need not know their leader epochs; one with records must', () => {
  assert.equal(new EpochCheck([], Infinity, 2).batch(0, 0), undefined)
  assert.match(new EpochCheck([], Infinity, 2).batch(2, 0) ?? '', /it is empty, and the batch at 2 has epoch 0/)
  assert.match(new EpochCheck([], Infinity, 0).batch(0, 0) ?? '', /it is empty/)
})
