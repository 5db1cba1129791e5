/** Creating topics: names, counts, placement or assignment, settings. */

import { newTopicOverrides } from '../metadata/config/alter-topic.ts'
import { ConfigResourceType } from '../metadata/config-resource.ts'
import type { PartitionState } from '../metadata/cluster-image.ts'
import { isInternalTopic } from '../metadata/internal-topics.ts'
import { CLUSTER_METADATA_TOPIC, topicNameProblem } from '../metadata/topic-name.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import type { Uuid } from '../protocol/uuid.ts'
import {
  assignmentProblem,
  DELTAS_PER_REQUEST_MAX,
  newPartition,
  placeNew,
  roomProblem,
  TOO_MANY_PARTITIONS,
  unplaced,
} from './assignments.ts'
import type { NewPartitions, Unplaced } from './assignments.ts'
import type { ControlState } from './control-state.ts'
import { DONE, refused } from './requests.ts'
import type { CreatableTopic, CreateTopicResult, Outcome } from './requests.ts'

export function createTopics(
  state: ControlState,
  topics: readonly CreatableTopic[],
  { validateOnly }: { validateOnly: boolean },
): CreateTopicResult[] {
  const planned = planTopics(state, topics)
  if (planned === undefined) {
    return topics.map(({ name }) => failedTopic(name, refused('POLICY_VIOLATION', TOO_MANY_PARTITIONS)))
  }
  return planned.map(plan => {
    if (!plan.ok) return failedTopic(plan.name, plan)
    // As in Kafka the id is told when the topic is only validated, too, though it means nothing then.
    const topicId = state.newTopicId()
    if (!validateOnly) stageTopic(state, plan, topicId)
    const { name, partitions, overrides: configs } = plan
    const replicationFactor = partitions[0]!.replicas.length
    return { name, topicId, ...DONE, numPartitions: partitions.length, replicationFactor, configs }
  })
}

/** A topic as it would be made. */
interface TopicPlan {
  readonly ok: true
  readonly name: string
  readonly overrides: ReadonlyMap<string, string>
  readonly partitions: readonly PartitionState[]
}

type Planned = TopicPlan | (Unplaced & { readonly name: string })

/** Undefined where it would be too much for one request, which is found out before all of it has been planned: that would take memory for a billion partitions. */
function planTopics(state: ControlState, topics: readonly CreatableTopic[]): Planned[] | undefined {
  const counts = new Map<string, number>()
  for (const { name } of topics) counts.set(name, (counts.get(name) ?? 0) + 1)
  const planned = new Map<string, Planned>()
  const collisionKeys = new Set<string>()
  let partitionCount = 0
  let deltaCount = 0
  for (const topic of topics) {
    const { name } = topic
    // A name that is there twice is answered once.
    if (planned.has(name)) continue
    const isRepeated = counts.get(name)! > 1
    const plan = isRepeated
      ? { name, ...unplaced('INVALID_REQUEST', 'the request names this topic more than once') }
      : planTopic(state, topic, collisionKeys, partitionCount)
    if (plan.ok) {
      collisionKeys.add(state.collisionKeyOf(name))
      partitionCount += plan.partitions.length
      deltaCount += deltaCountOf(plan)
      if (deltaCount > DELTAS_PER_REQUEST_MAX) return undefined
    }
    planned.set(name, plan)
  }
  return [...planned.values()]
}

/** `collisionKeys` and `earlier` partitions are those of earlier topics of the same request. */
function planTopic(
  state: ControlState,
  topic: CreatableTopic,
  collisionKeys: ReadonlySet<string>,
  earlier: number,
): Planned {
  const { name } = topic
  const problem = nameProblem(state, name, collisionKeys)
  if (problem !== undefined) return { name, ...problem }
  const altered = newTopicOverrides(state.config.topicDefaults, topic.configs)
  if (!altered.ok) return { name, ...altered }
  const placed = topic.assignments.length > 0 ? planAssigned(state, topic) : planPlaced(state, topic)
  if (!placed.ok) return { name, ...placed }
  // Internal topics are made whatever others there are.
  const full = isInternalTopic(name) ? undefined : roomProblem(state, earlier + placed.partitions.length)
  return full === undefined ? { ...placed, name, overrides: altered.overrides } : { name, ...full }
}

