import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock, Io } from '../io/io.ts'
import { returnMemoryWhenQuiet } from './start-memory.ts'

/** A broker whose seconds the test tells: how much of a core each of them took. */
function setUp(logCount: number) {
  let nowMs = 0
  let usedMs = 100
  let collections = 0
  let timer: (() => void) | undefined
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    defer: callback => callback(),
    setTimer(delayMs, callback) {
      assert.equal(delayMs, 1000)
      timer = callback
      return { cancel: () => {} }
    },
  }
  const logs = { all: () => Array.from({ length: logCount }) }
  returnMemoryWhenQuiet(
    { logs, io: { clock } as Io },
    () => usedMs,
    () => (collections += 1),
  )
  /** Returns how often memory has been given back by the end of it. */
  const second = (share: number): number => {
    nowMs += 1000
    usedMs += 1000 * share
    timer!()
    return collections
  }
  return second
}

test('memory is given back once, when a busy time is over', () => {
  const second = setUp(10)
  assert.deepEqual([0.9, 0.8, 0.1, 0.1, 0.001, 0, 0].map(second), [0, 0, 0, 0, 1, 1, 1])
  assert.deepEqual([0.5, 0, 0].map(second), [1, 2, 2])
})

test('a broker that never had much to do is left alone', () => {
  const second = setUp(10)
  assert.deepEqual([0.1, 0, 0.2, 0].map(second), [0, 0, 0, 0])
})

test('a start with thousands of logs was a busy time', () => {
  const second = setUp(5000)
  assert.deepEqual([0.1, 0, 0].map(second), [0, 1, 1])
})
