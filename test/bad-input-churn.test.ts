/** Clients that come with a new identity each time: what the broker remembers of them is bounded, and who is still there is not forgotten for them. */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { apis } from '../src/protocol/apis.ts'
import * as Batch from '../src/protocol/records/batch-header.ts'
import {
  MiB,
  Peer,
  batchOf,
  errorName,
  eventually,
  onLinux,
  produceBody,
  requestBytes,
  sleep,
  withBroker,
} from './hostile.fixture.ts'

/** `OTTLA_TEST_LONG=1` is what `npm run ci:long` sets. */
const isLong = process.env['OTTLA_TEST_LONG'] === '1'
const producerIds = isLong ? 1_000_000 : 50_000

function batchOfProducer(producerId: number, baseSequence = 0): Buffer {
  return batchOf(['x'], { producerId, producerEpoch: 0, baseSequence })
}

it(
  'a crowd of producer ids costs little each, and is forgotten with producer.id.expiration.ms',
  { skip: !onLinux },
  t =>
    withBroker(
      {
        settings: {
          'producer.id.expiration.ms': 4000,
          'producer.id.expiration.check.interval.ms': 500,
          'ottla.log.cache.bytes': 8 * MiB,
        },
      },
      async broker => {
        const peer = await Peer.connect(broker.port)
        await peer.createTopic('t', 1, { 'retention.bytes': '1000000', 'segment.bytes': '1048576' })
        const active = async (): Promise<number> => {
          const { topics } = await peer.request(apis.DescribeProducers, 0, {
            topics: [{ name: 't', partitionIndexes: [0] }],
          })
          return topics[0]!.partitions[0]!.activeProducers.length
        }
        const residentBytes = broker.residentBytes
        const template = batchOfProducer(1)
        const window = 1000
        for (let producerId = 1; producerId <= producerIds; producerId += window) {
          const requests: Buffer[] = []
          for (let i = 0; i < window; i++) {
            template.writeBigInt64BE(BigInt(producerId + i), Batch.PRODUCER_ID_AT)
            Batch.stampCrc(template, 0)
            requests.push(requestBytes(apis.Produce, 9, 1, produceBody('t', new Map([[0, template]]), 1)))
          }
          void peer.send(Buffer.concat(requests))
          for (let i = 0; i < window; i++) await peer.nextFrame()
        }
        const growthBytes = broker.residentBytes - residentBytes
        t.diagnostic(`${producerIds} producer ids took ${Math.round(growthBytes / MiB)} MiB`)
        // At most 400 bytes each, of as many as are remembered by default, and what the process takes for anything: in minutes its heap grows to what it likes.
        const anyhowBytes = (isLong ? 384 : 96) * MiB
        assert.ok(growthBytes < anyhowBytes + 400 * Math.min(producerIds, 275_000), `${growthBytes / MiB} MiB`)
        assert.ok((await active()) <= 275_000)
        // The last one is known still: what it sends again is not appended again.
        const again = (await peer.produce('t', new Map([[0, batchOfProducer(producerIds)]]))).get(0)!
        assert.deepEqual([again.error, again.baseOffset], ['NONE', producerIds - 1], 'P1')
        await eventually('all are forgotten', async () => (await active()) === 0)
        assert.equal(await peer.put('t', batchOfProducer(1)), 'NONE')
        peer.close()
      },
    ),
)

it('a crowd of fetch sessions takes the places that there are, and a client that goes on keeps its own', () =>
  withBroker({ settings: { 'max.incremental.fetch.session.cache.slots': 50 } }, async broker => {
    const peer = await Peer.connect(broker.port)
    await peer.createTopic('t', 10)
    const openSession = async (): Promise<number> => {
      const partitions = Array.from({ length: 10 }, (_, partition) => ({
        partition,
        fetchOffset: 0,
        partitionMaxBytes: 1000,
      }))
      const { sessionId, errorCode } = await peer.request(apis.Fetch, 12, {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: 1000,
        sessionId: 0,
        sessionEpoch: 0,
        topics: [{ topic: 't', partitions }],
        forgottenTopicsData: [],
      })
      assert.equal(errorName(errorCode), 'NONE')
      return sessionId
    }
    let epoch = 0
    const goOn = async (sessionId: number): Promise<string> => {
      epoch += 1
      const { errorCode } = await peer.request(apis.Fetch, 12, {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: 1000,
        sessionId,
        sessionEpoch: epoch,
        topics: [],
        forgottenTopicsData: [],
      })
      return errorName(errorCode)
    }
    const mine = await openSession()
    const sessions = new Set([mine])
    for (let i = 0; i < 1000; i++) {
      sessions.add(await openSession())
      if (i % 100 === 0) assert.equal(await goOn(mine), 'NONE')
    }
    // 0 says that there is no session: it goes without, which is slower and never wrong.
    sessions.delete(0)
    assert.equal(sessions.size, 50)
    assert.equal(await goOn(mine), 'NONE')
    peer.close()
  }))

