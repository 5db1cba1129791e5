/** What a log does to what is appended, and how it is read, beyond what the model covers. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { simulate } from '../sim/simulator.ts'
import type { Simulator } from '../sim/simulator.ts'
import type { Machine } from '../io/memory.ts'
import type { Io } from '../io/io.ts'
import * as header from '../protocol/records/batch-header.ts'
import { buildEndTransactionBatch } from '../protocol/records/control.ts'
import { buildBatch } from '../protocol/records/builder.ts'
import type { BatchOptions } from '../protocol/records/builder.ts'
import {
  accepted,
  append,
  batchOf,
  clientEpoch0,
  committed,
  openLog,
  readAll,
  readOk,
  recordsOf,
  smallConfig,
  written,
} from './log.fixture.ts'
import type { LogConfig } from './log-config.ts'
import type { LogManagerOptions } from './log-manager.ts'
import type { Log } from './log.ts'

interface Bench {
  readonly simulator: Simulator
  readonly machine: Machine
  readonly io: Io
  readonly log: Log
}

async function withLog(
  config: Partial<LogConfig>,
  body: (bench: Bench) => Promise<void>,
  options: Partial<LogManagerOptions> = {},
): Promise<void> {
  await simulate(1, async simulator => {
    const machine = simulator.machine('a')
    const io = machine.boot()
    const { manager, log } = await openLog(io, { configFor: () => ({ ...smallConfig, ...config }), ...options })
    await body({ simulator, machine, io, log })
    await manager.close()
  })
}

/** The batches that the log holds, as they lie on disk. */
async function batchesOf(log: Log): Promise<Buffer> {
  await written(log)
  return Buffer.concat((await readOk(log, log.logStartOffset, 1e9)).slices)
}

function rejection(log: Log, batch: Uint8Array, origin: 'client' | 'coordinator' = 'client'): string {
  const outcome = log.appendAsLeader(batch, { leaderEpoch: 0, origin })
  return outcome.kind === 'rejected' ? outcome.error : outcome.kind
}

