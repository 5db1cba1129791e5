/** Moving partitions between log directories (AlterReplicaLogDirs). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk } from '../io/io.ts'
import type { Machine } from '../io/memory.ts'
import { PowerCut, powerCutKinds } from '../io/power-cut.ts'
import { Simulator } from '../sim/simulator.ts'
import type { LogManager } from './log-manager.ts'
import type { Log } from './log.ts'
import { append, batchOf, clientEpoch0, openManager, readAll, smallConfig, topicId, written } from './log.fixture.ts'

const directories = ['/data/one', '/data/two']

async function open(machine: Machine): Promise<{ manager: LogManager; log: Log }> {
  const manager = await openManager(machine.boot(), { directories, cacheBudgetBytes: 500 })
  return { manager, log: manager.get('t', 0) ?? (await manager.create('t', 0, topicId, smallConfig, '/data/one')) }
}

function fill(log: Log, from: number, to: number): void {
  for (let value = from; value < to; value++)
    append(log, [`${value}`.padEnd(50)], { producerId: 1, producerEpoch: 0, baseSequence: value })
}

async function values(log: Log): Promise<number[]> {
  return (await readAll(log)).map(record => Number(record.value))
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, value) => value)

const folders = (disk: Disk): string[] =>
  directories.flatMap(path =>
    disk
      .listSync(path)
      .filter(entry => entry.directory)
      .map(entry => `${path}/${entry.name.replace(/\.[0-9a-f]{32}/, '')}`),
  )

test('a move keeps to its rate, which may change, and does not wait for long when it is given up', async () => {
  const simulator = new Simulator({ seed: 8 })
  const machine = simulator.machine('a')
  await simulator.settle(
    (async () => {
      const { manager, log } = await open(machine)
      fill(log, 0, 200)
      await written(log)
      const nowMs = (): number => simulator.world.nowMs
      manager.setMoveThrottle(0)
      assert.equal(await manager.move('t', 0, '/data/two'), 'ok')
      await simulator.sleep(60_000)
      assert.equal(log.directory, '/data/one')
      assert.equal(await manager.move('t', 0, '/data/one'), 'ok')

      const sizeBytes = (await manager.describe())[0]!.logs[0]!.sizeBytes
      manager.setMoveThrottle(sizeBytes / 20)
      const startMs = nowMs()
      assert.equal(await manager.move('t', 0, '/data/two'), 'ok')
      while (log.directory === '/data/one') await simulator.sleep(100)
      const tookMs = nowMs() - startMs
      assert.ok(tookMs > 10_000 && tookMs < 30_000, `${tookMs} ms`)
      await manager.close()
    })(),
  )
})

test('a partition moves with everything in it, and is written to and read all the while', async () => {
  const simulator = new Simulator({ seed: 7 })
  const machine = simulator.machine('a')
  await simulator.settle(
    (async () => {
      let { manager, log } = await open(machine)
      fill(log, 0, 200)
      await written(log)
      log.updateHighWatermark(100)
      assert.equal(await manager.move('t', 0, '/data/two'), 'ok')
      let next = 200
      while (log.directory === '/data/one') {
        fill(log, next, (next += 5))
        const read = await log.read({
          offset: next % 150,
          maxBytes: 300,
          minOneBatch: true,
          upTo: log.writtenEndOffset,
        })
        assert.equal(read.kind, 'ok')
        await simulator.sleep(0.3)
      }
      fill(log, next, (next += 20))
      await written(log)
      assert.deepEqual(await values(log), numbers(next))
      assert.equal(log.highWatermark, 100)
      const described = await manager.describe()
      assert.deepEqual(
        described.map(directory => directory.logs.map(each => [each.topic, each.isFuture])),
        [[], [['t', false]]],
      )
      await simulator.sleep(5000)
      await manager.close()
      machine.crash()
      ;({ manager, log } = await open(machine))
      assert.equal(log.directory, '/data/two')
      assert.deepEqual(await values(log), numbers(next))
      assert.equal(log.activeProducers()[0]!.lastSequence, next - 1)
      assert.equal(
        append(log, ['again'], { producerId: 1, producerEpoch: 0, baseSequence: next - 3 }).kind,
        'duplicate',
      )
      await manager.close()
    })(),
  )
})

test('a leader epoch that begins while the places change is written down in the new one', async () => {
  const simulator = new Simulator({ seed: 5 })
  const machine = simulator.machine('a')
  await simulator.settle(
    (async () => {
      let { manager, log } = await open(machine)
      fill(log, 0, 5)
      await written(log)
      const { faults } = machine
      const failure = faults.failure.bind(faults)
      faults.failure = operation => {
        if (operation.kind === 'rename' && operation.path === '/data/one/t-0')
          log.appendAsLeader(batchOf(['new']), { ...clientEpoch0, leaderEpoch: 1 })
        return failure(operation)
      }
      await manager.move('t', 0, '/data/two')
      while (log.directory === '/data/one' && log.failure === undefined) await simulator.sleep(1)
      assert.equal(log.failure, undefined)
      await written(log)
      assert.deepEqual(log.endOffsetForEpoch(0), { leaderEpoch: 0, endOffset: 5 })
      await manager.close()
      machine.crash()
      ;({ manager, log } = await open(machine))
      assert.equal(log.directory, '/data/two')
      assert.deepEqual(log.endOffsetForEpoch(0), { leaderEpoch: 0, endOffset: 5 })
      await manager.close()
    })(),
  )
})

for (const what of ['retention deletes', 'truncation cuts off'] as const) {
  test(`what ${what} during a move does not come along, whenever it does`, async () => {
    let moving = 0
    for (let delayMs = 0; delayMs < 60; delayMs += 4) {
      const simulator = new Simulator({ seed: 3 })
      const machine = simulator.machine('a')
      await simulator.settle(
        (async () => {
          const { manager, log } = await open(machine)
          fill(log, 0, 120)
          await written(log)
          log.updateHighWatermark(80)
          await manager.move('t', 0, '/data/two')
          await simulator.sleep(delayMs)
          if (log.directory === '/data/one') moving += 1
          const endOffset = what === 'truncation cuts off' ? 100 : 120
          log.updateConfig({ ...smallConfig, retentionBytes: 8000 })
          if (what === 'truncation cuts off') await log.truncateTo(endOffset)
          else await log.applyRetention(0)
          while (log.directory === '/data/one') await simulator.sleep(1)
          const { firstSegmentOffset } = log
          const wanted = numbers(endOffset).slice(log.logStartOffset)
          assert.deepEqual(await values(log), wanted)
          machine.crash()
          const again = await open(machine)
          assert.equal(again.log.firstSegmentOffset, firstSegmentOffset, `after ${delayMs} ms`)
          assert.deepEqual(await values(again.log), wanted, `after ${delayMs} ms`)
          await again.manager.close()
        })(),
      )
    }
    assert.ok(moving > 5, `${moving} times while it moved`)
  })
}

test('what retention deletes between two looks at one segment does not end the move', async () => {
  const simulator = new Simulator({ seed: 3 })
  const machine = simulator.machine('a')
  await simulator.settle(
    (async () => {
      const { manager, log } = await open(machine)
      fill(log, 0, 200)
      await written(log)
      log.updateHighWatermark(200)
      // Until the indexes are in their files.
      await simulator.sleep(5000)
      const { faults } = machine
      const latencyMs = faults.latencyMs.bind(faults)
      let retention: Promise<number> | undefined
      faults.latencyMs = operation => {
        const isIndex = /^\/data\/one\/t-0\/0+\.timeindex$/.test(operation.path)
        if (isIndex && operation.kind === 'stat') {
          log.updateConfig({ ...smallConfig, retentionBytes: 3000 })
          retention ??= log.applyRetention(0)
        }
        // It is there when it is looked for, and gone when it is opened.
        return isIndex && operation.kind === 'open' ? 100 : latencyMs(operation)
      }
      await manager.move('t', 0, '/data/two')
      for (let waits = 0; log.directory === '/data/one' && waits < 1000; waits++) await simulator.sleep(1)
      assert.ok(retention !== undefined && (await retention) > 0)
      assert.equal(log.directory, '/data/two')
      assert.deepEqual(await values(log), numbers(200).slice(log.logStartOffset))
      await manager.close()
    })(),
  )
})

test('a move to where the partition is ends one that is under way', async () => {
  const simulator = new Simulator({ seed: 1 })
  const machine = simulator.machine('a')
  await simulator.settle(
    (async () => {
      const { manager, log } = await open(machine)
      fill(log, 0, 500)
      await written(log)
      assert.equal(await manager.move('t', 0, '/data/two'), 'ok')
      await simulator.sleep(1)
      assert.deepEqual(
        (await manager.describe())[1]!.logs.map(each => each.isFuture),
        [true],
      )
      assert.equal(await manager.move('t', 0, '/data/one'), 'ok')
      await simulator.sleep(1000)
      assert.equal(log.directory, '/data/one')
      assert.equal(await manager.move('t', 0, '/nowhere'), 'no-such-directory')
      assert.equal(await manager.move('u', 0, '/data/two'), 'no-such-partition')
      await manager.close()
    })(),
  )
})

test('whenever a crash or a power cut comes, the partition is in one place afterwards, and whole', async () => {
  const outcomes = new Set<string>()
  for (let seed = 0; seed < 60; seed++) {
    const simulator = new Simulator({ seed })
    const machine = simulator.machine('a')
    const count = 60
    await simulator.settle(
      (async () => {
        const { manager, log } = await open(machine)
        fill(log, 0, count)
        await written(log)
        await log.flush()
        await manager.move('t', 0, '/data/two')
      })(),
    )
    await simulator.run(simulator.world.random.float() * 60)
    if (seed % 2 === 0) machine.crash()
    else machine.losePower()
    await simulator.settle(
      (async () => {
        const { manager, log } = await open(machine)
        assert.deepEqual(await values(log), numbers(count), `seed ${seed}`)
        outcomes.add(log.directory)
        // A move that was interrupted begins anew.
        await simulator.sleep(2000)
        assert.deepEqual(await values(log), numbers(count), `seed ${seed}`)
        await simulator.sleep(10_000)
        await manager.close()
      })(),
    )
    machine.crash()
    const { disk } = machine.boot()
    assert.deepEqual(folders(disk).filter(folder => !folder.endsWith('-delete')).length, 1, folders(disk).join(' '))
  }
  assert.deepEqual([...outcomes].sort(), directories)
})

/** A log of twenty records, the first seven of which have been deleted, is on its way to the other directory. */
async function moveWithoutItsStart(machine: Machine): Promise<LogManager> {
  const { manager, log } = await open(machine)
  fill(log, 0, 20)
  await written(log)
  log.updateHighWatermark(20)
  assert.equal(await log.deleteRecordsBefore(7), undefined)
  await manager.move('t', 0, '/data/two')
  return manager
}

