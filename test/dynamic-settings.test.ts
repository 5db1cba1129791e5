/**
 * Each setting of the broker that may be altered while it runs takes effect without a restart: a line for every such key that is enforced, so that a
 * key without one fails. Those that are topics' defaults reach every open log; what they do there is `topic-settings.test.ts`.
 */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { brokerConfigDef } from '../src/metadata/config/broker-keys.ts'
import { topicSynonyms } from '../src/metadata/config/topic-synonyms.ts'
import { apis } from '../src/protocol/apis.ts'
import { ErrorCode } from '../src/protocol/errors.ts'
import { batchOf, errorName, live } from './live.fixture.ts'
import type { Live, Settings } from './live.fixture.ts'
import { Producer, startTransactions } from './transactions.fixture.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

interface Line {
  readonly effect: string
  readonly settings?: Settings
  readonly test: (world: Live, key: string) => Promise<void>
}

const lines: Readonly<Record<string, Line>> = {
  'compression.gzip.level': topicDefault(7),
  'compression.lz4.level': topicDefault(3),
  'compression.type': topicDefault('zstd'),
  'compression.zstd.level': topicDefault(9),
  listeners: onlyAtStart('PLAINTEXT://:9099'),
  'listener.security.protocol.map': onlyAtStart('PLAINTEXT:PLAINTEXT'),
  'log.cleaner.backoff.ms': cleaner('backoffMs', 5),
  'log.cleaner.dedupe.buffer.size': cleaner('dedupeBufferBytes', 50_000_000),
  'log.cleaner.delete.retention.ms': topicDefault(5),
  'log.cleaner.io.buffer.load.factor': cleaner('ioBufferLoadFactor', 0.5),
  'log.cleaner.io.buffer.size': cleaner('ioBufferBytes', 100_000),
  'log.cleaner.io.max.bytes.per.second': cleaner('ioMaxBytesPerSecond', 1000),
  'log.cleaner.max.compaction.lag.ms': topicDefault(hourMs),
  'log.cleaner.min.cleanable.ratio': topicDefault(0.1),
  'log.cleaner.min.compaction.lag.ms': topicDefault(5),
  'log.cleaner.threads': {
    effect: 'engages cleaners, and sends them home',
    settings: { 'log.cleaner.threads': 0, 'log.cleaner.backoff.ms': 1000 },
    async test(world) {
      await world.createTopic('t', {
        'cleanup.policy': 'compact',
        'segment.ms': minuteMs,
        'min.cleanable.dirty.ratio': 0,
      })
      await world.put('t', [['k', 'old']])
      for (const threads of [2, 0]) {
        await world.sleep(2 * minuteMs)
        await world.put('t', [['k', `${threads}`]])
        await world.sleep(2 * minuteMs)
        await world.put('t', [['other', 'v']])
        await world.alterBroker({ 'log.cleaner.threads': threads })
        await world.sleep(minuteMs)
      }
      assert.deepEqual(await world.records('t'), ['1:k=2', '2:other=v', '3:k=0', '4:other=v'])
    },
  },
  'log.cleanup.policy': topicDefault('compact'),
  'log.flush.interval.messages': topicDefault(5),
  'log.flush.interval.ms': topicDefault(5),
  'log.index.interval.bytes': topicDefault(5),
  'log.index.size.max.bytes': topicDefault(500),
  'log.message.timestamp.after.max.ms': topicDefault(5),
  'log.message.timestamp.before.max.ms': topicDefault(5),
  'log.message.timestamp.type': topicDefault('LogAppendTime'),
  'log.preallocate': topicDefault(true),
  'log.retention.bytes': topicDefault(5),
  'log.retention.ms': topicDefault(5),
  'log.roll.jitter.ms': topicDefault(5),
  'log.roll.ms': topicDefault(5),
  'log.segment.bytes': topicDefault(2_000_000),
  'log.segment.delete.delay.ms': topicDefault(5),
  'max.connection.creation.rate': {
    effect: 'spreads new connections out',
    async test(world) {
      const tookMs = async (): Promise<number> => {
        const startMs = world.simulator.world.nowMs
        const clients = await Promise.all(Array.from({ length: 30 }, () => world.connect()))
        for (const client of clients) client.close()
        return world.simulator.world.nowMs - startMs
      }
      assert.ok((await tookMs()) < 500)
      await world.alterBroker({ 'max.connection.creation.rate': 10 })
      const slowMs = await tookMs()
      assert.ok(slowMs > 1500 && slowMs < 3000, `${slowMs}`)
      await world.alterBroker({ 'max.connection.creation.rate': null })
      assert.ok((await tookMs()) < 500)
    },
  },
  'max.connections': {
    effect: 'lets further connections wait until others end, or may be more',
    async test(world) {
      await world.alterBroker({ 'max.connections': 2 })
      const second = await world.connect()
      let connected = 0
      const waiting = [0, 1].map(async () => {
        const client = await world.connect()
        connected += 1
        return client
      })
      await world.sleep(1000)
      assert.equal(connected, 0)
      second.close()
      await world.sleep(1000)
      assert.equal(connected, 1)
      await world.alterBroker({ 'max.connections': 10 })
      for (const client of await Promise.all(waiting)) client.close()
    },
  },
  'max.connections.per.ip': {
    effect: 'closes further connections of one address at once',
    async test(world, key) {
      await world.alterBroker({ [key]: 1 })
      await assert.rejects(world.connect(), /closed/)
      await world.alterBroker({ [key]: 2 })
      ;(await world.connect()).close()
    },
  },
  'max.connections.per.ip.overrides': {
    effect: 'gives single addresses limits of their own',
    settings: { 'max.connections.per.ip': 1 },
    async test(world, key) {
      await assert.rejects(world.connect(), /closed/)
      await world.alterBroker({ [key]: `${clientAddress(world)}:2` })
      ;(await world.connect()).close()
    },
  },
  'message.max.bytes': topicDefault(500),
  'min.insync.replicas': topicDefault(2),
  'num.recovery.threads.per.data.dir': {
    effect: 'recovers so many logs beside each other from the next start on',
    settings: { 'num.recovery.threads.per.data.dir': 1 },
    async test(world, key) {
      world.machine.faults.options = { latencyMsMean: 20 }
      await world.createTopic('t', {}, 30)
      const recoveredMs = async (): Promise<number> => {
        for (let partition = 0; partition < 30; partition++) await world.put('t', ['x'], partition)
        const startMs = world.simulator.world.nowMs
        await world.restartAfter('crash')
        return world.simulator.world.nowMs - startMs
      }
      const aloneMs = await recoveredMs()
      await world.alterBroker({ [key]: 10 })
      const togetherMs = await recoveredMs()
      assert.ok(togetherMs < aloneMs / 2, `${togetherMs} ms by ten, ${aloneMs} ms by one`)
    },
  },
  'ottla.group.members.max': {
    effect: 'lets newcomers wait outside of groups',
    settings: { 'offsets.topic.num.partitions': 1 },
    async test(world, key) {
      await world.createTopic('t', {}, 4)
      await findCoordinator(world)
      await joinEpoch(world, 'a')
      await world.alterBroker({ [key]: 1 })
      await world.sleep(2000)
      assert.equal(await joinError(world, 'g', 'b'), 'COORDINATOR_NOT_AVAILABLE')
      await world.alterBroker({ [key]: 2 })
      assert.equal(await joinError(world, 'g', 'b'), 'NONE')
    },
  },
  'ottla.groups.max': {
    effect: 'lets new groups wait',
    settings: { 'offsets.topic.num.partitions': 1 },
    async test(world, key) {
      await world.createTopic('t', {}, 4)
      await findCoordinator(world)
      await joinEpoch(world, 'a')
      await world.alterBroker({ [key]: 1 })
      assert.equal(await joinError(world, 'other', 'a'), 'COORDINATOR_NOT_AVAILABLE')
      await world.alterBroker({ [key]: 2 })
      assert.equal(await joinError(world, 'other', 'a'), 'NONE')
    },
  },
  'ottla.group.offsets.max': {
    effect: 'lets new offsets wait',
    settings: { 'offsets.topic.num.partitions': 1 },
    async test(world, key) {
      await world.createTopic('t', {}, 4)
      await findCoordinator(world)
      await world.sleep(1000)
      const commit = async (partitionIndex: number): Promise<string> => {
        const { topics } = await world.client.connection.request(
          apis.OffsetCommit,
          {
            ...{ groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null },
            topics: [{ name: 't', partitions: [{ partitionIndex, committedOffset: 1, committedMetadata: '' }] }],
          },
          { version: 8 },
        )
        return errorName(topics[0]!.partitions[0]!.errorCode)
      }
      assert.equal(await commit(0), 'NONE')
      await world.alterBroker({ [key]: 2 })
      const errors = [await commit(1), await commit(2), await commit(1), await commit(0)]
      assert.deepEqual(errors, ['NONE', 'COORDINATOR_NOT_AVAILABLE', 'NONE', 'NONE'])
      await world.alterBroker({ [key]: 3 })
      assert.equal(await commit(2), 'NONE')
    },
  },
  'ottla.partitions.max': {
    effect: 'refuses more partitions',
    async test(world, key) {
      await world.createTopic('a', {}, 3)
      await world.alterBroker({ [key]: 4 })
      assert.equal(await world.client.createTopic('b', 2, {}), ErrorCode.POLICY_VIOLATION)
      await world.alterBroker({ [key]: 5 })
      assert.equal(await world.client.createTopic('b', 2, {}), ErrorCode.NONE)
    },
  },
  'ottla.producer.ids.max': {
    effect: 'forgets those that have not written for the longest',
    async test(world, key) {
      await world.createTopic('t')
      const write = async (producerId: number): Promise<void> => {
        const { error } = await world.append(
          't',
          batchOf(['x'], world.nowMs, { producerId, producerEpoch: 0, baseSequence: 0 }),
        )
        assert.equal(error, 'NONE')
      }
      for (let id = 1; id <= 20; id++) await write(id)
      assert.equal(await producerCount(world), 20)
      await world.alterBroker({ [key]: 5 })
      await write(21)
      assert.ok((await producerCount(world)) <= 6)
    },
  },
  'ottla.transactional.ids.max': {
    effect: 'gives newcomers the place of those that have not been used for long',
    settings: { 'transaction.state.log.num.partitions': 1 },
    async test(world, key) {
      await startTransactions(world, { t: 1 })
      const ids = async (): Promise<readonly string[]> => {
        const answer = await world.client.connection.request(apis.ListTransactions, {
          stateFilters: [],
          producerIdFilters: [],
        })
        return answer.transactionStates.map(({ transactionalId }) => transactionalId)
      }
      for (let i = 0; i < 40; i++) await Producer.begin(world, `id-${i}`)
      await world.alterBroker({ [key]: 40 })
      await Producer.begin(world, 'new')
      const left = await ids()
      assert.ok(left.includes('new'))
      assert.equal(left.length, 40)
      await world.alterBroker({ [key]: 50 })
      await Producer.begin(world, 'newer')
      assert.equal((await ids()).length, 41)
    },
  },
  'ottla.log.cache.bytes': {
    effect: 'decides what is read from disk',
    settings: { 'ottla.log.cache.bytes': 1_000_000 },
    async test(world, key) {
      await world.createTopic('t')
      await world.put('t', ['x'])
      const reads = async (): Promise<number> => {
        const before = world.count('read', /\/t-0\/.*\.log$/)
        assert.deepEqual(await world.records('t', 0), ['0:null=x'])
        return world.count('read', /\/t-0\/.*\.log$/) - before
      }
      assert.equal(await reads(), 0)
      await world.alterBroker({ [key]: 0 })
      assert.ok((await reads()) > 0)
    },
  },
  'replica.alter.log.dirs.io.max.bytes.per.second': {
    effect: 'reaches the moves between log directories',
    async test(world, key) {
      const { logs } = world.sim.broker
      const told: number[] = []
      logs.setMoveThrottle = bytesPerSecond => told.push(bytesPerSecond)
      await world.alterBroker({ [key]: 1000 })
      assert.deepEqual(told, [1000])
    },
  },
  'producer.id.expiration.ms': {
    effect: 'forgets silent producers',
    settings: { 'producer.id.expiration.check.interval.ms': 1000 },
    async test(world, key) {
      await world.createTopic('t')
      await world.append('t', batchOf(['x'], world.nowMs, { producerId: 7, producerEpoch: 0, baseSequence: 0 }))
      await world.sleep(hourMs / 20)
      assert.equal(await producerCount(world), 1)
      await world.alterBroker({ [key]: 60_000 })
      await world.sleep(2000)
      assert.equal(await producerCount(world), 0)
    },
  },
  'group.consumer.assignment.interval.ms': {
    effect: 'decides how long a group waits with the next assignment',
    settings: { 'offsets.topic.num.partitions': 1, 'group.consumer.assignment.interval.ms': 0 },
    async test(world, key) {
      await world.createTopic('t', {}, 4)
      await findCoordinator(world)
      const first = await joinEpoch(world, 'a')
      const second = await joinEpoch(world, 'b')
      assert.ok(second > first, `${second} after ${first}`)
      await world.alterBroker({ [key]: 15_000 })
      // It joins in the epoch of the last assignment, which does not know it yet.
      assert.equal(await joinEpoch(world, 'c'), second)
    },
  },
  'transaction.partition.verification.enable': {
    effect: 'decides whether the coordinator is asked about a transaction',
    async test(world, key) {
      await startTransactions(world, { t: 1 })
      const stray = (producerId: number): Promise<string> =>
        Producer.stray(world, 'gone', { producerId, producerEpoch: 0 }).tryPut('t', 0, ['x'], {
          version: 11,
          adds: false,
        })
      assert.notEqual(await stray(776), 'NONE')
      await world.alterBroker({ [key]: false })
      assert.equal(await stray(777), 'NONE')
    },
  },
  'unclean.leader.election.enable': topicDefault(true),
}

