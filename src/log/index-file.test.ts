import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Disk } from '../io/io.ts'
import { simulate } from '../sim/simulator.ts'
import { BoundedDisk } from './bounded-disk.ts'
import type { AbortedTransaction } from './log-types.ts'
import { OffsetIndex } from './offset-index.ts'
import { OpenFiles } from './open-files.ts'
import { TimeIndex } from './time-index.ts'
import { TransactionIndex } from './transaction-index.ts'

interface Bench {
  readonly disk: Disk
  readonly openFiles: OpenFiles
  sizeOf(path: string): Promise<number | undefined>
}

async function withDisk<T>(body: (bench: Bench) => Promise<T>): Promise<T> {
  return simulate(1, async simulator => {
    const { disk } = simulator.machine('a').boot()
    await disk.makeDirectory('/t-0')
    const openFiles = new OpenFiles(new BoundedDisk(disk, 100), 100)
    return body({ disk, openFiles, sizeOf: async path => (await disk.stat(path))?.sizeBytes })
  })
}

const everything = (): number => Number.MAX_SAFE_INTEGER

test('an offset index finds the last entry at or below an offset, wherever its entries are', () =>
  withDisk(async ({ openFiles, sizeOf }) => {
    let files = 0
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 1500 }),
        fc.array(fc.integer({ min: 0, max: 100_010 }), { minLength: 1, maxLength: 10 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (unsorted, targets, writtenShare) => {
          // A file of its own each time, also while a failure is shrunk.
          files += 1
          const path = `/t-0/${files}.index`
          const base = 1_000_000
          const offsets = unsorted.toSorted((a, b) => a - b).map(offset => base + offset)
          const index = new OffsetIndex(openFiles, path, base)
          index.entries.startEmpty()
          for (const [position, offset] of offsets.entries()) index.append(offset, (position + 1) * 10)
          await index.entries.write(() => Math.floor(offsets.length * writtenShare))
          const reopened = new OffsetIndex(openFiles, path, base)
          await reopened.entries.load(sizeOf)
          assert.equal(reopened.entries.entryCount, Math.floor(offsets.length * writtenShare))
          for (const target of targets) {
            const found = offsets.findLastIndex(offset => offset <= base + target)
            const expected =
              found < 0 ? { offset: base, position: 0 } : { offset: offsets[found], position: (found + 1) * 10 }
            assert.deepEqual(await index.lookup(base + target), expected)
            const inMemory = index.lookupInMemory(base + target)
            if (inMemory !== undefined) assert.deepEqual(inMemory, expected)
          }
          await index.entries.close()
          await reopened.entries.close()
        },
      ),
      { numRuns: 30 },
    )
  }))

test('a lookup in a large index reads few entries', () =>
  withDisk(async ({ openFiles }) => {
    const index = new OffsetIndex(openFiles, '/t-0/0.index', 0)
    index.entries.startEmpty()
    for (let entry = 1; entry <= 100_000; entry++) index.append(entry * 3, entry * 4096)
    await index.entries.write(everything)
    let reads = 0
    const readEntries = index.entries.readEntries.bind(index.entries)
    index.entries.readEntries = (start, end) => {
      reads += 1
      return readEntries(start, end)
    }
    assert.deepEqual(await index.lookup(150_001), { offset: 150_000, position: 50_000 * 4096 })
    assert.ok(reads <= 9, `${reads} reads`)
  }))

test('entries are written only as far as they are allowed to, and in order with what comes meanwhile', () =>
  withDisk(async ({ openFiles, disk }) => {
    const index = new OffsetIndex(openFiles, '/t-0/0.index', 0)
    index.entries.startEmpty()
    for (let entry = 1; entry <= 10; entry++) index.append(entry, entry * 100)
    const writing = index.entries.write(() => index.countInMemoryBelow(601))
    index.append(11, 1100)
    await writing
    assert.equal(disk.statSync('/t-0/0.index')?.sizeBytes, 6 * 8)
    assert.equal(index.entries.entryCount, 11)
    await index.entries.write(everything)
    assert.deepEqual(await index.last(), { offset: 11, position: 1100 })
  }))

