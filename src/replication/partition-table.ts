/**
 * The partitions that this broker holds: follows the cluster image, and keeps for each replica that it places here an open log and a `Partition`.
 *
 * Lookups are synchronous and answer with an error name where there is nothing to serve. Logs are made and deleted in the background, one
 * change after the other; `settled` tells when all that the image has asked for so far is done. Lifecycle: `open` before the first request,
 * `close` after the last.
 */

import type { Clock, DiskError, Timer } from '../io/io.ts'
import type { LogConfig } from '../log/log-config.ts'
import { isPassing } from '../log/log-context.ts'
import type { Log } from '../log/log.ts'
import type { LogManager } from '../log/log-manager.ts'
import type { ClusterImage, PartitionState, TopicImage } from '../metadata/cluster-image.ts'
import { CLUSTER_DEFAULT, ConfigResourceType } from '../metadata/config-resource.ts'
import type { Delta } from '../metadata/delta.ts'
import type { ErrorName } from '../protocol/errors.ts'
import type { Uuid } from '../protocol/uuid.ts'
import { assert } from '../std/assert.ts'
import type { Logger } from '../std/logger.ts'
import { Partition } from './partition.ts'

/** What a partition needs of its topic's settings. */
export interface PartitionConfig extends LogConfig {
  readonly minInSyncReplicas: number
}

export interface PartitionTableOptions {
  readonly nodeId: number
  readonly image: ClusterImage
  readonly logs: LogManager
  /** The settings of a topic as they are now. */
  readonly configOf: (topic: string) => PartitionConfig
  readonly logger: Logger
  readonly clock: Clock
}

/** How long after a log could not be made, for lack of room or of descriptors, that is tried again. */
const retryMs = 1000

/** Logs that are made or deleted at a time: a disk makes durable what many wait for in the time of one. */
const changedAtATime = 16

export class PartitionTable {
  readonly #options: PartitionTableOptions
  /** By topic name, then partition number. A deleted and recreated topic is told apart by its id. */
  readonly #topics = new Map<string, { readonly id: Uuid; readonly partitions: (Partition | undefined)[] }>()
  /** Partitions whose log could not be made, as `topicId/number`. */
  readonly #failed = new Set<string>()
  /** The same for those whose log lies, for all that is known, in a directory that could not be opened. */
  readonly #unreachable = new Set<string>()
  /** The last change to logs that is under way. */
  #work: Promise<void> = Promise.resolve()
  readonly #stopFollowing: () => void
  #retryTimer: Timer | undefined
  /** Those that wait for another attempt. */
  #toRetry: [TopicImage, number][] = []

  private constructor(options: PartitionTableOptions) {
    this.#options = options
    this.#stopFollowing = options.image.onApplied(deltas => this.#apply(deltas))
  }

  /** Takes up every partition that the image places here. */
  static async open(options: PartitionTableOptions): Promise<PartitionTable> {
    const table = new PartitionTable(options)
    table.#warnOfStrays()
    const missing: [TopicImage, number][] = []
    for (const topic of options.image.topics()) {
      for (const [number, state] of topic.partitions.entries()) {
        if (!state.replicas.includes(options.nodeId)) continue
        const log = options.logs.get(topic.name, number)
        if (log !== undefined && log.topicId === topic.id) table.#add(topic, number, log, state)
        else missing.push([topic, number])
      }
    }
    if (options.logs.offlineDirectories.length > 0) table.#giveUp(missing)
    else if (missing.length > 0) table.#beginEmpty(missing)
    await table.settled()
    return table
  }

  /** All changes to logs that the image has asked for are done, or have failed and say so in the lookup. */
  settled(): Promise<void> {
    return this.#work
  }