describe('appending as leader', () => {
  test('stamps offsets and leader epoch, and changes nothing else', () =>
    withLog({}, async ({ log }) => {
      const sent = batchOf(['a', 'b'], { compression: 'gzip' })
      const first = accepted(log.appendAsLeader(Buffer.from(sent), { leaderEpoch: 7, origin: 'client' }))
      const second = accepted(log.appendAsLeader(Buffer.from(sent), { leaderEpoch: 7, origin: 'client' }))
      assert.deepEqual([first.firstOffset, first.lastOffset, second.firstOffset, second.lastOffset], [0, 1, 2, 3])
      assert.equal(first.logAppendTimeMs, -1)
      const stored = (await batchesOf(log)).subarray(sent.length)
      assert.equal(header.baseOffset(stored, 0), 2)
      assert.equal(header.partitionLeaderEpoch(stored, 0), 7)
      assert.deepEqual(stored.subarray(header.MAGIC_AT), sent.subarray(header.MAGIC_AT))
      assert.equal(log.latestEpoch, 7)
    }))

  test('with LogAppendTime gives all records the time of the append', () =>
    withLog({ messageTimestampType: 'LogAppendTime' }, async ({ log, io }) => {
      const nowMs = io.clock.nowMs()
      assert.equal(append(log, ['a', 'b'], { timestampMs: 5 }).logAppendTimeMs, nowMs)
      await written(log)
      assert.deepEqual(
        (await readAll(log)).map(record => record.timestampMs),
        [nowMs, nowMs],
      )
    }))

  test('corrects a maximum timestamp that is not the largest of the records', () =>
    withLog({}, async ({ log }) => {
      const batch = batchOf(['a'], { timestampMs: 500 })
      header.stampMaxTimestamp(batch, 0, 'CreateTime', 999)
      accepted(log.appendAsLeader(batch, clientEpoch0))
      const stored = await batchesOf(log)
      assert.equal(header.maxTimestampMs(stored, 0), 500)
      assert.ok(header.verifyCrc(stored, 0))
    }))

  for (const target of ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    test(`writes a batch anew where the topic wants ${target}`, () =>
      withLog({ compressionType: target, segmentBytes: 1e6 }, async ({ log }) => {
        const values = Array.from({ length: 50 }, (_, index) => `value ${index}`.repeat(5))
        append(log, values, { compression: 'zstd', producerId: 3, producerEpoch: 1, baseSequence: 0 })
        const stored = await batchesOf(log)
        assert.equal(header.compression(stored, 0), target === 'uncompressed' ? 'none' : target)
        assert.equal(header.producerId(stored, 0), 3)
        assert.deepEqual(
          (await readAll(log)).map(record => record.value),
          values,
        )
      }))
  }

  test('refuses what a topic does not take, and appends nothing of it', () =>
    withLog({ maxMessageBytes: 300, messageTimestampBeforeMaxMs: 1000 }, async ({ log, io }) => {
      const timestampMs = io.clock.nowMs()
      assert.equal(rejection(log, batchOf(['x'.repeat(400)], { timestampMs })), 'MESSAGE_TOO_LARGE')
      assert.equal(rejection(log, batchOf(['x'], { timestampMs: timestampMs - 1001 })), 'INVALID_TIMESTAMP')
      const corrupt = batchOf(['x'], { timestampMs })
      corrupt[corrupt.length - 1]! ^= 1
      assert.equal(rejection(log, corrupt), 'CORRUPT_MESSAGE')
      assert.equal(rejection(log, batchOf(['x'], { timestampMs, isControl: true })), 'INVALID_RECORD')
      assert.equal(rejection(log, batchOf(['x'], { timestampMs, baseOffset: 1 })), 'INVALID_RECORD')
      assert.equal(log.logEndOffset, 0)
      assert.equal(rejection(log, batchOf(['x'], { timestampMs })), 'appended')
    }))

  test('refuses a batch that is larger than a segment', () =>
    withLog({ segmentBytes: 500 }, async ({ log }) => {
      assert.equal(rejection(log, batchOf(['x'.repeat(600)])), 'RECORD_LIST_TOO_LARGE')
    }))

  test('refuses a batch that is too large once it is compressed as the topic wants', () =>
    withLog({ maxMessageBytes: 500, compressionType: 'uncompressed' }, async ({ log }) => {
      assert.equal(rejection(log, batchOf(['x'.repeat(1000)], { compression: 'zstd' })), 'MESSAGE_TOO_LARGE')
    }))

  test('names the records without a key on a compacted topic', () =>
    withLog({ cleanupPolicy: ['compact'] }, async ({ log }) => {
      const outcome = log.appendAsLeader(batchOf(['a', 'b']), clientEpoch0)
      assert.equal(outcome.kind, 'appended')
      const records = [Buffer.from('k'), null, Buffer.from('k'), null].map(key => ({
        timestampMs: 1,
        key,
        value: null,
      }))
      const refused = log.appendAsLeader(buildBatch(records), clientEpoch0)
      assert.ok(refused.kind === 'rejected')
      assert.equal(refused.error, 'INVALID_RECORD')
      assert.deepEqual(
        refused.recordErrors.map(error => error.batchIndex),
        [1, 3],
      )
    }))

  test('answers a duplicate with the offsets and the timestamp of the first time', () =>
    withLog({}, async ({ log }) => {
      const producer = { producerId: 1, producerEpoch: 0, baseSequence: 0 }
      append(log, ['x'])
      append(log, ['a', 'b'], { ...producer, timestampMs: 77 })
      append(log, ['y'])
      const again = append(log, ['a', 'b'], { ...producer, timestampMs: 77 })
      assert.deepEqual(again, {
        kind: 'duplicate',
        firstOffset: 1,
        lastOffset: 2,
        logAppendTimeMs: 77,
        logStartOffset: 0,
      })
      assert.equal(log.logEndOffset, 4)
    }))

  test('a batch cut out of a large frame does not keep the frame in memory', () =>
    withLog({}, async ({ log }) => {
      const frame = new Uint8Array(1_000_000)
      const batch = batchOf(['hello'])
      frame.set(batch, 5000)
      accepted(log.appendAsLeader(frame.subarray(5000, 5000 + batch.length), clientEpoch0))
      frame.fill(0xff)
      await written(log)
      assert.equal((await readAll(log))[0]!.value, 'hello')
    }))
})

