import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { textOf as unsealedText } from './atomic-file.ts'
import type { Disk, DiskError, Io } from '../io/io.ts'
import type { Machine } from '../io/memory.ts'
import { simulate, type Simulator } from '../sim/simulator.ts'
import {
  append,
  batchOf,
  clientEpoch0,
  committed,
  managerOptions,
  openLog,
  openManager,
  readAll,
  smallConfig,
  topicId,
  written,
} from './log.fixture.ts'
import { parseCleanShutdown } from './clean-shutdown.ts'
import { LogManager } from './log-manager.ts'
import { Logging } from '../std/logger.ts'
import { shutdownStateChecksum } from './shutdown-state.ts'
import type { LogManagerOptions } from './log-manager.ts'

async function withMachine(body: (machine: Machine, simulator: Simulator) => Promise<void>): Promise<void> {
  await simulate(1, simulator => body(simulator.machine('a'), simulator))
}

async function refusal(io: Io, options: Partial<LogManagerOptions> = {}): Promise<string> {
  const opened = await LogManager.open(io, managerOptions(options))
  assert.ok(!opened.ok, 'it was opened')
  assert.doesNotMatch(opened.error.message, /\n/)
  return opened.error.kind
}

async function write(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, { write: true, create: true })
  await file.truncate(0)
  await file.writev([Buffer.from(text)], 0)
  await file.close()
}

function textOf(disk: Disk, path: string): string {
  return unsealedText(disk.readFileSync(path))
}

const names = (disk: Disk, path: string): string[] => disk.listSync(path).map(entry => entry.name)

test('a partition that has just been made is there with its id after a power cut, or without a record', async () => {
  for (let seed = 0; seed < 40; seed += 1) {
    await simulate(seed, async simulator => {
      const machine = simulator.machine('a')
      const { log } = await openLog(machine.boot())
      append(log, ['one'])
      await written(log)
      machine.losePower()
      const again = (await openManager(machine.boot())).get('t', 0)
      assert.ok(again === undefined || again.topicId === topicId || again.sizeBytes === 0, `seed ${seed}`)
    })
  }
})

