/**
 * A whole broker in the simulator, for tests of what it promises to its clients: hours of virtual time cost milliseconds, its disk can be looked
 * at and made to fail, and nothing depends on the machine.
 */

import assert from 'node:assert/strict'
import type { Machine } from '../src/io/memory.ts'
import type { Io } from '../src/io/io.ts'
import type { DiskOperation } from '../src/io/memory-faults.ts'
import { ConfigResourceType } from '../src/metadata/config-resource.ts'
import { apis } from '../src/protocol/apis.ts'
import { errorOf } from '../src/protocol/errors.ts'
import { BatchBuilder } from '../src/protocol/records/builder.ts'
import type { BatchOptions } from '../src/protocol/records/builder.ts'
import { decodeBatches } from '../src/protocol/records/decode.ts'
import { BatchFailure } from '../src/protocol/records/failure.ts'
import { EARLIEST, ScriptedClient } from '../src/sim/scripted-client.ts'
import { startSimBroker } from '../src/sim/sim-broker.ts'
import type { SimBroker } from '../src/sim/sim-broker.ts'
import { Simulator } from '../src/sim/simulator.ts'

export type Settings = Readonly<Record<string, string | number | boolean>>

/** A value, or a key and a value. */
export type Put = string | readonly [key: string | null, value: string | null]

export interface Appended {
  readonly error: string
  readonly baseOffset: number
  readonly logAppendTimeMs: number
  readonly logStartOffset: number
  readonly errorMessage: string | null
}

const withinMs = 10_000 * 60 * 60 * 1000

export class Live {
  readonly simulator: Simulator
  readonly machine: Machine
  readonly clientIo: Io
  readonly settings: Settings
  /** What the broker asked its disk to do. */
  readonly diskOperations: DiskOperation[] = []
  readonly #topicIds = new Map<string, string>()
  #running: SimBroker | undefined
  #client: ScriptedClient | undefined

  constructor(simulator: Simulator, settings: Settings) {
    this.simulator = simulator
    this.settings = settings
    this.machine = simulator.machine('broker')
    this.clientIo = simulator.machine('client').boot()
    const { faults } = this.machine
    const failure = faults.failure.bind(faults)
    faults.failure = operation => {
      this.diskOperations.push(operation)
      return failure(operation)
    }
  }

