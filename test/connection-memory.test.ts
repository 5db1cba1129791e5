/** What all connections of a broker hold together stays bounded, whatever their clients do, and those who do their part are served. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Socket } from '../src/io/io.ts'
import { apis } from '../src/protocol/apis.ts'
import { ByteWriter } from '../src/protocol/byte-writer.ts'
import { codecOf } from '../src/protocol/codec.ts'
import { RequestHeader } from '../src/protocol/header.ts'
import { batchOf, errorName, live } from './live.fixture.ts'

const MB = 1_000_000
const budget = 2 * MB
const settings = { 'queued.max.request.bytes': budget }

describe('requests of many connections', () => {
  it('are all served, and hold no more than the budget and one request together', () =>
    live(settings, async world => {
      await world.createTopic('t')
      const clients = await Promise.all(Array.from({ length: 20 }, () => world.connect()))
      let heldBytesMax = 0
      let isOver = false
      const watching = (async () => {
        while (!isOver) {
          heldBytesMax = Math.max(heldBytesMax, world.sim.broker.connectionMemory.requestBytes)
          await world.sleep(0.1)
        }
      })()
      const answers = await Promise.all(
        clients.map(async ({ connection }) => {
          const records = batchOf(['x'.repeat(900_000)], world.nowMs)
          const { responses } = await connection.request(
            apis.Produce,
            { acks: -1, timeoutMs: 10_000, topicData: [{ name: 't', partitionData: [{ index: 0, records }] }] },
            { version: 12 },
          )
          return errorName(responses[0]!.partitionResponses[0]!.errorCode)
        }),
      )
      isOver = true
      await watching
      assert.deepEqual([...new Set(answers)], ['NONE'])
      // A frame has memory for up to twice of what has come, and each connection may have begun one when the budget was reached.
      assert.ok(heldBytesMax > MB && heldBytesMax < 2 * budget + 2 * MB, `${heldBytesMax}`)
      await world.sleep(1000)
      assert.equal(world.sim.broker.connectionMemory.requestBytes, 0)
    }))

  it('whose clients fall silent in the middle are given up, and others go on', () =>
    live(settings, async world => {
      await world.createTopic('t')
      const silent = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const raw = new Raw(await world.clientIo.network.connect(world.machine.ipv4, 9092, 1000))
          const prefix = Buffer.alloc(4)
          prefix.writeInt32BE(20 * MB)
          raw.socket.write([prefix, Buffer.alloc(900_000)])
          return raw
        }),
      )
      await world.sleep(1000)
      const { connectionMemory } = world.sim.broker
      assert.ok(connectionMemory.requestBytes > budget)
      await world.put('t', ['x'])
      await world.sleep(60_000)
      const closed = silent.filter(raw => raw.isClosed).length
      assert.ok(closed >= 4 && closed < 6, `${closed} were closed`)
      assert.ok(connectionMemory.requestBytes <= budget)
      assert.ok(world.sim.complaints.some(({ message }) => /neither sends the rest/.test(message)))
      assert.ok(!world.sim.complaints.some(({ level }) => level === 'error'))
    }))

  it('that wait because their clients take no answers are given up, when there is no other room', () =>
    live({ ...settings, 'socket.request.max.bytes': 2 * MB }, async world => {
      await world.createTopic('t')
      await world.put('t', ['x'.repeat(MB)])
      const deaf = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const raw = new Raw(await world.clientIo.network.connect(world.machine.ipv4, 9092, 1000))
          raw.socket.pause()
          // The first waits for records that do not come, so that the rest is received before anything is answered.
          raw.socket.write([fetchRequest(0, { fetchOffset: 1, maxWaitMs: 2000 })])
          for (let i = 1; i < 60; i++) raw.socket.write([fetchRequest(i, { clientId: 'x'.repeat(30_000) })])
          return raw
        }),
      )
      await world.sleep(2100)
      const { connectionMemory } = world.sim.broker
      assert.ok(connectionMemory.requestBytes > budget, `${connectionMemory.requestBytes}`)
      await world.sleep(20_000)
      assert.ok(connectionMemory.requestBytes <= budget, `${connectionMemory.requestBytes}`)
      await world.put('t', ['y'])
      for (const { socket } of deaf) socket.destroy()
    }))
})

it('what is produced without an answer counts until it is in its file, also when its connection is gone', () =>
  live(settings, async world => {
    const partitions = 40
    await world.createTopic('t', {}, partitions)
    const { faults } = world.machine
    const latencyMs = faults.latencyMs.bind(faults)
    faults.latencyMs = operation => (operation.kind === 'write' ? 30_000 : latencyMs(operation))
    const { connectionMemory } = world.sim.broker
    const records = batchOf(['x'.repeat(200_000)], world.nowMs)
    const flood = async (clients: number, requests = partitions): Promise<Raw[]> =>
      Promise.all(
        Array.from({ length: clients }, async () => {
          const raw = new Raw(await world.clientIo.network.connect(world.machine.ipv4, 9092, 1000))
          for (let partition = 0; partition < requests; partition++)
            raw.socket.write([unansweredProduce(partition, records)])
          return raw
        }),
      )
    // So little that the broker goes on reading, and sees that its client has gone.
    const [gone] = await flood(1, 5)
    await world.sleep(1000)
    gone!.socket.destroy()
    await world.sleep(1000)
    assert.ok(connectionMemory.requestBytes >= 5 * 200_000, `${connectionMemory.requestBytes}`)
    const first = await flood(10)
    await world.sleep(1000)
    const heldBytes = connectionMemory.requestBytes
    assert.ok(heldBytes > budget && heldBytes < 3 * budget, `${heldBytes}`)
    for (const { socket } of first) socket.destroy()
    await flood(10)
    await world.sleep(1000)
    assert.ok(connectionMemory.requestBytes > budget / 2, `${connectionMemory.requestBytes}`)
    faults.latencyMs = latencyMs
    await world.sleep(120_000)
    assert.equal(connectionMemory.requestBytes, 0)
    // Of the second crowd everything was taken in the end.
    assert.ok((await world.records('t', 0, partitions - 1)).length >= 10)
  }))

it('responses that nobody takes leave others one batch at a time, and no more', () =>
  live({}, async world => {
    await world.createTopic('t')
    for (let i = 0; i < 20; i++) await world.put('t', ['x'.repeat(900_000)])
    const { connectionMemory } = world.sim.broker
    connectionMemory.responseBytesChanged(connectionMemory.responseRoomBytes - 2 * MB)
    assert.equal((await world.records('t', 0)).length, 2)
    connectionMemory.responseBytesChanged(connectionMemory.responseRoomBytes)
    assert.equal(connectionMemory.responseRoomBytes, 0)
    assert.equal((await world.records('t', 0)).length, 1)
    connectionMemory.responseBytesChanged(-connectionMemory.responseBytes)
    assert.equal((await world.records('t', 0)).length, 20)
  }))

class Raw {
  readonly socket: Socket
  isClosed = false

  constructor(socket: Socket) {
    this.socket = socket
    const memory = Buffer.alloc(65_536)
    socket.start({
      buffer: () => memory,
      received: () => {},
      drained: () => {},
      closed: () => (this.isClosed = true),
    })
  }
}

function unansweredProduce(partition: number, records: Uint8Array): Uint8Array {
  const writer = new ByteWriter()
  writer.int32(0)
  const header = { requestApiKey: 0, requestApiVersion: 9, correlationId: 1, clientId: 'flood' }
  codecOf(RequestHeader, apis.Produce.requestHeaderVersion(9)).encode(header, writer)
  const topicData = [{ name: 't', partitionData: [{ index: partition, records }] }]
  codecOf(apis.Produce.request, 9).encode({ transactionalId: null, acks: 0, timeoutMs: 1000, topicData }, writer)
  writer.patchInt32(0, writer.length - 4)
  return Buffer.concat(writer.finish())
}

function fetchRequest(
  correlationId: number,
  {
    clientId = 'deaf',
    fetchOffset = 0,
    maxWaitMs = 0,
  }: { clientId?: string; fetchOffset?: number; maxWaitMs?: number },
): Uint8Array {
  const writer = new ByteWriter()
  const header = { requestApiKey: 1, requestApiVersion: 12, correlationId, clientId }
  writer.int32(0)
  codecOf(RequestHeader, apis.Fetch.requestHeaderVersion(12)).encode(header, writer)
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 10 * MB }]
  codecOf(apis.Fetch.request, 12).encode(
    { maxWaitMs, minBytes: 1, maxBytes: 10 * MB, topics: [{ topic: 't', partitions }], forgottenTopicsData: [] },
    writer,
  )
  writer.patchInt32(0, writer.length - 4)
  return Buffer.concat(writer.finish())
}
