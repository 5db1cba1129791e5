/** What a shutdown leaves about its logs, and when the next start does not believe it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Disk, Io } from '../io/io.ts'
import type { Machine } from '../io/memory.ts'
import { simulate } from '../sim/simulator.ts'
import type { Simulator } from '../sim/simulator.ts'
import { append, batchOf, openLog, readAll, topicId, written } from './log.fixture.ts'
import { formatShutdownState, parseShutdownState, shutdownStateChecksum } from './shutdown-state.ts'

const state = {
  topic: 'some.topic',
  partition: 3,
  topicId,
  logEndOffset: 12,
  snapshotOffset: 10,
  hasProducers: true,
  epochs: [
    { leaderEpoch: 0, startOffset: 0 },
    { leaderEpoch: 4, startOffset: 7 },
  ],
  filesChecksum: 4_123_456_789,
}

describe('the file', () => {
  test('gives back what was written, for any number of logs', () => {
    const bare = { ...state, partition: 4, topicId: undefined, hasProducers: false, epochs: [] }
    for (const logs of [[], [state], [state, bare]]) {
      const bytes = formatShutdownState(logs)
      const parsed = parseShutdownState(bytes, shutdownStateChecksum(bytes))!
      const expected = logs.map(({ topic, partition, ...rest }) => [`${topic}-${partition}`, rest])
      assert.deepEqual([...parsed], expected)
    }
  })

  test('is not believed when a bit of it has changed, or of the checksum', () => {
    const bytes = formatShutdownState([state])
    const checksum = shutdownStateChecksum(bytes)
    assert.equal(parseShutdownState(bytes, checksum ^ 1), undefined)
    for (let at = 0; at < bytes.length; at += 1) {
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 1 << (at % 8)
      assert.equal(parseShutdownState(flipped, checksum), undefined)
    }
  })

  test('of another version is not believed', () => {
    const bytes = Buffer.from('1\n0\n')
    assert.equal(parseShutdownState(bytes, shutdownStateChecksum(bytes)), undefined)
  })
})

/** Reads of small files in the folder of a partition, as a start makes them that does not believe the state. */
function watched(io: Io): { io: Io; reads: string[] } {
  const reads: string[] = []
  const disk: Disk = new Proxy(io.disk, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target)
      if (key !== 'readFileSync') return typeof member === 'function' ? member.bind(target) : member
      return (path: string) => {
        if (path.startsWith('/data/t-')) reads.push(path.slice('/data/t-0/'.length))
        return target.readFileSync(path)
      }
    },
  })
  return { io: { ...io, disk }, reads }
}

const small = ['leader-epoch-checkpoint', 'partition.metadata']

async function rewrite(disk: Disk, path: string, content: string | Uint8Array): Promise<void> {
  const file = await disk.open(path, { write: true, create: true })
  await file.truncate(0)
  await file.writev([Buffer.from(content)], 0)
  await file.close()
}

interface Story {
  readonly machine: Machine
  readonly simulator: Simulator
  readonly io: Io
}

/** A log is filled and closed, something happens, and it is opened again: what was read of its folder then. */
async function readsAfter(happening: (story: Story) => Promise<void>): Promise<string[]> {
  let reads: string[] = []
  await simulate(3, async simulator => {
    const machine = simulator.machine('a')
    const io = machine.boot()
    const { manager, log } = await openLog(io)
    for (let index = 0; index < 50; index += 1) append(log, [`${index}`.padEnd(100)])
    await written(log)
    await manager.close()
    await happening({ machine, simulator, io })
    const second = watched(io)
    reads = second.reads
    const again = await openLog(second.io)
    const whileOpening = [...reads]
    assert.equal(again.log.topicId, topicId)
    assert.equal((await readAll(again.log)).length, 50)
    assert.deepEqual(again.log.endOffsetForEpoch(0), { leaderEpoch: 0, endOffset: 50 })
    append(again.log, ['more'])
    await written(again.log)
    await again.manager.close()
    reads = whileOpening
  })
  return reads
}

