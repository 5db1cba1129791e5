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

test('a process that is paused does nothing, and then all that it has missed, in order', async () => {
  const simulator = new Simulator({ seed: 1 })
  const machine = simulator.machine('a')
  const io = machine.boot()
  const peer = simulator.machine('b').boot()
  const happened: string[] = []
  const handler = (name: string) => ({
    buffer: () => new Uint8Array(100),
    received: (length: number) => void happened.push(`${name} got ${length}`),
    drained: () => {},
    closed: () => void happened.push(`${name} closed`),
  })
  const accepted = Promise.withResolvers<void>()
  await simulator.settle(
    io.network.listen({ host: '0.0.0.0', port: 1 }, socket => {
      socket.start(handler('a'))
      accepted.resolve()
    }),
  )
  const socket = await simulator.settle(peer.network.connect('a', 1, 1000))
  socket.start(handler('b'))
  await simulator.settle(accepted.promise)
  for (const delayMs of [20, 10]) io.clock.setTimer(delayMs, () => happened.push(`timer ${delayMs}`))
  const cancelled = io.clock.setTimer(30, () => happened.push('cancelled'))
  machine.pause()
  socket.write([new Uint8Array(3)])
  peer.clock.setTimer(15, () => happened.push('timer of the other'))
  await simulator.run(1000)
  assert.deepEqual(happened, ['timer of the other'])
  cancelled.cancel()
  machine.resume()
  await simulator.run(1000)
  const timers = happened.filter(what => what.startsWith('timer'))
  assert.deepEqual(timers, ['timer of the other', 'timer 10', 'timer 20'])
  const bytes = happened.filter(what => what.startsWith('a got')).map(what => Number(what.slice(6)))
  assert.equal(
    bytes.reduce((sum, length) => sum + length, 0),
    3,
  )
  machine.pause()
  machine.crash()
  assert.throws(() => machine.resume())
})
