import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock, Timer } from '../io/io.ts'
import { ServingTurns } from './serving-turns.ts'
import type { TurnTaker } from './serving-turns.ts'

/** A loop whose turns the test ends, and whose time only serving takes. */
function setUp() {
  let nowMs = 1000
  let deferred: (() => void)[] = []
  let timers: { readonly dueMs: number; readonly callback: () => void }[] = []
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    defer: callback => void deferred.push(callback),
    setTimer(delayMs, callback): Timer {
      const timer = { dueMs: nowMs + delayMs, callback }
      timers.push(timer)
      return { cancel: () => void (timers = timers.filter(each => each !== timer)) }
    },
  }
  const turns = new ServingTurns(clock)
  const served: string[] = []
  /** A connection with so many requests waiting, each of which takes so long. */
  const taker = (name: string, requests: number, requestMs: number): TurnTaker & { left: number } => ({
    servedMs: 0,
    servedAtMs: 0,
    left: requests,
    goOn() {
      while (this.left > 0 && turns.mayStart(this)) {
        this.left -= 1
        served.push(name)
        nowMs += requestMs
      }
    },
  })
  const endTurn = (): void => {
    const run = deferred
    deferred = []
    for (const callback of run) callback()
    const due = timers.filter(timer => timer.dueMs <= nowMs)
    timers = timers.filter(timer => timer.dueMs > nowMs)
    for (const { callback } of due) callback()
  }
  const idle = (ms: number): void => void (nowMs += ms)
  return { turns, served, taker, endTurn, idle }
}

test('with nothing heavy about, nobody waits', () => {
  const { turns, served, taker } = setUp()
  for (let i = 0; i < 50; i++) taker(`${i}`, 1, 0.1).goOn()
  assert.equal(served.length, 50)
  assert.equal(turns.waitingCount, 0)
})

test('a turn that has lasted lets others wait, and they go on in the next, so that one turn of the loop is not twice as long', () => {
  const { turns, served, taker, endTurn } = setUp()
  taker('long', 1, 20).goOn()
  taker('next', 1, 0).goOn()
  assert.deepEqual(served, ['long'])
  assert.equal(turns.waitingCount, 1)
  endTurn()
  assert.deepEqual(served, ['long'])
  // Who comes meanwhile stands behind.
  taker('last', 1, 0).goOn()
  assert.deepEqual(served, ['long'])
  endTurn()
  assert.deepEqual(served, ['long', 'next', 'last'])
  assert.equal(turns.waitingCount, 0)
})

test('one whose requests are heavy does not keep light ones waiting, however many it has sent ahead', () => {
  const { served, taker, endTurn } = setUp()
  const heavy = taker('heavy', 20, 200)
  heavy.goOn()
  const light = Array.from({ length: 5 }, (_, index) => taker(`light ${index}`, 1, 0.1))
  for (const each of light) each.goOn()
  endTurn()
  endTurn()
  assert.deepEqual(served, ['heavy', ...light.map((_, index) => `light ${index}`)])
})

test('heavy ones are served to the end all the same, also when nobody else comes', () => {
  const { turns, served, taker, endTurn, idle } = setUp()
  taker('heavy', 20, 200).goOn()
  for (let turn = 0; turn < 100; turn++) {
    endTurn()
    idle(10)
  }
  assert.equal(served.length, 20)
  assert.equal(turns.waitingCount, 0)
})

test('one that has left is not called', () => {
  const { turns, served, taker, endTurn } = setUp()
  taker('long', 1, 20).goOn()
  const gone = taker('gone', 1, 0)
  gone.goOn()
  turns.leave(gone)
  endTurn()
  assert.deepEqual(served, ['long'])
})
