import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CountedLimit } from './counted-limit.ts'

function limited(max: number) {
  const world = { nowMs: 5000, there: 0, counted: 0 }
  const limit = new CountedLimit({
    max: () => max,
    nowMs: () => world.nowMs,
    count: () => {
      world.counted += 1
      return world.there
    },
  })
  return { world, limit }
}

describe('a limit on what is counted seldom', () => {
  it('adds up what is admitted, and counts only when there seems to be no room', () => {
    const { world, limit } = limited(10)
    for (let i = 0; i < 10; i++) assert.equal(limit.admits(1), true)
    assert.equal(world.counted, 1)
    world.nowMs += 1000
    world.there = 7
    assert.equal(limit.admits(3), true)
    assert.equal(world.counted, 2)
  })

  it('counts once a second at most, however often it is asked', () => {
    const { world, limit } = limited(10)
    world.there = 10
    for (let i = 0; i < 100; i++) assert.equal(limit.admits(1), false)
    assert.equal(world.counted, 1)
    world.there = 0
    world.nowMs -= 3000
    assert.equal(limit.admits(1), true)
  })

  it('lets through what takes nothing, and what has been loaded counts', () => {
    const { world, limit } = limited(10)
    assert.equal(limit.admits(0), true)
    assert.equal(world.counted, 0)
    assert.equal(limit.admits(5), true)
    world.there = 10
    limit.forget()
    assert.equal(limit.admits(1), false)
  })
})
