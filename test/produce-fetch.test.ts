/** Produce and Fetch on a running broker, where several requests, connections or lives of the broker meet. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { apis } from '../src/protocol/apis.ts'
import { ByteWriter } from '../src/protocol/byte-writer.ts'
import { codecOf } from '../src/protocol/codec.ts'
import { RequestHeader } from '../src/protocol/header.ts'
import type { Infer } from '../src/protocol/schema.ts'
import type { ScriptedClient } from '../src/sim/scripted-client.ts'
import { batchOf, errorName, live, metricsOf } from './live.fixture.ts'
import type { Live } from './live.fixture.ts'

const t0 = { topic: 't', partition: 0 }

describe('an idempotent producer', () => {
  it('has five requests of one connection appended in order, and each retry answered with the first offset', () =>
    live({}, async world => {
      await world.createTopic('t')
      const sequences = [0, 1, 2, 3, 4]
      const send = (): Promise<{ error: string; baseOffset: number }[]> =>
        Promise.all(sequences.map(sequence => appendAs(world, 7, sequence)))
      const expected = sequences.map(sequence => ({ error: 'NONE', baseOffset: sequence }))
      assert.deepEqual(await send(), expected)
      assert.deepEqual(await send(), expected)
      assert.equal((await appendAs(world, 7, 9)).error, 'OUT_OF_ORDER_SEQUENCE_NUMBER')
      assert.deepEqual(await appendAs(world, 7, 5), { error: 'NONE', baseOffset: 5 })
      assert.equal((await world.records('t')).length, 6)
    }))

  for (const how of ['stop', 'crash'] as const) {
    it(`is remembered over a ${how}: a duplicate gets the first offset, and the next sequence goes on`, () =>
      live({}, async world => {
        await world.createTopic('t')
        for (const sequence of [0, 1, 2]) await appendAs(world, 7, sequence)
        await world.restartAfter(how)
        assert.deepEqual(await appendAs(world, 7, 2), { error: 'NONE', baseOffset: 2 })
        assert.equal((await appendAs(world, 7, 4)).error, 'OUT_OF_ORDER_SEQUENCE_NUMBER')
        assert.deepEqual(await appendAs(world, 7, 3), { error: 'NONE', baseOffset: 3 })
        assert.equal((await world.records('t')).length, 4)
      }))
  }
})

describe('a produce request', () => {
  it('with acks=0 that fails closes its connection', () =>
    live({}, async world => {
      await world.createTopic('t')
      const client = await world.connect()
      await client.produce(t0, ['x'], 0)
      await world.sleep(100)
      assert.equal(client.connection.isOpen, true)
      await world.alterTopic('t', { 'max.message.bytes': 10 })
      await client.produce(t0, ['x'], 0)
      await world.sleep(100)
      assert.equal(client.connection.isOpen, false)
      assert.equal((await world.records('t')).length, 1)
    }))

  it('of a client to a topic of the coordinators is refused, and changes nothing', () =>
    live({ 'offsets.topic.num.partitions': 1 }, async world => {
      await world.client.connection.request(apis.FindCoordinator, { keyType: 0, coordinatorKeys: ['g'] })
      const refused = await world.append('__consumer_offsets', batchOf(['forged'], world.nowMs))
      assert.deepEqual([refused.error, refused.errorMessage], ['INVALID_TOPIC_EXCEPTION', null])
      assert.deepEqual(await world.records('__consumer_offsets'), [])
    }))

  it('that is not safe in time is answered REQUEST_TIMED_OUT, and the broker goes on', () =>
    live({}, async world => {
      await world.createTopic('t', { 'flush.messages': 1 })
      await world.put('t', ['first'])
      const { faults } = world.machine
      const latencyMs = faults.latencyMs.bind(faults)
      faults.latencyMs = operation => (operation.kind === 'sync' ? 60_000 : latencyMs(operation))
      const startMs = world.simulator.world.nowMs
      assert.equal((await produceWithin(world, 5000)).error, 'REQUEST_TIMED_OUT')
      assert.equal(Math.round((world.simulator.world.nowMs - startMs) / 1000), 5)
      faults.latencyMs = latencyMs
      await world.sleep(120_000)
      assert.equal((await world.append('t', batchOf(['third'], world.nowMs))).error, 'NONE')
      assert.deepEqual(await world.records('t'), ['0:null=first', '1:null=late', '2:null=third'])
    }))

  it('by the id of a topic that was deleted and made again is refused, and so is a fetch', () =>
    live({}, async world => {
      await world.createTopic('t')
      await world.put('t', ['old'])
      // It has looked the id up, and keeps it.
      const stale = await world.connect()
      const oldId = world.sim.broker.image.topicByName('t')!.id
      await world.deleteTopic('t')
      await world.createTopic('t')
      const produced = await stale.connection.request(apis.Produce, {
        acks: -1,
        timeoutMs: 1000,
        topicData: [{ topicId: oldId, partitionData: [{ index: 0, records: batchOf(['x'], world.nowMs) }] }],
      })
      assert.equal(errorName(produced.responses[0]!.partitionResponses[0]!.errorCode), 'UNKNOWN_TOPIC_ID')
      const fetched = await stale.connection.request(apis.Fetch, {
        maxWaitMs: 0,
        minBytes: 0,
        topics: [{ topicId: oldId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
        forgottenTopicsData: [],
      })
      assert.equal(errorName(fetched.responses[0]!.partitions[0]!.errorCode), 'UNKNOWN_TOPIC_ID')
      assert.deepEqual(await world.records('t'), [])
    }))

  it('never meets an earlier topic of the name, however often that is deleted and made again under load', () =>
    live({}, async world => {
      let life = 0
      let isOver = false
      const producing = (async () => {
        const client = await world.connect()
        while (!isOver) {
          const { responses } = await client.connection.request(
            apis.Produce,
            {
              acks: -1,
              timeoutMs: 1000,
              topicData: [{ name: 't', partitionData: [{ index: 0, records: batchOf([`${life}`], world.nowMs) }] }],
            },
            { version: 12 },
          )
          const error = errorName(responses[0]!.partitionResponses[0]!.errorCode)
          assert.ok(['NONE', 'UNKNOWN_TOPIC_OR_PARTITION', 'NOT_LEADER_OR_FOLLOWER'].includes(error), error)
        }
      })()
      for (life = 1; life <= 5; life++) {
        await world.createTopic('t')
        await world.sleep(200)
        const values = (await world.records('t')).map(text => text.split('=')[1])
        assert.ok(values.length > 1)
        // A request that was sent in the life before may arrive in this one.
        for (const value of values) assert.ok(Number(value) >= life - 1, `${value} in life ${life}`)
        assert.equal((await world.records('t'))[0]!.split(':')[0], '0')
        if (life < 5) await world.deleteTopic('t')
      }
      isOver = true
      await producing
    }))
})

describe('a fetch that waits', () => {
  it('is answered at once when there is something to read', () =>
    live({}, async world => {
      await world.createTopic('t')
      const consumer = await world.connect()
      const tookMs = await whileWaiting(world, consumer, () => world.put('t', ['x']))
      assert.ok(tookMs < 50, `${tookMs}`)
    }))

  it('is answered at once when its partition is deleted', () =>
    live({}, async world => {
      await world.createTopic('t')
      const consumer = await world.connect()
      const waiting = consumer.fetch({ ...t0, offset: 0, maxWaitMs: 60_000 })
      await world.sleep(1000)
      const startMs = world.simulator.world.nowMs
      await world.deleteTopic('t')
      const { errorCode } = await waiting
      assert.equal(errorName(errorCode), 'UNKNOWN_TOPIC_ID')
      assert.ok(world.simulator.world.nowMs - startMs < 500)
    }))

  it('is answered when the broker stops, which does not wait for it', () =>
    live({}, async world => {
      await world.createTopic('t')
      const consumers = await Promise.all(Array.from({ length: 5 }, () => world.connect()))
      const waiting = consumers.map(consumer => consumer.fetch({ ...t0, offset: 0, maxWaitMs: 60_000 }))
      await world.sleep(1000)
      const startMs = world.simulator.world.nowMs
      await world.sim.broker.stop()
      for (const { errorCode, records } of await Promise.all(waiting)) {
        assert.equal(errorName(errorCode), 'NONE')
        assert.deepEqual(records, [])
      }
      assert.ok(world.simulator.world.nowMs - startMs < 1000)
      world.machine.crash()
    }))

  it('that arrives while the broker stops holds nobody up', () =>
    live({}, async world => {
      await world.createTopic('t')
      const consumers = await Promise.all(Array.from({ length: 20 }, () => world.connect()))
      const startMs = world.simulator.world.nowMs
      const outcomes = consumers.map((consumer, i) =>
        world
          .sleep(i / 10)
          .then(() => consumer.fetch({ ...t0, offset: 0, maxWaitMs: 60_000 }))
          .catch(() => 'closed'),
      )
      await world.sleep(1)
      await world.sim.broker.stop()
      assert.ok(world.simulator.world.nowMs - startMs < 1000)
      await Promise.all(outcomes)
      world.machine.crash()
    }))
})

describe('a fetch session', () => {
  it('gives every partition its share when a response has room for few', () =>
    live({}, async world => {
      await world.createTopic('t', {}, 10)
      for (let partition = 0; partition < 10; partition++) {
        for (let i = 0; i < 20; i++) await world.put('t', ['x'.repeat(1000)], partition)
      }
      const session = new Session(world, 10)
      for (let i = 0; i < 50; i++) await session.fetch({ maxBytes: 2500 })
      const read = [...session.offsets.values()]
      assert.equal(
        read.reduce((sum, offset) => sum + offset, 0),
        100,
      )
      // Two records at a time, and the first fetch, which begins the session, counts for nobody.
      assert.ok(Math.max(...read) - Math.min(...read) <= 4, read.join())
    }))

  it('over a thousand partitions names only those with news', () =>
    live({}, async world => {
      await world.createTopic('t', {}, 1000)
      const session = new Session(world, 1000)
      assert.equal((await session.fetch({ maxBytes: 1_000_000 })).length, 1000)
      assert.equal((await session.fetch({ maxBytes: 1_000_000 })).length, 0)
      for (const partition of [5, 999]) await world.put('t', ['x'], partition)
      const named = await session.fetch({ maxBytes: 1_000_000 })
      assert.deepEqual(
        named.map(({ partitionIndex }) => partitionIndex),
        [5, 999],
      )
      // They are read and have not changed since.
      assert.deepEqual(await session.fetch({ maxBytes: 1_000_000 }), [])
    }))

  it('reads no file for partitions for which the response has no room', () =>
    live({ 'ottla.log.cache.bytes': 0 }, async world => {
      await world.createTopic('t', {}, 50)
      for (let partition = 0; partition < 50; partition++) await world.put('t', ['x'.repeat(5000)], partition)
      const session = new Session(world, 50)
      const before = world.count('read', /\.log$/)
      await session.fetch({ maxBytes: 1 })
      assert.ok(world.count('read', /\.log$/) - before < 5)
      for (let i = 1; i < 50; i++) await session.fetch({ maxBytes: 1 })
      assert.deepEqual([...new Set(session.offsets.values())], [1])
    }))
})

it('a client that asks and does not read costs a bounded amount of memory, and others nothing', () =>
  live({ 'connections.max.idle.ms': 60_000, 'ottla.metrics.listener': '0.0.0.0:9100' }, async world => {
    await world.createTopic('t')
    for (let i = 0; i < 4; i++) await world.put('t', ['x'.repeat(1_000_000)])
    const socket = await world.clientIo.network.connect(world.machine.ipv4, 9092, 1000)
    const memory = Buffer.alloc(1024)
    socket.start({ buffer: () => memory, received: () => {}, drained: () => {}, closed: () => {} })
    socket.pause()
    const asked = 200
    for (let i = 0; i < asked; i++) socket.write([fetchRequest(i)])
    await world.sleep(10_000)
    // 4 MB each: none is begun while more than 1 MB of those before is not taken.
    const answered = (await metricsOf(world)).get(
      'kafka_network_requestmetrics_requests_total{request="Fetch",version="12"}',
    )!
    assert.ok(answered >= 1 && answered <= 4, `${answered} of ${asked} were answered`)
    assert.equal((await world.records('t', 3)).length, 1)
    await world.sleep(120_000)
    const connections = 'kafka_server_socketservermetrics_connectioncount{listener="PLAINTEXT"}'
    assert.equal((await metricsOf(world)).get(connections), 0)
  }))

describe('records that were deleted', () => {
  for (const how of ['stop', 'crash', 'power cut'] as const) {
    it(`stay deleted after a ${how}`, () =>
      live({}, async world => {
        await world.createTopic('t', { 'flush.messages': 1 })
        for (const value of ['a', 'b', 'c']) await world.put('t', [value])
        const { topics } = await world.client.connection.request(apis.DeleteRecords, {
          topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 2 }] }],
          timeoutMs: 1000,
        })
        assert.equal(topics[0]!.partitions[0]!.lowWatermark, 2)
        await world.restartAfter(how)
        assert.deepEqual(await world.records('t'), ['2:null=c'])
        const { errorCode } = await world.client.fetch({ ...t0, offset: 1 })
        assert.equal(errorName(errorCode), 'OFFSET_OUT_OF_RANGE')
      }))
  }
})

/** A consumer with a fetch session over the first partitions of the topic t, which goes on where it stopped. */
class Session {
  readonly offsets: Map<number, number>
  readonly #world: Live
  #id = 0
  #epoch = 0
  #changed: Set<number>