describe('appending as follower', () => {
  test('keeps offsets, epochs and gaps, and goes on behind them', () =>
    withLog({}, async ({ log }) => {
      const fetched = Buffer.concat([
        batchOf(['a', 'b'], { baseOffset: 5, partitionLeaderEpoch: 3 }),
        batchOf(['c'], { baseOffset: 9, partitionLeaderEpoch: 4 }),
        batchOf(['cut off']).subarray(0, 40),
      ])
      assert.equal(log.appendAsFollower(fetched), undefined)
      await written(log)
      assert.equal(log.logEndOffset, 10)
      assert.deepEqual(
        (await readAll(log, 0)).map(record => record.offset),
        [5, 6, 9],
      )
      assert.deepEqual(log.endOffsetForEpoch(3), { leaderEpoch: 3, endOffset: 9 })
      assert.equal(log.latestEpoch, 4)
    }))

  test('refuses everything when a part does not fit: offsets that are there already, or a broken batch', () =>
    withLog({}, async ({ log }) => {
      append(log, ['a', 'b'])
      const good = batchOf(['c'], { baseOffset: 2 })
      const old = batchOf(['c'], { baseOffset: 1 })
      const broken = batchOf(['d'], { baseOffset: 3 })
      broken[broken.length - 2]! ^= 1
      assert.equal(log.appendAsFollower(old)?.error, 'CORRUPT_MESSAGE')
      assert.equal(log.appendAsFollower(Buffer.concat([good, broken]))?.error, 'CORRUPT_MESSAGE')
      assert.equal(log.logEndOffset, 2)
    }))
})

describe('writing', () => {
  test('everything of a turn goes out in one write', () =>
    withLog({ segmentBytes: 1e6 }, async ({ log, simulator }) => {
      append(log, ['warm'])
      await written(log)
      const before = simulator.trace.lines.filter(line => line.includes('.log')).length
      for (let index = 0; index < 50; index++) append(log, [`v${index}`])
      await written(log)
      const writes = simulator.trace.lines.filter(line => line.includes('.log')).length - before
      assert.ok(writes <= 1, `${writes} writes`)
    }))

  test('with flush.messages=1 nothing is readable before it is synced, and one sync serves many', () =>
    withLog({ flushMessages: 1, segmentBytes: 1e6 }, async ({ log, simulator }) => {
      append(log, ['warm'])
      await written(log)
      const syncs = (): number => simulator.trace.lines.filter(line => / sync .*\.log/.test(line)).length
      const before = syncs()
      const ends: number[] = []
      log.onAdvance(() => ends.push(log.writtenEndOffset))
      append(log, ['a'])
      await new Promise<void>(resolve => simulator.machine('a').events.schedule(0, undefined, resolve))
      for (let index = 0; index < 20; index++) append(log, [`v${index}`])
      assert.ok((await log.read({ offset: 1, maxBytes: 1e6, minOneBatch: true, upTo: 100 })).kind === 'ok')
      await written(log)
      assert.ok(syncs() - before <= 3, `${syncs() - before} syncs`)
      assert.ok(ends.length <= 3)
    }))

  test('with flush.ms a sync follows in that time', () =>
    withLog({ flushMs: 500, segmentBytes: 1e6 }, async ({ log, simulator }) => {
      append(log, ['a'])
      await written(log)
      assert.equal(log.recoveryPoint, 0)
      await simulator.sleep(600)
      assert.equal(log.recoveryPoint, 1)
    }))
})