test('a partition that has lost its start keeps it in its new place, whenever the power is cut (L9)', async () => {
  const outcomes = new Set<string>()
  for (let seed = 0; seed < 60; seed++) {
    const simulator = new Simulator({ seed })
    const machine = simulator.machine('a')
    await simulator.settle(
      (async () => {
        await moveWithoutItsStart(machine)
      })(),
    )
    await simulator.run(simulator.world.random.float() * 60)
    machine.losePower()
    await simulator.settle(
      (async () => {
        const { manager, log } = await open(machine)
        assert.equal(log.logStartOffset, 7, `seed ${seed}: in ${log.directory}`)
        outcomes.add(log.directory)
        await manager.close()
      })(),
    )
  }
  assert.deepEqual([...outcomes].sort(), directories)
})

test('of a partition that has moved away nothing is believed of the next of its name where it was, after a crash at once', async () => {
  const simulator = new Simulator({ seed: 5 })
  const machine = simulator.machine('a')
  await simulator.settle(
    (async () => {
      const manager = await moveWithoutItsStart(machine)
      while (manager.get('t', 0)!.directory !== '/data/two') await simulator.sleep(1)
      await manager.delete('t', 0)
      const next = await manager.create('t', 0, topicId, smallConfig, '/data/one')
      fill(next, 0, 3)
      await written(next)
      machine.crash()
      const { log } = await open(machine)
      assert.deepEqual([log.directory, log.logStartOffset, log.logEndOffset], ['/data/one', 0, 3])
    })(),
  )
})

