import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as header from '../protocol/records/batch-header.ts'
import { writeInt32, writeInt64 } from '../protocol/records/int64.ts'
import { memoryPool } from '../std/memory-pool.ts'
import { CachedTail, TailCache } from './tail-cache.ts'

/** As much of a batch as the cache looks at, in memory of its own, with `fill` behind the header. */
function batch(firstOffset: number, lastOffset: number, sizeBytes: number, fill = 1): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(sizeBytes)).fill(fill)
  writeInt64(bytes, 0, firstOffset)
  writeInt32(bytes, header.LENGTH_AT, sizeBytes - header.LOG_OVERHEAD_BYTES)
  bytes[16] = 2
  writeInt32(bytes, 23, lastOffset - firstOffset)
  return bytes
}

/** Adds a batch, whose bytes the writer is done with at once. */
function add(
  tail: CachedTail,
  firstOffset: number,
  lastOffset: number,
  sizeBytes: number,
  memory?: Parameters<CachedTail['add']>[3],
): void {
  const bytes = batch(firstOffset, lastOffset, sizeBytes, firstOffset & 255)
  tail.add(firstOffset, lastOffset, bytes, memory).memory?.release()
}

/** Ten offsets a batch. */
function tailOf(cache: TailCache, sizes: readonly number[]): CachedTail {
  const tail = new CachedTail(cache)
  for (const [index, size] of sizes.entries()) add(tail, index * 10, index * 10 + 9, size)
  return tail
}

test('a read gives whole batches from the one that holds the offset, as many as fit', () => {
  const tail = tailOf(new TailCache(1e9), [5000, 6000, 7000])
  const read = tail.read(13, 13_000, 100, false)!
  assert.deepEqual([read.firstOffset, read.nextOffset, read.sizeBytes], [10, 30, 13_000])
  assert.equal(tail.read(13, 12_999, 100, false)!.nextOffset, 20)
})

test('the first batch is given whatever its size, when one is asked for (KIP-74), and none otherwise', () => {
  const tail = tailOf(new TailCache(1e9), [5000, 6000])
  assert.equal(tail.read(0, 1, 100, true)!.nextOffset, 10)
  const none = tail.read(0, 1, 100, false)!
  assert.deepEqual([none.slices.length, none.sizeBytes, none.firstOffset, none.nextOffset], [0, 0, 0, 0])
})

test('nothing at or above the bound is given', () => {
  const tail = tailOf(new TailCache(1e9), [500, 600, 700])
  assert.equal(tail.read(0, 1e6, 20, true)!.nextOffset, 20)
  assert.equal(tail.read(0, 1e6, 19, true)!.nextOffset, 10)
  assert.equal(tail.read(20, 1e6, 20, true)!.nextOffset, 20)
})

test('of a log that nobody reads only the newest chunk stays, from the first read on it is kept again', () => {
  const cache = new TailCache(1e9)
  const tail = new CachedTail(cache)
  const append = (from: number, to: number): void => {
    for (let offset = from; offset < to; offset++) add(tail, offset, offset, 16_384)
  }
  append(0, 200)
  assert.equal(tail.firstOffset, 0)
  append(200, 1000)
  assert.ok(tail.firstOffset > 990, `${tail.firstOffset}`)
  assert.ok(cache.pinnedBytes <= 512 * 1024, `${cache.pinnedBytes}`)

  assert.equal(tail.read(0, 1e6, 1e6, true), undefined)
  const first = tail.firstOffset
  append(1000, 1200)
  assert.equal(tail.firstOffset, first)
  assert.equal(tail.read(first, 1e9, 1e6, true)!.nextOffset, 1200)
})

