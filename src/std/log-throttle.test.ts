import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LogThrottle } from './log-throttle.ts'

describe('a throttle of log messages', () => {
  function throttled() {
    let nowMs = 5000
    const throttle = new LogThrottle(() => nowMs, { burst: 100, perSecond: 10 })
    const logged: (number | undefined)[] = []
    return {
      logged,
      wait: (ms: number) => (nowMs += ms),
      run: (times: number) => {
        for (let i = 0; i < times; i++) throttle.run(unlogged => logged.push(unlogged))
      },
    }
  }

  it('lets what is usual through', () => {
    const { logged, run } = throttled()
    run(100)
    assert.deepEqual(
      logged,
      Array.from({ length: 100 }, () => undefined),
    )
  })

  it('lets ten a second through of a flood, and the first of them says how many were left out', () => {
    const { logged, wait, run } = throttled()
    run(1000)
    assert.equal(logged.length, 100)
    wait(1000)
    run(1000)
    assert.deepEqual(logged.slice(100), [900, ...Array.from({ length: 9 }, () => undefined)])
  })

  it('goes on when the clock is set back', () => {
    const { logged, wait, run } = throttled()
    run(1000)
    wait(-3000)
    run(1)
    wait(100)
    run(1)
    assert.deepEqual(logged.slice(100), [901])
  })

  it('is as before after a quiet time, however long', () => {
    const { logged, wait, run } = throttled()
    run(1000)
    wait(3_600_000)
    run(1000)
    assert.equal(logged.length, 200)
  })
})
