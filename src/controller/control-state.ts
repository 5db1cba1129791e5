/**
 * What the controller decides on: the image with everything in it that it has decided so far, written or still on its way to the store, and the
 * deltas that are not on their way yet.
 *
 * Each concern (topics, configurations, …) is functions over this. They check everything first and stage deltas last, so that what is refused leaves
 * no trace. Lifecycle: made when this broker is elected, dropped when it is not the controller any more; nothing of it is ever rolled back.
 */

import type { Random } from '../io/io.ts'
import type { BrokerConfig } from '../metadata/config/broker-config.ts'
import { resolveTopicConfig } from '../metadata/config/topic-config.ts'
import type { TopicConfig, TopicDefaults } from '../metadata/config/topic-config.ts'
import type { ClusterImage } from '../metadata/cluster-image.ts'
import { ConfigResourceType } from '../metadata/config-resource.ts'
import type { Delta } from '../metadata/delta.ts'
import { collisionKey } from '../metadata/topic-name.ts'
import { uuidOf, ZERO_UUID } from '../protocol/uuid.ts'
import type { Uuid } from '../protocol/uuid.ts'
import { assert } from '../std/assert.ts'

/** The settings that the controller acts by: those of the broker that it runs on. */
export type ControllerConfig = Pick<
  BrokerConfig,
  | 'numPartitions'
  | 'defaultReplicationFactor'
  | 'deleteTopicEnable'
  | 'topicDefaults'
  | 'settings'
  | 'offsetsTopic'
  | 'transactionStateTopic'
  | 'shareStateTopic'
  | 'partitionsMax'
  | 'groups'
>

export interface ControlOptions {
  readonly nodeId: number
  readonly random: Random
  /** Names of topics that differ only in case would share a folder. */
  readonly caseInsensitiveDisk: boolean
  /** Whether followers copy from leaders: without that a partition has one replica, which stays where it is. */
  readonly canReplicate: boolean
  /** Asked at each use: settings may change while the broker runs. */
  readonly config: () => ControllerConfig
}

export class ControlState {
  readonly image: ClusterImage
  readonly nodeId: number
  readonly random: Random
  readonly #options: ControlOptions
  #staged: Delta[] = []
  /** The topics whose names have this key: more than one where they were made elsewhere, such as on a disk that tells case apart. */
  readonly #namesByKey = new Map<string, string[]>()
  #plainTopicConfig: { readonly defaults: TopicDefaults; readonly config: TopicConfig } | undefined

  /** Starts from `image`; the next delta gets the number `nextNumber`. */
  constructor(image: ClusterImage, nextNumber: number, options: ControlOptions) {
    this.#options = options
    this.nodeId = options.nodeId
    this.random = options.random
    this.image = image.copy()
    // Numbers may have been used up by a change that was never finished.
    if (nextNumber - 1 > image.number) this.image.apply([], nextNumber - 1)
    for (const { name } of this.image.topics()) this.#nameAdded(name)
  }

  get config(): ControllerConfig {
    return this.#options.config()
  }

  get canReplicate(): boolean {
    return this.#options.canReplicate
  }

  /** The number that the next staged delta will have. */
  get nextNumber(): number {
    return this.image.number + 1
  }

  stage(delta: Delta): void {
    if (delta.type === 'topic-created') this.#nameAdded(delta.name)
    if (delta.type === 'topic-deleted') this.#nameRemoved(this.image.topicById(delta.topicId)!.name)
    this.image.apply([delta], this.nextNumber)
    this.#staged.push(delta)
  }

  /** Takes out what was staged, to be written. */
  take(): Delta[] {
    const staged = this.#staged
    this.#staged = []
    return staged
  }

  topicConfig(topic: string): TopicConfig {
    const defaults = this.config.topicDefaults
    const overrides = this.image.config(ConfigResourceType.TOPIC, topic)
    if (overrides.size > 0) return resolveTopicConfig(defaults, overrides)
    // Most topics have no settings of their own, and a broker that comes or goes asks for those of all topics.
    if (this.#plainTopicConfig?.defaults !== defaults) {
      this.#plainTopicConfig = { defaults, config: resolveTopicConfig(defaults, overrides) }
    }
    return this.#plainTopicConfig.config
  }

  /** Names with the same key get in each other's way. */
  collisionKeyOf(name: string): string {
    return collisionKey(name, this.#options.caseInsensitiveDisk)
  }

  /** An existing topic whose name would get in the way of this one. */
  collidingTopic(name: string): string | undefined {
    return this.#namesByKey.get(this.collisionKeyOf(name))?.[0]
  }

  /** Where a new replica goes, as far as the controller knows: a broker with several log directories chooses itself (KIP-858). */
  directoryOf(brokerId: number): Uuid {
    const logDirs = this.image.broker(brokerId)?.logDirs ?? []
    return logDirs.length === 1 ? logDirs[0]! : ZERO_UUID
  }

  newTopicId(): Uuid {
    for (;;) {
      const id = uuidOf(this.random.bytes(16))
      // Kafka keeps ids whose first half is zero for itself, and those beginning with a dash are a nuisance on command lines.
      if (!id.startsWith('AAAAAAAAAA') && !id.startsWith('-') && this.image.topicById(id) === undefined) return id
    }
  }

  #nameAdded(name: string): void {
    const key = this.collisionKeyOf(name)
    const names = this.#namesByKey.get(key)
    if (names === undefined) this.#namesByKey.set(key, [name])
    else names.push(name)
  }

  #nameRemoved(name: string): void {
    const key = this.collisionKeyOf(name)
    const names = this.#namesByKey.get(key) ?? []
    assert(names.includes(name), () => `no topic is named ${name}`)
    if (names.length === 1) this.#namesByKey.delete(key)
    else names.splice(names.indexOf(name), 1)
  }
}