describe('opening', () => {
  test('a new directory gets an identity, which stays', () =>
    withMachine(async machine => {
      const { disk, ...io } = machine.boot()
      const first = await openManager({ ...io, disk }, { directories: ['/data/one', '/data/two'] })
      const { clusterId } = first
      const ids = first.directoryIds()
      assert.equal(new Set(ids).size, 2)
      assert.match(textOf(disk, '/data/one/meta.properties'), new RegExp(`version=1\ncluster.id=${clusterId}\n`))
      await first.close()
      const second = await openManager({ ...io, disk }, { directories: ['/data/one', '/data/two'], clusterId })
      assert.deepEqual(second.directoryIds(), ids)
      await second.close()
    }))

  test('is refused, with nothing left locked, for what a user can put right', () =>
    withMachine(async machine => {
      const io = machine.boot()
      const { disk } = io
      const manager = await openManager(io)
      const { clusterId } = manager
      assert.equal(await refusal(io), 'locked')
      await manager.close()
      assert.equal(await refusal(io, { clusterId: 'another' }), 'other-cluster')
      assert.equal(await refusal(io, { nodeId: 2 }), 'other-node')
      assert.equal(await refusal(io, { directories: ['/data', '/data'] }), 'duplicate-directory')
      const properties = textOf(disk, '/data/meta.properties')
      await write(disk, '/data/meta.properties', properties.replace('version=1', 'version=2'))
      assert.equal(await refusal(io), 'newer-format')
      await write(disk, '/data/meta.properties', 'nonsense')
      assert.equal(await refusal(io), 'corrupt-metadata')
      await write(disk, '/data/meta.properties', properties)
      await write(disk, '/data/recovery-point-offset-checkpoint', '7\n1\nt 0 2\n')
      assert.equal(await refusal(io), 'newer-format')
      await disk.remove('/data/recovery-point-offset-checkpoint')
      await write(disk, '/file', '')
      assert.equal(await refusal(io, { directories: ['/file'] }), 'not-writable')
      const again = await openManager(io, { clusterId })
      await again.close()
    }))

  test('is refused for no bit of a checkpoint without entries, ours or Kafka’s', () =>
    withMachine(async machine => {
      const { manager, log } = await openLog(machine.boot())
      append(log, ['a', 'b'])
      await committed(log)
      await manager.close()
      for (const name of ['recovery-point', 'log-start', 'replication'].map(
        each => `/data/${each}-offset-checkpoint`,
      )) {
        for (let bit = 0; bit < 32; bit++) {
          const text = Buffer.from('0\n0\n')
          text[bit >> 3]! ^= 1 << (bit & 7)
          machine.crash()
          const io = machine.boot()
          await write(io.disk, name, text.toString('latin1'))
          const again = await openLog(io)
          assert.equal(again.log.logEndOffset, 2)
          await again.manager.close()
          assert.equal(textOf(io.disk, '/data/log-start-offset-checkpoint'), '')
        }
      }
    }))

  test('a copy of a log directory, and a partition in two of them, are refused', () =>
    withMachine(async machine => {
      const io = machine.boot()
      const { disk } = io
      const directories = ['/data/one', '/data/two']
      const manager = await openManager(io, { directories })
      await manager.create('t', 0, topicId, smallConfig, '/data/one')
      await manager.close()
      await disk.makeDirectory('/data/two/t-0')
      for (const path of directories) await write(disk, `${path}/t-0/00000000000000000000.log`, '')
      assert.equal(await refusal(io, { directories }), 'duplicate-partition')
      await disk.removeDirectory('/data/two/t-0')
      await write(disk, '/data/two/meta.properties', textOf(disk, '/data/one/meta.properties'))
      assert.equal(await refusal(io, { directories }), 'corrupt-metadata')
    }))

  test('a folder that never had a segment gives way to the same partition in another directory', () =>
    withMachine(async machine => {
      const io = machine.boot()
      const { disk } = io
      const directories = ['/data/one', '/data/two']
      const manager = await openManager(io, { directories })
      await manager.create('t', 0, topicId, smallConfig, '/data/one')
      await manager.close()
      await disk.makeDirectory('/data/two/t-0')
      await write(disk, '/data/two/t-0/partition.metadata', '')
      const again = await openManager(io, { directories })
      assert.ok(again.get('t', 0) !== undefined)
      assert.ok(!names(disk, '/data/two').includes('t-0'))
      await again.close()
    }))

  test('one directory of several that cannot be used is offline, and the others serve', () =>
    withMachine(async machine => {
      const io = machine.boot()
      await write(io.disk, '/file', '')
      const manager = await openManager(io, { directories: ['/file', '/data'] })
      assert.deepEqual(manager.directories, ['/data'])
      assert.deepEqual(
        (await manager.describe()).map(({ path, error }) => [path, error === undefined]),
        [
          ['/data', true],
          ['/file', false],
        ],
      )
      assert.equal(await manager.move('t', 0, '/file'), 'directory-offline')
      await manager.close()
    }))

  test('folders that are no partitions are left alone, and what waited for deletion goes', () =>
    withMachine(async (machine, simulator) => {
      const io = machine.boot()
      const { disk } = io
      const unique = '0123456789abcdef0123456789abcdef'
      for (const name of ['lost+found', '__cluster_metadata-0', `t-0.${unique}-delete`, `t-1.${unique}-stray`]) {
        await disk.makeDirectory(`/data/${name}`)
      }
      const manager = await openManager(io)
      await simulator.sleep(100)
      assert.deepEqual([...manager.all()], [])
      const left = names(disk, '/data').filter(name => disk.statSync(`/data/${name}`)!.directory)
      assert.deepEqual(left, ['__cluster_metadata-0', 'lost+found', `t-1.${unique}-stray`])
      await manager.close()
    }))
})

