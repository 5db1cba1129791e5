/** Random deltas that a controller could have made, and what an image holds as plain values, for the tests of this folder. */

import { LeaderRecoveryState, NO_LEADER } from './cluster-image.ts'
import type { ClusterImage, PartitionState, TopicImage } from './cluster-image.ts'
import { ConfigResourceType } from './config-resource.ts'
import type { Delta, DeltaOf } from './delta.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import type { Uuid } from '../protocol/uuid.ts'
import { uuidOf } from '../protocol/uuid.ts'
import type { SeededRandom } from '../std/random.ts'

const newId = (random: SeededRandom): Uuid => uuidOf(random.bytes(16))

/** The next delta after those that made `image` what it is. */
export function randomDelta(image: ClusterImage, random: SeededRandom): Delta {
  if (image.clusterId === undefined) return { type: 'cluster-id', clusterId: newId(random) }
  if (image.brokers.size === 0) return registration(image, random)
  const makers = [
    () => registration(image, random),
    () => brokerChange(image, random),
    () => unregistration(image, random),
    () => topicCreation(image, random),
    () => topicDeletion(image, random),
    () => partitionChange(image, random),
    () => partitionChange(image, random),
    () => partitionChange(image, random),
    () => configChange(image, random),
    () => ({ type: 'feature-level-changed', name: `feature.${random.below(4)}`, level: random.below(3) }) as const,
    () =>
      ({
        type: 'producer-ids-allocated',
        brokerId: 1,
        brokerEpoch: 1,
        nextProducerId: image.nextProducerId + 1 + random.below(5000),
      }) as const,
    () =>
      ({
        type: 'controller-epoch',
        epoch: image.controllerEpoch + 1 + random.below(2),
        controllerId: random.below(5),
      }) as const,
  ]
  for (;;) {
    const delta = random.pick(makers)()
    if (delta !== undefined) return delta
  }
}

/** Applies `count` random deltas one by one, and returns them. */
export function growRandomly(image: ClusterImage, count: number, random: SeededRandom): Delta[] {
  return Array.from({ length: count }, () => {
    const delta = randomDelta(image, random)
    image.apply([delta], image.number + 1)
    return delta
  })
}

function pickBroker(image: ClusterImage, random: SeededRandom) {
  return random.pick([...image.brokers.values()])
}

function pickTopic(image: ClusterImage, random: SeededRandom): TopicImage | undefined {
  return image.topicCount === 0 ? undefined : random.pick([...image.topics()])
}

function topicCreation(image: ClusterImage, random: SeededRandom): Delta | undefined {
  const name = `topic-${random.below(12)}`
  return image.topicByName(name) === undefined ? { type: 'topic-created', name, topicId: newId(random) } : undefined
}

function registration(image: ClusterImage, random: SeededRandom): DeltaOf<'broker-registered'> {
  return {
    type: 'broker-registered',
    brokerId: random.below(6),
    brokerEpoch: image.number + 1,
    incarnationId: newId(random),
    endpoints: Array.from({ length: random.below(3) }, (_, index) => ({
      name: `LISTENER_${index}`,
      host: random.pick(['', 'localhost', '::1']),
      port: random.below(65_536),
      securityProtocol: random.below(4),
    })),
    rack: random.pick([null, '', 'rack-a']),
    logDirs: Array.from({ length: random.below(3) }, () => newId(random)),
    features: [{ name: 'metadata.version', minVersion: 7, maxVersion: 30 }],
    isFenced: random.chance(0.5),
    isShuttingDown: random.chance(0.1),
  }
}

function brokerChange(image: ClusterImage, random: SeededRandom): DeltaOf<'broker-changed'> {
  const { id, epoch, logDirs } = pickBroker(image, random)
  const dirs = random.chance(0.5) ? logDirs : []
  return {
    type: 'broker-changed',
    brokerId: id,
    brokerEpoch: epoch,
    isFenced: random.chance(0.5),
    isShuttingDown: random.chance(0.5),
    logDirs: dirs,
  }
}