test('the budget counts pinned memory; the oldest of all logs goes first, and each log keeps its end', () => {
  const cache = new TailCache(1e6)
  const first = new CachedTail(cache)
  const second = new CachedTail(cache)
  for (let round = 0; round < 2000; round++) {
    add(first, round, round, 1000)
    add(second, round, round, 2000)
  }
  assert.ok(cache.pinnedBytes <= 1e6)
  for (const tail of [first, second]) {
    assert.ok(tail.firstOffset! > 1500)
    assert.equal(tail.read(tail.firstOffset! - 1, 1e6, 1e6, true), undefined)
    assert.equal(tail.read(tail.firstOffset!, 1e9, 1e6, true)!.nextOffset, 2000)
  }
})

test('small batches lie one behind the other, and are given as one slice', () => {
  const tail = new CachedTail(new TailCache(1e9))
  for (let offset = 0; offset < 20; offset++) add(tail, offset, offset, 100)
  assert.equal(tail.read(0, 1e6, 100, true)!.slices.length, 1)
})

test('a large batch stays in the memory that it came in, unless that is lent, or much larger', () => {
  const tail = new CachedTail(new TailCache(1e9))
  const frame = memoryPool.take(100_000)
  const place = (firstOffset: number, sizeBytes: number): Uint8Array => {
    frame.bytes.set(batch(firstOffset, firstOffset, sizeBytes))
    return frame.bytes.subarray(0, sizeBytes)
  }
  assert.equal(tail.add(0, 0, place(0, 90_000), frame).memory, frame)
  const lent = tail.add(1, 1, place(1, 90_000), 'lent')
  assert.notEqual(lent.memory, frame)
  assert.deepEqual(lent.bytes.subarray(lent.start, lent.end), frame.bytes.subarray(0, 90_000))
  assert.notEqual(tail.add(2, 2, place(2, 40_000), frame).memory, frame)
})

test('memory is used again when the log, the writer and the readers are done with it, and not before', () => {
  const cache = new TailCache(1e9)
  const tail = new CachedTail(cache)
  const frame = memoryPool.take(100_000)
  const kept = tail.add(0, 0, batch(0, 0, 90_000), 'lent')
  const before = memoryPool.keptBytes
  const read = tail.read(0, 1e6, 100, true)!
  const again = tail.read(0, 1e6, 100, true)!
  tail.clear()
  kept.memory!.release()
  read.release()
  read.release()
  assert.equal(memoryPool.keptBytes, before)
  again.release()
  assert.ok(memoryPool.keptBytes > before)
  frame.release()
})

test('the bytes between two offsets are exact', () => {
  const tail = tailOf(new TailCache(1e9), [500, 600, 700])
  assert.equal(tail.bytesBetween(0, 30), 1800)
  assert.equal(tail.bytesBetween(10, 20), 600)
  assert.equal(tail.bytesBetween(29, 1000), 700)
  assert.equal(tail.bytesBetween(30, 1000), undefined)
})

test('truncation forgets the end, and what readers have of it stays as it is', () => {
  const cache = new TailCache(1e9)
  const tail = tailOf(cache, [500, 600, 700])
  const read = tail.read(10, 1e6, 100, true)!
  const copies = read.slices.map(slice => Buffer.from(slice))
  tail.truncate(15)
  add(tail, 10, 12, 100)
  assert.deepEqual(
    read.slices.map(slice => Buffer.from(slice)),
    copies,
  )
  assert.equal(tail.read(0, 1e6, 100, true)!.nextOffset, 13)
  tail.clear()
  assert.equal(cache.pinnedBytes, 0)
  assert.equal(tail.firstOffset, undefined)
})

test('truncation after eviction leaves a log that can be added to', () => {
  const cache = new TailCache(0)
  const tail = new CachedTail(cache)
  add(tail, 0, 9, 100)
  tail.truncate(0)
  add(tail, 0, 4, 100)
  assert.equal(tail.read(0, 1000, 100, true), undefined)
  assert.equal(cache.pinnedBytes, 0)
})

