/**
 * What is measured: Ottla as it is packaged (dist/, not the sources), the yardstick in C, and a real Kafka 4.3.1, each a process of its own on a
 * free port, and what the kernel says of a process's memory and CPU time.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatKafka, freePort, java, kafkaProperties } from '../interop/runner/broker.ts'
import { apis } from '../src/protocol/apis.ts'
import { createNodeIo } from '../src/io/node.ts'
import { KafkaConnection } from '../src/net/kafka-connection.ts'
import { compile } from './compile.ts'
import type { Contender } from './harness.ts'

const root = join(import.meta.dirname, '..')

export interface BenchBroker {
  readonly contender: Contender
  readonly pid: number
  readonly port: number
  /** From spawning the process until it had answered a request. */
  readonly readyMs: number
  /** What it wrote last, and how it ended if it has, to explain a failure. */
  lastWords(): string
  stop(): Promise<void>
}

/** Settings that both get: what a benchmark leaves behind is removed at once. */
const common: Readonly<Record<string, string>> = {
  'log.segment.delete.delay.ms': '1000',
  'auto.create.topics.enable': 'false',
}

/** Starts one and resolves when it has answered ApiVersions. */
export async function startBenchBroker(contender: Contender, folder: string): Promise<BenchBroker> {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const { file, args } = await commandOf(contender, port, folder)
  const log = openSync(join(folder, 'broker.log'), 'a')
  const startedMs = performance.now()
  const child = spawn(file, args, { stdio: ['ignore', log, log] })
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const lastWords = (): string => {
    const end = child.exitCode ?? child.signalCode
    const lines = readFileSync(join(folder, 'broker.log'), 'utf8').trimEnd().split('\n').slice(-20).join('\n')
    return `${contender} ${end === null ? 'is running' : `has ended with ${end}`}; it wrote last:\n${lines}`
  }
  await untilAnswering(child, port, lastWords)
  const readyMs = performance.now() - startedMs
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended
  }
  return { contender, pid: child.pid!, port, readyMs, lastWords, stop }
}

interface Launch {
  readonly file: string
  readonly args: readonly string[]
}

function commandOf(contender: Contender, port: number, folder: string): Launch | Promise<Launch> {
  switch (contender) {
    case 'ottla':
      return ottlaCommand(port, folder)
    case 'yardstick':
      return yardstickCommand(port, folder)
    case 'kafka':
      return kafkaCommand(port, folder)
  }
}

function ottlaCommand(port: number, folder: string): Launch {
  const overrides = Object.entries(common).flatMap(([key, value]) => ['--override', `${key}=${value}`])
  const args = [
    join(root, 'dist/cli.js'),
    'start',
    '--port',
    String(port),
    '--data',
    join(folder, 'data'),
    ...overrides,
  ]
  return { file: process.execPath, args }
}

async function yardstickCommand(port: number, folder: string): Promise<Launch> {
  return { file: await compile('yardstick'), args: [String(port), folder] }
}

async function kafkaCommand(port: number, folder: string): Promise<Launch> {
  const propertiesPath = join(folder, 'server.properties')
  const properties = { ...kafkaProperties(port, await freePort(), join(folder, 'data')), ...common }
  writeFileSync(
    propertiesPath,
    Object.entries(properties)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
  await formatKafka(propertiesPath)
  const { file, args } = java(['-Xmx1g', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'], 'kafka.Kafka', [
    propertiesPath,
  ])
  return { file, args: args ?? [] }
}

const startLimitMs = 60_000

async function untilAnswering(child: ChildProcess, port: number, lastWords: () => string): Promise<void> {
  const deadlineMs = performance.now() + startLimitMs
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      child.kill('SIGKILL')
      throw new Error(`the broker did not come up: ${lastWords()}`)
    }
    await sleep(2)
  }
}

/** ApiVersions v0 with correlation id 1 and no client id: the smallest request there is. */
const probe = Buffer.from('0000000a0012000000000001ffff', 'hex')

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(probe))
    const done = (answered: boolean): void => {
      socket.destroy()
      resolve(answered)
    }
    socket.once('data', () => done(true))
    socket.once('error', () => done(false))
    socket.once('close', () => done(false))
  })
}

export interface ProcessUse {
  readonly residentBytes: number
  readonly cpuSeconds: number
}

/** What Linux says of a process. */
export function processUse(pid: number): ProcessUse {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const residentKb = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1])
  // Fields after the name in parentheses, which may hold spaces: user and system time are the 12th and 13th, in ticks of 10 ms.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return { residentBytes: residentKb * 1024, cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100 }
}

/** Creates a topic, runs `work`, and deletes the topic. */
export async function withTopic<T>(port: number, name: string, partitions: number, work: () => Promise<T>): Promise<T> {
  const connection = await KafkaConnection.connect(createNodeIo(), {
    host: '127.0.0.1',
    port,
    clientId: 'bench',
    timeoutMs: 30_000,
  })
  try {
    const created = await connection.request(apis.CreateTopics, {
      topics: [{ name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] }],
      timeoutMs: 30_000,
      validateOnly: false,
    })
    const errorCode = created.topics[0]!.errorCode
    if (errorCode !== 0) throw new Error(`creating ${name} failed with error code ${errorCode}`)
    await untilLed(connection, name, partitions)
    try {
      return await work()
    } finally {
      const byId = connection.versionOf(apis.DeleteTopics)! >= 6
      const named = byId ? { topics: [{ name }] } : { topicNames: [name] }
      await connection.request(apis.DeleteTopics, { ...named, timeoutMs: 30_000 })
    }
  } finally {
    connection.close()
  }
}

/** A topic's creation is answered, and its leaders are named in metadata, before these accept records: asks them until all do. */
async function untilLed(connection: KafkaConnection, name: string, partitions: number): Promise<void> {
  const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 }))
  for (;;) {
    const { topics } = await connection.request(apis.ListOffsets, { topics: [{ name, partitions: asked }] })
    if (topics[0]!.partitions.every(partition => partition.errorCode === 0)) return
    await sleep(20)
  }
}
