/**
 * Each setting of a topic has its effect on a running broker: a line for every key that Kafka has, found in the table of keys, so that a key without
 * one fails. Times are the simulator's.
 */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { topicConfigDef } from '../src/metadata/config/topic-config.ts'
import * as Batch from '../src/protocol/records/batch-header.ts'
import { SeededRandom } from '../src/std/random.ts'
import { batchOf, live } from './live.fixture.ts'
import type { Live } from './live.fixture.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const MiB = 1024 * 1024

interface Effect {
  readonly effect: string
  readonly test: (world: Live) => Promise<void>
}

const effects: Readonly<Record<string, Effect>> = {
  'cleanup.policy': {
    effect: 'decides between removing by age, keeping the newest of each key, both and keeping all',
    async test(world) {
      const policies = ['delete', 'compact', 'compact,delete', '']
      for (const [i, policy] of policies.entries()) {
        await world.createTopic(`t${i}`, {
          'cleanup.policy': policy,
          'retention.ms': hourMs,
          'segment.ms': minuteMs,
          ...eager,
        })
        await world.put(`t${i}`, [['k', 'old']])
        await world.sleep(2 * minuteMs)
        await world.put(`t${i}`, [['k', 'new']])
        await world.sleep(2 * minuteMs)
        await world.put(`t${i}`, [['other', 'newest']])
      }
      await world.sleep(hourMs / 2)
      const [old, fresh, newest] = ['0:k=old', '1:k=new', '2:other=newest']
      assert.deepEqual(await world.records('t0'), [old, fresh, newest])
      assert.deepEqual(await world.records('t1'), [fresh, newest])
      assert.deepEqual(await world.records('t2'), [fresh, newest])
      assert.deepEqual(await world.records('t3'), [old, fresh, newest])
      await world.sleep(hourMs)
      assert.deepEqual(await world.records('t0'), [])
      assert.deepEqual(await world.records('t1'), [fresh, newest])
      assert.deepEqual(await world.records('t2'), [])
      assert.deepEqual(await world.records('t3'), [old, fresh, newest])
    },
  },
  'compression.gzip.level': { effect: 'trades time for size', test: world => levels(world, 'gzip', 1, 9) },
  'compression.lz4.level': { effect: 'trades time for size', test: world => levels(world, 'lz4', 1, 17) },
  'compression.type': {
    effect: 'writes batches anew that come in another form',
    async test(world) {
      await world.createTopic('t')
      const types = ['producer', 'gzip', 'snappy', 'lz4', 'zstd', 'uncompressed'] as const
      for (const [i, type] of types.entries()) {
        await world.alterTopic('t', { 'compression.type': type })
        await world.append('t', batchOf(['x'.repeat(1000)], world.nowMs, { compression: 'gzip' }))
        const stored = await world.stored('t', i)
        const expected = { producer: 'gzip', uncompressed: 'none' }[type as string] ?? type
        assert.equal(Batch.compression(stored, 0), expected, type)
      }
      assert.deepEqual((await world.records('t')).length, types.length)
    },
  },
  'compression.zstd.level': { effect: 'trades time for size', test: world => levels(world, 'zstd', 1, 19) },
  'delete.retention.ms': {
    effect: 'keeps tombstones for so long after they were compacted',
    async test(world) {
      await world.createTopic('t', {
        'cleanup.policy': 'compact',
        'delete.retention.ms': 6 * hourMs,
        'segment.ms': minuteMs,
        ...eager,
      })
      await world.put('t', [['k', 'v']])
      await world.sleep(2 * minuteMs)
      await world.put('t', [['k', null]])
      await world.sleep(2 * minuteMs)
      await world.put('t', [['other', 'v']])
      await world.sleep(5 * hourMs)
      assert.deepEqual(await world.records('t'), ['1:k=null', '2:other=v'])
      await world.put('t', [['other', 'w']])
      await world.sleep(2 * hourMs)
      await world.put('t', [['other', 'x']])
      await world.sleep(hourMs)
      assert.ok(!(await world.records('t')).includes('1:k=null'))
    },
  },
  'file.delete.delay.ms': {
    effect: 'leaves the files of removed segments for so long',
    async test(world) {
      await world.createTopic('t', { 'file.delete.delay.ms': hourMs, 'retention.ms': minuteMs })
      await world.put('t', ['x'])
      await world.sleep(10 * minuteMs)
      const deleted = (): string[] => [...world.files('t').keys()].filter(name => name.endsWith('.deleted'))
      assert.deepEqual(await world.records('t'), [])
      assert.ok(deleted().length > 0)
      await world.sleep(hourMs)
      assert.deepEqual(deleted(), [])
    },
  },
  'flush.messages': {
    effect: 'syncs before the acknowledgement once so many messages are not synced',
    async test(world) {
      await world.createTopic('t', { 'flush.messages': 3 })
      const synced: number[] = []
      for (let i = 0; i < 6; i++) {
        await world.put('t', [`${i}`])
        synced.push(world.count('sync', /\/t-0\/.*\.log$/))
      }
      assert.deepEqual(synced, [0, 0, 1, 1, 1, 2])
      await world.alterTopic('t', { 'flush.messages': 1 })
      await world.put('t', ['x'])
      assert.equal(world.count('sync', /\/t-0\/.*\.log$/), 3)
      await world.restartAfter('power cut')
      assert.equal((await world.records('t')).length, 7)
    },
  },
  'flush.ms': {
    effect: 'syncs what was written no later than that',
    async test(world) {
      await world.createTopic('t', { 'flush.ms': 10_000 })
      await world.put('t', ['x'])
      await world.sleep(9000)
      assert.equal(world.count('sync', /\/t-0\/.*\.log$/), 0)
      await world.sleep(2000)
      assert.equal(world.count('sync', /\/t-0\/.*\.log$/), 1)
      await world.alterTopic('t', { 'flush.ms': hourMs })
      await world.put('t', ['y'])
      await world.alterTopic('t', { 'flush.ms': 100 })
      await world.sleep(1000)
      assert.equal(world.count('sync', /\/t-0\/.*\.log$/), 2)
      await world.alterTopic('t', { 'flush.ms': 0 })
      await world.put('t', ['z'])
      assert.equal(world.count('sync', /\/t-0\/.*\.log$/), 3)
    },
  },
  'follower.replication.throttled.replicas': refused('follower.replication.throttled.replicas', '*'),
  'index.interval.bytes': {
    effect: 'spaces the entries of the offset index',
    async test(world) {
      for (const [topic, interval] of [
        ['sparse', 100_000],
        ['dense', 100],
      ] as const) {
        await world.createTopic(topic, { 'index.interval.bytes': interval })
        for (let i = 0; i < 50; i++) await world.put(topic, ['x'.repeat(200)])
      }
      await world.restartAfter('stop')
      const entries = (topic: string): number => world.files(topic).get(`${'0'.repeat(20)}.index`)! / 8
      assert.equal(entries('sparse'), 0)
      assert.equal(entries('dense'), 49)
    },
  },
  'leader.replication.throttled.replicas': refused('leader.replication.throttled.replicas', '*'),
  'local.retention.bytes': {
    effect: 'has none without remote storage, and may not be more than the whole',
    async test(world) {
      await world.createTopic('t', { 'retention.bytes': 1000, 'local.retention.bytes': 1000 })
      assert.equal(await world.alter('TOPIC', 't', { 'local.retention.bytes': 'x' }), 'INVALID_CONFIG')
    },
  },
  'local.retention.ms': {
    effect: 'has none without remote storage',
    async test(world) {
      await world.createTopic('t', { 'retention.ms': hourMs, 'local.retention.ms': 1 })
      await world.put('t', ['x'])
      await world.sleep(hourMs / 2)
      assert.deepEqual(await world.records('t'), ['0:null=x'])
    },
  },
  'max.compaction.lag.ms': {
    effect: 'compacts what has waited so long, however little it is',
    async test(world) {
      const never = { 'min.cleanable.dirty.ratio': 1, 'cleanup.policy': 'compact' }
      await world.createTopic('t', never)
      await world.createTopic('u', { ...never, 'max.compaction.lag.ms': hourMs })
      for (const topic of ['t', 'u']) {
        await world.put(topic, [['k', 'old']])
        await world.put(topic, [['k', 'new']])
        await world.sleep(2 * hourMs)
        await world.put(topic, [['other', 'v']])
      }
      await world.sleep(2 * hourMs)
      assert.equal((await world.records('t')).length, 3)
      assert.deepEqual(await world.records('u'), ['1:k=new', '2:other=v'])
    },
  },
  'max.message.bytes': {
    effect: 'refuses larger batches',
    async test(world) {
      await world.createTopic('t', { 'max.message.bytes': 1000 })
      const large = batchOf(['x'.repeat(1000)], world.nowMs)
      assert.equal((await world.append('t', large)).error, 'MESSAGE_TOO_LARGE')
      await world.alterTopic('t', { 'max.message.bytes': large.length })
      assert.equal((await world.append('t', large)).error, 'NONE')
    },
  },
  'message.timestamp.after.max.ms': {
    effect: 'refuses timestamps further in the future',
    async test(world) {
      await world.createTopic('t', { 'message.timestamp.after.max.ms': hourMs })
      assert.equal((await world.append('t', batchOf(['x'], world.nowMs + 2 * hourMs))).error, 'INVALID_TIMESTAMP')
      assert.equal((await world.append('t', batchOf(['x'], world.nowMs + hourMs / 2))).error, 'NONE')
      await world.alterTopic('t', { 'message.timestamp.after.max.ms': 3 * hourMs })
      assert.equal((await world.append('t', batchOf(['x'], world.nowMs + 2 * hourMs))).error, 'NONE')
    },
  },
  'message.timestamp.before.max.ms': {
    effect: 'refuses timestamps further in the past',
    async test(world) {
      await world.createTopic('t', { 'message.timestamp.before.max.ms': hourMs })
      assert.equal((await world.append('t', batchOf(['x'], world.nowMs - 2 * hourMs))).error, 'INVALID_TIMESTAMP')
      assert.equal((await world.append('t', batchOf(['x'], world.nowMs - hourMs / 2))).error, 'NONE')
      await world.alterTopic('t', { 'message.timestamp.before.max.ms': 3 * hourMs })
      assert.equal((await world.append('t', batchOf(['x'], world.nowMs - 2 * hourMs))).error, 'NONE')
    },
  },
  'message.timestamp.type': {
    effect: 'gives records the time of their append',
    async test(world) {
      await world.createTopic('t')
      assert.equal((await world.append('t', batchOf(['x'], 1000))).logAppendTimeMs, -1)
      await world.alterTopic('t', { 'message.timestamp.type': 'LogAppendTime' })
      const { logAppendTimeMs } = await world.append('t', batchOf(['x'], 1000))
      assert.ok(Math.abs(logAppendTimeMs - world.nowMs) < 1000)
      assert.equal(await world.client.offsetAt({ topic: 't', partition: 0 }, logAppendTimeMs), 1)
    },
  },
  'min.cleanable.dirty.ratio': {
    effect: 'leaves a log alone that is less dirty',
    async test(world) {
      await world.createTopic('t', {
        'cleanup.policy': 'compact',
        'segment.ms': minuteMs,
        'min.cleanable.dirty.ratio': 0.9,
      })
      const value = 'x'.repeat(10_000)
      for (let i = 0; i < 10; i++) await world.put('t', [[`k${i}`, value]])
      await world.sleep(2 * minuteMs)
      await world.put('t', [['k0', 'new']])
      await world.sleep(hourMs)
      await world.put('t', [['k0', 'newer']])
      await world.sleep(2 * minuteMs)
      await world.put('t', [['k0', 'newest']])
      await world.sleep(hourMs)
      assert.equal((await world.records('t')).length, 13)
      await world.alterTopic('t', { 'min.cleanable.dirty.ratio': 0 })
      await world.sleep(hourMs)
      assert.equal((await world.records('t')).length, 11)
    },
  },
  'min.compaction.lag.ms': {
    effect: 'leaves records alone that are younger',
    async test(world) {
      await world.createTopic('t', {
        'cleanup.policy': 'compact',
        'segment.ms': minuteMs,
        'min.cleanable.dirty.ratio': 0,
        'min.compaction.lag.ms': 5 * hourMs,
      })
      await world.put('t', [['k', 'old']])
      await world.sleep(2 * minuteMs)
      await world.put('t', [['k', 'new']])
      await world.sleep(2 * minuteMs)
      await world.put('t', [['other', 'v']])
      await world.sleep(4 * hourMs)
      assert.equal((await world.records('t')).length, 3)
      await world.sleep(2 * hourMs)
      assert.deepEqual(await world.records('t'), ['1:k=new', '2:other=v'])
    },
  },
  'min.insync.replicas': {
    effect: 'asks for no more than there are replicas, as in Kafka',
    async test(world) {
      await world.createTopic('t', { 'min.insync.replicas': 3 })
      await world.put('t', ['x'])
      const partition = world.sim.broker.partitions.lookup('t', 0)
      assert.ok(typeof partition !== 'string')
      partition.applyState({ ...partition.state, replicas: [1, 2, 3] })
      assert.equal((await world.append('t', batchOf(['y'], world.nowMs))).error, 'NOT_ENOUGH_REPLICAS')
      await world.alterTopic('t', { 'min.insync.replicas': 1 })
      assert.equal((await world.append('t', batchOf(['y'], world.nowMs))).error, 'NONE')
    },
  },
  preallocate: {
    effect: 'gives new segments their size at once, and takes back what was not needed',
    async test(world) {
      await world.createTopic('t', { 'segment.bytes': 2 * MiB, preallocate: true })
      await world.put('t', ['x'])
      const size = (): number | undefined => world.files('t').get(`${'0'.repeat(20)}.log`)
      assert.equal(size(), 2 * MiB)
      await world.restartAfter('stop')
      assert.ok(size()! < 1000)
      assert.deepEqual(await world.records('t'), ['0:null=x'])
      await world.alterTopic('t', { 'segment.ms': minuteMs })
      await world.sleep(2 * minuteMs)
      await world.put('t', ['y'])
      assert.equal(world.files('t').get('00000000000000000001.log'), 2 * MiB)
      await world.restartAfter('crash')
      assert.deepEqual(await world.records('t'), ['0:null=x', '1:null=y'])
    },
  },
  'remote.log.copy.disable': refused('remote.log.copy.disable', true),
  'remote.log.delete.on.disable': refused('remote.log.delete.on.disable', true),
  'remote.storage.enable': refused('remote.storage.enable', true),
  'retention.bytes': {
    effect: 'removes the oldest segments while the rest is larger',
    async test(world) {
      await world.createTopic('t', { 'segment.bytes': MiB })
      for (let i = 0; i < 8; i++) await world.put('t', ['x'.repeat(600_000)])
      await world.sleep(10 * minuteMs)
      assert.equal((await world.records('t')).length, 8)
      await world.alterTopic('t', { 'retention.bytes': 2 * MiB })
      await world.sleep(10 * minuteMs)
      const left = await world.records('t')
      assert.equal(left.length, 4)
      assert.ok(left[0]!.startsWith('4:'))
    },
  },
  'retention.ms': {
    effect: 'removes segments that are older',
    async test(world) {
      await world.createTopic('t', { 'retention.ms': -1 })
      await world.put('t', ['old'])
      await world.sleep(10 * hourMs)
      assert.equal((await world.records('t')).length, 1)
      await world.alterTopic('t', { 'retention.ms': 2 * hourMs })
      await world.sleep(10 * minuteMs)
      assert.deepEqual(await world.records('t'), [])
      await world.put('t', ['new'])
      await world.sleep(hourMs)
      assert.deepEqual(await world.records('t'), ['1:null=new'])
    },
  },
  'segment.bytes': {
    effect: 'begins a new segment when the next batch does not fit',
    async test(world) {
      await world.createTopic('t', { 'segment.bytes': 2 * MiB })
      for (let i = 0; i < 4; i++) await world.put('t', ['x'.repeat(600_000)])
      assert.deepEqual(world.segments('t'), [0, 3])
      await world.alterTopic('t', { 'segment.bytes': MiB })
      for (let i = 0; i < 2; i++) await world.put('t', ['x'.repeat(600_000)])
      assert.deepEqual(world.segments('t'), [0, 3, 4, 5])
    },
  },
  'segment.index.bytes': {
    effect: 'begins a new segment when the index is full',
    async test(world) {
      await world.createTopic('t', { 'index.interval.bytes': 0, 'segment.index.bytes': 80 })
      for (let i = 0; i < 25; i++) await world.put('t', [`${i}`])
      const [first, second, third] = world.segments('t')
      assert.equal(first, 0)
      // The smaller of the two indexes counts: an entry of the time index has 12 bytes.
      assert.ok(second! >= 6 && second! <= 11, `${second}`)
      assert.ok(third! > second!)
      assert.equal((await world.records('t')).length, 25)
    },
  },
  'segment.jitter.ms': {
    effect: 'lets the segments of a topic roll at different times',
    async test(world) {
      const rolls = async (topic: string): Promise<number> => {
        for (let partition = 0; partition < 20; partition++) await world.put(topic, ['x'], partition)
        await world.sleep(hourMs / 2)
        for (let partition = 0; partition < 20; partition++) await world.put(topic, ['y'], partition)
        return Array.from({ length: 20 }, (_, i) => world.segments(topic, i).length - 1).reduce((a, b) => a + b)
      }
      await world.createTopic('even', { 'segment.ms': hourMs }, 20)
      await world.createTopic('spread', { 'segment.ms': hourMs, 'segment.jitter.ms': hourMs }, 20)
      assert.equal(await rolls('even'), 0)
      const spread = await rolls('spread')
      assert.ok(spread > 2 && spread < 18, `${spread} of 20 have rolled after half of the time`)
    },
  },
  'segment.ms': {
    effect: 'begins a new segment after so long',
    async test(world) {
      await world.createTopic('t', { 'segment.ms': 2 * hourMs })
      await world.put('t', ['a'])
      await world.sleep(hourMs)
      await world.put('t', ['b'])
      assert.deepEqual(world.segments('t'), [0])
      await world.alterTopic('t', { 'segment.ms': minuteMs })
      await world.put('t', ['c'])
      assert.deepEqual(world.segments('t'), [0, 2])
    },
  },
  'unclean.leader.election.enable': {
    effect: "is the controller's: with one replica there is nobody to elect",
    async test(world) {
      await world.createTopic('t', { 'unclean.leader.election.enable': true })
      await world.put('t', ['x'])
    },
  },
}

