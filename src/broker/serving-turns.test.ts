import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock, Timer } from '../io/io.ts'
import { ServingTurns, Turn } from './serving-turns.ts'

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
  const taker = (name: string, requests: number, requestMs: number) => {
    let left = requests
    const turn = new Turn(() => {
      while (left > 0 && turns.mayStart(turn)) {
        left -= 1
        served.push(name)
        nowMs += requestMs
      }
    })
    return turn
  }
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

test('a turn that has lasted lets others wait until the sockets have been looked at', () => {
  const { turns, served, taker, endTurn } = setUp()
  taker('long', 1, 20).goOn()
  taker('next', 1, 0).goOn()
  taker('last', 1, 0).goOn()
  assert.deepEqual(served, ['long'])
  assert.equal(turns.waitingCount, 2)
  endTurn()
  assert.deepEqual(served, ['long', 'next', 'last'])
  assert.equal(turns.waitingCount, 0)
})

test('one that has sent much at once lets others go first after a while, and then goes on in small pieces', () => {
  const { served, taker, endTurn } = setUp()
  taker('much', 100, 0.125).goOn()
  assert.equal(served.length, 9)
  const light = taker('light', 1, 0.125)
  light.goOn()
  endTurn()
  assert.deepEqual(served.slice(9), ['light'])
  endTurn()
  endTurn()
  assert.deepEqual(served.slice(10), ['much'])
  taker('new', 1, 0.125).goOn()
  for (let turn = 0; turn < 4; turn++) endTurn()
  assert.deepEqual(served.slice(11), ['new', 'much'])
})

test('who wants its share gets it, whoever comes and goes beside it', () => {
  const { served, taker, endTurn } = setUp()
  const steady = taker('steady', 10_000, 0.125)
  steady.goOn()
  for (let turn = 0; turn < 400; turn++) {
    // Another connection every second time, which takes the time of one of two.
    if (turn % 4 === 0) taker('new', 1, 0.125).goOn()
    endTurn()
  }
  const share = served.filter(name => name === 'steady').length / served.length
  assert.ok(share > 0.3 && share < 0.7, `${share}`)
})

test('nobody saves up what it did not use', () => {
  const { served, taker, endTurn } = setUp()
  const idle = taker('idle', 1000, 0.25)
  const busy = taker('busy', 1000, 0.25)
  busy.goOn()
  for (let turn = 0; turn < 100; turn++) endTurn()
  served.length = 0
  idle.goOn()
  for (let turn = 0; turn < 100; turn++) endTurn()
  const ofBusy = served.filter(name => name === 'busy').length / served.length
  assert.ok(ofBusy > 0.4 && ofBusy < 0.6, `${ofBusy}`)
})

test('one whose requests are heavy does not keep light ones waiting, however many it has sent ahead', () => {
  const { served, taker, endTurn } = setUp()
  const heavy = taker('heavy', 20, 200)
  heavy.goOn()
  const light = Array.from({ length: 5 }, (_, index) => taker(`light ${index}`, 1, 0.1))
  for (const each of light) each.goOn()
  for (let turn = 0; turn < 4; turn++) endTurn()
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
