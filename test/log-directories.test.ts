/** Several log directories: what their failures take away and what goes on, and moves between them. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerStartError } from '../src/broker/broker-start-error.ts'
import { apis } from '../src/protocol/apis.ts'
import { errorName, live } from './live.fixture.ts'
import type { Live } from './live.fixture.ts'

const two = { 'log.dirs': '/a,/b' }

describe('a log directory that fails', () => {
  it('takes its partitions away, and no others', () =>
    live(two, async world => {
      const [inA, inB] = await partitionsByDirectory(world)
      await produce(world, inB, 'before')
      breakDirectory(world, '/b')
      assert.equal(await produce(world, inB, 'lost'), 'KAFKA_STORAGE_ERROR')
      assert.equal(await produce(world, inA, 'kept'), 'NONE')
      assert.deepEqual(await describeDirectories(world), { '/a': 'NONE', '/b': 'KAFKA_STORAGE_ERROR' })
      assert.equal(world.sim.fatal, undefined)
      const { errorCode } = await world.client.fetch({ topic: 't', partition: inB, offset: 0 })
      assert.equal(errorName(errorCode), 'KAFKA_STORAGE_ERROR')
    }))

  it('is found out by its checkpoints when nobody writes to it, and answers who waits', () =>
    live(two, async world => {
      const [, inB] = await partitionsByDirectory(world)
      await produce(world, inB, 'x')
      const waiting = world.client.fetch({ topic: 't', partition: inB, offset: 1, maxWaitMs: 600_000 })
      breakDirectory(world, '/b')
      assert.equal(errorName((await waiting).errorCode), 'KAFKA_STORAGE_ERROR')
      assert.equal((await describeDirectories(world))['/b'], 'KAFKA_STORAGE_ERROR')
    }))

  it('gets no new partitions; they are made in another', () =>
    live(two, async world => {
      await world.createTopic('t')
      // The first is in /a, so that the next would go to /b.
      breakDirectory(world, '/b')
      await world.createTopic('u', {}, 3)
      for (const partition of [0, 1, 2]) assert.equal(await produce(world, partition, 'x', 'u'), 'NONE')
      assert.equal((await describeDirectories(world))['/b'], 'KAFKA_STORAGE_ERROR')
    }))

  it('ends the broker when it holds the metadata', () =>
    live(two, async world => {
      const [inA] = await partitionsByDirectory(world)
      breakDirectory(world, '/a')
      await produce(world, inA, 'lost')
      assert.match(world.sim.fatal?.message ?? '', /\/a has failed/)
      world.machine.crash()
    }))
})

describe('a log directory that is away at the start', () => {
  it('leaves its partitions unserved, not empty, and they are back when it is', () =>
    live(two, async world => {
      const [inA, inB] = await partitionsByDirectory(world)
      for (const partition of [inA, inB]) await produce(world, partition, 'kept')
      await world.stop()
      const mend = breakDirectory(world, '/b')
      await world.start()
      assert.equal(await produce(world, inB, 'refused'), 'KAFKA_STORAGE_ERROR')
      assert.equal(await produce(world, inA, 'more'), 'NONE')
      assert.deepEqual(await describeDirectories(world), { '/a': 'NONE', '/b': 'KAFKA_STORAGE_ERROR' })
      await world.createTopic('new', {}, 2)
      mend()
      await world.restartAfter('stop')
      assert.deepEqual(await values(world, inB), ['kept'])
      assert.deepEqual(await values(world, inA), ['kept', 'more'])
    }))

  it('stops the start when the metadata may be in it', () =>
    live(two, async world => {
      await world.createTopic('t')
      await world.stop()
      const mend = breakDirectory(world, '/a')
      await assert.rejects(world.start(), (error: unknown) => {
        assert.ok(error instanceof BrokerStartError)
        assert.match(error.message, /\/a cannot be used/)
        return true
      })
      world.machine.crash()
      mend()
      await world.start()
      assert.deepEqual([...(await world.client.partitionCounts())], [['t', 1]])
    }))
})

it('the metadata stays where it is when log.dirs names the directories in another order', () =>
  live(two, async world => {
    await world.createTopic('t')
    await world.restartAfter('stop', { 'log.dirs': '/b,/a' })
    assert.deepEqual([...(await world.client.partitionCounts())], [['t', 1]])
  }))

describe('moving a partition to another log directory', () => {
  it('loses, repeats and reorders nothing under load', () =>
    live(two, async world => {
      await world.createTopic('t')
      const before = world.sim.broker.logs.get('t', 0)!.directory
      const target = before === '/a' ? '/b' : '/a'
      const sent: string[] = []
      const producer = await world.connect()
      let isOver = false
      const producing = (async () => {
        while (!isOver) {
          const batch = Array.from({ length: 20 }, (_, i) => `${sent.length + i}`)
          const { errorCode } = await producer.produce({ topic: 't', partition: 0 }, batch)
          assert.equal(errorName(errorCode), 'NONE')
          sent.push(...batch)
        }
      })()
      for (const path of [target, before, target]) {
        assert.equal(await move(world, path), 'NONE')
        while (world.sim.broker.logs.get('t', 0)!.directory !== path) await world.sleep(5)
      }
      isOver = true
      await producing
      assert.ok(sent.length > 100, `${sent.length} records were sent`)
      assert.deepEqual(await values(world, 0), sent)
      await world.restartAfter('crash')
      assert.deepEqual(await values(world, 0), sent)
      assert.equal(world.sim.broker.logs.get('t', 0)!.directory, target)
    }))

  it('that fails at its target leaves the partition where it is, and the target offline', () =>
    live(two, async world => {
      await world.createTopic('t')
      await world.createTopic('u')
      await produce(world, 0, 'kept')
      assert.equal(world.sim.broker.logs.get('t', 0)!.directory, '/a')
      breakDirectory(world, '/b')
      assert.equal(await move(world, '/b'), 'NONE')
      await world.sleep(60_000)
      assert.equal(world.sim.broker.logs.get('t', 0)!.directory, '/a')
      assert.equal(await produce(world, 0, 'more'), 'NONE')
      assert.deepEqual(await values(world, 0), ['kept', 'more'])
      assert.equal(await move(world, '/b'), 'KAFKA_STORAGE_ERROR')
      assert.equal(world.sim.fatal, undefined)
    }))
})

/** A partition of the topic t in each of the two directories. */
async function partitionsByDirectory(world: Live): Promise<[number, number]> {
  await world.createTopic('t', {}, 2)
  const directories = [0, 1].map(partition => world.sim.broker.logs.get('t', partition)!.directory)
  assert.deepEqual([...directories].sort(), ['/a', '/b'])
  return [directories.indexOf('/a'), directories.indexOf('/b')]
}

