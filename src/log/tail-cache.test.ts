import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CachedTail, TailCache } from './tail-cache.ts'

/** Memory of its own, filled with `fill`. */
function bytes(length: number, fill = 1): Uint8Array {
  return new Uint8Array(new ArrayBuffer(length)).fill(fill)
}

function tailOf(cache: TailCache, sizes: readonly number[]): CachedTail {
  const tail = new CachedTail(cache)
  for (const [offset, size] of sizes.entries()) tail.add(offset * 10, offset * 10 + 9, bytes(size, offset))
  return tail
}

test('a read gives whole batches from the one that holds the offset, as many as fit', () => {
  const tail = tailOf(new TailCache(1e9), [5000, 6000, 7000])
  const read = tail.read(13, 13_000, 100, false)!
  assert.deepEqual([read.firstOffset, read.nextOffset, read.sizeBytes], [10, 30, 13_000])
  assert.deepEqual(
    read.slices.map(slice => slice.length),
    [6000, 7000],
  )
  assert.equal(tail.read(13, 12_999, 100, false)!.nextOffset, 20)
})

test('the first batch is given whatever its size, when one is asked for (KIP-74), and none otherwise', () => {
  const tail = tailOf(new TailCache(1e9), [5000, 6000])
  assert.equal(tail.read(0, 1, 100, true)!.nextOffset, 10)
  assert.deepEqual(tail.read(0, 1, 100, false), { slices: [], sizeBytes: 0, firstOffset: 0, nextOffset: 0 })
})

test('nothing at or above the bound is given', () => {
  const tail = tailOf(new TailCache(1e9), [500, 600, 700])
  assert.equal(tail.read(0, 1e6, 20, true)!.nextOffset, 20)
  assert.equal(tail.read(0, 1e6, 19, true)!.nextOffset, 10)
  assert.equal(tail.read(20, 1e6, 20, true)!.nextOffset, 20)
})

test('the budget counts pinned memory; the oldest batches of all logs go first, and each log keeps its end', () => {
  const cache = new TailCache(10_000)
  const first = new CachedTail(cache)
  const second = new CachedTail(cache)
  for (let round = 0; round < 10; round++) {
    first.add(round, round, bytes(1000))
    second.add(round, round, bytes(2000))
  }
  assert.ok(cache.pinnedBytes <= 10_000)
  assert.equal(first.firstOffset, 7)
  assert.equal(second.firstOffset, 7)
  assert.equal(first.read(6, 1e6, 100, true), undefined)
  assert.equal(first.read(7, 1e6, 100, true)!.sizeBytes, 3000)
})

test('a small batch within a large frame is copied out, a large one is not', () => {
  const cache = new TailCache(1e9)
  const frame = bytes(1_000_000)
  const small = cache.compact(frame.subarray(100, 300))
  assert.notEqual(small.buffer, frame.buffer)
  assert.deepEqual(small, Buffer.from(frame.subarray(100, 300)))
  const large = frame.subarray(0, 600_000)
  assert.equal(cache.compact(large), large)
  const medium = cache.compact(frame.subarray(0, 100_000))
  assert.equal(medium.buffer.byteLength, 100_000)
})

test('copied batches that lie one behind the other are given as one slice', () => {
  const cache = new TailCache(1e9)
  const tail = new CachedTail(cache)
  const frame = bytes(100_000)
  for (let offset = 0; offset < 20; offset++) tail.add(offset, offset, cache.compact(frame.subarray(0, 100)))
  assert.equal(tail.read(0, 1e6, 100, true)!.slices.length, 1)
})

test('many small slices are put together', () => {
  const cache = new TailCache(1e9)
  const tail = new CachedTail(cache)
  for (let offset = 0; offset < 100; offset++) tail.add(offset, offset, bytes(100, offset))
  const { slices, sizeBytes } = tail.read(10, 1e6, 100, true)!
  assert.equal(slices.length, 1)
  assert.equal(sizeBytes, 9000)
  assert.deepEqual([slices[0]![0], slices[0]![8999]], [10, 99])
})

test('the bytes between two offsets are exact', () => {
  const tail = tailOf(new TailCache(1e9), [500, 600, 700])
  assert.equal(tail.bytesBetween(0, 30), 1800)
  assert.equal(tail.bytesBetween(10, 20), 600)
  assert.equal(tail.bytesBetween(29, 1000), 700)
  assert.equal(tail.bytesBetween(30, 1000), undefined)
})

test('truncation forgets the end, gives its memory back, and the log goes on', () => {
  const cache = new TailCache(1e9)
  const tail = tailOf(cache, [500, 600, 700])
  const pinned = cache.pinnedBytes
  tail.truncate(15)
  assert.ok(cache.pinnedBytes < pinned - 1300)
  tail.add(10, 12, bytes(100))
  assert.equal(tail.read(0, 1e6, 100, true)!.nextOffset, 13)
  tail.clear()
  assert.equal(cache.pinnedBytes, 0)
  assert.equal(tail.firstOffset, undefined)
})

test('truncation after eviction leaves a log that can be added to', () => {
  const cache = new TailCache(0)
  const tail = new CachedTail(cache)
  tail.add(0, 9, bytes(100))
  tail.truncate(0)
  tail.add(0, 4, bytes(100))
  assert.equal(tail.read(0, 1000, 100, true), undefined)
  assert.equal(cache.pinnedBytes, 0)
})

test('a smaller budget takes effect at once', () => {
  const cache = new TailCache(1e9)
  tailOf(cache, [5000, 5000, 5000])
  cache.setBudget(6000)
  assert.ok(cache.pinnedBytes <= 6000)
})