describe('rolling', () => {
  const bases = async (log: Log, io: Io): Promise<number[]> => {
    await written(log)
    await log.flush()
    const names = (await io.disk.list(log.folder)).map(entry => entry.name)
    return names.filter(name => name.endsWith('.log')).map(name => Number(name.slice(0, 20)))
  }

  test('by size: a batch that would make the segment too large begins the next', () =>
    withLog({ segmentBytes: 1000 }, async ({ log, io }) => {
      for (let index = 0; index < 5; index++) append(log, ['x'.repeat(400)])
      assert.deepEqual(await bases(log, io), [0, 2, 4])
    }))

  test('by time: from the first batch’s timestamp to that of the new one', () =>
    withLog({ segmentMs: 100, segmentBytes: 1e6 }, async ({ log, io }) => {
      for (const timestampMs of [1000, 1100, 1101, 1150, 1202]) append(log, ['x'], { timestampMs })
      assert.deepEqual(await bases(log, io), [0, 2, 4])
    }))

  test('by time, for records without timestamps, from when the segment was made', () =>
    withLog({ segmentMs: 1000, segmentBytes: 1e6 }, async ({ log, io, simulator }) => {
      append(log, ['a'], { timestampMs: -1 })
      await simulator.sleep(900)
      append(log, ['b'], { timestampMs: -1 })
      await simulator.sleep(200)
      append(log, ['c'], { timestampMs: -1 })
      assert.deepEqual(await bases(log, io), [0, 2])
    }))

  test('when an index is full', () =>
    withLog({ segmentIndexBytes: 24, indexIntervalBytes: 0, segmentBytes: 1e6 }, async ({ log, io }) => {
      for (let index = 0; index < 8; index++) append(log, ['x'], { timestampMs: 1000 + index })
      // The time index has room for two entries, of which one is kept for the end of the segment.
      assert.deepEqual(await bases(log, io), [0, 2, 4, 6])
    }))

  test('before an offset is too far from the base to be written into an index', () =>
    withLog({ segmentBytes: 1e6 }, async ({ log, io }) => {
      for (const baseOffset of [0, 0x7fff_fffe, 0x7fff_ffff, 0x8000_0000]) {
        assert.equal(log.appendAsFollower(batchOf(['x'], { baseOffset, partitionLeaderEpoch: 0 })), undefined)
      }
      assert.deepEqual(await bases(log, io), [0, 0x8000_0000])
    }))

  test('after a restart the age of the active segment still counts, without a read at opening', async () => {
    await simulate(1, async simulator => {
      const machine = simulator.machine('a')
      const io = machine.boot()
      const configFor = (): LogConfig => ({ ...smallConfig, segmentMs: 100, segmentBytes: 1e6 })
      const first = await openLog(io, { configFor })
      append(first.log, ['a'], { timestampMs: 1000 })
      append(first.log, ['b'], { timestampMs: 1100 })
      await first.manager.close()
      const { manager, log } = await openLog(io, { configFor })
      append(log, ['c'], { timestampMs: 1101 })
      append(log, ['d'], { timestampMs: 1102 })
      assert.deepEqual(await bases(log, io), [0, 2])
      await manager.close()
    })
  })

  test('a preallocated segment has its full size while it is active, and its true size afterwards', () =>
    withLog({ preallocate: true, segmentBytes: 1000 }, async ({ log, io }) => {
      append(log, ['x'.repeat(400)])
      await written(log)
      const size = (name: string): number => io.disk.statSync(`${log.folder}/${name}`)!.sizeBytes
      assert.equal(size('00000000000000000000.log'), 1000)
      append(log, ['x'.repeat(400)])
      append(log, ['x'.repeat(400)])
      await written(log)
      await log.flush()
      assert.ok(size('00000000000000000000.log') < 1000)
      assert.equal(size('00000000000000000002.log'), 1000)
      assert.equal((await readAll(log)).length, 3)
    }))
})

