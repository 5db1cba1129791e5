/**
 * What a broker knows of its cluster: brokers, topics, partitions, configurations, features.
 *
 * One per broker, changed only by applying the controller's deltas in order; all brokers that have applied the same deltas hold equal
 * images. Everything that serves clients reads from here. What it hands out (a partition's state, a broker) is never changed in place: a
 * delta puts another value in its place, so that whoever kept the old one can compare. Invariants M1 and M2 and the growth of all epochs are
 * asserted here, where the state is set.
 */

import type { Uuid } from '../protocol/uuid.ts'
import { assert, unreachable } from '../std/assert.ts'
import { ConfigResourceType } from './config-resource.ts'
import type { Delta, DeltaOf } from './delta.ts'

/** Where a partition has no leader. */
export const NO_LEADER = -1

/** After an unclean election the leader's log may lack committed records; it stays so until the leader has dealt with it. */
export const LeaderRecoveryState = { RECOVERED: 0, RECOVERING: 1 } as const

/** What every broker knows of a partition. The lists hold broker ids and are in the order of Kafka's own answers. */
export interface PartitionState {
  /** −1 when there is none. */
  readonly leader: number
  /** Grows whenever the leader changes (L8). */
  readonly leaderEpoch: number
  /** Grows with every change: what AlterPartition compares and sets. */
  readonly partitionEpoch: number
  /** The first is the preferred leader. */
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** The log directory of each replica, in the order of `replicas`; the zero uuid while it is not known. */
  readonly directories: readonly Uuid[]
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
  /** Replicas that left the in-sync set below `min.insync.replicas`, and still hold everything committed (KIP-966). */
  readonly elr: readonly number[]
  readonly lastKnownElr: readonly number[]
  readonly leaderRecoveryState: number
}

export interface TopicImage {
  readonly name: string
  readonly id: Uuid
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionState[]
}

export interface BrokerEndpoint {
  /** The listener's name. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** PLAINTEXT 0, SSL 1, SASL_PLAINTEXT 2, SASL_SSL 3. */
  readonly securityProtocol: number
}

export interface SupportedFeature {
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
}

export interface BrokerImage {
  readonly id: number
  /** The number of the delta that registered it; a new one with every start (KIP-380). */
  readonly epoch: number
  readonly incarnationId: Uuid
  readonly endpoints: readonly BrokerEndpoint[]
  readonly rack: string | null
  /** Ids of the log directories that are online. */
  readonly logDirs: readonly Uuid[]
  readonly features: readonly SupportedFeature[]
  /** A fenced broker leads nothing and is in no in-sync set. */
  readonly isFenced: boolean
  readonly isShuttingDown: boolean
}

/** What a listener is told: the deltas that the image has just taken in, in their order. */
export type DeltasListener = (deltas: readonly Delta[], image: ClusterImage) => void

interface Topic {
  readonly name: string
  readonly id: Uuid
  /** The states are deltas, with lists that many of them share; neither is ever changed. */
  readonly partitions: DeltaOf<'partition-changed'>[]
}

/** More different ones than this are not remembered: then they are not what many share. */
const sharedListsMax = 1000

/** Gives for equal lists the same one. Nobody may change it. */
class SharedLists<T extends number | string> {
  readonly #lists = new Map<string, readonly T[]>()

  shared(list: readonly T[]): readonly T[] {
    const key = list.join()
    const known = this.#lists.get(key)
    if (known !== undefined) return known
    if (this.#lists.size === sharedListsMax) this.#lists.clear()
    this.#lists.set(key, list)
    return list
  }
}

const EMPTY_CONFIG: ReadonlyMap<string, string> = new Map()

export class ClusterImage {
  /** The number of the last delta that was applied; −1 before the first. */
  #number = -1
  #clusterId: string | undefined
  #controllerEpoch = -1
  #controllerId = -1
  #nextProducerId = 0
  readonly #topicsByName = new Map<string, Topic>()
  readonly #topicsById = new Map<Uuid, Topic>()
  #partitionCount = 0
  readonly #brokers = new Map<number, BrokerImage>()
  /** By resource type, then name. */
  readonly #configs = new Map<number, Map<string, Map<string, string>>>()
  readonly #features = new Map<string, number>()
  readonly #listeners = new Set<DeltasListener>()
  readonly #idLists = new SharedLists<number>()
  readonly #directoryLists = new SharedLists<Uuid>()

