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
  /** How many topics have a name with this key. */
  readonly #collisions = new Map<string, number>()
  #plainTopicConfig: { readonly defaults: TopicDefaults; readonly config: TopicConfig } | undefined

  /** Starts from `image`; the next delta gets the number `nextNumber`. */
  constructor(image: ClusterImage, nextNumber: number, options: ControlOptions) {
    this.#options = options
    this.nodeId = options.nodeId
    this.random = options.random
    this.image = image.copy()
    // Numbers may have been used up by a change that was never finished.
    if (nextNumber - 1 > image.number) this.image.apply([], nextNumber - 1)
    for (const { name } of this.image.topics()) this.#countName(name, 1)
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
    if (delta.type === 'topic-created') this.#countName(delta.name, 1)
    if (delta.type === 'topic-deleted') this.#countName(this.image.topicById(delta.topicId)!.name, -1)
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
    const key = this.collisionKeyOf(name)
    if (!this.#collisions.has(key)) return undefined
    for (const topic of this.image.topics()) if (this.collisionKeyOf(topic.name) === key) return topic.name
    return undefined
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

  #countName(name: string, by: number): void {
    const key = this.collisionKeyOf(name)
    const count = (this.#collisions.get(key) ?? 0) + by
    assert(count >= 0, () => `${count} topics are named like ${name}`)
    if (count === 0) this.#collisions.delete(key)
    else this.#collisions.set(key, count)
  }
}
