import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNodeIo } from '../io/node.ts'
import { KafkaConnection } from '../net/kafka-connection.ts'
import { apis } from '../protocol/apis.ts'
import type { LogRecord } from '../std/logger.ts'
import { BrokerConfigError, BrokerStartError, startBroker } from './index.ts'
import type { RunningBroker } from './index.ts'

/** Creates a topic with the broker's defaults where there is none of that name, and gives how many partitions it has. */
async function partitionsOf(broker: RunningBroker, topic: string): Promise<number> {
  const { host, port } = broker
  const connection = await KafkaConnection.connect(createNodeIo(), { host, port, clientId: 'test', timeoutMs: 10_000 })
  const { topics } = await connection.request(apis.Metadata, {
    topics: [{ name: topic }],
    allowAutoTopicCreation: true,
  })
  connection.close()
  return topics[0]!.partitions.length
}

test('brokers beside each other have ports and topics of their own, and settings by Kafka’s names', async () => {
  const one = await startBroker({ settings: { 'num.partitions': 3 } })
  const two = await startBroker({ settings: { 'auto.create.topics.enable': false } })
  assert.notEqual(one.port, two.port)
  assert.equal(one.bootstrapServers, `127.0.0.1:${one.port}`)
  assert.equal(await partitionsOf(one, 'topic'), 3)
  assert.equal(await partitionsOf(two, 'topic'), 0)
  await Promise.all([one.stop(), two.stop()])
  await assert.rejects(partitionsOf(one, 'topic'), { code: 'ECONNREFUSED' })
})

test('stopping twice waits for the same, and `await using` stops', async () => {
  let port: number
  {
    await using broker = await startBroker()
    port = broker.port
    await Promise.all([broker.stop(), broker.stop()])
  }
  await (await startBroker({ port })).stop()
})

test('with a folder data is there for the next broker', async t => {
  const data = mkdtempSync(join(tmpdir(), 'ottla-testing-'))
  t.after(() => rmSync(data, { recursive: true, force: true }))
  const first = await startBroker({ data, settings: { 'num.partitions': 2 } })
  assert.equal(await partitionsOf(first, 'topic'), 2)
  await first.stop()
  const second = await startBroker({ data })
  assert.equal(await partitionsOf(second, 'topic'), 2)
  assert.equal(second.clusterId, first.clusterId)
  await second.stop()
})

test('settings that are wrong are named, all at once, and a port in use says so', async () => {
  await assert.rejects(
    startBroker({ settings: { 'num.partitons': 1, 'log.retention.ms': 'long' } }),
    (error: Error) => {
      assert.ok(error instanceof BrokerConfigError)
      assert.match(error.message, /num\.partitons.*num\.partitions/)
      assert.match(error.message, /log\.retention\.ms/)
      return true
    },
  )
  const broker = await startBroker()
  await assert.rejects(startBroker({ port: broker.port }), (error: Error) => {
    assert.ok(error instanceof BrokerStartError)
    assert.equal(error.kind, 'port-in-use')
    return true
  })
  await broker.stop()
})

test('logs go where they are wanted', async () => {
  const records: LogRecord[] = []
  const broker = await startBroker({ log: { level: 'info', write: record => records.push(record) } })
  await broker.stop()
  assert.ok(records.length > 0)
  assert.deepEqual(
    records.filter(record => record.level === 'debug' || record.level === 'trace'),
    [],
  )
})

test('log.dirs without a data folder is refused, since everything would be in memory all the same', async () => {
  await assert.rejects(startBroker({ settings: { 'log.dirs': '/tmp/somewhere' } }), BrokerConfigError)
})
