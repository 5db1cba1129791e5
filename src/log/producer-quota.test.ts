import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stampBaseOffset } from '../protocol/records/batch-header.ts'
import type { BatchOptions } from '../protocol/records/builder.ts'
import { batchOf } from './log.fixture.ts'
import { ProducerQuota } from './producer-quota.ts'
import type { RemembersProducers } from './producer-quota.ts'
import { ProducerState } from './producer-state.ts'

/** A log that only remembers producers. */
class TestLog implements RemembersProducers {
  readonly state: ProducerState
  nowMs = 0
  readonly #options: { readonly producerIdExpirationMs: number; readonly verifyTransactions: boolean }

  constructor(onNewProducer?: () => void) {
    this.#options = { producerIdExpirationMs: Infinity, verifyTransactions: false }
    const nowMs = (): number => this.nowMs
    this.state = new ProducerState({ ...this.#options, nowMs, ...(onNewProducer ? { onNewProducer } : {}) }, 0)
  }

  get producerCount(): number {
    return this.state.size
  }

  forgetProducers(count: number): number {
    return this.state.forgetOldest(count)
  }

  write(producerId: number, options: BatchOptions = {}): void {
    this.nowMs += 1
    const bytes = batchOf(['v'], { producerId, producerEpoch: 0, baseSequence: 0, ...options })
    stampBaseOffset(bytes, 0, this.state.mapEndOffset)
    this.state.append(bytes, 0)
  }

  get remembered(): number[] {
    return this.state.describe().map(({ producerId }) => producerId)
  }
}

describe('forgetting the oldest producers', () => {
  test('takes those that have not written for the longest, not those that came first', () => {
    const log = new TestLog()
    for (let id = 0; id < 10; id++) log.write(id)
    log.write(0)
    log.write(3)
    assert.equal(log.forgetProducers(4), 4)
    assert.deepEqual(
      log.remembered.toSorted((a, b) => a - b),
      [0, 3, 6, 7, 8, 9],
    )
  })

  test('never takes one that has a transaction open', () => {
    const log = new TestLog()
    log.write(1, { isTransactional: true })
    for (let id = 2; id < 6; id++) log.write(id)
    log.forgetProducers(100)
    assert.deepEqual(log.remembered, [1])
    assert.equal(log.state.hasOngoingTransaction(1, 0), true)
  })

  test('of thousands takes about as many as are asked for, and none for nothing', () => {
    const log = new TestLog()
    for (let id = 0; id < 5000; id++) log.write(id)
    assert.equal(log.forgetProducers(0), 0)
    const forgotten = log.forgetProducers(1000)
    assert.ok(forgotten > 900 && forgotten <= 1000, `${forgotten}`)
    assert.ok(Math.min(...log.remembered) > 900)
  })

  test('verifications that nobody comes back for are bounded', () => {
    const log = new TestLog()
    const first = log.state.startVerification(1, 0, 0, true, 0)
    assert.equal(log.state.startVerification(1, 0, 0, true, 0), first)
    for (let id = 2; id < 20_000; id++) log.state.startVerification(id, 0, 0, true, 0)
    assert.notEqual(log.state.startVerification(1, 0, 0, true, 0), first)
  })
})

describe('the quota of all logs', () => {
  test('is kept within a tenth, at the cost of those that have the most', () => {
    const logs: TestLog[] = []
    const quota = new ProducerQuota(1000, () => logs)
    const add = (): TestLog => {
      const log = new TestLog(() => quota.producerComes())
      logs.push(log)
      return log
    }
    const [small, large] = [add(), add()]
    for (let id = 0; id < 5; id++) small.write(id)
    for (let id = 0; id < 10_000; id++) {
      large.write(id)
      const total = small.producerCount + large.producerCount
      assert.ok(total <= 1101, `${total}`)
    }
    assert.equal(small.producerCount, 5)
    assert.ok(large.producerCount > 800)
    assert.ok(large.remembered.includes(9999))
  })
})