/** Only of a broker that no partition has in sync. */
function unregistration(image: ClusterImage, random: SeededRandom): Delta | undefined {
  const { id, epoch } = pickBroker(image, random)
  const inSync = [...image.topics()].some(topic => topic.partitions.some(partition => partition.isr.includes(id)))
  return inSync || image.brokers.size === 1
    ? undefined
    : { type: 'broker-unregistered', brokerId: id, brokerEpoch: epoch }
}

function topicDeletion(image: ClusterImage, random: SeededRandom): Delta | undefined {
  const topic = pickTopic(image, random)
  return topic === undefined || image.topicCount < 4 ? undefined : { type: 'topic-deleted', topicId: topic.id }
}

function partitionChange(image: ClusterImage, random: SeededRandom): Delta | undefined {
  const topic = pickTopic(image, random)
  if (topic === undefined) return undefined
  const partition = random.below(topic.partitions.length + 1)
  const state = randomPartition(image, topic.partitions[partition], random)
  return { type: 'partition-changed', topicId: topic.id, partition, ...state }
}

function randomPartition(
  image: ClusterImage,
  before: PartitionState | undefined,
  random: SeededRandom,
): PartitionState {
  const some = (ids: readonly number[]): readonly number[] => ids.filter(() => random.chance(0.5))
  const ids = [...image.brokers.keys()]
  const chosen = some(ids)
  const replicas = chosen.length === 0 ? [random.pick(ids)] : chosen
  const isr = some(replicas)
  const leader = isr.length === 0 || random.chance(0.2) ? NO_LEADER : random.pick(isr)
  const isNewLeader = before !== undefined && before.leader !== leader
  return {
    leader,
    leaderEpoch: (before?.leaderEpoch ?? 0) + (isNewLeader || random.chance(0.2) ? 1 : 0),
    partitionEpoch: before === undefined ? 0 : before.partitionEpoch + 1,
    replicas,
    isr,
    directories: replicas.map(() => (random.chance(0.5) ? ZERO_UUID : newId(random))),
    addingReplicas: random.chance(0.3) ? some(replicas) : [],
    removingReplicas: random.chance(0.3) ? some(replicas) : [],
    elr: random.chance(0.3) ? some(replicas) : [],
    lastKnownElr: random.chance(0.3) ? [random.pick(replicas)] : [],
    leaderRecoveryState: random.chance(0.2) ? LeaderRecoveryState.RECOVERING : LeaderRecoveryState.RECOVERED,
  }
}

function configChange(image: ClusterImage, random: SeededRandom): Delta {
  const topic = pickTopic(image, random)
  const [resourceType, resourceName] =
    topic === undefined || random.chance(0.4)
      ? [ConfigResourceType.BROKER, random.pick(['', '1', '2'])]
      : [ConfigResourceType.TOPIC, topic.name]
  const value = random.chance(0.3) ? null : random.pick(['', 'x', 'ключ', '1'.repeat(200)])
  return { type: 'config-changed', resourceType, resourceName, key: `key.${random.below(4)}`, value }
}

/** Everything that an image holds, for comparisons. Maps compare whatever their order. */
export function contentOf(image: ClusterImage) {
  const plain = ({ ...state }: PartitionState): Partial<PartitionState> & { type?: string } => {
    const copy: Partial<PartitionState> & { type?: string } = state
    delete copy.type
    return copy
  }
  return {
    clusterId: image.clusterId,
    controllerEpoch: image.controllerEpoch,
    controllerId: image.controllerId,
    nextProducerId: image.nextProducerId,
    partitionCount: image.partitionCount,
    features: new Map(image.features),
    brokers: new Map(image.brokers),
    topics: new Map(
      [...image.topics()].map(({ name, id, partitions }) => [name, { id, partitions: partitions.map(plain) }]),
    ),
    topicIds: new Set([...image.topics()].map(({ id }) => image.topicById(id)?.name)),
    configs: Object.values(ConfigResourceType).map(
      type => new Map([...image.configuredResources(type)].map(name => [name, new Map(image.config(type, name))])),
    ),
  }
}