  get sim(): SimBroker {
    assert(this.#running !== undefined, 'the broker runs')
    return this.#running
  }

  get client(): ScriptedClient {
    assert(this.#client !== undefined, 'the broker runs')
    return this.#client
  }

  async start(settings: Settings = this.settings): Promise<void> {
    this.#running = await startSimBroker(this.machine, settings)
    this.#client = await this.connect()
  }

  async stop(): Promise<void> {
    await this.sim.broker.stop()
    this.machine.crash()
  }

  /** SIGKILL, or a power cut, and a new start. */
  async restartAfter(how: 'stop' | 'crash' | 'power cut', settings: Settings = this.settings): Promise<void> {
    if (how === 'stop') await this.stop()
    else if (how === 'crash') this.machine.crash()
    else this.machine.losePower()
    await this.start(settings)
  }

  connect(): Promise<ScriptedClient> {
    return ScriptedClient.connect(this.clientIo, this.machine.ipv4, 10_000, this.#topicIds)
  }

  sleep(durationMs: number): Promise<void> {
    return this.simulator.sleep(durationMs)
  }

  get nowMs(): number {
    return this.machine.wallClockMs()
  }

  async createTopic(name: string, configs: Settings = {}, partitions = 1): Promise<void> {
    const texts = Object.fromEntries(Object.entries(configs).map(([key, value]) => [key, String(value)]))
    const code = await this.client.createTopic(name, partitions, texts)
    assert.equal(errorOf(code).name, 'NONE', `creating ${name}`)
    await this.sim.broker.partitions.settled()
  }

  /** Appends a batch as it is; answers for its partition. By name, so that a topic that was deleted is not found by an id of the past. */
  async append(topic: string, records: Uint8Array, partition = 0, acks: -1 | 1 = -1): Promise<Appended> {
    const { responses } = await this.client.connection.request(
      apis.Produce,
      {
        transactionalId: null,
        acks,
        timeoutMs: 10_000,
        topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
      },
      { version: 12 },
    )
    const [answer] = responses[0]!.partitionResponses
    return { ...answer!, error: errorName(answer!.errorCode) }
  }

  /** Appends one batch with these values, and demands that it is taken. Without keys, unless the topic is compacted. */
  async put(topic: string, values: readonly Put[], partition = 0): Promise<Appended> {
    const appended = await this.append(topic, batchOf(values, this.nowMs), partition)
    assert.equal(appended.error, 'NONE', `appending to ${topic}`)
    return appended
  }

  /** The batches of a partition as they are stored, from an offset on. */
  async stored(topic: string, offset = 0, partition = 0): Promise<Uint8Array> {
    const maxBytes = 50 * 1024 * 1024
    const { responses } = await this.client.connection.request(
      apis.Fetch,
      {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes,
        topics: [{ topic, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: maxBytes }] }],
        forgottenTopicsData: [],
      },
      { version: 12 },
    )
    const [answer] = responses[0]!.partitions
    assert.equal(errorName(answer!.errorCode), 'NONE', `reading ${topic} from ${offset}`)
    return answer!.records ?? new Uint8Array(0)
  }

  /** What a consumer reads of a partition from an offset on: `offset:key=value`. */
  async records(topic: string, offset?: number, partition = 0): Promise<string[]> {
    const from = offset ?? (await this.client.offsetAt({ topic, partition }, EARLIEST))
    const records = decodeBatches(await this.stored(topic, from, partition))
    if (records instanceof BatchFailure) throw new Error(records.message)
    const text = (bytes: Uint8Array | null): string => (bytes === null ? 'null' : Buffer.from(bytes).toString())
    return records
      .filter(each => each.offset >= from)
      .map(each => `${each.offset}:${text(each.key)}=${text(each.value)}`)
  }

  async deleteTopic(name: string): Promise<void> {
    const answer = await this.client.connection.request(apis.DeleteTopics, {
      topics: [{ name }],
      topicNames: [],
      timeoutMs: 10_000,
    })
    assert.equal(answer.responses[0]?.errorCode, 0, `deleting ${name}`)
    this.#topicIds.delete(name)
    await this.sim.broker.partitions.settled()
  }

  /** Sets keys, or with null removes them; answers with the name of the error. */
  async alter(
    type: 'TOPIC' | 'BROKER' | 'BROKER_LOGGER',
    name: string,
    configs: Readonly<Record<string, string | number | boolean | null>>,
  ): Promise<string> {
    const { responses } = await this.client.connection.request(apis.IncrementalAlterConfigs, {
      resources: [
        {
          resourceType: ConfigResourceType[type],
          resourceName: name,
          configs: Object.entries(configs).map(([key, value]) => ({
            name: key,
            configOperation: value === null ? 1 : 0,
            value: value === null ? null : String(value),
          })),
        },
      ],
      validateOnly: false,
    })
    return errorOf(responses[0]!.errorCode).name
  }

  async alterTopic(name: string, configs: Settings): Promise<void> {
    assert.equal(await this.alter('TOPIC', name, configs), 'NONE', `altering ${name}`)
  }

  /** For all brokers, or for this one where `name` is its id. */
  async alterBroker(configs: Readonly<Record<string, string | number | boolean | null>>, name = ''): Promise<void> {
    assert.equal(await this.alter('BROKER', name, configs), 'NONE', `altering ${Object.keys(configs).join()}`)
  }

  /** The partition's folder, by file name with size. */
  files(topic: string, partition = 0, directory = '/data'): Map<string, number> {
    const folder = `${directory}/${topic}-${partition}`
    const { disk } = this.sim.io
    const entries = disk.listSync(folder).filter(entry => !entry.directory)
    return new Map(entries.map(({ name }) => [name, disk.statSync(`${folder}/${name}`)!.sizeBytes]))
  }

  /** Base offsets of the partition's segments, of those that have files. */
  segments(topic: string, partition = 0): number[] {
    const names = [...this.files(topic, partition).keys()].filter(name => name.endsWith('.log'))
    return names.map(name => Number.parseInt(name, 10)).sort((a, b) => a - b)
  }

  /** How often an operation was asked of files whose path matches. */
  count(kind: DiskOperation['kind'], path: RegExp): number {
    return this.diskOperations.filter(operation => operation.kind === kind && path.test(operation.path)).length
  }
}

/** One batch, each record without a key where only a value is given, stamped with one time. */
export function batchOf(values: readonly Put[], timestampMs: number, options: BatchOptions = {}): Buffer {
  const builder = new BatchBuilder(options)
  const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text))
  for (const each of values) {
    const [key, value] = typeof each === 'string' ? [null, each] : each
    builder.append(timestampMs, bytes(key), bytes(value))
  }
  return Buffer.from(builder.build())
}

/** Runs `body` against a broker in the simulator, and stops it. */
export async function live(settings: Settings, body: (live: Live) => Promise<void>): Promise<void> {
  const simulator = new Simulator({ seed: 1 })
  const world = new Live(simulator, settings)
  const told = async (): Promise<void> => {
    await world.start()
    await body(world)
    if (world.machine.isRunning) await world.stop()
  }
  await simulator.settle(told(), withinMs)
}

export function errorName(code: number): string {
  return errorOf(code).name
}

/** What /metrics shows, by name and labels, of a broker that listens at port 9100 for it. */
export async function metricsOf(world: Live): Promise<Map<string, number>> {
  const { body } = await getHttp(world, '/metrics')
  const samples = body.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    samples.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

export async function getHttp(world: Live, path: string, method = 'GET'): Promise<{ status: number; body: string }> {
  const socket = await world.clientIo.network.connect(world.machine.ipv4, 9100, 1000)
  const memory = Buffer.alloc(65_536)
  const received: Buffer[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.start({
    buffer: () => memory,
    received: length => received.push(Buffer.from(memory.subarray(0, length))),
    drained: () => {},
    closed: () => resolve(),
  })
  socket.write([Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: broker\r\n\r\n`)])
  await promise
  const [head = '', ...rest] = Buffer.concat(received).toString().split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), body: rest.join('\r\n\r\n') }
}