test('what is behind the entries that grow, such as the zeros of a preallocated file, is cut off', () =>
  withDisk(async ({ openFiles, disk, sizeOf }) => {
    const bytes = Buffer.alloc(80)
    for (const [slot, [offset, position]] of [
      [5, 100],
      [9, 200],
      [12, 300],
    ].entries()) {
      bytes.writeUInt32BE(offset!, slot * 8)
      bytes.writeUInt32BE(position!, slot * 8 + 4)
    }
    const file = await disk.open('/t-0/0.index', { write: true, create: true })
    await file.writev([bytes], 0)
    const index = new OffsetIndex(openFiles, '/t-0/0.index', 0)
    await index.entries.load(sizeOf)
    assert.deepEqual(await index.keepBelow(100, 1000), { offset: 12, position: 300 })
    assert.equal(disk.statSync('/t-0/0.index')?.sizeBytes, 24)
    assert.deepEqual(await index.keepBelow(10, 1000), { offset: 9, position: 200 })
    assert.deepEqual(await index.keepBelow(10, 150), { offset: 5, position: 100 })
  }))

test('truncation drops the entries at and above an offset, on disk and in memory', () =>
  withDisk(async ({ openFiles }) => {
    const index = new OffsetIndex(openFiles, '/t-0/0.index', 0)
    index.entries.startEmpty()
    for (let entry = 1; entry <= 10; entry++) index.append(entry * 10, entry * 100)
    await index.entries.write(() => 6)
    await index.truncate(80)
    assert.deepEqual(await index.last(), { offset: 70, position: 700 })
    await index.truncate(30)
    assert.deepEqual(await index.last(), { offset: 20, position: 200 })
    index.append(25, 250)
    assert.deepEqual(await index.lookup(29), { offset: 25, position: 250 })
  }))

test('a full index says so, a time index one entry earlier', () =>
  withDisk(async ({ openFiles }) => {
    const offsets = new OffsetIndex(openFiles, '/t-0/0.index', 0)
    const times = new TimeIndex(openFiles, '/t-0/0.timeindex', 0)
    offsets.entries.startEmpty()
    times.entries.startEmpty()
    assert.equal(offsets.isFull(20), false)
    offsets.append(1, 10)
    offsets.append(2, 20)
    assert.equal(offsets.isFull(20), true)
    assert.equal(times.isFull(25), false)
    times.maybeAppend(5, 1)
    assert.equal(times.isFull(25), true)
  }))

test('a time index takes larger timestamps only, and finds the last entry at or below one', () =>
  withDisk(async ({ openFiles }) => {
    const index = new TimeIndex(openFiles, '/t-0/0.timeindex', 100)
    index.entries.startEmpty()
    index.maybeAppend(50, 103)
    index.maybeAppend(50, 105)
    index.maybeAppend(40, 106)
    index.maybeAppend(60, 107)
    assert.equal(index.entries.entryCount, 2)
    assert.deepEqual(await index.lookup(49), { timestampMs: -1, offset: 100 })
    assert.deepEqual(await index.lookup(59), { timestampMs: 50, offset: 103 })
    await index.entries.write(everything)
    assert.deepEqual(await index.lookup(61), { timestampMs: 60, offset: 107 })
  }))

test('a time index that is cut off, or loaded, goes on from its last entry', () =>
  withDisk(async ({ openFiles, sizeOf }) => {
    const index = new TimeIndex(openFiles, '/t-0/0.timeindex', 100)
    index.entries.startEmpty()
    for (let entry = 1; entry <= 5; entry++) index.maybeAppend(entry * 10, 100 + entry)
    await index.entries.write(() => 3)
    await index.truncate(105)
    assert.deepEqual(index.last, { timestampMs: 40, offset: 104 })
    await index.truncate(102)
    assert.deepEqual(index.last, { timestampMs: 10, offset: 101 })
    const loaded = new TimeIndex(openFiles, '/t-0/0.timeindex', 100)
    await loaded.entries.load(sizeOf)
    assert.deepEqual(await loaded.loadLast(), { timestampMs: 10, offset: 101 })
    loaded.maybeAppend(9, 103)
    assert.equal(loaded.entries.entryCount, 1)
    loaded.maybeAppend(11, 103)
    await loaded.truncate(100)
    assert.deepEqual([loaded.last, loaded.entries.entryCount], [{ timestampMs: -1, offset: 100 }, 0])
  }))

