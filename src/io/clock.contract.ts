/** What every clock, source of randomness and computer does. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf, sleep, type World } from './world.contract.ts'

export function clockContract(world: World): void {
  test('a timer fires once, not before its time', () =>
    world.run(async ({ io }) => {
      const startMs = io.clock.monotonicMs()
      let fired = 0
      io.clock.setTimer(20, () => {
        fired += 1
      })
      await sleep(io, 60)
      assert.equal(fired, 1)
      assert.ok(io.clock.monotonicMs() - startMs >= 59, `${io.clock.monotonicMs() - startMs}`)
    }))

  test('timers fire in the order of their delays', () =>
    world.run(async ({ io }) => {
      const fired: number[] = []
      for (const delayMs of [60, 20, 0, 40]) io.clock.setTimer(delayMs, () => fired.push(delayMs))
      await sleep(io, 120)
      assert.deepEqual(fired, [0, 20, 40, 60])
    }))

  test('a cancelled timer does not fire, and may be cancelled again, also after it fired', () =>
    world.run(async ({ io }) => {
      let fired = 0
      const cancelled = io.clock.setTimer(10, () => {
        fired += 1
      })
      const other = io.clock.setTimer(10, () => {})
      cancelled.cancel()
      cancelled.cancel()
      await sleep(io, 40)
      other.cancel()
      assert.equal(fired, 0)
    }))

  test('a timer for longer than 31 bits of milliseconds does not fire at once', () =>
    world.run(async ({ io }) => {
      let fired = 0
      const timers = [2 ** 31, 2 ** 40].map(delayMs =>
        io.clock.setTimer(delayMs, () => {
          fired += 1
        }),
      )
      await sleep(io, 30)
      assert.equal(fired, 0)
      for (const timer of timers) timer.cancel()
    }))

  test('what is deferred runs later, after promises, in the order it was deferred', () =>
    world.run(async ({ io }) => {
      const order: string[] = []
      await new Promise<void>(resolve => {
        io.clock.defer(() => order.push('first'))
        io.clock.defer(() => {
          order.push('second')
          io.clock.defer(() => {
            order.push('fourth')
            resolve()
          })
        })
        io.clock.defer(() => order.push('third'))
        void Promise.resolve().then(() => order.push('promise'))
        order.push('now')
      })
      assert.deepEqual(order, ['now', 'promise', 'first', 'second', 'third', 'fourth'])
    }))

  test('the wall clock gives whole milliseconds since 1970, the monotonic one never goes back', () =>
    world.run(async ({ io }) => {
      assert.ok(Number.isSafeInteger(io.clock.nowMs()))
      assert.ok(io.clock.nowMs() > Date.UTC(2024, 0, 1))
      let lastMs = io.clock.monotonicMs()
      for (let i = 0; i < 20; i++) {
        await sleep(io, 1)
        assert.ok(io.clock.monotonicMs() >= lastMs)
        lastMs = io.clock.monotonicMs()
      }
    }))

  test('random numbers are within their bounds', () =>
    world.run(async ({ io }) => {
      for (let i = 0; i < 1000; i++) {
        const float = io.random.float()
        assert.ok(float >= 0 && float < 1)
        assert.ok(io.random.below(3) < 3)
      }
      const large = Array.from({ length: 100 }, () => io.random.below(2 ** 32))
      assert.ok(large.some(value => value > 2 ** 31) && large.every(value => Number.isInteger(value)))
      assert.equal(io.random.bytes(17).length, 17)
      assert.notDeepEqual(io.random.bytes(16), io.random.bytes(16))
    }))

  test('a computation gives its result, small or large, or fails as the work does', () =>
    world.run(async ({ io }) => {
      assert.equal(await io.compute.run(10, () => 'small'), 'small')
      assert.equal(await io.compute.run(10_000_000, () => 'large'), 'large')
      for (const costBytes of [10, 10_000_000]) {
        const failing = io.compute.run(costBytes, () => {
          throw Object.assign(new Error('no'), { code: 'NO' })
        })
        assert.equal(await codeOf(failing), 'NO')
      }
    }))
}
