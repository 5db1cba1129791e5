import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from './io.ts'
import { Gate } from './node-device.ts'

test('a device stalls when operations are under way and none has ended for a while', async () => {
  let nowMs = 1000
  const gate = new Gate(2, { monotonicMs: () => nowMs } as Clock)
  const ends: (() => void)[] = []
  const begin = (): Promise<void> => gate.run<void>(callback => ends.push(() => callback(null)))
  assert.ok(!gate.isStalled)
  const first = begin()
  nowMs += 90
  const second = begin()
  nowMs += 20
  assert.ok(gate.isStalled)
  ends[0]!()
  await first
  assert.ok(!gate.isStalled)
  nowMs += 101
  assert.ok(gate.isStalled)
  ends[1]!()
  await second
  nowMs += 1000
  assert.ok(!gate.isStalled)
})

test('large operations leave places to small ones, which go first', async () => {
  const gate = new Gate(2, { monotonicMs: () => 0 } as Clock)
  const ends = new Map<string, () => void>()
  const begin = (name: string, bytes: number): Promise<void> =>
    gate.run<void>(callback => ends.set(name, () => callback(null)), bytes)
  const large = 1_000_000
  const all = [begin('large 1', large), begin('large 2', large), begin('small 1', 10), begin('small 2', 10)]
  assert.deepEqual([...ends.keys()], ['large 1', 'small 1'])
  ends.get('large 1')!()
  assert.deepEqual([...ends.keys()], ['large 1', 'small 1', 'small 2'])
  ends.get('small 1')!()
  assert.deepEqual([...ends.keys()], ['large 1', 'small 1', 'small 2', 'large 2'])
  ends.get('small 2')!()
  ends.get('large 2')!()
  await Promise.all(all)
})