describe('creating and deleting', () => {
  test('a partition goes to the directory with the fewest, or where it is wanted', () =>
    withMachine(async machine => {
      const io = machine.boot()
      const manager = await openManager(io, { directories: ['/data/one', '/data/two'] })
      for (let partition = 0; partition < 4; partition++) await manager.create('t', partition, topicId, smallConfig)
      assert.deepEqual([...manager.all()].map(log => log.directory).sort(), [
        '/data/one',
        '/data/one',
        '/data/two',
        '/data/two',
      ])
      const wanted = await manager.create('t', 4, topicId, smallConfig, '/data/two')
      assert.equal(wanted.directory, '/data/two')
      assert.equal(textOf(io.disk, '/data/two/t-4/partition.metadata'), `version: 0\ntopic_id: ${topicId}`)
      await assert.rejects(manager.create('t', 5, topicId, smallConfig, '/elsewhere'), { code: 'ENOENT' })
      await manager.close()
    }))

  test('a folder that is there already is not taken over', () =>
    withMachine(async machine => {
      const io = machine.boot()
      const manager = await openManager(io)
      await io.disk.makeDirectory('/data/t-0')
      await assert.rejects(manager.create('t', 0, topicId, smallConfig), { code: 'EEXIST' })
      await manager.close()
    }))

  test('a partition whose folder has gone when the manager closes takes nothing offline, and the shutdown is clean', () =>
    withMachine(async machine => {
      const io = machine.boot()
      const manager = await openManager(io)
      await manager.create('t', 0, topicId, smallConfig)
      await manager.create('u', 0, topicId, smallConfig)
      await io.disk.rename('/data/t-0', `/data/t-0.${'0'.repeat(32)}-delete`)
      await manager.close()
      assert.ok(names(io.disk, '/data').includes('.kafka_cleanshutdown'))
    }))

  test('a deleted partition is renamed at once and removed later; one of the same name knows nothing of it, even after a crash', () =>
    withMachine(async (machine, simulator) => {
      let io = machine.boot()
      let { manager, log } = await openLog(io)
      for (let index = 0; index < 30; index++) append(log, ['x'.repeat(100)])
      await committed(log)
      await log.flush()
      await simulator.sleep(61_000)
      assert.match(textOf(io.disk, '/data/recovery-point-offset-checkpoint'), /^t 0 30$/m)
      await manager.delete('t', 0)
      assert.equal(manager.get('t', 0), undefined)
      assert.match(names(io.disk, '/data').join(' '), /t-0\.[0-9a-f]{32}-delete/)
      const next = await manager.create('t', 0, topicId, smallConfig)
      append(next, ['new'])
      append(next, ['torn'])
      await committed(next)
      machine.crash()
      io = machine.boot()
      // The recovery point of the old one would say that this is durable, and damaged.
      const file = await io.disk.open('/data/t-0/00000000000000000000.log', { write: true })
      await file.truncate((await file.size()) - 1)
      await file.close()
      ;({ manager, log } = await openLog(io))
      assert.deepEqual(
        (await readAll(log)).map(record => record.value),
        ['new'],
      )
      await simulator.sleep(2000)
      assert.doesNotMatch(names(io.disk, '/data').join(' '), /-delete/)
      await manager.close()
    }))
})

test('of partitions that come and go in crowds nothing is remembered once the checkpoints do not speak of them', () =>
  withMachine(async (machine, simulator) => {
    const io = machine.boot()
    const manager = await openManager(io)
    const comeAndGo = async (from: number, to: number): Promise<void> => {
      for (let partition = from; partition < to; partition++) {
        await manager.create('crowd', partition, topicId, smallConfig)
        await manager.delete('crowd', partition)
      }
    }
    const checkpoint = '/data/recovery-point-offset-checkpoint'
    await comeAndGo(0, 400)
    await simulator.sleep(6000)
    // A few are no reason to write more often than usual.
    assert.equal(io.disk.statSync(checkpoint), undefined)
    await comeAndGo(400, 600)
    assert.equal(io.disk.statSync(checkpoint), undefined)
    await simulator.sleep(6000)
    assert.equal(textOf(io.disk, checkpoint), '')
    // One of an old name has nothing to wait for.
    await io.disk.remove(checkpoint)
    await manager.create('crowd', 7, topicId, smallConfig)
    assert.equal(io.disk.statSync(checkpoint), undefined)
    await manager.close()
  }))

