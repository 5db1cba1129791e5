/**
 * The deltas that turn one image into another: what a broker that has missed some of the log tells its listeners, when it takes a snapshot
 * instead. It hears of every topic, partition, broker and setting that is different, once, and not of what happened in between.
 */

import type { BrokerImage, ClusterImage, TopicImage } from './cluster-image.ts'
import { ConfigResourceType } from './config-resource.ts'
import type { Delta } from './delta.ts'

/** Applied to `from` in this order they make it equal to `to`, which is a later image of the same cluster. */
export function differences(from: ClusterImage, to: ClusterImage): Delta[] {
  return [
    ...scalarDifferences(from, to),
    ...topicDeletions(from, to),
    ...brokerRegistrations(from, to),
    ...topicChanges(from, to),
    ...brokerRemovals(from, to),
    ...configDifferences(from, to),
  ]
}

function* scalarDifferences(from: ClusterImage, to: ClusterImage): Generator<Delta> {
  if (from.clusterId === undefined && to.clusterId !== undefined) yield { type: 'cluster-id', clusterId: to.clusterId }
  if (to.controllerEpoch > from.controllerEpoch) {
    yield { type: 'controller-epoch', epoch: to.controllerEpoch, controllerId: to.controllerId }
  }
  if (to.nextProducerId > from.nextProducerId) {
    yield { type: 'producer-ids-allocated', brokerId: -1, brokerEpoch: -1, nextProducerId: to.nextProducerId }
  }
  for (const name of new Set([...from.features.keys(), ...to.features.keys()])) {
    const level = to.features.get(name) ?? 0
    if (from.features.get(name) !== level) yield { type: 'feature-level-changed', name, level }
  }
}

function* topicDeletions(from: ClusterImage, to: ClusterImage): Generator<Delta> {
  for (const { id } of from.topics()) if (to.topicById(id) === undefined) yield { type: 'topic-deleted', topicId: id }
}

function* topicChanges(from: ClusterImage, to: ClusterImage): Generator<Delta> {
  for (const topic of to.topics()) {
    const before = from.topicById(topic.id)
    if (before === undefined) yield { type: 'topic-created', name: topic.name, topicId: topic.id }
    yield* partitionChanges(before, topic)
  }
}

function* partitionChanges(before: TopicImage | undefined, topic: TopicImage): Generator<Delta> {
  for (const [partition, state] of topic.partitions.entries()) {
    // The partition epoch grows with every change, so an equal one means an equal partition.
    if (before?.partitions[partition]?.partitionEpoch === state.partitionEpoch) continue
    yield { ...state, type: 'partition-changed', topicId: topic.id, partition }
  }
}

function* brokerRegistrations(from: ClusterImage, to: ClusterImage): Generator<Delta> {
  for (const broker of to.brokers.values()) {
    const before = from.broker(broker.id)
    if (before?.epoch !== broker.epoch) {
      const { id, epoch, ...rest } = broker
      yield { type: 'broker-registered', brokerId: id, brokerEpoch: epoch, ...rest }
    } else if (!isSameState(before, broker)) {
      const { id, epoch, isFenced, isShuttingDown, logDirs } = broker
      yield { type: 'broker-changed', brokerId: id, brokerEpoch: epoch, isFenced, isShuttingDown, logDirs }
    }
  }
}

function isSameState(a: BrokerImage, b: BrokerImage): boolean {
  const sameDirs = a.logDirs.length === b.logDirs.length && a.logDirs.every((dir, index) => dir === b.logDirs[index])
  return a.isFenced === b.isFenced && a.isShuttingDown === b.isShuttingDown && sameDirs
}

/** Last of all: by now no partition has them in sync (M1). */
function* brokerRemovals(from: ClusterImage, to: ClusterImage): Generator<Delta> {
  for (const { id, epoch } of from.brokers.values()) {
    if (to.broker(id) === undefined) yield { type: 'broker-unregistered', brokerId: id, brokerEpoch: epoch }
  }
}

function* configDifferences(from: ClusterImage, to: ClusterImage): Generator<Delta> {
  for (const resourceType of Object.values(ConfigResourceType)) {
    const names = new Set([...from.configuredResources(resourceType), ...to.configuredResources(resourceType)])
    for (const resourceName of names) {
      // Settings of a topic that is gone went with it; a new topic of the same name starts without.
      const isAnother = resourceType === ConfigResourceType.TOPIC && isAnotherTopic(from, to, resourceName)
      const before = isAnother ? new Map<string, string>() : from.config(resourceType, resourceName)
      const after = to.config(resourceType, resourceName)
      for (const key of new Set([...before.keys(), ...after.keys()])) {
        const value = after.get(key) ?? null
        if ((before.get(key) ?? null) !== value)
          yield { type: 'config-changed', resourceType, resourceName, key, value }
      }
    }
  }
}

function isAnotherTopic(from: ClusterImage, to: ClusterImage, name: string): boolean {
  return from.topicByName(name)?.id !== to.topicByName(name)?.id
}
