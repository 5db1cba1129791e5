import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hasDeleteHorizon, isControl, producerEpoch, producerId } from '../../protocol/records/batch-header.ts'
import { written } from '../log.fixture.ts'
import type { Log } from '../log.ts'
import {
  batchesOf,
  cleanerOptions,
  committedRecords,
  endTransaction,
  fill,
  namesIn,
  onMachine,
  openCompacted,
  put,
  recordsIn,
  seal,
} from './cleaner.fixture.ts'

const minuteMs = 60_000

/** The records of a log as `offset key=value`. */
async function shown(log: Log): Promise<string[]> {
  return (await recordsIn(log)).map(({ offset, key, value }) => `${offset} ${key}=${value}`)
}

describe('what stays', () => {
  test(
    'the newest record of each key, where it was; the active segment is left alone',
    onMachine(async machine => {
      const { log, cleaner } = await openCompacted(machine.boot())
      put(log, [
        ['a', '1'],
        ['b', '1'],
        ['a', '2'],
      ])
      put(log, [['c', '1']])
      await seal(log)
      put(log, [['b', '2']])
      await seal(log)
      put(log, [['a', '3']])
      await written(log)
      assert.equal(await cleaner.cleanDirtiest(), true)
      assert.deepEqual(await shown(log), ['2 a=2', '3 c=1', '4 b=2', '5 a=3'])
      assert.deepEqual([log.logStartOffset, log.logEndOffset, log.firstDirtyOffset], [0, 6, 5])
      assert.equal(log.segmentCount, 2)
      assert.equal(await cleaner.cleanDirtiest(), false)
    }),
  )

  test(
    'after a restart it goes on where it was',
    onMachine(async (machine, simulator) => {
      const first = await openCompacted(machine.boot())
      await fill(first.log, 20)
      assert.equal(await first.cleaner.cleanDirtiest(), true)
      const before = await shown(first.log)
      const { firstDirtyOffset } = first.log
      await simulator.sleep(minuteMs)
      await first.manager.close()
      machine.crash()
      const { log, cleaner, manager } = await openCompacted(machine.boot())
      assert.equal(log.firstDirtyOffset, firstDirtyOffset)
      assert.equal(await cleaner.cleanDirtiest(), false)
      assert.deepEqual(await shown(log), before)
      log.updateHighWatermark(log.writtenEndOffset)
      await fill(log, 1)
      assert.equal(await cleaner.cleanDirtiest(), true)
      assert.deepEqual(
        (await recordsIn(log)).map(record => record.offset),
        [100, 101, 102, 103, 104],
      )
      await manager.close()
    }),
  )

  test(
    'a tombstone is kept for delete.retention.ms after it was compacted first, and then goes',
    onMachine(async (machine, simulator) => {
      const { log, cleaner } = await openCompacted(machine.boot())
      put(log, [['a', '1']])
      put(log, [['a', null]])
      await seal(log)
      const again = async (): Promise<string[]> => {
        put(log, [['other', 'x']])
        await seal(log)
        assert.equal(await cleaner.cleanDirtiest(), true)
        return (await shown(log)).filter(line => line.includes('a='))
      }
      assert.deepEqual(await again(), ['1 a=null'])
      const [batch] = await batchesOf(log)
      assert.equal(hasDeleteHorizon(batch!.bytes, 0), true)
      await simulator.sleep(minuteMs / 2)
      assert.deepEqual(await again(), ['1 a=null'])
      await simulator.sleep(minuteMs / 2)
      assert.deepEqual(await again(), [])
    }),
  )

  test(
    'aborted records go at once, their marker when nothing of them was left for delete.retention.ms',
    onMachine(async (machine, simulator) => {
      const { log, cleaner } = await openCompacted(machine.boot())
      const identity = { producerId: 7, producerEpoch: 0, isTransactional: true }
      put(log, [['a', 'kept']])
      put(log, [['a', 'aborted']], { ...identity, baseSequence: 0 })
      endTransaction(log, 'ABORT', 7, 1000)
      put(log, [['b', 'committed']], { ...identity, baseSequence: 1 })
      endTransaction(log, 'COMMIT', 7, 1000)
      const markers = async (): Promise<number> =>
        (await batchesOf(log)).filter(({ bytes }) => isControl(bytes, 0)).length
      const again = async (): Promise<void> => {
        put(log, [['other', 'x']])
        await seal(log)
        assert.equal(await cleaner.cleanDirtiest(), true)
        const seen = (await committedRecords(log)).filter(record => record.key !== 'other')
        assert.deepEqual(
          seen.map(({ key, value }) => `${key}=${value}`),
          ['a=kept', 'b=committed'],
        )
      }
      await again()
      assert.deepEqual((await shown(log)).slice(0, 2), ['0 a=kept', '3 b=committed'])
      assert.equal(await markers(), 2)
      assert.equal((await log.abortedTransactions(0, 10)).length, 1)
      await again()
      assert.equal(await markers(), 2)
      assert.equal((await log.abortedTransactions(0, 10)).length, 0)
      await simulator.sleep(minuteMs)
      await again()
      // That of the committed one stays with its record.
      assert.equal(await markers(), 1)
    }),
  )

  test(
    'the marker that has begun the last epoch of a producer stays, at last without its record; others go',
    onMachine(async (machine, simulator) => {
      const { log, cleaner } = await openCompacted(machine.boot())
      put(log, [['a', 'aborted']], { producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true })
      endTransaction(log, 'ABORT', 7, 1000, 1)
      put(log, [['b', 'aborted']], { producerId: 8, producerEpoch: 0, baseSequence: 0, isTransactional: true })
      endTransaction(log, 'ABORT', 8, 1000, 0)
      put(log, [['b', 'of another transaction']], { producerId: 8, producerEpoch: 0, baseSequence: 1 })
      for (let times = 0; times < 5; times++) {
        put(log, [['other', 'x']])
        await seal(log)
        assert.equal(await cleaner.cleanDirtiest(), true)
        await simulator.sleep(minuteMs)
      }
      const markers = (await batchesOf(log)).filter(({ bytes }) => isControl(bytes, 0))
      assert.deepEqual(
        markers.map(({ bytes, records }) => [producerId(bytes, 0), producerEpoch(bytes, 0), records.length]),
        [[7, 1, 0]],
      )
    }),
  )

  test(
    'the last batch of a producer stays without its records, and a retry of it is known after a crash',
    onMachine(async machine => {
      const first = await openCompacted(machine.boot())
      const identity = { producerId: 9, producerEpoch: 1, baseSequence: 0 }
      put(first.log, [['a', '1']], identity)
      put(first.log, [['a', '2']])
      await seal(first.log)
      put(first.log, [['z', '1']])
      await seal(first.log)
      assert.equal(await first.cleaner.cleanDirtiest(), true)
      assert.deepEqual(await shown(first.log), ['1 a=2', '2 z=1'])
      // No snapshot: the state is read from the log itself.
      const names = await namesIn(machine, first.log)
      machine.crash()
      for (const name of names) if (name.endsWith('.snapshot')) machine.volume.remove(`${first.log.folder}/${name}`)
      machine.volume.remove('/data/recovery-point-offset-checkpoint')
      const { log } = await openCompacted(machine.boot())
      assert.equal(put(log, [['a', '1']], identity).kind, 'duplicate')
      assert.equal(put(log, [['a', '3']], { ...identity, baseSequence: 1 }).kind, 'appended')
    }),
  )

  test(
    'the last five batches of a producer are known after a crash, though no checkpoint has been written since they were compacted away',
    onMachine(async machine => {
      const first = await openCompacted(machine.boot())
      const identity = (baseSequence: number) => ({ producerId: 9, producerEpoch: 1, baseSequence })
      for (let sequence = 0; sequence < 5; sequence++) put(first.log, [['a', `${sequence}`]], identity(sequence))
      await seal(first.log)
      put(first.log, [['a', 'newest']])
      await seal(first.log)
      assert.equal(await first.cleaner.cleanDirtiest(), true)
      assert.deepEqual(await shown(first.log), ['5 a=newest'])
      machine.crash()
      const { log } = await openCompacted(machine.boot())
      for (let sequence = 0; sequence < 5; sequence++)
        assert.equal(put(log, [['a', `${sequence}`]], identity(sequence)).kind, 'duplicate')
    }),
  )

  test(
    'the producer snapshot of a segment stays with what takes its place',
    onMachine(async machine => {
      const { log, cleaner } = await openCompacted(machine.boot())
      for (let round = 0; round < 4; round++) {
        put(log, [[`only ${round}`, 'x'.repeat(1200)]], { producerId: 9, producerEpoch: 0, baseSequence: round })
        await fill(log, 1)
      }
      assert.equal(await cleaner.cleanDirtiest(), true)
      const names = (await namesIn(machine, log)).filter(name => /(log|snapshot)$/.test(name))
      const bases = names.filter(name => name.endsWith('.log')).map(name => name.slice(0, -'.log'.length))
      assert.ok(bases.length > 3, names.join())
      for (const base of bases.slice(1)) assert.ok(names.includes(`${base}.snapshot`), `${base} of ${names.join()}`)
    }),
  )

  test(
    'a record without a key goes',
    onMachine(async machine => {
      const { log, cleaner } = await openCompacted(machine.boot(), { cleanupPolicy: ['delete'] })
      put(log, [
        [null, 'x'],
        ['a', '1'],
      ])
      await seal(log)
      log.updateConfig({ ...log.config, cleanupPolicy: ['compact'] })
      assert.equal(await cleaner.cleanDirtiest(), true)
      assert.deepEqual(await shown(log), ['1 a=1'])
    }),
  )
})

