/** `ottla start --cores` as processes of the real world. */

import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { createNodeIo } from '../io/node.ts'
import { KafkaConnection } from '../net/kafka-connection.ts'
import { apis } from '../protocol/apis.ts'
import { errorOf } from '../protocol/errors.ts'
import { BatchBuilder } from '../protocol/records/builder.ts'
import { decodeBatches } from '../protocol/records/decode.ts'
import { BatchFailure } from '../protocol/records/failure.ts'
import { ottla, startedBroker, temporaryFolder } from './ottla.fixture.ts'
import type { Ready, Running } from './ottla.fixture.ts'

interface CoresReady extends Ready {
  readonly others: readonly { readonly nodeId: number; readonly pid: number; readonly addresses: readonly string[] }[]
}

async function started(t: TestContext, args: readonly string[]): Promise<Running & { ready: CoresReady }> {
  const running = await startedBroker(t, args)
  return { ...running, ready: running.ready as CoresReady }
}

const connect = (port: number): Promise<KafkaConnection> =>
  KafkaConnection.connect(createNodeIo(), { host: '127.0.0.1', port, clientId: 'test', timeoutMs: 10_000 })

/** Ports by broker, and leaders by partition, as a client learns them; `undefined` leaves the topic out. */
interface Cluster {
  readonly ports: ReadonlyMap<number, number>
  readonly leaders: readonly number[]
  readonly topicId: string
}

async function clusterOf(port: number, name: string): Promise<Cluster> {
  const connection = await connect(port)
  const { brokers, topics } = await connection.request(apis.Metadata, { topics: [{ name }] })
  connection.close()
  const [topic] = topics
  assert.equal(topic!.errorCode, 0)
  return {
    ports: new Map(brokers.map(broker => [broker.nodeId, broker.port])),
    leaders: topic!.partitions.map(partition => partition.leaderId),
    topicId: topic!.topicId,
  }
}

async function createTopic(port: number, name: string, numPartitions: number, replicationFactor = 1): Promise<string> {
  const connection = await connect(port)
  const { topics } = await connection.request(apis.CreateTopics, {
    topics: [{ name, numPartitions, replicationFactor, assignments: [], configs: [] }],
    validateOnly: false,
  })
  connection.close()
  return errorOf(topics[0]!.errorCode).name
}

/** As clients do: again for as long as the broker may only need a moment to hear of the topic. */
async function produce(port: number, topic: string, topicId: string, partition: number, value: string): Promise<void> {
  const connection = await connect(port)
  for (;;) {
    const builder = new BatchBuilder()
    builder.append(Date.now(), null, Buffer.from(value))
    const records = builder.build()
    const { responses } = await connection.request(apis.Produce, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: topic, topicId, partitionData: [{ index: partition, records }] }],
    })
    const { name, isRetriable } = errorOf(responses[0]!.partitionResponses[0]!.errorCode)
    if (name === 'NONE') break
    assert.ok(isRetriable, name)
    await sleep(20)
  }
  connection.close()
}

async function valuesOf(port: number, topicId: string, partition: number): Promise<string[]> {
  const connection = await connect(port)
  const { responses } = await connection.request(apis.Fetch, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1_000_000,
    topics: [{ topicId, partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1_000_000 }] }],
  })
  connection.close()
  const records = decodeBatches(responses[0]!.partitions[0]!.records!)
  assert.ok(!(records instanceof BatchFailure))
  return records.map(({ value }) => Buffer.from(value!).toString())
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(50)
}

/** Whether anybody listens there: a process that nobody has waited for yet still counts as alive to the system. */
const answers = async (port: number): Promise<boolean> => {
  try {
    const connection = await connect(port)
    connection.close()
    return true
  } catch {
    return false
  }
}