  constructor(world: Live, partitions: number) {
    this.#world = world
    this.offsets = new Map(Array.from({ length: partitions }, (_, partition) => [partition, 0]))
    this.#changed = new Set(this.offsets.keys())
  }

  /** The partitions that the response names. */
  async fetch({
    maxBytes,
  }: {
    maxBytes: number
  }): Promise<Infer<typeof apis.Fetch.response>['responses'][number]['partitions']> {
    const partitions = [...this.#changed].map(partition => ({
      partition,
      fetchOffset: this.offsets.get(partition)!,
      partitionMaxBytes: 1_000_000,
    }))
    const response = await this.#world.client.connection.request(
      apis.Fetch,
      {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes,
        sessionId: this.#id,
        sessionEpoch: this.#epoch,
        topics: partitions.length === 0 ? [] : [{ topic: 't', partitions }],
        forgottenTopicsData: [],
      },
      { version: 12 },
    )
    assert.equal(response.errorCode, 0)
    this.#id = response.sessionId
    this.#epoch += 1
    this.#changed = new Set()
    const named = response.responses.flatMap(topic => topic.partitions)
    for (const { partitionIndex, records, errorCode } of named) {
      assert.equal(errorCode, 0)
      const batches = countBatches(records)
      if (batches === 0) continue
      this.offsets.set(partitionIndex, this.offsets.get(partitionIndex)! + batches)
      this.#changed.add(partitionIndex)
    }
    return named
  }
}