describe('reading', () => {
  const cold = { cacheBudgetBytes: 0 }

  test('below the log start and above the log end is out of range', () =>
    withLog({}, async ({ log }) => {
      append(log, ['a'])
      append(log, ['b'])
      await committed(log)
      await log.deleteRecordsBefore(1)
      const kind = async (offset: number): Promise<string> =>
        (await log.read({ offset, maxBytes: 100, minOneBatch: true, upTo: 2 })).kind
      assert.deepEqual(
        [await kind(0), await kind(1), await kind(2), await kind(3)],
        ['out-of-range', 'ok', 'ok', 'out-of-range'],
      )
    }))

  test('from disk goes on over segments, and a batch larger than the buffer is read whole', () =>
    withLog(
      { segmentBytes: 3_000_000, maxMessageBytes: 3_000_000 },
      async ({ log }) => {
        append(log, ['small'])
        append(log, ['x'.repeat(2_500_000)])
        append(log, ['end'])
        await written(log)
        const first = await readOk(log, 0, 100)
        assert.equal(first.nextOffset, 1)
        const second = await readOk(log, 1, 100)
        assert.deepEqual([second.firstOffset, second.nextOffset], [1, 2])
        assert.equal(recordsOf(await readOk(log, 2, 100))[0]!.value, 'end')
        const none = await log.read({ offset: 1, maxBytes: 100, minOneBatch: false, upTo: 3 })
        assert.ok(none.kind === 'ok' && none.sizeBytes === 0 && none.nextOffset === 1)
        const all = await log.read({ offset: 0, maxBytes: 5_000_000, minOneBatch: false, upTo: 3 })
        assert.ok(all.kind === 'ok' && all.nextOffset === 3)
      },
      cold,
    ))

  test('a batch whose bytes have rotted is not served, nor is anything in its place; what comes before is', () =>
    withLog(
      { segmentBytes: 1e6 },
      async ({ log, io }) => {
        for (let index = 0; index < 10; index++) append(log, [`value ${index}`])
        await written(log)
        const size = batchOf(['value 0']).length
        const file = await io.disk.open(`${log.folder}/00000000000000000000.log`, { write: true })
        await file.writev([Buffer.from('X')], size * 5 + size - 3)
        await file.close()
        const before = await readOk(log, 0, 1e6)
        assert.equal(before.nextOffset, 5)
        const at = await log.read({ offset: 5, maxBytes: 1e6, minOneBatch: true, upTo: 10 })
        assert.ok(at.kind === 'failed')
        assert.equal(at.error, 'CORRUPT_MESSAGE')
        assert.equal(log.failure, undefined)
      },
      cold,
    ))

  test('an index that lies is found out, and built anew', () =>
    withLog(
      {},
      async ({ log, io, simulator }) => {
        for (let index = 0; index < 40; index++) append(log, ['x'.repeat(100)])
        await written(log)
        await log.flush()
        const index = await io.disk.open(`${log.folder}/00000000000000000000.index`, { write: true })
        const size = await index.size()
        assert.ok(size >= 16)
        const good = Buffer.alloc(size)
        await index.read(good, 0)
        const bad = Buffer.from(good)
        for (let at = 4; at < size; at += 8) bad.writeUInt32BE(bad.readUInt32BE(at) + 7, at)
        await index.writev([bad], 0)
        assert.equal((await readOk(log, 7, 100)).firstOffset, 7)
        await simulator.sleep(1000)
        const rebuilt = Buffer.alloc(await index.size())
        await index.read(rebuilt, 0)
        assert.deepEqual(rebuilt, good)
        await index.close()
      },
      cold,
    ))

  test('available bytes are exact in memory, and not too few on disk', () =>
    withLog({ segmentBytes: 1e6 }, async ({ log }) => {
      const { length } = batchOf(['value'])
      for (let index = 0; index < 20; index++) append(log, ['value'])
      await written(log)
      assert.equal(log.bytesAvailable(5, 20), 15 * length)
      assert.equal(log.bytesAvailable(20, 20), 0)
      assert.equal(log.bytesAvailable(0, 100), 20 * length)
    }))

  test('buffers of reads that were given back are used again, and slices stay intact until then', () =>
    withLog(
      { segmentBytes: 1e7 },
      async ({ log }) => {
        for (let index = 0; index < 30; index++) append(log, [`${index}`.repeat(50_000)])
        await written(log)
        const first = await readOk(log, 0, 600_000)
        const second = await readOk(log, first.nextOffset, 600_000)
        assert.equal(recordsOf(first)[0]!.value[0], '0')
        first.release()
        first.release()
        const third = await readOk(log, second.nextOffset, 600_000)
        assert.equal(recordsOf(second)[0]!.offset, second.firstOffset)
        assert.equal(recordsOf(third)[0]!.offset, third.firstOffset)
      },
      cold,
    ))
})