/** The first of `count` ports that are free one behind the other. */
async function freePorts(count: number): Promise<number> {
  const listen = (port: number): Promise<Server | undefined> =>
    new Promise(resolve => {
      const server = createServer()
      server.once('error', () => resolve(undefined))
      server.listen(port, '127.0.0.1', () => resolve(server))
    })
  for (;;) {
    const first = await listen(0)
    const { port } = first!.address() as AddressInfo
    const others = await Promise.all(Array.from({ length: count - 1 }, (_, index) => listen(port + 1 + index)))
    const servers = [first, ...others]
    for (const server of servers) server?.close()
    if (servers.every(server => server !== undefined)) return port
  }
}

describe('ottla start --cores', () => {
  test('runs as many brokers, one port behind the other, that share topics and keep what was written over a restart', async t => {
    const port = await freePorts(3)
    const folder = temporaryFolder(t)
    const args = ['--cores', '3', '--port', String(port), '--data', folder]
    const first = await started(t, args)
    assert.deepEqual(
      first.ready.others.map(({ nodeId, addresses }) => [nodeId, addresses[0]]),
      [
        [2, `127.0.0.1:${port + 1}`],
        [3, `127.0.0.1:${port + 2}`],
      ],
    )
    assert.equal(new Set([first.ready.pid, ...first.ready.others.map(({ pid }) => pid)]).size, 3)
    assert.equal(await createTopic(port + 2, 'orders', 6), 'NONE')
    const { ports, leaders, topicId } = await clusterOf(port + 1, 'orders')
    for (const id of [1, 2, 3]) assert.equal(ports.get(id), port + id - 1)
    assert.equal(new Set(leaders).size, 3)
    for (const [partition, id] of leaders.entries())
      await produce(ports.get(id)!, 'orders', topicId, partition, `value ${partition}`)
    first.kill('SIGTERM')
    const { code, stderr } = await first.ended
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    for (const each of ports.values()) assert.equal(await answers(each), false)
    await started(t, args)
    const again = await clusterOf(port, 'orders')
    assert.deepEqual(again.leaders, leaders)
    for (const [partition, id] of again.leaders.entries())
      assert.deepEqual(await valuesOf(again.ports.get(id)!, topicId, partition), [`value ${partition}`])
  })

  test('names all brokers in its line, and ends with 0 on SIGINT to all of them, as a terminal sends it', async t => {
    const broker = ottla(t, ['start', '--cores', '2', '--port', '0', '--memory'])
    const line = await broker.firstLine
    assert.match(line, /is ready on 127\.0\.0\.1:\d+.*; broker 2 on 127\.0\.0\.1:\d+/)
    broker.kill('SIGINT')
    assert.deepEqual(await broker.ended, { code: 0, signal: null, stdout: `${line}\n`, stderr: '' })
  })

  test('starts a broker again that was killed, with what had been acknowledged; the others go on meanwhile', async t => {
    const broker = await started(t, ['--cores', '2', '--port', '0', '--data', temporaryFolder(t)])
    const { port } = broker.ready
    const [second] = broker.ready.others
    assert.equal(await createTopic(port, 'orders', 2), 'NONE')
    const before = await clusterOf(port, 'orders')
    const partition = before.leaders.indexOf(2)
    await produce(before.ports.get(2)!, 'orders', before.topicId, partition, 'kept')
    process.kill(second!.pid, 'SIGKILL')
    await until(async () => (await clusterOf(port, 'orders')).leaders[partition] === -1)
    await produce(port, 'orders', before.topicId, 1 - partition, 'meanwhile')
    await until(async () => (await clusterOf(port, 'orders')).leaders[partition] === 2)
    const { ports, topicId } = await clusterOf(port, 'orders')
    assert.deepEqual(await valuesOf(ports.get(2)!, topicId, partition), ['kept'])
    broker.kill('SIGTERM')
    const { code, stderr } = await broker.ended
    assert.equal(code, 0)
    const [died] = stderr.split('\n')
    const message = `broker 2 (process ${second!.pid}) has ended with SIGKILL; it is started again in 1 s`
    assert.equal((JSON.parse(died!) as { message: string }).message, message)
  })

  test('ends as a whole when a broker dies whose data was in memory', async t => {
    const broker = await started(t, ['--cores', '2', '--port', '0', '--memory'])
    process.kill(broker.ready.others[0]!.pid, 'SIGKILL')
    const { code, stderr } = await broker.ended
    assert.equal(code, 1)
    assert.match(
      stderr,
      /the broker cannot go on: broker 2 \(process \d+\) has ended with SIGKILL, and its data with it/,
    )
  })

  test('leaves no process behind when the first one is killed', async t => {
    const port = await freePorts(3)
    const broker = await started(t, ['--cores', '3', '--port', String(port), '--data', temporaryFolder(t)])
    assert.equal(await answers(port + 2), true)
    broker.kill('SIGKILL')
    for (const each of [port + 1, port + 2]) await until(async () => !(await answers(each)))
  })

  test('does not start where a port is in use, and says whose', async t => {
    const port = await freePorts(2)
    const server = createServer().listen(port + 1, '127.0.0.1')
    t.after(() => server.close())
    await new Promise(resolve => server.once('listening', resolve))
    const broker = ottla(t, ['start', '--cores', '2', '--port', String(port), '--data', temporaryFolder(t)])
    const { code, stdout, stderr } = await broker.ended
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
    assert.match(stderr, new RegExp(`^ottla: broker 2: 127\\.0\\.0\\.1:${port + 1} is in use: [^\n]*\n$`))
  })

  test('refuses more than one replica, fewer cores than hold partitions, and what makes no sense', async t => {
    const folder = temporaryFolder(t)
    const broker = await started(t, ['--cores', '2', '--port', '0', '--data', folder])
    assert.equal(await createTopic(broker.ready.port, 'replicated', 1, 2), 'INVALID_REPLICATION_FACTOR')
    assert.equal(await createTopic(broker.ready.port, 'orders', 2), 'NONE')
    broker.kill('SIGTERM')
    await broker.ended
    const refusals: [string[], RegExp][] = [
      [
        ['--data', folder],
        /^ottla: 1 partition\(s\) \(orders-[01]\) are with brokers that .* start with --cores 2 or more$/m,
      ],
      [['--cores', '0'], /the number of cores is a number from 1 to 512/],
      [['--cores', 'many'], /the number of cores is a number from 1 to 512/],
      [
        ['--cores', '2', '--override', 'ottla.metrics.listener=localhost:1', '--port', '2'],
        /^ottla: --cores: the listener PLAINTEXT has port 2 and ottla\.metrics\.listener has 1: with 2 brokers/m,
      ],
    ]
    for (const [args, message] of refusals) {
      const port = args.includes('--port') ? [] : ['--port', '0']
      const { code, stderr } = await ottla(t, ['start', ...port, ...args]).ended
      assert.equal(code, 1, stderr)
      assert.match(stderr, message)
    }
    const more = await started(t, ['--cores', '3', '--port', '0', '--data', folder])
    assert.equal(more.ready.others.length, 2)
  })

  test('serves the metrics of each broker at a port of its own', async t => {
    const metricsPort = await freePorts(2)
    const listener = `ottla.metrics.listener=127.0.0.1:${metricsPort}`
    await started(t, ['--cores', '2', '--port', '0', '--memory', '--override', listener])
    const activeControllers = async (port: number): Promise<string | undefined> => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      return /^kafka_controller_KafkaController_ActiveControllerCount\S* (\d)/im.exec(text)?.[1]
    }
    assert.equal(await activeControllers(metricsPort), '1')
    assert.equal(await activeControllers(metricsPort + 1), '0')
  })

  test('keeps its inner verb to itself', async t => {
    const { code, stderr } = await ottla(t, ['core-of-start']).ended
    assert.equal(code, 1)
    assert.match(stderr, /for ottla start --cores to run/)
  })
})