/** Of one record each. */
function countBatches(records: Uint8Array | null): number {
  let count = 0
  const bytes = Buffer.from(records ?? [])
  for (let at = 0; at < bytes.length; at += 12 + bytes.readInt32BE(at + 8)) count += 1
  return count
}

async function appendAs(world: Live, producerId: number, baseSequence: number) {
  const records = batchOf([`${baseSequence}`], world.nowMs, { producerId, producerEpoch: 0, baseSequence })
  const { error, baseOffset } = await world.append('t', records)
  return { error, baseOffset }
}

async function produceWithin(world: Live, timeoutMs: number): Promise<{ error: string }> {
  const { responses } = await world.client.connection.request(
    apis.Produce,
    {
      acks: -1,
      timeoutMs,
      topicData: [{ name: 't', partitionData: [{ index: 0, records: batchOf(['late'], world.nowMs) }] }],
    },
    { version: 12 },
  )
  return { error: errorName(responses[0]!.partitionResponses[0]!.errorCode) }
}

/** How long after `event` a fetch was answered that had waited for it. */
async function whileWaiting(world: Live, consumer: ScriptedClient, event: () => Promise<unknown>): Promise<number> {
  const waiting = consumer.fetch({ ...t0, offset: 0, maxWaitMs: 60_000 })
  await world.sleep(1000)
  const startMs = world.simulator.world.nowMs
  await event()
  assert.equal((await waiting).records.length, 1)
  return world.simulator.world.nowMs - startMs
}

function fetchRequest(correlationId: number): Uint8Array {
  const writer = new ByteWriter()
  const header = { requestApiKey: 1, requestApiVersion: 12, correlationId, clientId: 'silent' }
  writer.int32(0)
  codecOf(RequestHeader, apis.Fetch.requestHeaderVersion(12)).encode(header, writer)
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000_000 }]
  codecOf(apis.Fetch.request, 12).encode(
    { maxWaitMs: 0, minBytes: 0, maxBytes: 10_000_000, topics: [{ topic: 't', partitions }], forgottenTopicsData: [] },
    writer,
  )
  writer.patchInt32(0, writer.length - 4)
  return Buffer.concat(writer.finish())
}