test(
  'what goes after file.delete.delay.ms takes no file of the segment that has taken its place',
  onMachine(async (machine, simulator) => {
    const { log, cleaner } = await openCompacted(machine.boot())
    // The first segment has no transaction index, and the one that both are compacted to has.
    put(log, [['a', '1']], { producerId: 2, producerEpoch: 0, baseSequence: 0, isTransactional: true })
    await seal(log)
    endTransaction(log, 'ABORT', 2, 1000)
    await seal(log)
    assert.equal(await cleaner.cleanDirtiest(), true)
    const named = (await namesIn(machine, log)).filter(name => !name.endsWith('.deleted'))
    await simulator.sleep(minuteMs)
    assert.deepEqual(await namesIn(machine, log), named)
    assert.ok(named.includes('00000000000000000000.txnindex'))
  }),
)

describe('what may be compacted', () => {
  test(
    'nothing from the last stable offset on',
    onMachine(async machine => {
      const { log, cleaner } = await openCompacted(machine.boot())
      await fill(log, 3)
      put(log, [['t', '1']], { producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true })
      await seal(log)
      await fill(log, 3)
      assert.equal(await cleaner.cleanDirtiest(), true)
      assert.equal(log.firstDirtyOffset, 15)
      assert.equal((await recordsIn(log)).length, 5 + 1 + 15)
      endTransaction(log, 'COMMIT', 7, 1000)
      await seal(log)
      assert.equal(await cleaner.cleanDirtiest(), true)
      assert.equal((await recordsIn(log)).length, 6)
    }),
  )

  test(
    'nothing from the high watermark on',
    onMachine(async machine => {
      const { log, cleaner } = await openCompacted(machine.boot())
      await fill(log, 3)
      put(log, [['key 0', 'not committed']])
      await log.roll()
      await log.flush()
      await cleaner.cleanDirtiest()
      assert.equal((await recordsIn(log)).length, 5 + 1)
    }),
  )

  test(
    'only from min.cleanable.dirty.ratio on',
    onMachine(async machine => {
      const { log, cleaner } = await openCompacted(machine.boot(), { minCleanableDirtyRatio: 0.5 })
      await fill(log, 3)
      assert.equal(await cleaner.cleanDirtiest(), true)
      put(log, [['key 0', 'small']])
      await seal(log)
      assert.equal(await cleaner.cleanDirtiest(), false)
      await fill(log, 3)
      assert.equal(await cleaner.cleanDirtiest(), true)
    }),
  )

  test(
    'nothing younger than min.compaction.lag.ms; what is older than max.compaction.lag.ms whatever the ratio',
    onMachine(async (machine, simulator) => {
      const lags = { minCompactionLagMs: minuteMs, maxCompactionLagMs: 3 * minuteMs, minCleanableDirtyRatio: 1 }
      const { log, cleaner } = await openCompacted(machine.boot(), lags)
      put(log, [['a', '1']], { timestampMs: machine.wallClockMs() })
      put(log, [['a', '2']], { timestampMs: machine.wallClockMs() })
      await seal(log)
      assert.equal(await cleaner.cleanDirtiest(), false)
      await simulator.sleep(2 * minuteMs)
      assert.equal(await cleaner.cleanDirtiest(), false)
      assert.equal(cleaner.metrics.maxDirtyPercent, 100)
      await simulator.sleep(2 * minuteMs)
      assert.equal(await cleaner.cleanDirtiest(), true)
      assert.deepEqual(await shown(log), ['1 a=2'])
    }),
  )

  test(
    'nothing younger than min.compaction.lag.ms, however dirty the log is',
    onMachine(async (machine, simulator) => {
      const { log, cleaner } = await openCompacted(machine.boot(), { minCompactionLagMs: minuteMs })
      put(log, [['a', '1']], { timestampMs: machine.wallClockMs() })
      put(log, [['a', '2']], { timestampMs: machine.wallClockMs() })
      await seal(log)
      assert.equal(await cleaner.cleanDirtiest(), false)
      assert.deepEqual(await shown(log), ['0 a=1', '1 a=2'])
      await simulator.sleep(minuteMs + 1000)
      assert.equal(await cleaner.cleanDirtiest(), true)
      assert.deepEqual(await shown(log), ['1 a=2'])
    }),
  )

  test(
    'the active segment is rolled early enough for max.compaction.lag.ms',
    onMachine(async (machine, simulator) => {
      const { log } = await openCompacted(machine.boot(), { maxCompactionLagMs: minuteMs })
      put(log, [['a', '1']], { timestampMs: machine.wallClockMs() })
      await simulator.sleep(minuteMs + 1)
      put(log, [['a', '2']], { timestampMs: machine.wallClockMs() })
      assert.equal(log.segmentCount, 2)
    }),
  )

  test(
    'with a map too small for all keys, a part after the other',
    onMachine(async machine => {
      const cleaner = { ...cleanerOptions, dedupeBufferBytes: 24 * 4, ioBufferLoadFactor: 1 }
      const { log, cleaner: logCleaner } = await openCompacted(machine.boot(), {}, { cleaner })
      await fill(log, 6, 10)
      const firstDirty: number[] = []
      while (await logCleaner.cleanDirtiest()) firstDirty.push(log.firstDirtyOffset!)
      assert.ok(firstDirty.length > 3, `${firstDirty}`)
      assert.deepEqual(
        firstDirty,
        firstDirty.toSorted((a, b) => a - b),
      )
      const values = new Map((await recordsIn(log)).map(({ key, value }) => [key, value!.slice(0, 1)]))
      assert.deepEqual(
        [...values.values()],
        Array.from({ length: 10 }, () => '5'),
      )
    }),
  )
})

