import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlowPause } from './slow-pause.ts'

test('a pause follows what was slow, twice as long while that goes on, and as long as at first once it has been quick for as long', () => {
  const pause = new SlowPause(100, 300)
  assert.ok(pause.isOver(0))
  const lengths: number[] = []
  let nowMs = 0
  for (let times = 0; times < 4; times++) {
    pause.begin(nowMs, nowMs + 11)
    nowMs += 11
    const fromMs = nowMs
    while (!pause.isOver(nowMs)) nowMs += 1
    lengths.push(nowMs - fromMs)
  }
  assert.deepEqual(lengths, [100, 200, 300, 300])
  nowMs += 300
  pause.begin(nowMs, nowMs + 11)
  assert.ok(pause.isOver(nowMs + 111))
})