  get number(): number {
    return this.#number
  }

  get clusterId(): string | undefined {
    return this.#clusterId
  }

  /** The broker that is, or last was, the controller; −1 before the first. */
  get controllerId(): number {
    return this.#controllerId
  }

  get controllerEpoch(): number {
    return this.#controllerEpoch
  }

  /** All producer ids below have been handed out in blocks (P7). */
  get nextProducerId(): number {
    return this.#nextProducerId
  }

  get topicCount(): number {
    return this.#topicsByName.size
  }

  get partitionCount(): number {
    return this.#partitionCount
  }

  /** In the order of their creation. */
  topics(): Iterable<TopicImage> {
    return this.#topicsByName.values()
  }

  topicByName(name: string): TopicImage | undefined {
    return this.#topicsByName.get(name)
  }

  topicById(id: Uuid): TopicImage | undefined {
    return this.#topicsById.get(id)
  }

  partition(topic: string, partition: number): PartitionState | undefined {
    return this.#topicsByName.get(topic)?.partitions[partition]
  }

  /** All that are registered, fenced ones too, by their ids. */
  get brokers(): ReadonlyMap<number, BrokerImage> {
    return this.#brokers
  }

  broker(id: number): BrokerImage | undefined {
    return this.#brokers.get(id)
  }

  /** Registered and neither fenced nor shutting down: may lead and be in sync. */
  isActive(brokerId: number): boolean {
    const broker = this.#brokers.get(brokerId)
    return broker !== undefined && !broker.isFenced && !broker.isShuttingDown
  }

  /** What has been set on a resource, by key; empty where nothing has. `type` is a `ConfigResourceType`. */
  config(type: number, name: string): ReadonlyMap<string, string> {
    return this.#configs.get(type)?.get(name) ?? EMPTY_CONFIG
  }

  /** Names of the resources of a type that have something set. */
  configuredResources(type: number): Iterable<string> {
    return this.#configs.get(type)?.keys() ?? []
  }

  /** How many these are. */
  configuredResourceCount(type: number): number {
    return this.#configs.get(type)?.size ?? 0
  }

  /** Finalized features and their levels. */
  get features(): ReadonlyMap<string, number> {
    return this.#features
  }