async function findCoordinator(world: Live): Promise<void> {
  for (;;) {
    const answer = await world.client.connection.request(apis.FindCoordinator, { keyType: 0, coordinatorKeys: ['g'] })
    if (answer.coordinators[0]!.errorCode === 0) return
    await world.sleep(50)
  }
}

/** The epoch in which a member joins the group. */
async function joinEpoch(world: Live, memberId: string): Promise<number> {
  const { error, memberEpoch } = await join(world, 'g', memberId)
  assert.equal(error, 'NONE')
  return memberEpoch
}

async function joinError(world: Live, groupId: string, memberId: string): Promise<string> {
  return (await join(world, groupId, memberId)).error
}

async function join(
  world: Live,
  groupId: string,
  memberId: string,
): Promise<{ readonly error: string; readonly memberEpoch: number }> {
  for (;;) {
    const answer = await world.client.connection.request(apis.ConsumerGroupHeartbeat, {
      groupId,
      memberId,
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ['t'],
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: [],
    })
    const error = errorName(answer.errorCode)
    if (!/^(NOT_COORDINATOR|COORDINATOR_LOAD_IN_PROGRESS)$/.test(error))
      return { error, memberEpoch: answer.memberEpoch }
    await world.sleep(50)
  }
}

const dynamic = [...brokerConfigDef.keys].filter(
  ([, { updateMode, status }]) => updateMode !== 'read-only' && status.kind === 'enforced',
)