describe('the next start', () => {
  test('reads no file of a log that is as it was left', async () => {
    assert.deepEqual(await readsAfter(async () => {}), [])
  })

  test('reads them where a file has come to the folder, or gone', async () => {
    const come = await readsAfter(({ io }) => rewrite(io.disk, '/data/t-0/note', 'x'))
    assert.deepEqual(come.filter(name => small.includes(name)).sort(), small)
    const gone = await readsAfter(({ io }) => io.disk.remove('/data/t-0/00000000000000000000.timeindex'))
    assert.deepEqual(gone.filter(name => small.includes(name)).sort(), small)
  })

  test('reads them where a file is another one of the same name', async () => {
    for (const name of [...small, '00000000000000000000.log']) {
      const path = `/data/t-0/${name}`
      const reads = await readsAfter(async ({ io, simulator }) => {
        await simulator.sleep(5)
        await rewrite(io.disk, path, await io.disk.readFile(path))
      })
      assert.deepEqual(reads.filter(each => small.includes(each)).sort(), small)
    }
  })

  test('reads them when the shutdown was another’s, though the state is still there', async () => {
    const marks = ['{"version":0,"brokerEpoch":3}', '', '{"version":0,"brokerEpoch":3,"ottlaStateChecksum":1}']
    for (const mark of marks) {
      const reads = await readsAfter(({ io }) => rewrite(io.disk, '/data/.kafka_cleanshutdown', mark))
      assert.deepEqual(reads.filter(name => small.includes(name)).sort(), small)
    }
  })

  test('reads them when the state is not what was written, or missing', async () => {
    const path = '/data/.ottla_shutdown_state'
    const spoilt = await readsAfter(({ io }) => rewrite(io.disk, path, '0\n0\n'))
    assert.deepEqual(spoilt.filter(name => small.includes(name)).sort(), small)
    const missing = await readsAfter(({ io }) => io.disk.remove(path))
    assert.deepEqual(missing.filter(name => small.includes(name)).sort(), small)
  })

  test('believes nothing after a crash: the state is gone before anything changes', () =>
    simulate(4, async simulator => {
      const machine = simulator.machine('a')
      let { manager, log } = await openLog(machine.boot())
      append(log, ['one'])
      await written(log)
      await manager.close()
      machine.crash()
      ;({ manager, log } = await openLog(machine.boot()))
      append(log, ['two'])
      await written(log)
      machine.crash()
      const io = machine.boot()
      assert.equal(io.disk.statSync('/data/.ottla_shutdown_state'), undefined)
      ;({ manager, log } = await openLog(io))
      assert.deepEqual(
        (await readAll(log)).map(({ value }) => value),
        ['one', 'two'],
      )
      await manager.close()
    }))

  test('knows producers again, and removes the snapshots of earlier shutdowns when there is time', () =>
    simulate(5, async simulator => {
      const io = simulator.machine('a').boot()
      const producer = (baseSequence: number) => ({ producerId: 7, producerEpoch: 0, baseSequence })
      for (let life = 0; life < 4; life += 1) {
        const { manager, log } = await openLog(io)
        if (life > 0) {
          const again = log.appendAsLeader(batchOf(['x'], producer(life - 1)), { leaderEpoch: 0, origin: 'client' })
          assert.equal(again.kind, 'duplicate')
        }
        append(log, ['x'], producer(life))
        await written(log)
        await simulator.sleep(100)
        const snapshots = io.disk
          .listSync('/data/t-0')
          .map(({ name }) => name)
          .filter(name => name.endsWith('.snapshot'))
        assert.deepEqual(snapshots, life === 0 ? [] : [`${String(life).padStart(20, '0')}.snapshot`])
        await manager.close()
      }
    }))

  test('reads leader epochs where the file does not say what is known', () =>
    simulate(6, async simulator => {
      const io = simulator.machine('a').boot()
      let { manager, log } = await openLog(io)
      for (let epoch = 0; epoch < 4; epoch += 1) {
        log.appendAsLeader(batchOf([`${epoch}`]), { leaderEpoch: epoch, origin: 'client' })
      }
      await written(log)
      await manager.close()
      ;({ manager, log } = await openLog(io))
      // Assigned in memory, in the place of nothing: no batch comes.
      log.assignLeaderEpochStart(9)
      assert.notEqual(log.shutdownState(), undefined)
      log.updateHighWatermark(4)
      await log.truncateTo(2)
      await manager.close()
      ;({ manager, log } = await openLog(io))
      assert.equal(log.latestEpoch, 1)
      assert.deepEqual(log.endOffsetForEpoch(1), { leaderEpoch: 1, endOffset: 2 })
      await manager.close()
    }))
})