test('the transaction index gives what was aborted in a range, and says where looking on is of no use', () =>
  withDisk(async ({ openFiles }) => {
    const index = new TransactionIndex(openFiles, '/t-0/0.txnindex')
    index.entries.startEmpty()
    const entries = [
      { producerId: 1, firstOffset: 0, lastOffset: 10, lastStableOffset: 5 },
      { producerId: 2, firstOffset: 5, lastOffset: 20, lastStableOffset: 21 },
      { producerId: 3, firstOffset: 25, lastOffset: 30, lastStableOffset: 31 },
    ]
    for (const entry of entries) index.append(entry)
    const collect = async (from: number, to: number): Promise<[number[], boolean | undefined]> => {
      const found: AbortedTransaction[] = []
      const complete = await index.collect(from, to, found)
      return [found.map(each => each.producerId), complete]
    }
    for (const written of [0, 2, 3]) {
      await index.entries.write(() => written)
      assert.deepEqual(await collect(0, 4), [[1], true])
      assert.deepEqual(await collect(0, 6), [[1, 2], true])
      assert.deepEqual(await collect(11, 26), [[2, 3], true])
      assert.deepEqual(await collect(21, 40), [[3], false])
      assert.deepEqual(await collect(31, 40), [[], false])
    }
  }))

test('a transaction index of a version that is not known is not guessed at', () =>
  withDisk(async ({ openFiles, disk, sizeOf }) => {
    const file = await disk.open('/t-0/0.txnindex', { write: true, create: true })
    await file.writev([Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(32)])], 0)
    const index = new TransactionIndex(openFiles, '/t-0/0.txnindex')
    await index.entries.load(sizeOf)
    assert.equal(await index.collect(0, 10, []), undefined)
  }))

test('a bit that flips in an entry of the transaction index is found, also before the entry is synced, and in a later life', () =>
  withDisk(async ({ openFiles, disk, sizeOf }) => {
    const path = '/t-0/0.txnindex'
    const flip = async (position: number): Promise<void> => {
      const bytes = await disk.readFile(path)
      const file = await disk.open(path, { write: true })
      await file.writev([Buffer.of(bytes[position]! ^ 4)], position)
      await file.close()
    }
    const entry = (index: number) => ({
      producerId: index,
      firstOffset: index * 10,
      lastOffset: index * 10 + 5,
      lastStableOffset: index * 10 + 6,
    })
    const index = new TransactionIndex(openFiles, path)
    index.entries.startEmpty()
    for (let each = 0; each < 3; each++) index.append(entry(each))
    await index.entries.write(everything)
    assert.equal(await index.isVerified(), true)
    await flip(40)
    assert.equal(await index.collect(0, 30, []), undefined)
    // What is saved meanwhile is the checksum of what was to be there.
    await index.saveChecksum()
    assert.equal(await index.isVerified(), false)
    await flip(40)
    assert.equal(await index.isVerified(), true)
    await index.entries.file.close()

    const later = new TransactionIndex(openFiles, path)
    await later.entries.load(sizeOf)
    await later.loadLast()
    later.append(entry(3))
    await later.entries.write(() => 1)
    assert.equal(await later.isVerified(), true)
    await flip(3 * 34 + 9)
    assert.equal(await later.collect(0, 50, []), undefined)
  }))

test('what a power cut has left of one more entry is cut off when an index is kept or emptied, since Kafka takes such a file for a broken one', () =>
  withDisk(async ({ disk, openFiles, sizeOf }) => {
    for (const [name, after] of [
      ['kept', async (index: OffsetIndex) => void (await index.keepBelow(1000, 1000))],
      ['emptied', (index: OffsetIndex) => index.truncate(0)],
    ] as const) {
      const path = `/t-0/${name}.index`
      const index = new OffsetIndex(openFiles, path, 0)
      index.entries.startEmpty()
      index.append(5, 100)
      await index.entries.write(everything)
      await index.entries.file.use(file => file.truncate(8 + 6))
      const reopened = new OffsetIndex(openFiles, path, 0)
      await reopened.entries.load(sizeOf)
      await after(reopened)
      assert.equal((await disk.stat(path))?.sizeBytes, reopened.entries.entryCount * 8)
      await index.entries.close()
      await reopened.entries.close()
    }
  }))

test('zeros that a power cut has left behind the entries of a transaction index are not kept, whatever its checksum vouches for (P4)', () =>
  withDisk(async ({ disk, openFiles, sizeOf }) => {
    const path = '/t-0/zeros.txnindex'
    const index = new TransactionIndex(openFiles, path)
    index.entries.startEmpty()
    index.append({ producerId: 7, firstOffset: 40, lastOffset: 45, lastStableOffset: 46 })
    await index.entries.write(everything)
    await index.saveChecksum()
    await index.entries.file.use(file => file.truncate(2 * 34))
    const reopened = new TransactionIndex(openFiles, path)
    await reopened.entries.load(sizeOf)
    await reopened.keepVerifiedBelow(60, 40)
    assert.equal(reopened.entries.entryCount, 1)
    assert.equal((await disk.stat(path))?.sizeBytes, 34)
    await index.entries.close()
    await reopened.entries.close()
  }))
