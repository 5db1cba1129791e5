import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock, Timer } from '../io/io.ts'
import { Deadline, Deadlines } from './deadlines.ts'

/** A clock whose time the test moves; counts the timers that were set. */
function setUp() {
  let nowMs = 1000
  let timersSet = 0
  let timers: { readonly dueMs: number; readonly callback: () => void }[] = []
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    defer: callback => callback(),
    setTimer(delayMs, callback): Timer {
      timersSet += 1
      const timer = { dueMs: nowMs + delayMs, callback }
      timers.push(timer)
      return { cancel: () => void (timers = timers.filter(each => each !== timer)) }
    },
  }
  const advance = (ms: number): void => {
    const endMs = nowMs + ms
    for (;;) {
      const next = timers.filter(timer => timer.dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0]
      if (next === undefined) break
      timers = timers.filter(each => each !== next)
      nowMs = Math.max(nowMs, next.dueMs)
      next.callback()
    }
    nowMs = endMs
  }
  const deadlines = new Deadlines(clock)
  const expired: string[] = []
  const add = (name: string, delayMs: number): Deadline => {
    const deadline = new Deadline(() => expired.push(name))
    deadlines.add(deadline, delayMs, nowMs)
    return deadline
  }
  return { deadlines, expired, add, advance, now: () => nowMs, timersSet: () => timersSet }
}

test('each expires when its own time is over, in whatever order they began', () => {
  const { expired, add, advance } = setUp()
  add('late', 300)
  add('early', 100)
  add('middle', 200)
  advance(99)
  assert.deepEqual(expired, [])
  advance(1)
  assert.deepEqual(expired, ['early'])
  advance(1000)
  assert.deepEqual(expired, ['early', 'middle', 'late'])
})

test('one that was cancelled does not expire, nor does cancelling it again matter', () => {
  const { expired, add, advance } = setUp()
  const first = add('first', 100)
  add('second', 100)
  const third = add('third', 100)
  first.cancel()
  third.cancel()
  third.cancel()
  advance(100)
  assert.deepEqual(expired, ['second'])
})

test('one that expires may cancel another, and begin one', () => {
  const { deadlines, expired, add, advance, now } = setUp()
  deadlines.add(
    new Deadline(() => {
      expired.push('first')
      other.cancel()
      add('next', 50)
    }),
    100,
    now(),
  )
  const other = add('other', 100)
  advance(149)
  assert.deepEqual(expired, ['first'])
  advance(1)
  assert.deepEqual(expired, ['first', 'next'])
})

test('a thousand that end before their time cost one timer', () => {
  const { add, advance, expired, timersSet } = setUp()
  for (let i = 0; i < 1000; i++) {
    add(`${i}`, 30_000).cancel()
    advance(1)
  }
  assert.equal(timersSet(), 1)
  assert.deepEqual(expired, [])
})
