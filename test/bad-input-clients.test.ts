/** Clients that send slowly, read nothing, come in crowds or vanish: each costs little, is given up when it is in the way, and keeps nobody else from being served. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { apis } from '../src/protocol/apis.ts'
import {
  MiB,
  GoodClient,
  Peer,
  batchOf,
  eventually,
  onLinux,
  produceBody,
  requestBytes,
  sleep,
  withBroker,
} from './hostile.fixture.ts'
import type { BrokerProcess } from './hostile.fixture.ts'

function crowd(broker: BrokerProcess, count: number): Promise<Peer[]> {
  return Promise.all(Array.from({ length: count }, () => Peer.connect(broker.port)))
}

const versionsRequest = requestBytes(apis.ApiVersions, 3, 1, { clientSoftwareName: 'a', clientSoftwareVersion: '1' })

describe('slow senders', () => {
  it('that send a byte at a time are served all the same, many at a time, beside a client that is not slow', () =>
    withBroker({}, async broker => {
      const good = await GoodClient.start(broker.port)
      const slow = await crowd(broker, 50)
      for (const byte of versionsRequest) {
        for (const peer of slow) void peer.send(Buffer.of(byte))
        await sleep(5)
      }
      await Promise.all(slow.map(peer => peer.nextFrame()))
      for (const peer of slow) peer.close()
      await good.stop()
    }))

  it('that announce the largest request and send next to nothing keep no memory from others', { skip: !onLinux }, () =>
    withBroker({ settings: { 'queued.max.request.bytes': 32 * MiB } }, async broker => {
      const residentBytes = broker.residentBytes
      const good = await GoodClient.start(broker.port)
      const slow = await crowd(broker, 400)
      const beginning = Buffer.from(`${(104_857_600).toString(16).padStart(8, '0')}${'00'.repeat(20)}`, 'hex')
      await Promise.all(slow.map(peer => peer.send(beginning)))
      // Large requests of others go on as well: they need memory, of which the slow ones have only what they sent.
      const peer = await Peer.connect(broker.port)
      await peer.createTopic('large')
      const large = batchOf([Buffer.alloc(900_000)])
      for (let i = 0; i < 20; i++) assert.equal(await peer.put('large', large), 'NONE')
      const served = good.roundTripsMs.length
      await eventually('the good client goes on', () => good.roundTripsMs.length > served + 5)
      const growthBytes = broker.residentBytes - residentBytes
      assert.ok(growthBytes < 160 * MiB, `${growthBytes / MiB} MiB`)
      for (const each of slow) each.close()
      await good.stop()
    }),
  )

  it('that fall silent in the middle of a request are closed when they have been idle for long enough', () =>
    withBroker({ settings: { 'connections.max.idle.ms': 500 } }, async broker => {
      const silent = await crowd(broker, 20)
      await Promise.all(silent.map((peer, index) => peer.send(versionsRequest.subarray(0, index))))
      await Promise.all(silent.map(peer => peer.closed))
    }))
})

describe('clients that do not read', () => {
  it('are not read from when they have been sent enough, and cost no more than that', { skip: !onLinux }, () =>
    withBroker({}, async broker => {
      const good = await GoodClient.start(broker.port)
      const writer = await Peer.connect(broker.port)
      await writer.createTopic('unread')
      for (let i = 0; i < 10; i++) assert.equal(await writer.put('unread', batchOf([Buffer.alloc(900_000)])), 'NONE')
      const deaf = await crowd(broker, 20)
      const fetchAll = requestBytes(apis.Fetch, 12, 1, {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: 50 * MiB,
        topics: [{ topic: 'unread', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 50 * MiB }] }],
        forgottenTopicsData: [],
      })
      const residentBytes = broker.residentBytes
      // Nine megabytes each time, asked for a thousand times by each of them: 180 GB.
      for (const peer of deaf) {
        peer.socket.pause()
        void peer.send(Buffer.concat(Array.from({ length: 1000 }, () => fetchAll)))
      }
      const served = good.roundTripsMs.length
      await eventually('the good client goes on', () => good.roundTripsMs.length > served + 20)
      const growthBytes = broker.residentBytes - residentBytes
      // What each of them has not taken is one response, most of it in memory that all of them share.
      assert.ok(growthBytes < 200 * MiB, `${growthBytes / MiB} MiB`)
      for (const peer of deaf) peer.close()
      await good.stop()
    }),
  )

  it('are closed when they have been idle for long enough, with what they did not take', () =>
    withBroker({ settings: { 'connections.max.idle.ms': 1000 } }, async broker => {
      const writer = await Peer.connect(broker.port)
      await writer.createTopic('unread')
      for (let i = 0; i < 10; i++) assert.equal(await writer.put('unread', batchOf([Buffer.alloc(900_000)])), 'NONE')
      const fetchAll = requestBytes(apis.Fetch, 12, 1, {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: 50 * MiB,
        topics: [{ topic: 'unread', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 50 * MiB }] }],
        forgottenTopicsData: [],
      })
      const deaf = await Peer.connect(broker.port)
      deaf.socket.pause()
      await deaf.send(Buffer.concat([fetchAll, fetchAll, fetchAll]))
      await sleep(4000)
      // It finds out when it reads: what was under way, and then the end.
      deaf.socket.resume()
      await deaf.closed
      assert.ok(deaf.receivedBytes < 27 * MiB, `${deaf.receivedBytes / MiB} MiB`)
    }))
})

describe('a flood of connections', () => {
  it('over max.connections.per.ip is closed at once, and connections that there are stay', () =>
    withBroker({ settings: { 'max.connections.per.ip': 10 } }, async broker => {
      const first = await crowd(broker, 10)
      await Promise.all(first.map(peer => peer.send(versionsRequest)))
      await Promise.all(first.map(peer => peer.nextFrame()))
      const flood = await crowd(broker, 200)
      await Promise.all(flood.map(peer => peer.closed))
      await Promise.all(first.map(peer => peer.send(versionsRequest)))
      await Promise.all(first.map(peer => peer.nextFrame()))
      assert.ok(
        broker.log.some(
          ({ message, limit }) => message === 'refusing a connection' && limit === 'max.connections.per.ip',
        ),
      )
      first[0]!.close()
      // A place that is free again is given again.
      await eventually('a new connection is served', async () => {
        const peer = await Peer.connect(broker.port)
        void peer.send(versionsRequest)
        return peer.nextFrame().then(
          () => true,
          () => false,
        )
      })
    }))

  it('over max.connections waits until there is room, as with Kafka, and what is too much is closed', () =>
    withBroker({ settings: { 'max.connections': 5, 'socket.listen.backlog.size': 20 } }, async broker => {
      const first = await crowd(broker, 5)
      await Promise.all(first.map(peer => peer.send(versionsRequest)))
      await Promise.all(first.map(peer => peer.nextFrame()))
      const flood: Peer[] = []
      for (let i = 0; i < 10; i++) flood.push(...(await crowd(broker, 10)))
      await eventually(
        'those who find no place to wait are closed',
        () => flood.filter(peer => peer.isClosed).length >= 80,
      )
      const waiting = flood.filter(peer => !peer.isClosed)
      assert.equal(waiting.length, 20)
      await Promise.all(waiting.map(peer => peer.send(versionsRequest)))
      await sleep(200)
      assert.ok(waiting.every(peer => peer.receivedBytes === 0 && !peer.isClosed))
      for (const peer of first) peer.close()
      await eventually(
        'as many are served as there is room for',
        () => waiting.filter(peer => peer.receivedBytes > 0).length === 5,
      )
    }))

  it('faster than max.connection.creation.rate is slowed down, and all are served', () =>
    withBroker({ settings: { 'max.connection.creation.rate': 20 } }, async broker => {
      const beganMs = performance.now()
      const flood = await crowd(broker, 60)
      await Promise.all(flood.map(peer => peer.send(versionsRequest)))
      await Promise.all(flood.map(peer => peer.nextFrame()))
      // The first 20 at once, the others in two seconds.
      assert.ok(performance.now() - beganMs > 1500, `${performance.now() - beganMs} ms`)
    }))

  it('of clients that are gone before it is their turn leaves nothing that is waited for', async () => {
    let stopped: BrokerProcess | undefined
    await withBroker({ settings: { 'max.connection.creation.rate': 10 } }, async broker => {
      stopped = broker
      const flood = await crowd(broker, 40)
      for (const peer of flood) peer.socket.resetAndDestroy()
      const last = await Peer.connect(broker.port)
      await last.send(versionsRequest)
      await last.nextFrame()
      last.close()
    })
    const complaint = stopped!.log.find(({ message }) => message.includes('ending connections'))
    assert.equal(complaint, undefined, 'its stop waits for connections that there are not')
  })

  it('of clients that come and go at once costs nothing that stays', { skip: !onLinux }, () =>
    withBroker({}, async broker => {
      const good = await GoodClient.start(broker.port)
      const comeAndGo = async (): Promise<void> => {
        for (const peer of await crowd(broker, 200)) {
          void peer.send(versionsRequest.subarray(0, 20))
          peer.socket.resetAndDestroy()
        }
      }
      for (let i = 0; i < 3; i++) await comeAndGo()
      const residentBytes = broker.residentBytes
      for (let i = 0; i < 10; i++) await comeAndGo()
      assert.ok(broker.residentBytes - residentBytes < 32 * MiB, `${(broker.residentBytes - residentBytes) / MiB} MiB`)
      await good.stop()
    }),
  )
})

it('a connection whose peer has vanished is closed when it has been idle for long enough, and no sooner', () =>
  withBroker({ settings: { 'connections.max.idle.ms': 1000 } }, async broker => {
    const vanished = await Peer.connect(broker.port)
    await vanished.send(versionsRequest)
    await vanished.nextFrame()
    // From here on the peer is as if its machine had lost power: it sends nothing, not even an end.
    const lively = await Peer.connect(broker.port)
    const beganMs = performance.now()
    while (!vanished.isClosed) {
      await lively.send(versionsRequest)
      await lively.nextFrame()
      await sleep(50)
      assert.ok(performance.now() - beganMs < 30_000, 'it is closed')
    }
    assert.ok(performance.now() - beganMs > 800, 'not before it has been idle for so long')
    assert.ok(!lively.isClosed)
    // A fetch that waits is not idleness: it is the broker whose turn it is.
    lively.close()
    const writer = await Peer.connect(broker.port)
    await writer.createTopic('t')
    const waiting = await Peer.connect(broker.port)
    const fetched = waiting.fetch('t', { maxWaitMs: 4000 })
    await sleep(2500)
    assert.ok(!waiting.isClosed)
    const late = await Peer.connect(broker.port)
    assert.equal(await late.put('t'), 'NONE')
    assert.equal((await fetched).highWatermark, 1)
  }))

it('answers stay on their own connection while hundreds of clients come, ask and go', () =>
  withBroker({}, async broker => {
    const writer = await Peer.connect(broker.port)
    const clients = 40
    await writer.createTopic('own', clients)
    await Promise.all(
      Array.from({ length: clients }, async (_, partition) => {
        for (let round = 0; round < 3; round++) {
          const peer = await Peer.connect(broker.port)
          const value = `${partition} ${round} ${'x'.repeat(partition * 100)}`
          await peer.send(
            requestBytes(apis.Produce, 9, 7, produceBody('own', new Map([[partition, batchOf([value])]]))),
          )
          await peer.nextFrame()
          const { records } = await peer.fetch('own', { partition, offset: round })
          assert.ok(Buffer.from(records).includes(value), 'S3')
          if (round === 1) peer.socket.resetAndDestroy()
          else peer.close()
        }
      }),
    )
  }))
