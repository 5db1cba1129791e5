/** What a simulated world does beyond the contract: clocks that are wrong, lives that end. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Simulator } from '../sim/simulator.ts'

test('time moves only from event to event, over years in no time', async () => {
  const simulator = new Simulator({ seed: 1, startMs: 0 })
  const { clock } = simulator.machine('a').boot()
  const tenYearsMs = 10 * 365 * 24 * 60 * 60 * 1000
  let fired = 0
  clock.setTimer(tenYearsMs, () => {
    fired += 1
  })
  await simulator.run(tenYearsMs - 1)
  assert.equal(fired, 0)
  await simulator.run(2)
  assert.equal(fired, 1)
  assert.equal(clock.nowMs(), tenYearsMs + 1)
})

test('a wall clock jumps and drifts, the monotonic one does not notice', async () => {
  const simulator = new Simulator({ seed: 1, startMs: 1_000_000 })
  const machine = simulator.machine('a')
  const { clock } = machine.boot()
  machine.jumpClock(-500)
  assert.equal(clock.nowMs(), 999_500)
  assert.equal(clock.monotonicMs(), 0)
  await simulator.run(1000)
  machine.driftClock(200)
  assert.equal(clock.nowMs(), 1_000_500)
  await simulator.run(10_000)
  assert.equal(clock.nowMs(), 1_010_502)
  assert.equal(clock.monotonicMs(), 11_000)
})

test('each machine has a wall clock of its own', () => {
  const simulator = new Simulator({ seed: 1, startMs: 0 })
  const a = simulator.machine('a').boot()
  const b = simulator.machine('b').boot()
  simulator.machine('b').jumpClock(77)
  assert.equal(a.clock.nowMs(), 0)
  assert.equal(b.clock.nowMs(), 77)
})

test('nothing of a crashed process happens any more: no timer, no deferred call, no computation', async () => {
  const simulator = new Simulator({ seed: 1 })
  const machine = simulator.machine('a')
  const io = machine.boot()
  const happened: string[] = []
  io.clock.setTimer(10, () => happened.push('timer'))
  io.clock.defer(() => happened.push('deferred'))
  void io.compute.run(1000, () => happened.push('computed'))
  machine.crash()
  const next = machine.boot()
  next.clock.setTimer(10, () => happened.push('timer of the next life'))
  await simulator.run(1000)
  assert.deepEqual(happened, ['timer of the next life'])
})

test('a machine runs one process at a time', () => {
  const machine = new Simulator({ seed: 1 }).machine('a')
  machine.boot()
  assert.throws(() => machine.boot(), /a is running/)
  machine.crash()
  assert.throws(() => machine.crash(), /a is not running/)
})

test('each life draws other random numbers, the same in each run of the seed', () => {
  const draw = (seed: number): string[] => {
    const machine = new Simulator({ seed }).machine('a')
    const lives = []
    for (let i = 0; i < 3; i++) {
      lives.push(Buffer.from(machine.boot().random.bytes(16)).toString('hex'))
      machine.crash()
    }
    return lives
  }
  assert.equal(new Set(draw(1)).size, 3)
  assert.deepEqual(draw(1), draw(1))
  assert.notDeepEqual(draw(1), draw(2))
})