function deltaCountOf({ overrides, partitions }: TopicPlan): number {
  return 1 + overrides.size + partitions.length
}

function stageTopic(state: ControlState, { name, overrides, partitions }: TopicPlan, topicId: Uuid): void {
  state.stage({ type: 'topic-created', name, topicId })
  for (const [key, value] of overrides) {
    state.stage({ type: 'config-changed', resourceType: ConfigResourceType.TOPIC, resourceName: name, key, value })
  }
  for (const [partition, each] of partitions.entries()) {
    state.stage({ type: 'partition-changed', topicId, partition, ...each })
  }
}

export function failedTopic(name: string, { error, message }: Outcome): CreateTopicResult {
  return {
    name,
    topicId: ZERO_UUID,
    error,
    message,
    numPartitions: -1,
    replicationFactor: -1,
    configs: new Map(),
  }
}

function nameProblem(state: ControlState, name: string, collisionKeys: ReadonlySet<string>): Unplaced | undefined {
  if (name === CLUSTER_METADATA_TOPIC) {
    return unplaced('INVALID_REQUEST', `creation of the internal topic ${name} is prohibited`)
  }
  const invalid = (message: string): Unplaced => unplaced('INVALID_TOPIC_EXCEPTION', message)
  const problem = topicNameProblem(name)
  if (problem !== undefined) return invalid(problem)
  if (state.image.topicByName(name) !== undefined) {
    return unplaced('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`)
  }
  const colliding = state.collidingTopic(name)
  if (colliding !== undefined) return invalid(`topic '${name}' collides with the existing topic '${colliding}'`)
  if (!collisionKeys.has(state.collisionKeyOf(name))) return undefined
  return invalid(`topic '${name}' collides with another topic of the request`)
}

/** The client says where each replica goes. */
function planAssigned(state: ControlState, topic: CreatableTopic): NewPartitions {
  const invalid = (message: string): NewPartitions => unplaced('INVALID_REPLICA_ASSIGNMENT', message)
  const both = (what: string): NewPartitions =>
    unplaced('INVALID_REQUEST', `with a manual assignment the ${what} has to be -1`)
  if (topic.replicationFactor !== -1) return both('replication factor')
  if (topic.numPartitions !== -1) return both('number of partitions')
  const partitions = new Map<number, PartitionState>()
  let replicationFactor: number | undefined
  for (const { partitionIndex, brokerIds } of topic.assignments) {
    if (partitions.has(partitionIndex)) return invalid(`partition ${partitionIndex} is assigned more than once`)
    const problem = assignmentProblem(state, brokerIds, replicationFactor)
    if (problem !== undefined) return problem
    replicationFactor = brokerIds.length
    const partition = newPartition(state, brokerIds)
    if (partition === undefined) {
      return invalid(`all brokers that partition ${partitionIndex} is assigned to are fenced or shutting down`)
    }
    partitions.set(partitionIndex, partition)
  }
  const ordered: PartitionState[] = []
  for (let index = 0; index < partitions.size; index++) {
    const partition = partitions.get(index)
    if (partition === undefined) return invalid('the assigned partitions are not numbered from 0 on without gaps')
    ordered.push(partition)
  }
  return { ok: true, partitions: ordered }
}

function planPlaced(state: ControlState, topic: CreatableTopic): NewPartitions {
  if (topic.replicationFactor < -1 || topic.replicationFactor === 0) {
    const message = `the replication factor has to be above 0, or -1 for the default, not ${topic.replicationFactor}`
    return unplaced('INVALID_REPLICATION_FACTOR', message)
  }
  if (topic.numPartitions < -1 || topic.numPartitions === 0) {
    const message = `the number of partitions has to be above 0, or -1 for the default, not ${topic.numPartitions}`
    return unplaced('INVALID_PARTITIONS', message)
  }
  const count = topic.numPartitions === -1 ? state.config.numPartitions : topic.numPartitions
  const replicationFactor =
    topic.replicationFactor === -1 ? state.config.defaultReplicationFactor : topic.replicationFactor
  return placeNew(state, count, replicationFactor)
}
