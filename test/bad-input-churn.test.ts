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
        // At most 400 bytes each, and what the process takes for anything.
        assert.ok(growthBytes < 96 * MiB + 400 * producerIds, `${growthBytes / MiB} MiB`)
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
