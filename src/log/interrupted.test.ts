/** What a crash or a power cut interrupts leaves files that agree with each other once the log has been opened and closed again: `ottla log verify` finds nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from '../sim/simulator.ts'
import { SeededRandom } from '../std/random.ts'
import { cleanerOptions, endTransaction, put } from './cleaner/cleaner.fixture.ts'
import { assertVerified, findingsIn } from './inspection/verified.fixture.ts'
import { BoundedDisk } from './bounded-disk.ts'
import { append, batchOf, committed, openLog, openManager, readAll, smallConfig, topicId } from './log.fixture.ts'
import { LogSegment } from './log-segment.ts'
import { OpenFiles } from './open-files.ts'

const seeds = 150
const configFor = () => ({ ...smallConfig, segmentBytes: 100_000, indexIntervalBytes: 0, retentionMs: -1 })
/** The checkpoints are written by then. */
const checkpointedMs = 61_000

test('a power cut while a segment is being closed of which all was flushed leaves no part of an index entry', async () => {
  // Each other batch has an entry, and the last one gets one when the segment is closed, which lies in two sectors of the time index.
  const batchCount = 2 * Math.floor(512 / 12) + 2
  const segmentBytes = batchCount * batchOf(['a']).length
  const sparse = () => ({ ...configFor(), segmentBytes, indexIntervalBytes: 100, flushMessages: 1 })
  for (let seed = 0; seed < seeds; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const first = await openLog(machine.boot(), { configFor: sparse })
      for (let value = 0; value < batchCount; value++) append(first.log, ['a'], { timestampMs: 1000 + value })
      await committed(first.log)
      await simulator.sleep(checkpointedMs)
      const writing = new Promise<void>(resolve => {
        machine.faults.onOperation = ({ kind, path }) => {
          if (kind === 'write' && path.endsWith('00.timeindex')) resolve()
        }
      })
      append(first.log, ['b'], { timestampMs: 3000 })
      await writing
      await simulator.sleep(0.02 * seed)
      machine.losePower(new SeededRandom(seed))
      const io = machine.boot()
      await (await openLog(io, { configFor: sparse })).manager.close()
      await assertVerified(io.disk, '/data', `${seed}`)
    })
  }
})

test('what a process wrote into an index and did not sync is durable when the recovery after it says so', async () => {
  const sparse = () => ({ ...configFor(), indexIntervalBytes: 4096 })
  for (let seed = 0; seed < seeds; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const first = await openLog(machine.boot(), { configFor: sparse })
      append(first.log, ['newest'], { timestampMs: 2000 })
      await committed(first.log)
      await first.log.flush()
      await simulator.sleep(checkpointedMs)
      append(first.log, ['older'], { timestampMs: 1000 })
      await committed(first.log)
      // The entry of the first batch, which lies below the recovery point.
      const syncing = new Promise<void>(resolve => {
        machine.faults.onOperation = ({ kind, path }) => {
          if (kind === 'sync' && path.endsWith('.timeindex')) resolve()
        }
      })
      first.manager.close().catch(() => {})
      await syncing
      machine.crash()
      const second = await openLog(machine.boot(), { configFor: sparse })
      await second.log.roll()
      await simulator.sleep(checkpointedMs)
      machine.losePower(new SeededRandom(seed))
      const io = machine.boot()
      await (await openLog(io, { configFor: sparse })).manager.close()
      await assertVerified(io.disk, '/data', `${seed}`)
    })
  }
})

test('a deleted partition that was being moved does not come back after a power cut', async () => {
  const directories = ['/data/one', '/data/two']
  for (let seed = 0; seed < seeds; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const manager = await openManager(machine.boot(), { directories })
      const log = await manager.create('t', 0, topicId, smallConfig, '/data/one')
      for (let value = 0; value < 50; value++) append(log, [`${value}`.padEnd(100)])
      await committed(log)
      manager.setMoveThrottle(1000)
      assert.equal(await manager.move('t', 0, '/data/two'), 'ok')
      await simulator.sleep(10)
      const deleting = new Promise<void>(resolve => {
        machine.faults.onOperation = ({ kind, path }) => {
          if (kind === 'rename' && path === '/data/one/t-0') resolve()
        }
      })
      let isDeleted = false
      void manager.delete('t', 0).then(() => (isDeleted = true))
      await deleting
      await simulator.sleep(0.01 * seed)
      machine.losePower(new SeededRandom(seed))
      const next = await openManager(machine.boot(), { directories })
      const found = next.get('t', 0)
      // It is there as a whole, or not at all.
      assert.ok(found === undefined || found.directory === '/data/one', `${seed}: ${found?.directory}`)
      if (isDeleted) assert.equal(found, undefined, `${seed}`)
      await next.close()
    })
  }
})

test('compaction believes no marker that a power cut may take (L9)', async () => {
  const compacted = () => ({ ...configFor(), cleanupPolicy: ['compact'] as const, minCleanableDirtyRatio: 0 })
  for (let seed = 0; seed < seeds; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const first = await openLog(machine.boot(), { configFor: compacted, cleaner: cleanerOptions })
      const producer = { producerId: 1, producerEpoch: 0, isTransactional: true }
      put(first.log, [['k', 'in a transaction']], { ...producer, baseSequence: 0 })
      await committed(first.log)
      await first.log.roll()
      endTransaction(first.log, 'ABORT', 1, 1000)
      await committed(first.log)
      void first.manager.cleaner!.cleanDirtiest().catch(() => {})
      await simulator.sleep(0.2 * seed)
      machine.losePower(new SeededRandom(seed))
      const { manager, log } = await openLog(machine.boot(), { configFor: compacted })
      await committed(log)
      const isOpen = log.firstUnstableOffset !== undefined || log.logEndOffset < 2
      const records = await readAll(log)
      if (isOpen) assert.deepEqual(records[0]?.value, 'in a transaction', `${seed}`)
      await manager.close()
    })
  }
})