  /** Grows whenever the features may have changed; at least 0, so that clients heed them (KIP-584). */
  get featuresEpoch(): number {
    return Math.max(0, this.#number)
  }

  /** Calls `listener` after each change. Returns the function that ends it. */
  onApplied(listener: DeltasListener): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /**
   * Takes in deltas of which the last has the number `lastNumber`, then tells the listeners. Numbers may be skipped (those of changes that
   * were never finished), never repeated.
   */
  apply(deltas: readonly Delta[], lastNumber: number): void {
    assert(lastNumber > this.#number, () => `M2: deltas up to ${lastNumber} follow number ${this.#number}`)
    for (const delta of deltas) this.#apply(delta)
    this.#number = lastNumber
    if (deltas.length === 0) return
    for (const listener of this.#listeners) listener(deltas, this)
  }

  /** An image of its own, equal to this one, without its listeners. Cheap: what is never changed in place is shared. */
  copy(): ClusterImage {
    const copy = new ClusterImage()
    copy.#number = this.#number
    copy.#clusterId = this.#clusterId
    copy.#controllerEpoch = this.#controllerEpoch
    copy.#controllerId = this.#controllerId
    copy.#nextProducerId = this.#nextProducerId
    copy.#partitionCount = this.#partitionCount
    for (const { name, id, partitions } of this.#topicsByName.values()) {
      copy.#addTopic({ name, id, partitions: partitions.slice() })
    }
    for (const [id, broker] of this.#brokers) copy.#brokers.set(id, broker)
    for (const [name, level] of this.#features) copy.#features.set(name, level)
    for (const [type, resources] of this.#configs) {
      const entries = [...resources].map(([name, config]) => [name, new Map(config)] as const)
      copy.#configs.set(type, new Map(entries))
    }
    return copy
  }

  /** Deltas from which an empty image becomes equal to this one. */
  toDeltas(): Delta[] {
    const deltas: Delta[] = []
    if (this.#clusterId !== undefined) deltas.push({ type: 'cluster-id', clusterId: this.#clusterId })
    if (this.#controllerEpoch >= 0) {
      deltas.push({ type: 'controller-epoch', epoch: this.#controllerEpoch, controllerId: this.#controllerId })
    }
    if (this.#nextProducerId > 0) {
      deltas.push({
        type: 'producer-ids-allocated',
        brokerId: -1,
        brokerEpoch: -1,
        nextProducerId: this.#nextProducerId,
      })
    }
    for (const [name, level] of this.#features) deltas.push({ type: 'feature-level-changed', name, level })
    for (const { id, epoch, ...broker } of this.#brokers.values()) {
      deltas.push({ type: 'broker-registered', brokerId: id, brokerEpoch: epoch, ...broker })
    }
    for (const topic of this.#topicsByName.values()) {
      deltas.push({ type: 'topic-created', name: topic.name, topicId: topic.id })
      for (const state of topic.partitions) deltas.push(state)
    }
    for (const [resourceType, resources] of this.#configs) {
      for (const [resourceName, config] of resources) {
        for (const [key, value] of config)
          deltas.push({ type: 'config-changed', resourceType, resourceName, key, value })
      }
    }
    return deltas
  }

  #apply(delta: Delta): void {
    switch (delta.type) {
      case 'cluster-id':
        assert(this.#clusterId === undefined, () => `the cluster ${this.#clusterId} becomes ${delta.clusterId}`)
        this.#clusterId = delta.clusterId
        return
      case 'controller-epoch':
        assert(
          delta.epoch > this.#controllerEpoch,
          () => `M2: controller epoch ${delta.epoch} follows ${this.#controllerEpoch}`,
        )
        this.#controllerEpoch = delta.epoch
        this.#controllerId = delta.controllerId
        return
      case 'broker-registered':
        this.#registerBroker(delta)
        return
      case 'broker-changed':
        this.#changeBroker(delta)
        return
      case 'broker-unregistered':
        this.#unregisterBroker(delta)
        return
      case 'topic-created':
        this.#createTopic(delta)
        return
      case 'topic-deleted':
        this.#deleteTopic(delta)
        return
      case 'partition-changed':
        this.#changePartition(delta)
        return
      case 'config-changed':
        this.#changeConfig(delta)
        return
      case 'feature-level-changed':
        if (delta.level === 0) this.#features.delete(delta.name)
        else this.#features.set(delta.name, delta.level)
        return
      case 'producer-ids-allocated':
        assert(
          delta.nextProducerId > this.#nextProducerId,
          () => `P7: producer ids go from ${this.#nextProducerId} back to ${delta.nextProducerId}`,
        )
        this.#nextProducerId = delta.nextProducerId
        return
      default:
        unreachable(delta)
    }
  }

  #registerBroker(delta: DeltaOf<'broker-registered'>): void {
    const { brokerId, brokerEpoch } = delta
    const before = this.#brokers.get(brokerId)
    assert(
      before === undefined || brokerEpoch > before.epoch,
      () => `broker ${brokerId} goes from epoch ${before?.epoch} to ${brokerEpoch}`,
    )
    const { incarnationId, endpoints, rack, logDirs, features, isFenced, isShuttingDown } = delta
    this.#brokers.set(brokerId, {
      id: brokerId,
      epoch: brokerEpoch,
      incarnationId,
      endpoints,
      rack,
      logDirs,
      features,
      isFenced,
      isShuttingDown,
    })
  }

  #changeBroker(delta: DeltaOf<'broker-changed'>): void {
    const broker = this.#registeredAs(delta.brokerId, delta.brokerEpoch)
    const { isFenced, isShuttingDown, logDirs } = delta
    this.#brokers.set(broker.id, { ...broker, isFenced, isShuttingDown, logDirs })
  }

  #unregisterBroker(delta: DeltaOf<'broker-unregistered'>): void {
    const broker = this.#registeredAs(delta.brokerId, delta.brokerEpoch)
    this.#brokers.delete(broker.id)
    for (const topic of this.#topicsByName.values()) {
      for (const [partition, state] of topic.partitions.entries()) {
        assert(
          !state.isr.includes(broker.id),
          () => `M1: ${topic.name}-${partition} has the unregistered broker ${broker.id} in sync`,
        )
      }
    }
  }

  #registeredAs(brokerId: number, brokerEpoch: number): BrokerImage {
    const broker = this.#brokers.get(brokerId)
    assert(broker !== undefined, () => `a delta is about broker ${brokerId}, which is not registered`)
    assert(broker.epoch === brokerEpoch, () => `broker ${brokerId} has epoch ${broker.epoch}, not ${brokerEpoch}`)
    return broker
  }

  #createTopic(delta: DeltaOf<'topic-created'>): void {
    const { name, topicId } = delta
    assert(!this.#topicsByName.has(name), () => `there is a topic ${name} already`)
    assert(!this.#topicsById.has(topicId), () => `there is a topic with the id ${topicId} already`)
    this.#addTopic({ name, id: topicId, partitions: [] })
  }

  #addTopic(topic: Topic): void {
    this.#topicsByName.set(topic.name, topic)
    this.#topicsById.set(topic.id, topic)
  }

  #deleteTopic(delta: DeltaOf<'topic-deleted'>): void {
    const topic = this.#topicOf(delta.topicId)
    this.#topicsByName.delete(topic.name)
    this.#topicsById.delete(topic.id)
    this.#partitionCount -= topic.partitions.length
    this.#configs.get(ConfigResourceType.TOPIC)?.delete(topic.name)
  }

  #topicOf(id: Uuid): Topic {
    const topic = this.#topicsById.get(id)
    assert(topic !== undefined, () => `a delta is about the topic with the id ${id}, which is not there`)
    return topic
  }

  #changePartition(delta: DeltaOf<'partition-changed'>): void {
    const topic = this.#topicOf(delta.topicId)
    const { partition } = delta
    assert(
      partition <= topic.partitions.length,
      () => `${topic.name} has ${topic.partitions.length} partitions, and number ${partition} changes`,
    )
    const before = topic.partitions[partition]
    this.#assertPartition(topic.name, delta, before)
    if (before === undefined) this.#partitionCount += 1
    topic.partitions[partition] = this.#withSharedLists(topic.id, delta)
  }

