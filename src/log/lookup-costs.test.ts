/** What a lookup by offset or timestamp asks of the disk in a log of many index entries and many segments: counted, because a log may hold terabytes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Machine } from '../io/memory.ts'
import { SeededDiskFaults } from '../io/memory-faults.ts'
import type { DiskOperation } from '../io/memory-faults.ts'
import { SeededRandom } from '../std/random.ts'
import { simulate } from '../sim/simulator.ts'
import { append, openLog, readOk, recordsOf, smallConfig, written } from './log.fixture.ts'
import type { Log } from './log.ts'

class CountingDisk extends SeededDiskFaults {
  operations: DiskOperation[] = []

  constructor() {
    super(new SeededRandom(1))
  }

  /** Each takes a millisecond, so that time tells how often the disk was waited for. */
  override latencyMs(operation: DiskOperation): number {
    this.operations.push(operation)
    return 1
  }

  count(kind: DiskOperation['kind'], suffix: string): number {
    return this.operations.filter(operation => operation.kind === kind && operation.path.endsWith(suffix)).length
  }
}

interface Filled {
  readonly log: Log
  readonly disk: CountingDisk
  nowMs(): number
}

/** A log of so many batches of one record each, with offset and timestamp the same, opened anew. */
async function withLog(batches: number, segmentBytes: number, body: (filled: Filled) => Promise<void>): Promise<void> {
  await simulate(21, async simulator => {
    const machine: Machine = simulator.machine('a')
    const io = machine.boot()
    const configFor = () => ({ ...smallConfig, indexIntervalBytes: 1, segmentBytes })
    const filled = await openLog(io, { configFor })
    for (let index = 0; index < batches; index += 1) {
      append(filled.log, ['v'], { timestampMs: index })
      if (index % 500 === 0) await written(filled.log)
    }
    await written(filled.log)
    await filled.manager.close()
    const disk = new CountingDisk()
    const { manager, log } = await openLog(io, { configFor, cacheBudgetBytes: 0 })
    machine.faults = disk
    await body({ log, disk, nowMs: () => io.clock.monotonicMs() })
    await manager.close()
  })
}

test('an index of n entries is searched in log2 n reads, and the log is read from where it points', () =>
  withLog(20_000, 1e9, async ({ log, disk }) => {
    for (const offset of [3, 7777, 19_990]) {
      disk.operations = []
      const read = await readOk(log, offset, 1)
      assert.equal(recordsOf(read)[0]!.offset, offset)
      read.release()
      // 512 entries are left to the last read of a search.
      assert.ok(disk.count('read', '.index') <= Math.ceil(Math.log2(20_000 / 512)) + 1)
      assert.ok(disk.count('read', '.log') <= 2)
      disk.operations = []
      assert.equal(((await log.lookupTimestamp(offset)) as { offset: number }).offset, offset)
      // What the time index says is confirmed in the log, and the first time it is looked at where each index ends: that many searches.
      assert.ok(disk.count('read', '.index') <= 4 * (Math.ceil(Math.log2(20_000 / 512)) + 1))
      assert.ok(disk.count('read', '.timeindex') <= Math.ceil(Math.log2(20_000 / 341)) + 2)
      assert.ok(disk.count('read', '.log') <= 8, `${disk.count('read', '.log')} reads of the log`)
    }
  }))

test('a lookup by timestamp waits for the disk as often as the logarithm of the number of segments, and the next one looks at one segment', () =>
  withLog(2000, 1000, async ({ log, disk, nowMs }) => {
    const segments = log.segmentCount
    assert.ok(segments > 100)
    const startMs = nowMs()
    assert.equal(((await log.lookupTimestamp(1995)) as { offset: number }).offset, 1995)
    const rounds = Math.ceil(Math.log2(segments)) + 2
    assert.ok(nowMs() - startMs <= 12 * rounds, `${nowMs() - startMs} operations one after the other`)
    disk.operations = []
    assert.equal(((await log.lookupTimestamp(1000)) as { offset: number }).offset, 1000)
    assert.ok(disk.operations.length <= 12, `${disk.operations.length} operations`)
  }))