test('the checksum of a transaction index that was cut off does not come back after a power cut', async () => {
  for (let seed = 0; seed < seeds; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const first = await openLog(machine.boot(), { configFor })
      append(first.log, ['before'])
      const options = { producerId: 1, producerEpoch: 0, isTransactional: true, baseSequence: 0 }
      append(first.log, ['aborted'], options)
      endTransaction(first.log, 'ABORT', 1, 1000)
      await committed(first.log)
      await first.log.flush()
      await first.log.truncateTo(1)
      await first.manager.close()
      machine.losePower(new SeededRandom(seed))
      const disk = machine.boot().disk
      assert.ok(!disk.listSync('/data/t-0').some(({ name }) => name.endsWith('.crc')), `${seed}`)
    })
  }
})

test('a replica that was being cut back before its first batch holds nothing that is missing', async () => {
  const compacted = () => ({ ...configFor(), cleanupPolicy: ['compact'] as const })
  for (let seed = 0; seed < seeds; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const first = await openLog(machine.boot(), { configFor: compacted })
      assert.equal(first.log.appendAsFollower(batchOf(['a'], { baseOffset: 100, partitionLeaderEpoch: 0 })), undefined)
      await committed(first.log)
      await first.log.flush()
      await simulator.sleep(checkpointedMs)
      first.log.truncateTo(18).catch(() => {})
      await simulator.sleep(0.05 * seed)
      machine.losePower(new SeededRandom(seed))
      const io = machine.boot()
      const { manager, log } = await openLog(io, { configFor: compacted })
      assert.ok([0, 18, 101].includes(log.logEndOffset), `${seed}: ${log.logEndOffset}`)
      assert.equal(log.segmentCount, log.logEndOffset === 18 ? 2 : 1, `${seed}`)
      await manager.close()
      // What its leader has left out is missing.
      const findings = await findingsIn(io.disk, '/data')
      assert.deepEqual(
        findings.filter(({ code }) => code !== 'missing-offsets'),
        [],
        `${seed}`,
      )
    })
  }
})

test('a copy that a move has begun is not taken for a partition of which nothing was durable', async () => {
  const directories = ['/data/one', '/data/two']
  let lostCount = 0
  for (let seed = 0; seed < seeds; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const manager = await openManager(machine.boot(), { directories })
      const log = await manager.create('t', 0, topicId, smallConfig, '/data/one')
      for (let value = 0; value < 5; value++) append(log, [`${value}`])
      await committed(log)
      await manager.move('t', 0, '/data/two')
      await simulator.sleep(0.02 * seed)
      machine.losePower(new SeededRandom(seed))
      const next = await openManager(machine.boot(), { directories })
      const found = next.get('t', 0)
      if (found === undefined) lostCount += 1
      else assert.equal(found.topicId, topicId, `${seed}`)
      await next.close()
    })
  }
  assert.ok(lostCount > 0)
})

test('a snapshot of producers that a full disk has left in part is taken anew before what it stands for is removed (P1)', async () => {
  await simulate(1, async simulator => {
    const machine = simulator.machine('a')
    const first = await openLog(machine.boot(), { configFor })
    append(first.log, ['a'], { producerId: 1, producerEpoch: 0, baseSequence: 0 })
    await committed(first.log)
    await first.log.roll()
    append(first.log, ['b'], { producerId: 2, producerEpoch: 0, baseSequence: 0 })
    await committed(first.log)
    await first.log.flush()
    machine.volume.rot('/data/t-0/00000000000000000001.snapshot', 8, 1)
    assert.equal(await first.log.deleteRecordsBefore(1), undefined)
    assert.equal(await first.log.applyRetention(simulator.world.nowMs), 1)
    machine.crash()
    const { manager, log } = await openLog(machine.boot(), { configFor })
    const known = log.appendAsLeader(batchOf(['a'], { producerId: 1, producerEpoch: 0, baseSequence: 0 }), {
      leaderEpoch: 0,
      origin: 'client',
    })
    assert.equal(known.kind, 'duplicate')
    await manager.close()
  })
})

test('a sync that fails while an allocated file is cut to what it holds is not tried again (L10)', async () => {
  await simulate(1, async simulator => {
    const machine = simulator.machine('a')
    const { disk } = machine.boot()
    await disk.makeDirectory('/t-0')
    const segment = new LogSegment({
      openFiles: new OpenFiles(new BoundedDisk(disk, 100), 100),
      directory: '/t-0',
      baseOffset: 0,
      sizeBytes: 0,
      isNew: true,
      createdMs: 0,
      rollJitterMs: 0,
      preallocateBytes: 1000,
      isProvisional: false,
    })
    await segment.prepareFile()
    const position = segment.append(0, 1000, 70, 4096)
    await segment.logFile.use(file => file.writev([batchOf(['a'])], position))
    void segment.written(70, 1)
    machine.faults.failOn({ kind: 'sync', path: /\.log$/, code: 'EIO', times: 1 })
    await assert.rejects(segment.trimFile())
    // Another sync would succeed, and not have written what the first one lost.
    await assert.rejects(segment.trimFile())
    await assert.rejects(segment.syncLog())
  })
})