  /** The same with the lists that others have too: thousands of partitions lie on the same few sets of brokers. */
  #withSharedLists(topicId: Uuid, delta: DeltaOf<'partition-changed'>): DeltaOf<'partition-changed'> {
    const ids = this.#idLists
    return {
      ...delta,
      topicId,
      replicas: ids.shared(delta.replicas),
      isr: ids.shared(delta.isr),
      directories: this.#directoryLists.shared(delta.directories),
      addingReplicas: ids.shared(delta.addingReplicas),
      removingReplicas: ids.shared(delta.removingReplicas),
      elr: ids.shared(delta.elr),
      lastKnownElr: ids.shared(delta.lastKnownElr),
    }
  }

  #assertPartition(topic: string, delta: DeltaOf<'partition-changed'>, before: PartitionState | undefined): void {
    const { partition, leader, replicas, isr, directories } = delta
    const name = (): string => `${topic}-${partition}`
    assert(replicas.length > 0, () => `${name()} has no replicas`)
    assert(
      directories.length === replicas.length,
      () => `${name()} has replicas ${replicas.join()} in ${directories.length} directories`,
    )
    for (const id of isr) {
      assert(replicas.includes(id), () => `M1: ${name()} has ${id} in sync, with the replicas ${replicas.join()}`)
      assert(this.#brokers.has(id), () => `M1: ${name()} has ${id} in sync, which is not registered`)
    }
    assert(
      leader === NO_LEADER || isr.includes(leader),
      () => `${name()} is led by ${leader}, with ${isr.join()} in sync`,
    )
    if (before === undefined) return
    assert(
      delta.partitionEpoch > before.partitionEpoch,
      () => `partition epoch of ${name()} goes from ${before.partitionEpoch} to ${delta.partitionEpoch}`,
    )
    const mayKeepEpoch = leader === before.leader
    assert(
      delta.leaderEpoch > before.leaderEpoch || (mayKeepEpoch && delta.leaderEpoch === before.leaderEpoch),
      () =>
        `L8: ${name()} goes from leader ${before.leader} in epoch ${before.leaderEpoch} to ${leader} in ${delta.leaderEpoch}`,
    )
  }

  #changeConfig(delta: DeltaOf<'config-changed'>): void {
    const { resourceType, resourceName, key, value } = delta
    const resources = this.#configs.get(resourceType) ?? new Map<string, Map<string, string>>()
    const config = resources.get(resourceName) ?? new Map<string, string>()
    if (value === null) config.delete(key)
    else config.set(key, value)
    if (config.size > 0) resources.set(resourceName, config)
    else resources.delete(resourceName)
    this.#configs.set(resourceType, resources)
  }
}