describe('closing', () => {
  test('marks the shutdown clean, once everything is saved; opening takes the mark away', () =>
    withMachine(async machine => {
      const io = machine.boot()
      const { manager, log } = await openLog(io)
      append(log, ['a', 'b'], { producerId: 1, producerEpoch: 0, baseSequence: 0 })
      await committed(log)
      await manager.close(61)
      const mark = parseCleanShutdown(textOf(io.disk, '/data/.kafka_cleanshutdown'))
      const state = io.disk.readFileSync('/data/.ottla_shutdown_state')
      assert.deepEqual(mark, { brokerEpoch: 61, stateChecksum: shutdownStateChecksum(state) })
      assert.equal(textOf(io.disk, '/data/recovery-point-offset-checkpoint'), '0\n1\nt 0 2\n')
      assert.equal(textOf(io.disk, '/data/replication-offset-checkpoint'), '0\n1\nt 0 2\n')
      assert.equal(textOf(io.disk, '/data/log-start-offset-checkpoint'), '')
      const expected = ['.index', '.log', '.timeindex', '.snapshot'].map(
        suffix => (suffix === '.snapshot' ? `${'0'.repeat(19)}2` : '0'.repeat(20)) + suffix,
      )
      assert.deepEqual(
        names(io.disk, '/data/t-0').sort(),
        [...expected, 'leader-epoch-checkpoint', 'partition.metadata'].sort(),
      )
      const again = await openManager(io)
      assert.equal(again.previousBrokerEpoch, 61)
      assert.ok(!names(io.disk, '/data').includes('.kafka_cleanshutdown'))
      assert.deepEqual(machine.openPaths, [])
      await again.close()
    }))

  test('lets the lock go, and no file is open afterwards', () =>
    withMachine(async machine => {
      const io = machine.boot()
      const { manager, log } = await openLog(io)
      append(log, ['a'])
      await manager.close()
      assert.deepEqual(machine.openPaths, [])
      await (await openManager(io)).close()
    }))
})

describe('time', () => {
  test('the high watermark, the recovery point of synced logs and the log start are saved now and then', () =>
    withMachine(async (machine, simulator) => {
      const io = machine.boot()
      const configFor = () => ({ ...smallConfig, flushMessages: 1, segmentBytes: 1e6, retentionMs: -1 })
      const { manager, log } = await openLog(io, { configFor })
      for (let index = 0; index < 10; index++) append(log, ['x'])
      await committed(log)
      await simulator.sleep(5500)
      assert.match(textOf(io.disk, '/data/replication-offset-checkpoint'), /^t 0 10$/m)
      await simulator.sleep(60_000)
      assert.match(textOf(io.disk, '/data/recovery-point-offset-checkpoint'), /^t 0 10$/m)
      assert.equal(await log.deleteRecordsBefore(5), undefined)
      assert.equal(textOf(io.disk, '/data/log-start-offset-checkpoint'), '0\n1\nt 0 5\n')
      await manager.close()
    }))

  test('retention deletes old segments, first as .deleted files and then for good', () =>
    withMachine(async (machine, simulator) => {
      const io = machine.boot()
      const startMs = io.clock.nowMs()
      const configFor = () => ({ ...smallConfig, retentionMs: 60_000, fileDeleteDelayMs: 10_000 })
      const { manager, log } = await openLog(io, { configFor, retentionCheckIntervalMs: 30_000 })
      for (let index = 0; index < 40; index++) append(log, ['x'.repeat(100)], { timestampMs: startMs + index * 1000 })
      await committed(log)
      const before = log.segmentCount
      await simulator.sleep(91_000)
      assert.ok(log.segmentCount < before && log.segmentCount > 1, `${log.segmentCount} of ${before}`)
      assert.equal(log.logStartOffset, log.firstSegmentOffset)
      assert.match(names(io.disk, '/data/t-0').join(' '), /0\.log\.deleted/)
      await simulator.sleep(10_000)
      assert.doesNotMatch(names(io.disk, '/data/t-0').join(' '), /deleted/)
      await simulator.sleep(200_000)
      assert.equal(log.logStartOffset, 40)
      assert.deepEqual([log.segmentCount, log.sizeBytes], [1, 0])
      append(log, ['after'])
      await committed(log)
      assert.equal((await readAll(log))[0]!.offset, 40)
      await manager.close()
    }))
})