describe('what happens meanwhile', () => {
  test(
    'a log that is deleted is let go, and can be made anew at once',
    onMachine(async machine => {
      const { manager, log, cleaner } = await openCompacted(machine.boot())
      await fill(log, 40)
      const cleaning = cleaner.cleanDirtiest()
      await manager.delete('t', 0)
      assert.equal(await cleaning, false)
      const again = await manager.create('t', 0, 'lhPJdEhFSI6XqM06C-IKaQ', log.config)
      assert.equal(again.firstDirtyOffset, undefined)
      assert.deepEqual(await namesIn(machine, again), ['partition.metadata'])
      await manager.close()
    }),
  )

  test(
    'closing ends it, and leaves nothing half done',
    onMachine(async (machine, simulator) => {
      for (let afterMs = 0; afterMs < 40; afterMs += 4) {
        const { manager, log, cleaner } = await openCompacted(machine.boot())
        log.updateHighWatermark(log.writtenEndOffset)
        await fill(log, 10)
        const cleaning = cleaner.cleanDirtiest()
        await simulator.sleep(afterMs)
        await manager.close()
        await cleaning
        const left = (await namesIn(machine, log)).filter(name => /cleaned|swap/.test(name))
        assert.deepEqual(left, [])
        machine.crash()
      }
    }),
  )

  test(
    'what is cut off is compacted anew, and nothing that was cut off comes back',
    onMachine(async (machine, simulator) => {
      const first = await openCompacted(machine.boot())
      await fill(first.log, 10)
      assert.equal(await first.cleaner.cleanDirtiest(), true)
      assert.equal(first.log.firstDirtyOffset, 50)
      await first.log.truncateTo(47)
      assert.equal(first.log.firstDirtyOffset, 47)
      await simulator.sleep(1)
      machine.losePower()
      const { log } = await openCompacted(machine.boot())
      assert.equal(log.firstDirtyOffset, 47)
    }),
  )

  test(
    'a truncation in the middle of a cleaning ends it',
    onMachine(async (machine, simulator) => {
      const { log, cleaner } = await openCompacted(machine.boot())
      for (let round = 0; round < 12; round++) {
        log.updateHighWatermark(log.writtenEndOffset)
        await fill(log, 8)
        const endOffset = log.logEndOffset
        const cleaning = cleaner.cleanDirtiest()
        await simulator.sleep(round * 4)
        await log.truncateTo(endOffset - 7)
        await cleaning
        assert.ok((log.firstDirtyOffset ?? 0) <= log.logEndOffset)
        const records = await recordsIn(log)
        assert.ok(records.every(record => record.offset < endOffset - 7))
        await seal(log)
        await cleaner.cleanDirtiest()
        const keys = (await recordsIn(log)).map(record => record.key)
        assert.equal(new Set(keys).size, keys.length)
      }
    }),
  )

  test(
    'retention removes what is too old from a log that is being compacted',
    onMachine(async (machine, simulator) => {
      const { log, cleaner } = await openCompacted(machine.boot(), {
        cleanupPolicy: ['compact', 'delete'],
        retentionBytes: 3000,
        retentionMs: -1,
      })
      await fill(log, 40)
      const cleaning = cleaner.cleanDirtiest()
      await simulator.sleep(5)
      assert.ok((await log.applyRetention(machine.wallClockMs())) > 0)
      await cleaning
      while (await cleaner.cleanDirtiest());
      assert.ok(log.logStartOffset > 0)
      assert.deepEqual(
        (await recordsIn(log)).map(record => record.offset),
        [195, 196, 197, 198, 199],
      )
    }),
  )

  test(
    'readers of the replaced segments go on, and those at the tail see no aborted records of before',
    onMachine(async (machine, simulator) => {
      const { log, cleaner } = await openCompacted(machine.boot(), {}, { cacheBudgetBytes: 10_000_000 })
      await fill(log, 20)
      let reading = true
      const reader = (async () => {
        while (reading) {
          const seen = await recordsIn(log)
          assert.equal(new Set(seen.map(record => record.key)).size, 5)
          await simulator.sleep(1)
        }
      })()
      assert.equal(await cleaner.cleanDirtiest(), true)
      reading = false
      await reader
      assert.equal((await recordsIn(log)).length, 5)
    }),
  )
})