it('a crowd of sessions that name partitions of which there are none is bounded too', { skip: !onLinux }, () =>
  withBroker({}, async broker => {
    const peer = await Peer.connect(broker.port)
    await peer.createTopic('t')
    const partitions = Array.from({ length: 20_000 }, (_, index) => ({
      partition: index,
      fetchOffset: 0,
      partitionMaxBytes: 1000,
    }))
    const request = requestBytes(apis.Fetch, 12, 1, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1000,
      sessionId: 0,
      sessionEpoch: 0,
      topics: [{ topic: 'nowhere', partitions }],
      forgottenTopicsData: [],
    })
    const openSessions = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        await peer.send(request)
        await peer.nextFrame()
      }
    }
    // Four times as many partitions as all sessions may remember; from then on there is nothing more to keep.
    await openSessions(50)
    const residentBytes = broker.residentBytes
    await openSessions(150)
    const growthBytes = broker.residentBytes - residentBytes
    assert.ok(growthBytes < 300 * MiB, `${growthBytes / MiB} MiB`)
    peer.close()
  }),
)

it('of a crowd of producer ids as many are remembered as are allowed, and those who go on among them', () =>
  withBroker({ settings: { 'ottla.producer.ids.max': 2000 } }, async broker => {
    const peer = await Peer.connect(broker.port)
    await peer.createTopic('t')
    const active = async (): Promise<number[]> => {
      const { topics } = await peer.request(apis.DescribeProducers, 0, {
        topics: [{ name: 't', partitionIndexes: [0] }],
      })
      return topics[0]!.partitions[0]!.activeProducers.map(({ producerId }) => producerId)
    }
    const steady = 7
    for (let round = 0; round < 20; round++) {
      assert.equal(await peer.put('t', batchOfProducer(steady, round)), 'NONE')
      const requests = Array.from({ length: 500 }, (_, index) =>
        requestBytes(apis.Produce, 9, 1, produceBody('t', new Map([[0, batchOfProducer(1000 + round * 500 + index)]]))),
      )
      void peer.send(Buffer.concat(requests))
      for (let i = 0; i < requests.length; i++) await peer.nextFrame()
      // So that ages differ.
      await sleep(5)
    }
    const remembered = await active()
    assert.ok(remembered.length <= 2201, `${remembered.length}`)
    assert.ok(remembered.includes(steady))
    const again = (await peer.produce('t', new Map([[0, batchOfProducer(steady, 19)]]))).get(0)!
    assert.deepEqual([again.error, again.baseOffset], ['NONE', 19 * 501], 'P1')
    peer.close()
  }))

const coordinatorSettings = {
  'group.initial.rebalance.delay.ms': 0,
  'offsets.topic.num.partitions': 4,
  'transaction.state.log.num.partitions': 4,
}

async function startCoordinator(peer: Peer, keyType: 0 | 1): Promise<void> {
  await eventually('the coordinator is there', async () => {
    const { coordinators } = await peer.request(apis.FindCoordinator, 4, { keyType, coordinatorKeys: ['any'] })
    return coordinators[0]!.errorCode === 0
  })
}

/** Asks again while it is told to. */
async function patiently(ask: () => Promise<{ readonly errorCode: number }>): Promise<string> {
  for (;;) {
    const error = errorName((await ask()).errorCode)
    if (!/LOAD_IN_PROGRESS|NOT_COORDINATOR|CONCURRENT/.test(error)) return error
    await sleep(10)
  }
}