/** Everything in a directory fails from now on. Returns what ends it. */
function breakDirectory(world: Live, path: string): () => void {
  return world.machine.faults.failOn({ path: new RegExp(`^${path}(/|$)`), code: 'EIO' })
}

async function produce(world: Live, partition: number, value: string, topic = 't'): Promise<string> {
  return errorName((await world.client.produce({ topic, partition }, [value])).errorCode)
}

async function values(world: Live, partition: number): Promise<string[]> {
  const found: string[] = []
  for (;;) {
    const { records, highWatermark } = await world.client.fetch({ topic: 't', partition, offset: found.length })
    found.push(...records.map(record => record.value))
    if (found.length >= highWatermark) return found
  }
}

async function describeDirectories(world: Live): Promise<Record<string, string>> {
  const { results } = await world.client.connection.request(apis.DescribeLogDirs, { topics: null })
  return Object.fromEntries(results.map(({ logDir, errorCode }) => [logDir, errorName(errorCode)]))
}

async function move(world: Live, path: string): Promise<string> {
  const { results } = await world.client.connection.request(apis.AlterReplicaLogDirs, {
    dirs: [{ path, topics: [{ name: 't', partitions: [0] }] }],
  })
  return errorName(results[0]!.partitions[0]!.errorCode)
}