describe('altered while the broker runs', () => {
  for (const [key] of dynamic) {
    const line = lines[key]
    it(`${key} ${line?.effect ?? 'is tested here'}`, async () => {
      assert.ok(line !== undefined, `${key} has no line in this table`)
      await live({ 'connections.max.idle.ms': 1000 * hourMs, ...line.settings }, world => line.test(world, key))
    })
  }

  it('nothing is tested here that cannot be', () => {
    const names = new Set(dynamic.map(([key]) => key))
    assert.deepEqual(
      Object.keys(lines).filter(key => !names.has(key)),
      [],
    )
  })

  it('the level of a logger decides what it writes, until it is deleted', () =>
    live({}, async world => {
      const name = 'kafka.server.KafkaBroker'
      const level = (): string | undefined => world.sim.broker.logging.list().find(each => each.name === name)?.level
      assert.equal(await world.alter('BROKER_LOGGER', '1', { [name]: 'ERROR' }), 'NONE')
      assert.equal(level(), 'error')
      assert.equal(world.sim.broker.logger.isEnabled('info'), false)
      assert.equal(await world.alter('BROKER_LOGGER', '1', { [name]: null }), 'NONE')
      assert.equal(level(), 'info')
      assert.equal(await world.alter('BROKER_LOGGER', '1', { [name]: 'LOUD' }), 'INVALID_CONFIG')
    }))

  it('a setting of this broker goes before one of all, and both survive a restart', () =>
    live({ 'message.max.bytes': 1000 }, async world => {
      await world.createTopic('t')
      const limit = (): number => world.sim.broker.logs.get('t', 0)!.config.maxMessageBytes
      await world.alterBroker({ 'log.retention.ms': 1, 'message.max.bytes': 2000 })
      await world.alterBroker({ 'message.max.bytes': 3000 }, '1')
      assert.equal(limit(), 3000)
      await world.restartAfter('crash')
      assert.equal(limit(), 3000)
      await world.alterBroker({ 'message.max.bytes': null }, '1')
      assert.equal(limit(), 2000)
      await world.alterBroker({ 'message.max.bytes': null })
      assert.equal(limit(), 1000)
    }))
})