it('of a crowd of transactional ids as many are known as are allowed, and none that has a transaction open is dropped', () =>
  withBroker({ settings: { ...coordinatorSettings, 'ottla.transactional.ids.max': 300 } }, async broker => {
    const peer = await Peer.connect(broker.port)
    await peer.createTopic('t')
    await startCoordinator(peer, 1)
    const init = async (transactionalId: string) => {
      let answer: { errorCode: number; producerId: number; producerEpoch: number } | undefined
      const error = await patiently(
        async () =>
          (answer = await peer.request(apis.InitProducerId, 4, { transactionalId, transactionTimeoutMs: 60_000 })),
      )
      assert.equal(error, 'NONE', transactionalId)
      return { producerId: answer!.producerId, producerEpoch: answer!.producerEpoch }
    }
    const open = await init('open')
    const partition = {
      v3AndBelowTransactionalId: 'open',
      v3AndBelowProducerId: open.producerId,
      v3AndBelowProducerEpoch: open.producerEpoch,
    }
    await peer.request(apis.AddPartitionsToTxn, 3, { ...partition, v3AndBelowTopics: [{ name: 't', partitions: [0] }] })
    for (let i = 0; i < 3000; i++) await init(`crowd-${i}`)
    const { transactionStates } = await peer.request(apis.ListTransactions, 0, {
      stateFilters: [],
      producerIdFilters: [],
    })
    assert.ok(transactionStates.length <= 300, `${transactionStates.length}`)
    assert.ok(
      transactionStates.some(
        ({ transactionalId, transactionState }) => transactionalId === 'open' && transactionState === 'Ongoing',
      ),
    )
    assert.ok(transactionStates.some(({ transactionalId }) => transactionalId === 'crowd-2999'))
    const ended = await patiently(() =>
      peer.request(apis.EndTxn, 3, { transactionalId: 'open', ...open, committed: true }),
    )
    assert.equal(ended, 'NONE')
    peer.close()
  }))

it('groups and members beyond what is allowed are told to come later, and those who are there go on', () =>
  withBroker(
    { settings: { ...coordinatorSettings, 'ottla.groups.max': 200, 'ottla.group.members.max': 150 } },
    async broker => {
      const peer = await Peer.connect(broker.port)
      await peer.createTopic('t')
      await startCoordinator(peer, 0)
      const commit = (groupId: string) =>
        patiently(async () => {
          const { topics } = await peer.request(apis.OffsetCommit, 8, {
            ...{ groupId, generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null },
            topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }],
          })
          return topics[0]!.partitions[0]!
        })
      const joinClassic = (groupId: string, version: number) =>
        patiently(() =>
          peer.request(apis.JoinGroup, version, {
            ...{ groupId, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, memberId: '', groupInstanceId: null },
            ...{ protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(6) }] },
          }),
        )
      const joinNew = (groupId: string, memberId: string) =>
        patiently(() =>
          peer.request(apis.ConsumerGroupHeartbeat, 1, {
            ...{ groupId, memberId, memberEpoch: 0, rebalanceTimeoutMs: 1000 },
            ...{ subscribedTopicNames: ['t'], topicPartitions: [] },
          }),
        )
      const count = async (times: number, ask: (index: number) => Promise<string>): Promise<Record<string, number>> => {
        const counts: Record<string, number> = {}
        for (let i = 0; i < times; i++) {
          const error = await ask(i)
          counts[error] = (counts[error] ?? 0) + 1
        }
        return counts
      }
      assert.deepEqual(await count(40, index => joinNew('new', `m${index}`)), { NONE: 40 })
      // Ids that are given out, many more than there may be members.
      const given = await count(300, () => joinClassic('classic', 5))
      assert.equal(
        given['MEMBER_ID_REQUIRED']! >= 100 && given['MEMBER_ID_REQUIRED']! <= 112,
        true,
        JSON.stringify(given),
      )
      assert.equal(given['MEMBER_ID_REQUIRED']! + given['COORDINATOR_NOT_AVAILABLE']!, 300)
      assert.equal(await joinNew('new', 'late'), 'COORDINATOR_NOT_AVAILABLE')
      // Who is there and says as much as hundreds of others would has no room for that either.
      const protocols = Array.from({ length: 5000 }, (_, index) => ({ name: `p${index}`, metadata: Buffer.alloc(0) }))
      const much = {
        ...{ sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, groupInstanceId: 'i', protocolType: 'consumer' },
        protocols,
      }
      const said = await peer.request(apis.JoinGroup, 5, { groupId: 'much', memberId: 'm', ...much })
      assert.equal(errorName(said.errorCode), 'COORDINATOR_NOT_AVAILABLE')
      assert.equal(await joinNew('new', 'm0'), 'NONE')
      assert.deepEqual(await count(300, index => commit(`offsets-${index}`)), {
        NONE: 198,
        COORDINATOR_NOT_AVAILABLE: 102,
      })
      assert.equal(await commit('offsets-0'), 'NONE')
      assert.equal(await joinClassic('yet another', 5), 'COORDINATOR_NOT_AVAILABLE')
      peer.close()
    },
  ))