describe('transactions', () => {
  const transactional = (producerId: number, baseSequence: number): BatchOptions => ({
    producerId,
    producerEpoch: 0,
    baseSequence,
    isTransactional: true,
  })
  const end = (log: Log, type: 'COMMIT' | 'ABORT', producerId: number): void => {
    const marker = buildEndTransactionBatch(
      { type, coordinatorEpoch: 0 },
      { producerId, producerEpoch: 0, timestampMs: 1 },
    )
    accepted(log.appendAsLeader(marker, { leaderEpoch: 0, origin: 'coordinator' }))
  }

  test('the last stable offset waits for open transactions and for the replication of markers (P4)', () =>
    withLog({}, async ({ log }) => {
      append(log, ['plain'])
      append(log, ['a'], transactional(1, 0))
      append(log, ['plain'])
      await committed(log)
      assert.equal(log.lastStableOffset, 1)
      end(log, 'COMMIT', 1)
      assert.equal(log.lastStableOffset, 1)
      await committed(log)
      assert.equal(log.lastStableOffset, 4)
    }))

  test('a marker is written however small the topic wants its batches by now, or the transaction would never end (P6)', () =>
    withLog({}, async ({ log }) => {
      append(log, ['a'], transactional(1, 0))
      log.updateConfig({ ...smallConfig, maxMessageBytes: 1 })
      const large = batchOf(['b'], transactional(1, 1))
      assert.equal(log.appendAsLeader(large, clientEpoch0).kind, 'rejected')
      end(log, 'COMMIT', 1)
      await committed(log)
      assert.equal(log.lastStableOffset, 2)
    }))

  test('after a crash, transactions that are taken in again hold nobody back where the high watermark was known (P4)', async () => {
    await simulate(1, async simulator => {
      const machine = simulator.machine('a')
      const first = await openLog(machine.boot(), { highWatermarkCheckpointIntervalMs: 1000 })
      append(first.log, ['a'], transactional(1, 0))
      end(first.log, 'COMMIT', 1)
      await committed(first.log)
      await simulator.sleep(5000)
      machine.crash()
      const { log } = await openLog(machine.boot(), {})
      assert.equal(log.highWatermark, 2)
      assert.equal(log.lastStableOffset, 2)
    })
  })

  test('while a log that was refused a write goes back, readers of committed records see what they saw (P4)', () =>
    withLog({}, async ({ log, machine, simulator }) => {
      append(log, ['x'.repeat(100)], transactional(1, 0))
      end(log, 'COMMIT', 1)
      for (let index = 0; index < 30; index++) append(log, ['x'.repeat(100)])
      append(log, ['open'], transactional(2, 0))
      await committed(log)
      assert.equal(log.lastStableOffset, 32)
      machine.faults.options = { latencyMsMean: 5 }
      machine.faults.failOn({ kind: 'write', path: /\.log$/, code: 'ENOSPC', times: 1 })
      append(log, ['refused'])
      const seen = new Set<number>()
      for (let ms = 0; ms < 2000; ms++) {
        seen.add(log.lastStableOffset)
        await simulator.sleep(1)
      }
      assert.equal(log.refusal, undefined)
      assert.deepEqual([...seen], [32])
    }))

  test('aborted transactions are found over segments, after a restart and after a crash', async () => {
    await simulate(1, async simulator => {
      const machine = simulator.machine('a')
      let { log, manager } = await openLog(machine.boot(), {})
      const sequences = new Map<number, number>()
      const send = (producerId: number): void => {
        const sequence = sequences.get(producerId) ?? 0
        append(log, ['x'.repeat(150)], transactional(producerId, sequence))
        sequences.set(producerId, sequence + 1)
      }
      for (let round = 0; round < 10; round++) {
        for (const producerId of [1, 2, 3]) send(producerId)
        for (const producerId of [3, 1]) send(producerId)
        end(log, round % 2 === 0 ? 'ABORT' : 'COMMIT', 1)
        end(log, 'ABORT', 3)
        end(log, 'COMMIT', 2)
      }
      await committed(log)
      const expected = await log.abortedTransactions(0, log.logEndOffset)
      assert.equal(expected.length, 15)
      const some = expected.filter(each => each.lastOffset >= 30 && each.firstOffset < 50)
      assert.deepEqual(await log.abortedTransactions(30, 50), some)
      await manager.close()
      ;({ log, manager } = await openLog(bootAgain(machine)))
      assert.deepEqual(await log.abortedTransactions(0, log.logEndOffset), expected)
      send(2)
      await committed(log)
      machine.crash()
      ;({ log, manager } = await openLog(machine.boot()))
      assert.deepEqual(await log.abortedTransactions(0, log.logEndOffset), expected)
      assert.equal(log.firstUnstableOffset, log.logEndOffset - 1)
      await manager.close()
    })
  })
})

/** Another process on the same machine; the one before has ended in order. */
function bootAgain(machine: Machine): Io {
  machine.crash()
  return machine.boot()
}