/** A key that is the default of a topic's: the value reaches the open log of a topic that says nothing, and no other value does. */
function topicDefault(value: string | number | boolean): Line {
  return {
    effect: 'reaches the logs that are open, and is taken back',
    async test(world, key) {
      const [topicKey] = [...topicSynonyms].find(([, synonyms]) => synonyms.some(({ name }) => name === key))!
      const property = topicKey
        .replace('insync', 'in.sync')
        .replaceAll(/[.-](.)/g, (_, letter: string) => letter.toUpperCase())
      await world.createTopic('t')
      const config = (): Record<string, unknown> => ({ ...world.sim.broker.logs.get('t', 0)!.config })
      const before = config()
      assert.ok(property in before, property)
      const expected = property === 'cleanupPolicy' ? [value] : value
      assert.notDeepEqual(before[property], expected)
      await world.alterBroker({ [key]: value })
      assert.deepEqual(config(), { ...before, [property]: expected })
      await world.alterBroker({ [key]: null })
      assert.deepEqual(config(), before)
    },
  }
}

function cleaner(property: string, value: number): Line {
  return {
    effect: 'reaches the cleaner',
    async test(world, key) {
      const { cleaner: running } = world.sim.broker.logs
      assert.ok(running !== undefined)
      const told: unknown[] = []
      running.updateOptions = options => told.push(options[property as keyof typeof options])
      await world.alterBroker({ [key]: value })
      assert.deepEqual(told, [value])
    },
  }
}

function onlyAtStart(value: string): Line {
  return {
    effect: 'is refused in so many words: listeners are opened at the start',
    async test(world, key) {
      assert.equal(await world.alter('BROKER', '1', { [key]: value }), 'INVALID_CONFIG')
    },
  }
}

async function producerCount(world: Live): Promise<number> {
  const { topics } = await world.client.connection.request(apis.DescribeProducers, {
    topics: [{ name: 't', partitionIndexes: [0] }],
  })
  return topics[0]!.partitions[0]!.activeProducers.length
}

function clientAddress(world: Live): string {
  return world.simulator.machine('client').ipv4
}
