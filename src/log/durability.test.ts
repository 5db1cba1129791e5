/** What `flush.messages=1` promises, and that a disk which stalls keeps waiting only those who wait for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Machine } from '../io/memory.ts'
import { SeededDiskFaults } from '../io/memory-faults.ts'
import type { DiskOperation } from '../io/memory-faults.ts'
import { SeededRandom } from '../std/random.ts'
import { simulate } from '../sim/simulator.ts'
import { append, committed, openLog, openManager, readAll, smallConfig, topicId, written } from './log.fixture.ts'
import type { Log } from './log.ts'

const syncedConfig = { ...smallConfig, flushMessages: 1 }
const configFor = () => syncedConfig
const stallMs = 30_000

/** A disk some of whose operations take half a minute. */
class StallingDisk extends SeededDiskFaults {
  stalls: (operation: DiskOperation) => boolean = () => false

  override latencyMs(operation: DiskOperation): number {
    return this.stalls(operation) ? stallMs : super.latencyMs(operation)
  }
}

function stallingDisk(machine: Machine): StallingDisk {
  const faults = new StallingDisk(new SeededRandom(7))
  machine.faults = faults
  return faults
}

/** How long it takes until what is appended now is acknowledged. */
async function appendMs(log: Log, nowMs: () => number, values: readonly string[] = ['x']): Promise<number> {
  const startMs = nowMs()
  append(log, values)
  await written(log)
  return nowMs() - startMs
}

test('a log directory on a disk that stalls delays what is in it, and nothing of the others', () =>
  simulate(11, async simulator => {
    const machine = simulator.machine('a')
    const disk = stallingDisk(machine)
    const io = machine.boot()
    const nowMs = (): number => io.clock.monotonicMs()
    const manager = await openManager(io, {
      directories: ['/data/one', '/data/two'],
      configFor,
      cacheBudgetBytes: 0,
      retentionCheckIntervalMs: 1000,
      flushOffsetCheckpointIntervalMs: 1000,
    })
    const stalled: Log[] = []
    for (let partition = 0; partition < 40; partition += 1) {
      const log = await manager.create('stalled', partition, topicId, syncedConfig, '/data/one')
      append(log, ['before'])
      await committed(log)
      stalled.push(log)
    }
    const sound = await manager.create('sound', 0, topicId, syncedConfig, '/data/two')
    await appendMs(sound, nowMs)

    disk.stalls = ({ path }) => path.startsWith('/data/one')
    const startMs = nowMs()
    // More than read at a time, or write.
    const reads = stalled.map(log => readAll(log))
    const appends = stalled.map(log => appendMs(log, nowMs))
    for (let index = 0; index < 100; index += 1) {
      assert.ok((await appendMs(sound, nowMs, ['y'.repeat(100)])) < 100)
      await simulator.sleep(20)
    }
    assert.ok(sound.segmentCount > 3)
    assert.equal((await readAll(sound)).length, 101)
    const created = await manager.create('new', 0, topicId, syncedConfig, '/data/two')
    assert.ok((await appendMs(created, nowMs)) < 100)
    // The checkpoint of the one directory does not wait for the other's.
    await simulator.sleep(2000)
    const checkpoint = Buffer.from(io.disk.readFileSync('/data/two/recovery-point-offset-checkpoint')).toString()
    assert.match(checkpoint, /^sound 0 101$/m)
    assert.ok(nowMs() - startMs < stallMs)

    disk.stalls = () => false
    for (const read of await Promise.all(reads)) assert.equal(read[0]!.value, 'before')
    for (const tookMs of await Promise.all(appends)) assert.ok(tookMs > stallMs / 2)
    await manager.close()
  }))

test('a file that cannot be synced for long delays those who wait for it, and no other log of its directory', () =>
  simulate(12, async simulator => {
    const machine = simulator.machine('a')
    const disk = stallingDisk(machine)
    const io = machine.boot()
    const nowMs = (): number => io.clock.monotonicMs()
    const { manager, log } = await openLog(io, { configFor })
    const other = await manager.create('t', 1, topicId, syncedConfig)
    await appendMs(log, nowMs)
    await appendMs(other, nowMs)
    disk.stalls = ({ kind, path }) => kind === 'sync' && path.startsWith('/data/t-0/')
    const waiting = appendMs(log, nowMs)
    await simulator.sleep(1)
    const behind = appendMs(log, nowMs)
    for (let index = 0; index < 50; index += 1) assert.ok((await appendMs(other, nowMs)) < 100)
    disk.stalls = () => false
    assert.ok((await waiting) >= stallMs)
    assert.ok((await behind) >= stallMs - 1)
    await manager.close()
  }))