test('a smaller budget takes effect at once', () => {
  const cache = new TailCache(1e9)
  tailOf(cache, [50_000, 50_000, 50_000])
  cache.setBudget(60_000)
  assert.ok(cache.pinnedBytes <= 60_000)
})

/** What the cache should hold: the batches themselves. */
interface Held {
  readonly first: number
  readonly last: number
  readonly bytes: Uint8Array
}

const commands = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ add: fc.integer({ min: 70, max: 3000 }), gap: fc.nat(2), span: fc.nat(3) }) },
    {
      weight: 1,
      arbitrary: fc.record({ add: fc.integer({ min: 30_000, max: 50_000 }), gap: fc.nat(1), span: fc.nat(9) }),
    },
    { weight: 1, arbitrary: fc.record({ truncate: fc.double({ min: 0, max: 1, noNaN: true }) }) },
    { weight: 1, arbitrary: fc.record({ forget: fc.double({ min: 0, max: 0.5, noNaN: true }) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        read: fc.double({ min: 0, max: 1, noNaN: true }),
        maxBytes: fc.nat(60_000),
        upTo: fc.double({ min: 0, max: 1.1, noNaN: true }),
        one: fc.boolean(),
      }),
    },
  ),
  { maxLength: 80 },
)

test('whatever is added, cut off, forgotten and read: it is what a list of batches gives', () => {
  fc.assert(
    fc.property(commands, fc.boolean(), (history, lent) => {
      const tail = new CachedTail(new TailCache(1e9))
      let held: Held[] = []
      let next = 0
      for (const command of history) {
        const offsetAt = (part: number): number =>
          Math.floor((held[0]?.first ?? 0) + part * (next - (held[0]?.first ?? 0)))
        if ('add' in command) {
          const first = next + command.gap
          const last = first + command.span
          const bytes = batch(first, last, command.add, first & 255)
          held.push({ first, last, bytes: Buffer.from(bytes) })
          tail.add(first, last, bytes, lent ? 'lent' : undefined).memory?.release()
          if (lent) bytes.fill(0xdb)
          next = last + 1
        } else if ('truncate' in command) {
          const offset = offsetAt(command.truncate)
          tail.truncate(offset)
          held = held.filter(({ last }) => last < offset)
          next = held.at(-1) === undefined ? Math.max(offset, 0) : held.at(-1)!.last + 1
        } else if ('forget' in command) {
          const offset = offsetAt(command.forget)
          tail.forgetBelow(offset)
          held = held.filter(({ last }) => last >= offset)
        } else check(tail, held, offsetAt(command.read), command.maxBytes, offsetAt(command.upTo), command.one)
      }
    }),
    { numRuns: 300 },
  )
})

function check(
  tail: CachedTail,
  held: readonly Held[],
  offset: number,
  maxBytes: number,
  upTo: number,
  one: boolean,
): void {
  const read = tail.read(offset, maxBytes, upTo, one)
  if (held.length === 0 || offset < held[0]!.first || offset > held.at(-1)!.last) {
    assert.equal(read, undefined)
    return
  }
  const wanted: Uint8Array[] = []
  let sizeBytes = 0
  for (const { last, bytes } of held.filter(each => each.last >= offset)) {
    if (last >= upTo || (sizeBytes + bytes.length > maxBytes && !(one && wanted.length === 0))) break
    wanted.push(bytes)
    sizeBytes += bytes.length
  }
  assert.deepEqual(Buffer.concat(read!.slices), Buffer.concat(wanted))
  assert.equal(read!.sizeBytes, sizeBytes)
  read!.release()
  const from = held.findIndex(each => each.last >= offset)
  const to = held.findIndex(each => each.last >= upTo)
  const between = held
    .slice(from, to < 0 ? undefined : Math.max(from, to))
    .reduce((sum, { bytes }) => sum + bytes.length, 0)
  if (upTo >= held[0]!.first) assert.equal(tail.bytesBetween(offset, upTo), between)
}
