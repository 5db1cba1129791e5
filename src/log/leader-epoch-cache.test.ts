import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from '../sim/simulator.ts'
import { textOf } from './atomic-file.ts'
import { parseEpochCheckpoint } from './checkpoint-file.ts'
import { LeaderEpochCache } from './leader-epoch-cache.ts'

async function withCache(body: (cache: LeaderEpochCache, saved: () => unknown) => Promise<void> | void): Promise<void> {
  await simulate(1, async simulator => {
    const { disk } = simulator.machine('a').boot()
    await disk.makeDirectory('/t-0')
    const saved = (): unknown => parseEpochCheckpoint(textOf(disk.readFileSync('/t-0/leader-epoch-checkpoint')))
    await body(new LeaderEpochCache(disk, '/t-0', []), saved)
  })
}

test('the end of an epoch is the start of the next, and of the newest the end of the log (KIP-101)', () =>
  withCache(cache => {
    cache.assign(2, 0)
    cache.assign(4, 10)
    cache.assign(7, 30)
    assert.deepEqual(cache.endOffsetFor(4, 50), { leaderEpoch: 4, endOffset: 30 })
    assert.deepEqual(cache.endOffsetFor(7, 50), { leaderEpoch: 7, endOffset: 50 })
  }))

test('an epoch that the log does not have is answered with the largest below it (KIP-279)', () =>
  withCache(cache => {
    cache.assign(2, 0)
    cache.assign(4, 10)
    cache.assign(7, 30)
    assert.deepEqual(cache.endOffsetFor(5, 50), { leaderEpoch: 4, endOffset: 30 })
    assert.deepEqual(cache.endOffsetFor(1, 50), { leaderEpoch: 1, endOffset: 0 })
    assert.equal(cache.endOffsetFor(8, 50), undefined)
    assert.equal(cache.endOffsetFor(-1, 50), undefined)
  }))

test('an epoch that brought no record gives way to the next one at the same offset', () =>
  withCache(cache => {
    cache.assign(1, 0)
    cache.assign(2, 5)
    assert.equal(cache.assign(3, 5), true)
    assert.deepEqual(cache.entries, [
      { leaderEpoch: 1, startOffset: 0 },
      { leaderEpoch: 3, startOffset: 5 },
    ])
    assert.equal(cache.assign(3, 9), false)
  }))

test('the epoch of an offset is the last that begins at or below it', () =>
  withCache(cache => {
    cache.assign(1, 3)
    cache.assign(2, 5)
    assert.deepEqual(
      [2, 3, 4, 5, 99].map(offset => cache.epochFor(offset)),
      [undefined, 1, 1, 2, 2],
    )
  }))

test('cutting the end forgets what begins there; moving the start keeps the epoch in force', () =>
  withCache(cache => {
    cache.assign(1, 0)
    cache.assign(2, 5)
    cache.assign(3, 9)
    cache.truncateFromEnd(9)
    assert.equal(cache.latestEpoch, 2)
    cache.truncateFromStart(7)
    assert.deepEqual(cache.entries, [{ leaderEpoch: 2, startOffset: 7 }])
  }))

test('the file holds what was known when flush was called, or newer', () =>
  withCache(async (cache, saved) => {
    cache.assign(1, 0)
    const first = cache.flush()
    cache.assign(2, 5)
    const second = cache.flush()
    cache.assign(3, 9)
    await cache.flush()
    await Promise.all([first, second])
    assert.deepEqual(saved(), cache.entries)
    assert.equal(cache.entries.length, 3)
  }))

test('what comes while the file is written is not in it, and goes into the next one', () =>
  withCache(async (cache, saved) => {
    cache.assign(1, 0)
    const first = cache.flush()
    await Promise.resolve()
    cache.assign(2, 5)
    await first
    assert.deepEqual(saved(), [{ leaderEpoch: 1, startOffset: 0 }])
    assert.equal(cache.isFlushed, false)
    await cache.flush()
    assert.deepEqual(saved(), cache.entries)
    assert.equal(cache.isFlushed, true)
  }))

test('epochs above that of a leader are none that there ever were, and the batches of its own keep theirs', () =>
  withCache(cache => {
    cache.assign(2, 0)
    cache.assign(4, 10)
    // A bit of a batch's header has flipped, which no checksum covers.
    cache.assign(1028, 20)
    assert.equal(cache.assign(4, 30), true)
    assert.deepEqual(cache.entries, [
      { leaderEpoch: 2, startOffset: 0 },
      { leaderEpoch: 4, startOffset: 10 },
    ])
    cache.assign(1028, 30)
    cache.assign(5, 40)
    assert.equal(cache.epochFor(35), 4)
    assert.equal(cache.epochFor(40), 5)
  }))

test('what the file has is known also when it has an epoch more, which has no batch; not when it lacks one', () =>
  withCache(async cache => {
    cache.assign(0, 0)
    cache.assign(1, 10)
    assert.equal(cache.savedBelow(10), undefined)
    await cache.flush()
    const saved = [
      { leaderEpoch: 0, startOffset: 0 },
      { leaderEpoch: 1, startOffset: 10 },
    ]
    assert.deepEqual(cache.savedBelow(10), saved)
    // As a start does, of a log that ends there.
    cache.truncateFromEnd(10)
    assert.deepEqual(cache.savedBelow(10), saved)
    cache.assign(2, 10)
    assert.deepEqual(cache.savedBelow(10), saved)
    assert.equal(cache.savedBelow(11), undefined)
    cache.truncateFromStart(5)
    assert.equal(cache.savedBelow(10), undefined)
  }))