test('what is written beside a sync waits for the next one, which begins when that is over', () =>
  simulate(14, async simulator => {
    const machine = simulator.machine('a')
    const io = machine.boot()
    const { manager, log } = await openLog(io, { configFor: () => ({ ...syncedConfig, segmentBytes: 1_000_000 }) })
    append(log, ['first'])
    await written(log)
    const disk = stallingDisk(machine)
    const sizeBytes = (): number => io.disk.statSync('/data/t-0/00000000000000000000.log')!.sizeBytes
    let syncs = 0
    disk.stalls = ({ kind, path }) => {
      if (kind !== 'sync' || !path.endsWith('.log')) return false
      syncs += 1
      return true
    }
    append(log, ['one'])
    await simulator.sleep(stallMs / 2)
    assert.deepEqual([syncs, log.writtenEndOffset], [1, 1])
    const before = sizeBytes()
    for (const value of ['two', 'three']) {
      append(log, [value])
      await simulator.sleep(1000)
    }
    assert.ok(sizeBytes() > before)
    // Two was written while one was being synced: that sync may have missed it.
    assert.deepEqual([syncs, log.writtenEndOffset], [1, 1])
    await simulator.sleep(stallMs / 2)
    assert.deepEqual([syncs, log.writtenEndOffset], [2, 2])
    await simulator.sleep(stallMs)
    assert.deepEqual([syncs, log.writtenEndOffset], [2, 4])
    await manager.close()
  }))

test('beside a sync no more is written than the next one can make durable soon', () =>
  simulate(15, async simulator => {
    const machine = simulator.machine('a')
    const io = machine.boot()
    const { manager, log } = await openLog(io, { configFor: () => ({ ...syncedConfig, segmentBytes: 1e9 }) })
    append(log, ['first'])
    await written(log)
    const disk = stallingDisk(machine)
    disk.stalls = ({ kind, path }) => kind === 'sync' && path.endsWith('.log')
    append(log, ['one'])
    await simulator.sleep(1000)
    for (let index = 0; index < 20; index += 1) {
      append(log, ['x'.repeat(500_000)])
      await simulator.sleep(100)
    }
    const { sizeBytes } = io.disk.statSync('/data/t-0/00000000000000000000.log')!
    assert.ok(sizeBytes > 4_000_000 && sizeBytes < 5_500_000, `${sizeBytes} bytes`)
    disk.stalls = () => false
    await written(log)
    assert.equal((await readAll(log)).length, 22)
    await manager.close()
  }))

/** Segments of a log that the disk has for certain: files without anything unsynced, whose names are durable all the way up. */
function durableSegments({ volume }: Machine): number[] {
  const folder = volume.findDirectory('/data', 'look').durableEntries.get('t-0')
  assert.ok(folder?.kind === 'directory')
  return [...folder.durableEntries]
    .filter(([name, node]) => name.endsWith('.log') && node.kind === 'file' && node.changes.length === 0)
    .map(([name]) => Number(name.slice(0, 20)))
    .sort((a, b) => a - b)
}

for (const settings of [{ flushMessages: 1 }, { flushMs: 0 }]) {
  const name = Object.entries(settings).flat().join(' ')
  test(`with ${name} what is acknowledged is on the disk, and so is the name of its file, in each new segment`, () =>
    simulate(13, async simulator => {
      const machine = simulator.machine('a')
      const io = machine.boot()
      const { manager, log } = await openLog(io, { configFor: () => ({ ...smallConfig, ...settings }) })
      const segments = (): number[] =>
        io.disk
          .listSync('/data/t-0')
          .filter(entry => entry.name.endsWith('.log'))
          .map(entry => Number(entry.name.slice(0, 20)))
      let told = 0
      log.onAdvance(() => {
        told += 1
        assert.deepEqual(durableSegments(machine), segments())
      })
      for (let index = 0; index < 60; index += 1) {
        append(log, [`${index}`.padEnd(200)])
        await written(log)
      }
      assert.equal(told, 60)
      assert.ok(segments().length > 4)
      await manager.close()
    }))
}

test('what waits for its turn while a sync fails does not touch the disk any more', () =>
  simulate(12, async simulator => {
    const machine = simulator.machine('a')
    const { log } = await openLog(machine.boot())
    append(log, ['one'])
    await committed(log)
    log.assignLeaderEpochStart(1)
    machine.faults.failOn({ kind: 'sync', path: /leader-epoch-checkpoint/, code: 'EIO', times: 1 })
    const flushes = await Promise.allSettled([log.flush(), log.flush(), log.roll()])
    assert.deepEqual(
      flushes.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    )
    assert.equal(log.failure?.code, 'EIO')
    const { lines } = simulator.trace
    const failed = lines.findIndex(line => line.endsWith('EIO'))
    const after = lines.slice(failed).filter(line => /(write|rename|truncate) .*t-0/.test(line))
    assert.deepEqual(after, [])
    machine.crash()
  }))

test('a log that has been deleted is not flushed any more, and opens no file under what was its name', () =>
  simulate(13, async simulator => {
    const machine = simulator.machine('a')
    const { manager, log } = await openLog(machine.boot())
    append(log, ['one'])
    await committed(log)
    const deleting = manager.delete('t', 0)
    await Promise.all([deleting, log.flush(), log.roll()])
    await log.flush()
    await log.roll()
    assert.deepEqual(
      machine.openPaths.filter(path => path.includes('/t-0/')),
      [],
    )
    await manager.close()
  }))
