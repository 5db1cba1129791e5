/**
 * Where a story is told: one simulated machine with two log directories, the logs in them, and what is known of each. At any moment it can be asked for all that is
 * true (`truth`), which an image of the disk taken at that moment is held against.
 */
import type { Machine } from '../../io/memory.ts'
import { cleanerOptions } from '../../log/cleaner/cleaner.fixture.ts'
import type { LogConfig } from '../../log/log-config.ts'
import { openManager, smallConfig, topicId } from '../../log/log.fixture.ts'
import type { LogManager } from '../../log/log-manager.ts'
import type { Log } from '../../log/log.ts'
import { assert } from '../../std/assert.ts'
import type { SeededRandom } from '../../std/random.ts'
import type { Simulator } from '../simulator.ts'
import { LogTeller } from './log-teller.ts'
import type { LogTruth } from './log-truth.ts'

export const directories = ['/a', '/b'] as const

/** Whether a partition must be there, may be, or must not be; the last two for one that is being made or deleted. */
export type Presence = 'there' | 'perhaps' | 'gone'

export interface PartitionTruth {
  readonly topic: string
  readonly partition: number
  readonly presence: Presence
  readonly log: LogTruth | undefined
}

export interface WorldTruth {
  readonly config: LogConfig
  readonly partitions: readonly PartitionTruth[]
}

interface Told {
  readonly topic: string
  readonly partition: number
  presence: Presence
  teller: LogTeller | undefined
}

export class StoryWorld {
  readonly simulator: Simulator
  readonly machine: Machine
  readonly random: SeededRandom
  readonly config: LogConfig
  readonly #told: Told[] = []
  #manager: LogManager | undefined

  constructor(simulator: Simulator, config: Partial<LogConfig>) {
    this.simulator = simulator
    this.machine = simulator.machine('a')
    this.random = simulator.world.random.fork('story')
    // Retention by time would find all records to be of 1970.
    const segmentBytes = this.random.pick([1500, 2000, 20_000])
    this.config = { ...smallConfig, segmentBytes, retentionMs: -1, ...config }
  }

  get manager(): LogManager {
    assert(this.#manager !== undefined, 'the logs are open')
    return this.#manager
  }

  get truth(): WorldTruth {
    return {
      config: this.config,
      partitions: this.#told.map(({ topic, partition, presence, teller }) => ({
        topic,
        partition,
        presence,
        log: teller?.truth,
      })),
    }
  }

  async open(): Promise<void> {
    this.#manager = await openManager(this.machine.boot(), managerSettings(this.config))
    for (const told of this.#told) {
      const log = this.#manager.get(told.topic, told.partition)
      if (log !== undefined) told.teller?.reopened(log)
    }
  }

  async close(): Promise<void> {
    await this.manager.close()
    for (const { teller } of this.#told) teller?.closed()
    this.machine.crash()
  }

  /** A partition of topic `t`. */
  async create(partition: number): Promise<LogTeller> {
    const told: Told = { topic: 't', partition, presence: 'perhaps', teller: undefined }
    this.#told.push(told)
    const log = await this.manager.create('t', partition, topicId, this.config)
    const teller = new LogTeller(log, this.random.fork(`partition ${partition} ${this.#told.length}`))
    told.teller = teller
    return teller
  }

  /** Its first records are durable, so the partition is. */
  isThere(teller: LogTeller): void {
    this.#toldOf(teller).presence = 'there'
  }

  async delete(teller: LogTeller): Promise<void> {
    const told = this.#toldOf(teller)
    told.presence = 'perhaps'
    await this.manager.delete(told.topic, told.partition)
    told.presence = 'gone'
    told.teller = undefined
  }

  async move(teller: LogTeller, path: string): Promise<void> {
    const { topic, partition } = teller.log
    assert((await this.manager.move(topic, partition, path)) === 'ok', () => `${topic}-${partition} does not move`)
  }

  logs(): Iterable<Log> {
    return this.manager.all()
  }

  #toldOf(teller: LogTeller): Told {
    const told = this.#told.find(each => each.teller === teller)
    assert(told !== undefined, 'a partition that is told of')
    return told
  }
}

export function managerSettings(config: LogConfig) {
  return {
    directories: [...directories],
    configFor: (): LogConfig => config,
    cleaner: cleanerOptions,
    // Little enough that most is read from the files.
    cacheBudgetBytes: 1000,
  }
}