describe('a setting of a topic', () => {
  for (const key of topicConfigDef.names) {
    const line = effects[key]
    it(`${key} ${line?.effect ?? 'is tested here'}`, async () => {
      assert.ok(line !== undefined, `${key} has no line in this table`)
      await live(settings, line.test)
    })
  }

  it('is tested here only when there is such a key', () => {
    assert.deepEqual(
      Object.keys(effects).filter(key => topicConfigDef.get(key) === undefined),
      [],
    )
  })
})

const settings = {
  'log.retention.check.interval.ms': minuteMs,
  'log.cleaner.backoff.ms': minuteMs,
  'connections.max.idle.ms': 1000 * hourMs,
}

/** Compacts whatever there is to compact. */
const eager = { 'min.cleanable.dirty.ratio': 0 }

function refused(key: string, value: string | boolean): Effect {
  return {
    effect: 'is refused: what it asks for is not there yet',
    async test(world) {
      await world.createTopic('t')
      assert.equal(await world.alter('TOPIC', 't', { [key]: value }), 'INVALID_CONFIG')
      assert.equal(await world.client.createTopic('u', 1, { [key]: String(value) }), 40)
    },
  }
}

/** The same records take less room at a higher level. */
async function levels(world: Live, type: 'gzip' | 'lz4' | 'zstd', low: number, high: number): Promise<void> {
  const text = words(20_000)
  await world.createTopic('t', { 'compression.type': type, [`compression.${type}.level`]: low })
  await world.put('t', [text])
  await world.alterTopic('t', { [`compression.${type}.level`]: high })
  await world.put('t', [text])
  const [first, second] = [await world.stored('t', 0), await world.stored('t', 1)]
  const [lowBytes, highBytes] = [first.length - second.length, second.length]
  assert.ok(highBytes < lowBytes, `${highBytes} bytes at level ${high}, ${lowBytes} at level ${low}`)
}

/** Text with repetitions near and far, of which a compressor finds more the harder it looks. */
function words(count: number): string {
  const random = new SeededRandom(1)
  const some = (of: readonly string[], length: number): string =>
    Array.from({ length }, () => of[random.below(of.length)]).join(' ')
  const vocabulary = Array.from({ length: 300 }, () => random.below(2 ** 31).toString(36))
  const sentences = Array.from({ length: 200 }, () => some(vocabulary, 8))
  return Array.from({ length: count / 12 }, () => `${some(sentences, 1)} ${some(vocabulary, 4)}`).join('. ')
}