describe('by itself', () => {
  test(
    'it begins after the backoff, and compacts every log that is dirty',
    onMachine(async (machine, simulator) => {
      const { manager, log, cleaner } = await openCompacted(machine.boot())
      const other = await manager.create('other', 0, 'lhPJdEhFSI6XqM06C-IKaQ', log.config)
      await fill(log, 5)
      await fill(other, 5)
      cleaner.start()
      await simulator.sleep(900)
      assert.equal(log.firstDirtyOffset, undefined)
      await simulator.sleep(2000)
      assert.deepEqual([log.firstDirtyOffset, other.firstDirtyOffset], [25, 25])
      await fill(log, 1)
      await simulator.sleep(2000)
      assert.equal(log.firstDirtyOffset, 30)
      await manager.close()
    }),
  )

  test(
    'disabled it does nothing, until it is enabled',
    onMachine(async (machine, simulator) => {
      const options = { ...cleanerOptions, enable: false }
      const { log, cleaner } = await openCompacted(machine.boot(), {}, { cleaner: options })
      await fill(log, 5)
      cleaner.start()
      await simulator.sleep(minuteMs)
      assert.equal(log.firstDirtyOffset, undefined)
      cleaner.updateOptions(cleanerOptions)
      await simulator.sleep(2000)
      assert.equal(log.firstDirtyOffset, 25)
    }),
  )

  test(
    'it keeps to log.cleaner.io.max.bytes.per.second',
    onMachine(async (machine, simulator) => {
      const options = { ...cleanerOptions, ioMaxBytesPerSecond: 1000 }
      const { log, cleaner } = await openCompacted(machine.boot(), {}, { cleaner: options })
      await fill(log, 20)
      const startMs = simulator.world.nowMs
      const readBytes = 2 * log.sizeBytes
      assert.equal(await cleaner.cleanDirtiest(), true)
      const tookMs = simulator.world.nowMs - startMs
      assert.ok(tookMs >= readBytes && tookMs < 1.3 * readBytes, `${readBytes} bytes took ${tookMs} ms`)
    }),
  )
})