describe('disks that fail', () => {
  test('a failed write takes the directory offline with all its logs, and only it', () =>
    withMachine(async (machine, simulator) => {
      const io = machine.boot()
      const offline: string[] = []
      const manager = await openManager(io, {
        directories: ['/data/one', '/data/two'],
        onDirectoryOffline: directory => offline.push(directory),
      })
      const [broken, neighbour, other] = [
        await manager.create('a', 0, topicId, smallConfig, '/data/one'),
        await manager.create('b', 0, topicId, smallConfig, '/data/one'),
        await manager.create('c', 0, topicId, smallConfig, '/data/two'),
      ]
      machine.faults.failOn({ kind: 'write', path: /one\/a-0.*\.log$/, code: 'EIO' })
      let told = 0
      broken.onAdvance(() => (told += 1))
      append(broken, ['lost'])
      await simulator.sleep(1000)
      assert.equal(told, 1)
      assert.deepEqual(offline, ['/data/one'])
      assert.equal((broken.failure as DiskError).code, 'EIO')
      for (const log of [broken, neighbour]) {
        const outcome = log.appendAsLeader(batchOf(['x']), clientEpoch0)
        assert.ok(outcome.kind === 'rejected' && outcome.error === 'KAFKA_STORAGE_ERROR')
        const read = await log.read({ offset: 0, maxBytes: 1, minOneBatch: true, upTo: 1 })
        assert.ok(read.kind === 'failed' && read.error === 'KAFKA_STORAGE_ERROR')
      }
      append(other, ['fine'])
      await written(other)
      assert.deepEqual(manager.directories, ['/data/two'])
      assert.equal((await manager.describe()).filter(directory => directory.error !== undefined).length, 1)
      await manager.close()
      assert.ok(!names(io.disk, '/data/one').includes('.kafka_cleanshutdown'))
      assert.ok(names(io.disk, '/data/two').includes('.kafka_cleanshutdown'))
    }))

  test('a failed sync is not tried again: nothing that waited for it is acknowledged', () =>
    withMachine(async (machine, simulator) => {
      const io = machine.boot()
      const offline: string[] = []
      const configFor = () => ({ ...smallConfig, flushMessages: 1 })
      const { manager, log } = await openLog(io, {
        configFor,
        onDirectoryOffline: directory => offline.push(directory),
      })
      append(log, ['safe'])
      await written(log)
      machine.faults.failOn({ kind: 'sync', path: /\.log$/, code: 'ENOSPC', times: 1 })
      append(log, ['lost'])
      await simulator.sleep(1000)
      assert.equal(log.writtenEndOffset, 1)
      assert.notEqual(log.failure, undefined)
      assert.deepEqual(offline, ['/data'])
      await manager.close()
    }))

  test('a full disk refuses what does not fit, and the log goes on when there is room again', () =>
    withMachine(async (machine, simulator) => {
      const io = machine.boot()
      const offline: string[] = []
      const { manager, log } = await openLog(io, { onDirectoryOffline: directory => offline.push(directory) })
      const producer = (baseSequence: number) => ({ producerId: 1, producerEpoch: 0, baseSequence })
      for (let index = 0; index < 25; index++) append(log, ['x'.repeat(100)], producer(index))
      await committed(log)
      const full = machine.faults.failOn({ kind: 'write', path: /\.log$/, code: 'ENOSPC' })
      let failed = 0
      log.onAdvance(() => (failed += log.refusal === undefined ? 0 : 1))
      for (let index = 25; index < 30; index++) append(log, ['y'.repeat(400)], producer(index))
      await simulator.sleep(1000)
      assert.equal(failed, 1)
      assert.equal(log.refusal, undefined)
      assert.deepEqual([log.logEndOffset, log.writtenEndOffset, log.highWatermark], [25, 25, 25])
      full()
      assert.equal(append(log, ['z'.repeat(100)], producer(25)).firstOffset, 25)
      assert.equal(append(log, ['z'.repeat(100)], producer(25)).kind, 'duplicate')
      for (let index = 26; index < 40; index++) append(log, ['z'.repeat(100)], producer(index))
      await committed(log)
      assert.deepEqual((await readAll(log)).map(record => record.value[0]).join(''), 'x'.repeat(25) + 'z'.repeat(15))
      assert.deepEqual(offline, [])
      await manager.close()
    }))

  test('a shutdown on a full disk is not clean, and takes nothing else along', async () => {
    for (const path of [/t-0\/.*snapshot/, /recovery-point/, /shutdown/]) {
      await withMachine(async machine => {
        const io = machine.boot()
        const offline: string[] = []
        const lines: string[] = []
        const logging = new Logging({ nowMs: () => 0, sink: ({ message }) => lines.push(message), level: 'warn' })
        const options = { onDirectoryOffline: (directory: string) => offline.push(directory) }
        const { manager, log } = await openLog(io, { ...options, logging })
        const other = await manager.create('u', 0, topicId, smallConfig)
        const producer = { producerId: 1, producerEpoch: 0, baseSequence: 0 }
        append(log, ['a'], producer)
        append(other, ['b'])
        await committed(log)
        await committed(other)
        const full = machine.faults.failOn({ kind: 'write', path, code: 'ENOSPC' })
        await manager.close()
        assert.deepEqual(offline, [])
        assert.match(lines.join(), /the shutdown cannot be marked clean/)
        assert.ok(!names(io.disk, '/data').includes('.kafka_cleanshutdown'))
        full()
        machine.losePower()
        const again = await openManager(machine.boot(), options)
        for (const topic of ['t', 'u']) {
          const [record] = await readAll(again.get(topic, 0)!)
          assert.equal(record?.value, topic === 't' ? 'a' : 'b', 'it was flushed, whatever became of the other')
        }
        assert.equal(append(again.get('t', 0)!, ['a'], producer).kind, 'duplicate')
        await again.close()
      })
    }
  })

  test('what a last write could not place is not in a clean shutdown', () =>
    withMachine(async machine => {
      const io = machine.boot()
      const { manager, log } = await openLog(io)
      append(log, ['a'])
      await committed(log)
      const full = machine.faults.failOn({ kind: 'write', path: /\.log$/, code: 'ENOSPC' })
      append(log, ['b'])
      await manager.close()
      full()
      const again = (await openManager(io)).get('t', 0)!
      assert.deepEqual([again.failure, again.logEndOffset], [undefined, 1])
      append(again, ['c'])
      await committed(again)
      assert.deepEqual(
        (await readAll(again)).map(({ value }) => value),
        ['a', 'c'],
      )
    }))

  test('a log that contradicts its checkpoint fails alone, before anything is written to it', () =>
    withMachine(async machine => {
      const io = machine.boot()
      const offline: string[] = []
      let { manager, log } = await openLog(io, { onDirectoryOffline: directory => offline.push(directory) })
      const other = await manager.create('u', 0, topicId, smallConfig)
      append(log, ['a'])
      append(log, ['b'])
      append(other, ['c'])
      await committed(log)
      await manager.close()
      // A file from a backup: shorter than what the shutdown left.
      const file = await io.disk.open('/data/t-0/00000000000000000000.log', { write: true })
      await file.truncate(batchOf(['a']).length)
      await file.close()
      ;({ manager, log } = await openLog(io, { onDirectoryOffline: directory => offline.push(directory) }))
      assert.match(log.failure!.message, /closed at offset 2 and ends at 1/)
      assert.deepEqual(offline, [])
      assert.equal(manager.get('u', 0)!.failure, undefined)
      await manager.close()
    }))
})
