/**
 * Keeps the fuzzed broker in a state worth fuzzing: the fuzzer's topics exist, and what its requests have made beyond them goes again. It also finds out
 * the topics' ids, and that the broker still answers somebody who asks politely.
 */

import { createNodeIo } from '../../src/io/node.ts'
import { KafkaConnection } from '../../src/net/kafka-connection.ts'
import { apis } from '../../src/protocol/apis.ts'
import { errorOf } from '../../src/protocol/errors.ts'
import { FailureError } from './failure.ts'
import { FUZZ_PARTITIONS } from './world.ts'
import type { World } from './world.ts'

/** More than this is taken away; a handful of the others may stay. */
const strayTopicsMax = 40
const strayPartitionsMax = 200

interface Topic {
  readonly name: string
  readonly id: string
  readonly partitions: number
}

export class Janitor {
  readonly #connection: KafkaConnection
  readonly #world: World
  readonly #spared: string
  topicsDeleted = 0

  private constructor(connection: KafkaConnection, world: World, spared: string) {
    this.#connection = connection
    this.#world = world
    this.#spared = spared
  }

  /** `spared` is the good client's topic. */
  static async start(port: number, world: World, spared: string): Promise<Janitor> {
    const options = { host: '127.0.0.1', port, clientId: 'janitor', timeoutMs: 600_000 }
    const janitor = new Janitor(await KafkaConnection.connect(createNodeIo(), options), world, spared)
    await janitor.round()
    return janitor
  }

  async round(): Promise<void> {
    const topics = await this.#topics()
    const own = new Set(this.#world.topics)
    const strays = topics.filter(({ name }) => name !== this.#spared && !own.has(name))
    const tooMany =
      strays.length > strayTopicsMax || strays.reduce((sum, each) => sum + each.partitions, 0) > strayPartitionsMax
    const grown = topics.filter(({ name, partitions }) => own.has(name) && partitions > 4 * FUZZ_PARTITIONS)
    await this.#delete([...(tooMany ? strays : []), ...grown].map(({ name }) => name))
    await this.#create()
    const ids = new Map((await this.#topics()).map(({ name, id }) => [name, id]))
    this.#world.topicIds = this.#world.topics.flatMap(name => ids.get(name) ?? [])
    if (this.#world.topicIds.length === 0) throw new FailureError('none of the topics that were created exists')
  }

  close(): void {
    this.#connection.close()
  }

  async #topics(): Promise<Topic[]> {
    const { topics } = await this.#connection.request(apis.Metadata, { topics: null }, { version: 12 })
    return topics.map(({ name, topicId, partitions }) => ({ name: name!, id: topicId, partitions: partitions.length }))
  }

  async #delete(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    this.topicsDeleted += names.length
    await this.#connection.request(apis.DeleteTopics, { topics: names.map(name => ({ name })), timeoutMs: 60_000 })
  }

  async #create(): Promise<void> {
    const topics = this.#world.topics.map((name, index) => ({
      name,
      numPartitions: FUZZ_PARTITIONS,
      replicationFactor: 1,
      assignments: [],
      // One in four is compacted, and one recompresses.
      configs: index % 4 === 1 ? [{ name: 'cleanup.policy', value: 'compact' }] : [],
    }))
    const answer = await this.#connection.request(apis.CreateTopics, { topics, timeoutMs: 60_000 })
    for (const { name, errorCode } of answer.topics) {
      const error = errorOf(errorCode).name
      // A stray one of the same name but for dots and underscores is in the way until the next round.
      if (error !== 'NONE' && error !== 'TOPIC_ALREADY_EXISTS' && error !== 'INVALID_TOPIC_EXCEPTION') {
        throw new FailureError(`creating ${name}: ${error}`)
      }
    }
  }
}
