/**
 * What comes and goes leaves nothing behind: after a crowd of connections, fetch sessions, topics, producers, transactional ids and groups as much is alive in the broker as
 * before. Measured after collections, so that it does not depend on the machine or on what the engine keeps for itself.
 *
 * `OTTLA_TEST_LONG=1`, as in `npm run ci:long`, makes the crowds forty times as large, and so finds what leaves a fortieth as much.
 */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { apis } from '../src/protocol/apis.ts'
import { MiB, Peer, batchOf, errorName, eventually, requestBytes, sleep, withFolder } from './hostile.fixture.ts'
import { MeasuredBroker } from './measured-broker.fixture.ts'

const isLong = process.env['OTTLA_TEST_LONG'] === '1'
const crowd = isLong ? 40_000 : 1000
/** Enough to fill what is bounded, and to see everything for the first time. */
const firstCrowd = isLong ? 20_000 : 600
/** Of the code that has been compiled meanwhile, and of collections that find the one or the other still in use; two kilobytes for each of a small crowd. */
const growthBytesMax = 2 * MiB

const settings = {
  'num.partitions': 1,
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.num.partitions': 1,
  'group.initial.rebalance.delay.ms': 0,
  'max.incremental.fetch.session.cache.slots': 100,
  'ottla.producer.ids.max': 500,
  'ottla.transactional.ids.max': 200,
  'ottla.log.cache.bytes': MiB,
  'log.segment.delete.delay.ms': 0,
  'log.segment.bytes': 16 * MiB,
  'producer.id.expiration.check.interval.ms': 100,
}

type Churn = (peer: Peer, number: number, port: number) => Promise<void>

async function patiently(ask: () => Promise<number>): Promise<void> {
  for (;;) {
    const error = errorName(await ask())
    if (error === 'NONE') return
    assert.match(error, /LOAD_IN_PROGRESS|NOT_COORDINATOR|COORDINATOR_NOT_AVAILABLE|CONCURRENT/)
    await sleep(10)
  }
}

const connections: Churn = async (_peer, number, port) => {
  const peer = await Peer.connect(port)
  await peer.request(apis.ApiVersions, 3, { clientSoftwareName: `client-${number}`, clientSoftwareVersion: '1' })
  // Half of them in the middle of a request.
  if (number % 2 === 0) await peer.send(requestBytes(apis.Metadata, 9, 1, { topics: null }).subarray(0, 9))
  peer.close()
  await peer.closed
}

