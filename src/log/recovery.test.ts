/** What opening a log makes of files that were not left as they should be. Random histories of crashes are in log.model.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate, Simulator } from '../sim/simulator.ts'
import { SeededRandom } from '../std/random.ts'
import type { BatchOptions } from '../protocol/records/builder.ts'
import { formatOffsetCheckpoint } from './checkpoint-file.ts'
import { RECOVERY_POINT_CHECKPOINT } from './file-names.ts'
import {
  accepted,
  append,
  batchOf,
  clientEpoch0,
  committed,
  openLog,
  readAll,
  smallConfig,
  written,
} from './log.fixture.ts'
import {
  change,
  configFor,
  fill,
  folder,
  reopen,
  rewrite,
  segmentNames,
  valuesTo,
  withMachine,
} from './recovery.fixture.ts'

test('opening a log that was closed in order reads nothing of its segments and indexes', async () => {
  await simulate(1, async simulator => {
    const place = await fill(simulator.machine('a'), 100, 'close')
    const { manager, log } = await openLog(place.io, { configFor })
    const touched = simulator.trace.lines.filter(
      line => /boot/.test(line) || /(open|read|stat) .*\.(log|index|timeindex|txnindex)/.test(line),
    )
    const afterBoot = touched.slice(touched.findLastIndex(line => line.includes('boot')) + 1)
    assert.deepEqual(
      afterBoot.filter(line => !line.includes(' stat ')),
      [],
    )
    assert.equal(log.logEndOffset, 100)
    await manager.close()
  })
})

for (const suffix of ['index', 'timeindex']) {
  test(`the ${suffix} of an older segment that a crash has taken is built anew at the start`, () =>
    withMachine(async machine => {
      const { io } = await fill(machine, 100, 'crash')
      const name = segmentNames(io.disk)[1]!.replace('log', suffix)
      const before = io.disk.readFileSync(`${folder}/${name}`)
      // All below is durable: nothing of the segment would be looked at.
      const recoveryPoints = formatOffsetCheckpoint([{ topic: 't', partition: 0, offset: 100 }])
      await rewrite(io.disk, `/data/${RECOVERY_POINT_CHECKPOINT}`, recoveryPoints)
      await io.disk.remove(`${folder}/${name}`)
      const { manager, values } = await reopen({ machine, io })
      assert.deepEqual(io.disk.readFileSync(`${folder}/${name}`), before)
      assert.deepEqual(values, valuesTo(100))
      await manager.close()
    }))
}

test('an index that was being built anew when the process was killed, or the power went, is built anew again', async () => {
  for (let seed = 0; seed < 120; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const { io } = await fill(machine, 100, 'crash')
      const name = segmentNames(io.disk)[1]!.replace('log', 'timeindex')
      const before = io.disk.readFileSync(`${folder}/${name}`)
      const recoveryPoints = formatOffsetCheckpoint([{ topic: 't', partition: 0, offset: 100 }])
      await rewrite(io.disk, `/data/${RECOVERY_POINT_CHECKPOINT}`, recoveryPoints)
      const file = await io.disk.open(`/data/${RECOVERY_POINT_CHECKPOINT}`, { write: true })
      await file.sync()
      await file.close()
      await io.disk.remove(`${folder}/${name}`)
      await io.disk.syncDirectory(folder)
      await io.disk.syncDirectory('/data')
      openLog(io, { configFor }).catch(() => {})
      await simulator.sleep(0.1 * seed)
      if (seed % 3 === 0) machine.losePower(new SeededRandom(seed))
      else machine.crash()
      const place = { machine, io: machine.boot() }
      const { manager, values } = await reopen(place)
      assert.deepEqual(values, valuesTo(100))
      assert.deepEqual(place.io.disk.readFileSync(`${folder}/${name}`), before, `${seed}`)
      await manager.close()
    })
  }
})

test('zeros that a power cut has left in a transaction index are no transaction', () =>
  withMachine(async machine => {
    const { io } = await fill(machine, 10, 'crash')
    const recoveryPoints = formatOffsetCheckpoint([{ topic: 't', partition: 0, offset: 6 }])
    await rewrite(io.disk, `/data/${RECOVERY_POINT_CHECKPOINT}`, recoveryPoints)
    const path = `${folder}/${segmentNames(io.disk)[0]!.replace('log', 'txnindex')}`
    await rewrite(io.disk, path, String.fromCharCode(0).repeat(34))
    const { manager, log } = await reopen({ machine, io })
    assert.deepEqual(await log.abortedTransactions(0, 10), [])
    await manager.close()
    assert.equal((await io.disk.stat(path))?.sizeBytes, 0)
  }))

test('a torn batch at the end is cut off, with everything that it would have been followed by', () =>
  withMachine(async machine => {
    const place = await fill(machine, 10, 'crash', false)
    const name = segmentNames(place.io.disk).at(-1)!
    await change(place.io.disk, `${folder}/${name}`, bytes => bytes.subarray(0, bytes.length - 5))
    const { log, values, manager } = await reopen(place)
    assert.deepEqual(values, valuesTo(8))
    assert.deepEqual(append(log, ['new']).firstOffset, 8)
    await manager.close()
  }))

test('zeros behind the end, as a preallocated or a torn file has them, are no records', () =>
  withMachine(async machine => {
    const place = await fill(machine, 10, 'crash', false)
    const name = segmentNames(place.io.disk).at(-1)!
    await change(place.io.disk, `${folder}/${name}`, bytes => Buffer.concat([bytes, Buffer.alloc(5000)]))
    const { values, manager } = await reopen(place)
    assert.deepEqual(values, valuesTo(10))
    await manager.close()
  }))

test('a broken batch above the recovery point ends the log, and later segments go', () =>
  withMachine(async machine => {
    const place = await fill(machine, 60, 'crash', false)
    const names = segmentNames(place.io.disk)
    assert.ok(names.length >= 3)
    // The checkpoint has not been written, so all of it is above the recovery point.
    await change(place.io.disk, `${folder}/${names[1]!}`, bytes => {
      bytes[bytes.length - 10]! ^= 0x40
      return bytes
    })
    const { log, values, manager } = await reopen(place)
    assert.ok(values.length < 60)
    assert.deepEqual(values, valuesTo(values.length))
    assert.equal(log.segmentCount, 2)
    assert.deepEqual(segmentNames(place.io.disk), names.slice(0, 2))
    await manager.close()
  }))

test('a broken batch below the recovery point is not cut off: it cannot be read, and everything else can (L11)', () =>
  withMachine(async machine => {
    const place = await fill(machine, 60, 'crash')
    const { disk } = place.io
    await change(disk, `/data/${RECOVERY_POINT_CHECKPOINT}`, () =>
      Buffer.from(formatOffsetCheckpoint([{ topic: 't', partition: 0, offset: 60 }])),
    ).catch(async () => {
      const file = await disk.open(`/data/${RECOVERY_POINT_CHECKPOINT}`, { write: true, create: true })
      await file.writev([Buffer.from(formatOffsetCheckpoint([{ topic: 't', partition: 0, offset: 60 }]))], 0)
      await file.close()
    })
    const names = segmentNames(disk)
    await change(disk, `${folder}/${names.at(-1)!}`, bytes => {
      bytes[bytes.length - 10]! ^= 0x40
      return bytes
    })
    const { manager, log } = await openLog(place.io, { configFor })
    assert.equal(log.logEndOffset, 60)
    assert.equal(await readAll(log, 0, 100).catch(() => 'failed'), 'failed')
    const last = await log.read({ offset: 58, maxBytes: 100, minOneBatch: true, upTo: 60 })
    assert.ok(last.kind === 'failed' && last.error === 'CORRUPT_MESSAGE')
    const first = await log.read({ offset: 0, maxBytes: 100, minOneBatch: true, upTo: 60 })
    assert.equal(first.kind, 'ok')
    await manager.close()
  }))

test('missing, empty and garbled indexes are built anew', () =>
  withMachine(async machine => {
    const place = await fill(machine, 60, 'crash')
    const { disk } = place.io
    const indexes = disk
      .listSync(folder)
      .map(entry => entry.name)
      .filter(name => name.endsWith('index'))
    const good = new Map(indexes.map(name => [name, Buffer.from(disk.readFileSync(`${folder}/${name}`))]))
    for (const [position, name] of indexes.entries()) {
      if (position % 3 === 0) await disk.remove(`${folder}/${name}`)
      else await change(disk, `${folder}/${name}`, bytes => (position % 3 === 1 ? Buffer.alloc(0) : bytes.fill(0x5a)))
    }
    const { log, values, manager } = await reopen(place)
    assert.deepEqual(values, valuesTo(60))
    const found = await log.lookupTimestamp(1000)
    assert.deepEqual(found, { timestampMs: 1000, offset: 0, leaderEpoch: 0 })
    await manager.close()
    for (const [name, bytes] of good) {
      if (name.endsWith('.index')) assert.deepEqual(Buffer.from(disk.readFileSync(`${folder}/${name}`)), bytes, name)
    }
  }))

test('producers are remembered over a crash, all their last batches (P1)', () =>
  withMachine(async machine => {
    const place = await fill(machine, 60, 'crash')
    const { log, manager } = await reopen(place)
    const producer = (baseSequence: number): BatchOptions => ({ producerId: 9, producerEpoch: 0, baseSequence })
    for (const sequence of [50, 52, 54, 56, 58]) {
      const again = accepted(log.appendAsLeader(batchOf(['a', 'b'], producer(sequence)), clientEpoch0))
      assert.deepEqual([again.kind, again.firstOffset], ['duplicate', sequence])
    }
    assert.equal(append(log, ['next'], producer(60)).kind, 'appended')
    await manager.close()
  }))

test('producers are remembered over a clean restart, all their last batches (P1)', () =>
  withMachine(async machine => {
    const place = await fill(machine, 60, 'close')
    const { log, manager } = await reopen(place)
    for (const sequence of [50, 58]) {
      const options = { producerId: 9, producerEpoch: 0, baseSequence: sequence }
      assert.equal(accepted(log.appendAsLeader(batchOf(['a', 'b'], options), clientEpoch0)).firstOffset, sequence)
    }
    await manager.close()
  }))

test('a producer snapshot that cannot be read is passed over, and the batches tell instead', () =>
  withMachine(async machine => {
    const place = await fill(machine, 60, 'close')
    const { disk } = place.io
    for (const { name } of disk.listSync(folder).filter(entry => entry.name.endsWith('.snapshot'))) {
      await change(disk, `${folder}/${name}`, bytes => {
        bytes[bytes.length - 1]! ^= 1
        return bytes
      })
    }
    const { log, manager } = await reopen(place)
    assert.equal(log.activeProducers()[0]!.lastSequence, 59)
    await manager.close()
  }))

test('leader epochs that cannot be read are taken from the batches', () =>
  withMachine(async machine => {
    const io = machine.boot()
    const opened = await openLog(io, { configFor })
    for (const leaderEpoch of [1, 1, 4, 6]) {
      accepted(opened.log.appendAsLeader(batchOf(['x'.repeat(500)]), { leaderEpoch, origin: 'client' }))
    }
    await committed(opened.log)
    await opened.manager.close()
    await change(io.disk, `${folder}/leader-epoch-checkpoint`, () => Buffer.from('garbage'))
    const { log, manager } = await reopen({ machine, io })
    assert.deepEqual(log.endOffsetForEpoch(1), { leaderEpoch: 1, endOffset: 2 })
    assert.deepEqual(log.endOffsetForEpoch(5), { leaderEpoch: 4, endOffset: 3 })
    assert.equal(log.latestEpoch, 6)
    await manager.close()
  }))

test('leader epochs above the recovery point are taken from the batches, not from a file that may tell of what is lost', () =>
  withMachine(async machine => {
    const io = machine.boot()
    const { manager, log } = await openLog(io, { configFor })
    for (let value = 0; value < 6; value++)
      accepted(log.appendAsLeader(batchOf([`${value}`]), { leaderEpoch: 1, origin: 'client' }))
    await committed(log)
    machine.crash()
    const place = { machine, io: machine.boot() }
    // Of the same offsets in an earlier life, the end of which a power cut has taken.
    const file = await place.io.disk.open(`${folder}/leader-epoch-checkpoint`, { write: true, create: true })
    await file.writev([Buffer.from('0\n2\n0 0\n1 4\n')], 0)
    await file.close()
    const again = await reopen(place)
    assert.deepEqual(again.values, ['0', '1', '2', '3', '4', '5'])
    assert.equal(again.log.epochForOffset(0), 1)
    await again.manager.close()
    void manager
  }))

test('what retention or a crash left behind is removed: deleted files, temporary files, indexes without a log', () =>
  withMachine(async machine => {
    const place = await fill(machine, 10, 'close')
    const { disk } = place.io
    const strays = [
      '00000000000000000000.log.deleted',
      'leader-epoch-checkpoint.tmp',
      '00000000000000000099.index',
      '00000000000000000004.snapshot',
    ]
    for (const name of strays) await (await disk.open(`${folder}/${name}`, { write: true, create: true })).close()
    const { manager } = await reopen(place)
    const names = disk.listSync(folder).map(entry => entry.name)
    assert.deepEqual(
      names.filter(name => strays.includes(name)),
      [],
    )
    await manager.close()
  }))

test('a log that ends before where it is known to start goes on there, empty', () =>
  withMachine(async machine => {
    const place = await fill(machine, 10, 'close')
    const { disk } = place.io
    await change(disk, '/data/log-start-offset-checkpoint', () =>
      Buffer.from(formatOffsetCheckpoint([{ topic: 't', partition: 0, offset: 50 }])),
    )
    const { log, values, manager } = await reopen(place)
    assert.deepEqual([log.logStartOffset, log.logEndOffset, values.length], [50, 50, 0])
    assert.equal(append(log, ['x']).firstOffset, 50)
    await written(log)
    await manager.close()
  }))

test('a partition whose topic id cannot be read is there, and refuses to be used', () =>
  withMachine(async machine => {
    const place = await fill(machine, 10, 'crash')
    await change(place.io.disk, `${folder}/partition.metadata`, () => Buffer.from('version: 9\ntopic_id: x'))
    const { manager, log } = await openLog(place.io, { configFor })
    assert.match(log.failure!.message, /partition\.metadata: version 9/)
    const outcome = log.appendAsLeader(batchOf(['x']), clientEpoch0)
    assert.ok(outcome.kind === 'rejected' && outcome.error === 'KAFKA_STORAGE_ERROR')
    await manager.close()
  }))

test('files of Kafka’s compaction are put in place when they are whole, and dropped when they are not', () =>
  withMachine(async machine => {
    const place = await fill(machine, 60, 'close')
    const { disk } = place.io
    const [first, second, third] = segmentNames(disk).map(name => name.slice(0, 20))
    const copy = async (from: string, to: string): Promise<void> => {
      const file = await disk.open(`${folder}/${to}`, { write: true, create: true })
      await file.writev([disk.readFileSync(`${folder}/${from}`)], 0)
      await file.close()
    }
    // The second segment was compacted together with nothing, and put in place half way; the third was being compacted.
    for (const suffix of ['.log', '.index', '.timeindex']) await copy(`${second}${suffix}`, `${second}${suffix}.swap`)
    await copy(`${third}.log`, `${third}.log.cleaned`)
    await disk.remove(`${folder}/${second}.index`)
    const { values, manager } = await reopen(place)
    assert.deepEqual(values, valuesTo(60))
    assert.ok(first)
    assert.deepEqual(
      disk
        .listSync(folder)
        .map(entry => entry.name)
        .filter(name => /swap|cleaned/.test(name)),
      [],
    )
    await manager.close()
  }))

test('what was cut off does not come back after a power cut, alone or behind what took its place', async () => {
  const ends = new Set<number>()
  for (let seed = 0; seed < 150; seed++) {
    const simulator = new Simulator({ seed })
    const machine = simulator.machine('a')
    const history = (async () => {
      const { log } = await openLog(machine.boot(), { configFor })
      for (let value = 0; value < 60; value++) append(log, [`old ${value}`.padEnd(100)])
      await written(log)
      await log.flush()
      // The recovery point is on disk before the end is cut off.
      await simulator.sleep(61_000)
      await log.truncateTo(25)
      for (let value = 25; value < 70; value++) append(log, [`new ${value}`.padEnd(100)])
      if (seed % 3 === 0) await written(log)
    })()
    await simulator.run(61_000 + simulator.world.random.float() * 120)
    machine.losePower()
    void history
    await simulator.settle(
      (async () => {
        const { log, values } = await reopen({ machine, io: machine.boot() })
        const old = values.findIndex(value => value.startsWith('new'))
        const expected = values.map((_, value) => (old >= 0 && value >= 25 ? `new ${value}` : `old ${value}`))
        assert.deepEqual(values, expected, `seed ${seed}`)
        assert.ok(values.length >= 25, `seed ${seed}: ${values.length} are left`)
        ends.add(log.logEndOffset)
      })(),
    )
  }
  assert.ok(ends.size > 3, `only ${[...ends].join()}`)
})

test('a producer snapshot above the end goes, also where the log ends between two batches', async () => {
  await withMachine(async machine => {
    const place = await fill(machine, 8, 'crash')
    const path = `${folder}/00000000000000000012.snapshot`
    const file = await place.io.disk.open(path, { write: true, create: true })
    await file.writev([new Uint8Array(10)], 0)
    await file.close()
    const { manager } = await reopen(place)
    assert.equal(place.io.disk.statSync(path), undefined)
    await manager.close()
  })
})

test('what a failed sync left in memory only is durable once it has been recovered, though the system holds it for clean', async () => {
  for (let seed = 0; seed < 40; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const config = { ...smallConfig, segmentBytes: 100_000, flushMessages: 1 }
      const flushing = { configFor: () => config }
      const { log } = await openLog(machine.boot(), flushing)
      append(log, ['durable'])
      await written(log)
      machine.faults.failOn({ kind: 'sync', path: /\.log$/, code: 'EIO', times: 1 })
      append(log, ['perhaps'.repeat(100)])
      await written(log)
      assert.equal(log.failure?.code, 'EIO')
      machine.crash()
      const again = await openLog(machine.boot(), flushing)
      const served = (await readAll(again.log)).map(record => record.value)
      assert.equal(served.length, 2)
      machine.losePower()
      const last = await openLog(machine.boot(), flushing)
      assert.deepEqual(
        (await readAll(last.log)).map(record => record.value),
        served,
      )
    })
  }
})

test('the start of a log does not go back when a power cut brings back segments that retention removed', async () => {
  for (let seed = 0; seed < 40; seed++) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const forEver = { configFor: () => ({ ...smallConfig, retentionMs: -1 }) }
      const { log } = await openLog(machine.boot(), forEver)
      for (let value = 0; value < 100; value++) append(log, [`${value}`.padEnd(100)])
      await committed(log)
      log.updateConfig({ ...forEver.configFor(), retentionBytes: 4000 })
      assert.ok((await log.applyRetention(0)) > 3)
      const start = log.logStartOffset
      // The checkpoints, which need not name a log that starts where its first segment does.
      await simulator.sleep(61_000 * (seed % 2))
      machine.losePower()
      const { log: reopened } = await openLog(machine.boot(), forEver)
      assert.equal(reopened.logStartOffset, start, `seed ${seed}`)
    })
  }
})

test('a log that is started over begins where it did, or where it is to, whenever the power is cut (L9)', async () => {
  const starts = new Set<string>()
  for (let seed = 0; seed < 120; seed++) {
    const simulator = new Simulator({ seed })
    const machine = simulator.machine('a')
    let last = 0
    const history = (async () => {
      const { log } = await openLog(machine.boot(), { configFor })
      await log.truncateFullyAndStartAt(20)
      last = 20
      if (seed % 2 === 0) {
        append(log, ['x'])
        await written(log)
      }
      // Once more, in the end at an offset below the start, as a follower does whose leader has less.
      await log.truncateFullyAndStartAt(20 + (seed % 4) * 10)
      last = 20 + (seed % 4) * 10
      if (seed % 8 > 3) await log.truncateFullyAndStartAt(5)
    })()
    await simulator.run(() => last >= 20)
    await simulator.run(simulator.world.random.float() * 15)
    machine.losePower()
    void history
    await simulator.settle(
      (async () => {
        const { log, manager } = await openLog(machine.boot(), { configFor })
        const allowed = [20, 20 + (seed % 4) * 10, seed % 8 > 3 ? 5 : 20]
        assert.ok(allowed.includes(log.logStartOffset), `seed ${seed}: it begins at ${log.logStartOffset}`)
        assert.ok(log.logEndOffset - log.logStartOffset <= 1, `seed ${seed}`)
        starts.add(`${log.logStartOffset}`)
        await manager.close()
      })(),
    )
  }
  assert.deepEqual([...starts].sort(), ['20', '30', '40', '5', '50'])
})

test('what recovery finds to be there already is durable when it says so: the producer snapshot at the end, too', async () => {
  let found = 0
  for (let seed = 0; seed < 60; seed++) {
    const simulator = new Simulator({ seed })
    const machine = simulator.machine('a')
    const { io: first } = await simulator.settle(fill(machine, 8, 'crash', false))
    // Killed at some moment of its recovery, perhaps right behind the writing of the snapshot.
    void openLog(first, { configFor })
    await simulator.run(2 + simulator.world.random.float() * 8)
    machine.crash()
    if (machine.volume.find(`${folder}/00000000000000000008.snapshot`) !== undefined) found += 1
    await simulator.settle(
      (async () => {
        const { manager } = await openLog(machine.boot(), { configFor })
        await manager.close()
        machine.losePower()
        const io = machine.boot()
        const again = await openLog(io, { configFor })
        assert.notEqual(io.disk.statSync(`${folder}/00000000000000000008.snapshot`), undefined, `seed ${seed}`)
        assert.equal(again.log.activeProducers().length, 1)
      })(),
    )
  }
  assert.ok(found > 5, `only ${found}`)
})

test('the recovery point does not come to where a segment begins before the producers’ snapshot there is durable', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const simulator = new Simulator({ seed })
    const machine = simulator.machine('a')
    let told = 0
    const history = (async () => {
      const { manager, log } = await openLog(machine.boot(), { configFor })
      for (let value = 0; value < 60; value++) {
        append(log, [`${value}`.padEnd(100)], { producerId: 1, producerEpoch: 0, baseSequence: value })
        await simulator.sleep(0.3)
        told = log.recoveryPoint
      }
      await manager.close()
    })()
    await simulator.run(5 + simulator.world.random.float() * 15)
    machine.losePower()
    void history
    const { disk } = machine.boot()
    const names = disk.statSync(folder) === undefined ? [] : disk.listSync(folder).map(({ name }) => name)
    if (told > 0)
      assert.ok(names.includes(`${String(told).padStart(20, '0')}.snapshot`), `seed ${seed}: ${names.join()}`)
  }
})

test('a log that was being started over, and has no file yet, begins there for good', async () => {
  await withMachine(async machine => {
    const io = machine.boot()
    const { manager } = await openLog(io, { configFor })
    await manager.close()
    const text = formatOffsetCheckpoint([{ topic: 't', partition: 0, offset: 30 }])
    await change(io.disk, '/data/log-start-offset-checkpoint', () => Buffer.from(text))
    await io.disk.remove('/data/.kafka_cleanshutdown')
    for (let starts = 3; starts > 0; starts--) {
      machine.crash()
      const again = machine.boot()
      const { log } = await openLog(again, { configFor })
      assert.deepEqual([log.logStartOffset, log.logEndOffset], [30, 30])
      assert.equal(log.latestEpoch, undefined)
      assert.deepEqual(segmentNames(again.disk), ['00000000000000000030.log'])
    }
  })
})