  lookup(topic: string, number: number): Partition | ErrorName {
    const partition = this.#topics.get(topic)?.partitions[number]
    if (partition !== undefined) return partition
    const known = this.#options.image.topicByName(topic)
    if (known?.partitions[number] === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION'
    const key = partitionKey(known.id, number)
    return this.#failed.has(key) || this.#unreachable.has(key) ? 'KAFKA_STORAGE_ERROR' : 'NOT_LEADER_OR_FOLLOWER'
  }

  lookupById(id: Uuid, number: number): Partition | ErrorName {
    const topic = this.#options.image.topicById(id)
    return topic === undefined ? 'UNKNOWN_TOPIC_ID' : this.lookup(topic.name, number)
  }

  *all(): Generator<Partition> {
    for (const { partitions } of this.#topics.values()) {
      for (const partition of partitions) if (partition !== undefined) yield partition
    }
  }

  /** Who waits is told that this broker serves no more; nothing is served afterwards. */
  async close(): Promise<void> {
    this.#stopFollowing()
    this.#retryTimer?.cancel()
    for (const partition of this.all()) partition.close('NOT_LEADER_OR_FOLLOWER')
    await this.settled()
  }

  #apply(deltas: readonly Delta[]): void {
    const created: [TopicImage, number][] = []
    for (const delta of deltas) {
      if (delta.type === 'topic-deleted') this.#delete(delta.topicId)
      else if (delta.type === 'partition-changed') this.#changed(delta.topicId, delta.partition, delta, created)
      else if (delta.type === 'config-changed' && delta.resourceType === ConfigResourceType.TOPIC)
        this.#refreshConfig(delta.resourceName)
    }
    if (
      deltas.some(
        delta => delta.type === 'config-changed' && this.#concernsAllTopics(delta.resourceType, delta.resourceName),
      )
    )
      this.#refreshAllConfigs()
    if (created.length > 0) this.#enqueue(() => this.#createLogs(created))
  }

  #changed(topicId: Uuid, number: number, state: PartitionState, created: [TopicImage, number][]): void {
    const topic = this.#options.image.topicById(topicId)
    // Deleted again by a later delta of the same batch.
    if (topic === undefined) return
    const partition = this.#topics.get(topic.name)?.partitions[number]
    if (partition !== undefined && partition.topicId === topicId) partition.applyState(state)
    else if (this.#unreachable.has(partitionKey(topicId, number))) return
    else if (state.replicas.includes(this.#options.nodeId)) created.push([topic, number])
  }

  #delete(topicId: Uuid): void {
    for (const [name, { id, partitions }] of this.#topics) {
      if (id !== topicId) continue
      this.#topics.delete(name)
      for (const partition of partitions) partition?.close('UNKNOWN_TOPIC_OR_PARTITION')
      this.#enqueue(() => this.#deleteLogs(name, topicId, partitions.length))
      return
    }
  }

  /** The defaults that every topic's settings build on are settings of the broker. */
  #concernsAllTopics(resourceType: number, resourceName: string): boolean {
    return (
      resourceType === ConfigResourceType.BROKER &&
      (resourceName === CLUSTER_DEFAULT || resourceName === String(this.#options.nodeId))
    )
  }

  #refreshAllConfigs(): void {
    for (const topic of this.#topics.keys()) this.#refreshConfig(topic)
  }

  #refreshConfig(topic: string): void {
    const known = this.#topics.get(topic)
    if (known === undefined) return
    const config = this.#options.configOf(topic)
    for (const partition of known.partitions) {
      partition?.log.updateConfig(config)
      partition?.applyMinInSyncReplicas(config.minInSyncReplicas)
    }
  }

  /** Changes of the image to logs happen one after the other, so that a topic that is deleted and made again never meets its former self. */
  #enqueue(change: () => Promise<void>): void {
    this.#work = this.#work.then(change)
  }

  #createLogs(wanted: readonly [TopicImage, number][]): Promise<void> {
    return someAtATime(wanted, ([topic, number]) => this.#createWanted(topic, number))
  }