test('a partition that is deleted while it moves is gone from both places, and nothing is said of it to the next of its name', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const simulator = new Simulator({ seed })
    const machine = simulator.machine('a')
    await simulator.settle(
      (async () => {
        const manager = await moveWithoutItsStart(machine)
        await simulator.sleep(simulator.world.random.float() * 60)
        await manager.delete('t', 0)
        const next = await manager.create('t', 0, topicId, smallConfig, seed % 2 === 0 ? '/data/two' : '/data/one')
        fill(next, 0, 3)
        await manager.move('t', 0, seed % 2 === 0 ? '/data/one' : '/data/two')
        await simulator.sleep(5000)
        assert.deepEqual(manager.offlineDirectories, [])
        await manager.close()
        machine.losePower()
        const again = await open(machine)
        assert.deepEqual([again.log.logStartOffset, again.log.logEndOffset], [0, 3], `seed ${seed}`)
      })(),
    )
  }
})

test('the first records behind a move are durable, also where the disk was full when the first of all were to be written', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const simulator = new Simulator({ seed })
    const machine = simulator.machine('a')
    await simulator.settle(
      (async () => {
        const manager = await openManager(machine.boot(), { directories })
        const log = await manager.create('t', 0, topicId, { ...smallConfig, flushMessages: 1 }, '/data/one')
        const hasRoomAgain = machine.faults.failOn({ kind: 'write', path: /\.log$/, code: 'ENOSPC' })
        append(log, ['refused'])
        await written(log).catch(() => {})
        await simulator.sleep(1000)
        hasRoomAgain()
        assert.deepEqual([log.refusal, log.logEndOffset], [undefined, 0])
        await manager.move('t', 0, '/data/two')
        while (log.directory !== '/data/two') await simulator.sleep(10)
        append(log, ['acknowledged'])
        await written(log)
        machine.losePower()
        const again = await openManager(machine.boot(), { directories })
        assert.equal(again.get('t', 0)?.logEndOffset, 1, `seed ${seed}`)
      })(),
    )
  }
})

test('a partition that moves on at once is whole when the power goes on its way: where it came from is durable before, and not the half of a copy alone', async () => {
  for (const kind of powerCutKinds) {
    for (let seed = 0; seed < 6; seed++) {
      const simulator = new Simulator({ seed })
      const machine = simulator.machine('a')
      await simulator.settle(
        (async () => {
          const { manager, log } = await open(machine)
          fill(log, 0, 60)
          await written(log)
          await log.flush()
          await manager.move('t', 0, '/data/two')
          while (log.directory !== '/data/two') await simulator.sleep(1)
          manager.setMoveThrottle(0)
          await manager.move('t', 0, '/data/one')
          await simulator.sleep(simulator.world.random.float() * 8)
        })(),
      )
      const volume = machine.volume.copy()
      volume.cutPower(new PowerCut(kind, simulator.world.random, volume.unsynced))
      const next = new Simulator({ seed })
      await next.settle(
        (async () => {
          const { log } = await open(next.machine('a', { volume }))
          assert.deepEqual(await values(log), numbers(60), `${kind}, seed ${seed}`)
        })(),
      )
    }
  }
})