const fetchSessions: Churn = async peer => {
  const { errorCode } = await peer.request(apis.Fetch, 12, {
    ...{ maxWaitMs: 0, minBytes: 1, maxBytes: 1000, sessionId: 0, sessionEpoch: 0, forgottenTopicsData: [] },
    topics: [{ topic: 'there', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
  })
  assert.equal(errorName(errorCode), 'NONE')
}

/** Created, written to, read from and deleted; a few at a time, and as many fewer, since each takes files. */
const topics: Churn = async (peer, number) => {
  if (number % 20 !== 0) return
  const name = `comes-and-goes-${number}`
  await peer.createTopic(name, 2, { 'retention.ms': '1000000' })
  assert.equal(await peer.put(name), 'NONE')
  assert.equal((await peer.fetch(name)).error, 'NONE')
  const { responses } = await peer.request(apis.DeleteTopics, 5, { topicNames: [name], timeoutMs: 10_000 })
  assert.equal(errorName(responses[0]!.errorCode), 'NONE')
}

const producers: Churn = async peer => {
  const { producerId } = await peer.request(apis.InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1 })
  assert.equal(await peer.put('there', batchOf(['x'], { producerId, producerEpoch: 0, baseSequence: 0 })), 'NONE')
}

const transactionalIds: Churn = (peer, number) =>
  patiently(async () => {
    const transactionalId = `transaction-${number}`
    const request = { transactionalId, transactionTimeoutMs: 60_000 }
    return (await peer.request(apis.InitProducerId, 4, request)).errorCode
  })

const classicGroups: Churn = async (peer, number) => {
  const groupId = `classic-${number}`
  let joined: { memberId: string; generationId: number } | undefined
  await patiently(async () => {
    const answer = await peer.request(apis.JoinGroup, 3, {
      ...{ groupId, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, memberId: '', protocolType: 'consumer' },
      protocols: [{ name: 'range', metadata: Buffer.alloc(10) }],
    })
    joined = answer
    return answer.errorCode
  })
  const { memberId, generationId } = joined!
  const assignments = [{ memberId, assignment: Buffer.alloc(20) }]
  const synced = await peer.request(apis.SyncGroup, 2, { groupId, generationId, memberId, assignments })
  assert.equal(errorName(synced.errorCode), 'NONE')
  const committed = await peer.request(apis.OffsetCommit, 7, {
    ...{ groupId, generationIdOrMemberEpoch: generationId, memberId },
    topics: [{ name: 'there', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }],
  })
  assert.equal(errorName(committed.topics[0]!.partitions[0]!.errorCode), 'NONE')
  const left = await peer.request(apis.LeaveGroup, 2, { groupId, memberId })
  assert.equal(errorName(left.errorCode), 'NONE')
  await forget(peer, groupId)
}

const consumerGroups: Churn = async (peer, number) => {
  const groupId = `consumer-${number}`
  const heartbeat = (memberEpoch: number) =>
    peer.request(apis.ConsumerGroupHeartbeat, 1, {
      ...{ groupId, memberId: 'm', memberEpoch, rebalanceTimeoutMs: 1000 },
      ...{ subscribedTopicNames: ['there', `nowhere-${number}`], topicPartitions: [] },
    })
  await patiently(async () => (await heartbeat(0)).errorCode)
  assert.equal(errorName((await heartbeat(-1)).errorCode), 'NONE')
  await forget(peer, groupId)
}

async function forget(peer: Peer, groupId: string): Promise<void> {
  const { results } = await peer.request(apis.DeleteGroups, 1, { groupsNames: [groupId] })
  assert.equal(errorName(results[0]!.errorCode), 'NONE')
}

const churns = { connections, fetchSessions, topics, producers, transactionalIds, classicGroups, consumerGroups }

/** So many at a time, on connections of their own. */
const peersMax = 8

async function run(churn: Churn, port: number, from: number, count: number): Promise<void> {
  let next = from
  await Promise.all(
    Array.from({ length: peersMax }, async () => {
      const peer = await Peer.connect(port)
      while (next < from + count) await churn(peer, next++, port)
      peer.close()
      await peer.closed
    }),
  )
}

for (const [name, churn] of Object.entries(churns)) {
  it(`a crowd leaves nothing behind: ${name}`, { timeout: isLong ? 1_800_000 : 300_000 }, t =>
    withFolder(async folder => {
      const broker = await MeasuredBroker.start(folder, settings)
      try {
        const peer = await Peer.connect(broker.port)
        await peer.createTopic('there')
        for (const keyType of [0, 1])
          await patiently(async () => {
            const { coordinators } = await peer.request(apis.FindCoordinator, 4, { keyType, coordinatorKeys: ['any'] })
            return coordinators[0]!.errorCode
          })
        peer.close()
        await run(churn, broker.port, 0, firstCrowd)
        // What is deleted in the background has its time.
        await sleep(500)
        const before = await broker.liveBytes()
        await run(churn, broker.port, firstCrowd, crowd)
        let growth = 0
        await eventually('it is gone', async () => {
          growth = (await broker.liveBytes()) - before
          return growth < growthBytesMax
        }).catch((error: unknown) => {
          throw new Error(`${Math.round(growth / 1024)} KiB are left of ${crowd}`, { cause: error })
        })
        t.diagnostic(`${crowd} of them: ${Math.round(before / 1024)} KiB before, ${Math.round(growth / 1024)} KiB more`)
      } finally {
        await broker.stop()
      }
    }),
  )
}