  async #createWanted(topic: TopicImage, number: number): Promise<void> {
    const state = this.#options.image.topicById(topic.id)?.partitions[number]
    // Deleted, or moved away, while it waited in line.
    if (state === undefined || !state.replicas.includes(this.#options.nodeId)) return
    if (this.#topics.get(topic.name)?.partitions[number]?.topicId === topic.id) return
    try {
      const log = await this.#createLog(topic, number)
      const now = this.#options.image.topicById(topic.id)?.partitions[number]
      if (now !== undefined) this.#add(topic, number, log, now)
      else await this.#options.logs.delete(topic.name, number)
    } catch (error) {
      const key = partitionKey(topic.id, number)
      const { code } = error as DiskError
      const passes = code !== undefined && isPassing(error as DiskError)
      if (!this.#failed.has(key)) {
        this.#options.logger[passes ? 'warn' : 'error'](
          `cannot make the log of ${topic.name}-${number}`,
          { code },
          error,
        )
      }
      this.#failed.add(key)
      if (passes) this.#retryLater(topic, number)
    }
  }

  /** The cause may go away. Until then the partition answers KAFKA_STORAGE_ERROR. */
  #retryLater(topic: TopicImage, number: number): void {
    this.#toRetry.push([topic, number])
    if (this.#toRetry.length > 1) return
    this.#retryTimer = this.#options.clock.setTimer(retryMs, () => {
      const wanted = this.#toRetry
      this.#toRetry = []
      this.#enqueue(() => this.#createLogs(wanted))
    })
  }

  async #createLog(topic: TopicImage, number: number): Promise<Log> {
    const { logs, configOf } = this.#options
    const found = logs.get(topic.name, number)
    if (found !== undefined) {
      if (found.topicId === topic.id) return found
      // Without an id it may be this topic's, after an accident with its folder, or another's: its records are neither served nor thrown away.
      if (found.topicId === undefined && found.sizeBytes > 0) {
        throw new Error(
          `${found.folder} holds records and does not say whose they are; move it away to start the partition empty`,
        )
      }
      // A log of this name with another id belongs to a topic that was deleted: its records must not be served as the new topic's (KIP-516).
      await logs.delete(topic.name, number)
    }
    return logs.create(topic.name, number, topic.id, configOf(topic.name))
  }

  #add(topic: TopicImage, number: number, log: Log, state: PartitionState): void {
    const known = this.#topics.get(topic.name) ?? { id: topic.id, partitions: [] }
    assert(known.id === topic.id, () => `${topic.name} has the id ${topic.id} and partitions of ${known.id}`)
    const config = this.#options.configOf(topic.name)
    log.updateConfig(config)
    known.partitions[number] = new Partition(
      { topic: topic.name, topicId: topic.id, partition: number },
      this.#options.nodeId,
      log,
      state,
      config.minInSyncReplicas,
    )
    this.#topics.set(topic.name, known)
    this.#failed.delete(partitionKey(topic.id, number))
  }

  #deleteLogs(topic: string, topicId: Uuid, count: number): Promise<void> {
    const numbers = Array.from({ length: count }, (_, number) => number)
    return someAtATime(numbers, async number => {
      if (this.#options.logs.get(topic, number)?.topicId !== topicId) return
      try {
        await this.#options.logs.delete(topic, number)
      } catch (error) {
        this.#options.logger.error(
          `cannot delete the log of ${topic}-${number}`,
          { code: (error as DiskError).code },
          error,
        )
      }
    })
  }

  /** Made a moment before the last crash, or their directory has been emptied or exchanged: nobody else can tell, so somebody should hear of it. */
  #beginEmpty(missing: readonly [TopicImage, number][]): void {
    this.#options.logger.warn('partitions have no log in any directory, and begin empty', {
      partitions: missing.length,
      first: missing.slice(0, 10).map(([topic, number]) => `${topic.name}-${number}`),
    })
    this.#enqueue(() => this.#createLogs(missing))
  }

  /** An empty log in another directory would pass for the whole partition: what was acknowledged would be gone, and come back with the directory. */
  #giveUp(missing: readonly [TopicImage, number][]): void {
    for (const [topic, number] of missing) this.#unreachable.add(partitionKey(topic.id, number))
    if (missing.length === 0) return
    this.#options.logger.error('partitions are in log directories that are offline, and are not served', {
      partitions: missing.length,
      directories: this.#options.logs.offlineDirectories,
    })
  }

  /** Logs that no topic claims are kept: what looks like litter may be all that is left after an accident with the metadata. */
  #warnOfStrays(): void {
    const { logs, image, logger } = this.#options
    for (const log of logs.all()) {
      const topic = image.topicByName(log.topic)
      if (topic?.partitions[log.partition] !== undefined) continue
      logger.warn(
        `the folder of ${log.topic}-${log.partition} belongs to no topic; it is not served, and not deleted`,
        { directory: log.directory },
      )
    }
  }
}

/** Does the work on each item. It must not reject. */
async function someAtATime<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!)
  }
  await Promise.all(Array.from({ length: Math.min(items.length, changedAtATime) }, worker))
}

function partitionKey(topicId: Uuid, number: number): string {
  return `${topicId}/${number}`
}
