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
import { ScriptedClient } from '../src/sim/scripted-client.ts'
import { startSimBroker } from '../src/sim/sim-broker.ts'
import type { SimBroker } from '../src/sim/sim-broker.ts'
import { Simulator } from '../src/sim/simulator.ts'

export type Settings = Readonly<Record<string, string | number | boolean>>

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
