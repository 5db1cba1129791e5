/** Creating topics: names, counts, placement or assignment, settings. */

import { newTopicOverrides } from '../metadata/config/alter-topic.ts'
import { ConfigResourceType } from '../metadata/config-resource.ts'
import type { PartitionState } from '../metadata/cluster-image.ts'
import { CLUSTER_METADATA_TOPIC, collisionKey, topicNameProblem } from '../metadata/topic-name.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import { assignmentProblem, newPartition, PARTITIONS_PER_REQUEST_MAX, placeNew, unplaced } from './assignments.ts'
import type { NewPartitions } from './assignments.ts'
import type { ControlState } from './control-state.ts'
import { refused } from './requests.ts'
import type { CreatableTopic, CreateTopicResult, Outcome } from './requests.ts'

export function createTopics(
  state: ControlState,
  topics: readonly CreatableTopic[],
  { validateOnly }: { validateOnly: boolean },
): CreateTopicResult[] {
  const counts = new Map<string, number>()
  for (const { name } of topics) counts.set(name, (counts.get(name) ?? 0) + 1)
  const results: CreateTopicResult[] = []
  const created = new CreatedInRequest()
  const answered = new Set<string>()
  for (const topic of topics) {
    // A name that is there twice is answered once.
    if (answered.has(topic.name)) continue
    answered.add(topic.name)
    const isRepeated = counts.get(topic.name)! > 1
    results.push(
      isRepeated
        ? failedTopic(topic.name, refused('INVALID_REQUEST', 'the request names this topic more than once'))
        : createTopic(state, topic, created, validateOnly),
    )
  }
  return results
}

/** What earlier topics of the same request used up. */
class CreatedInRequest {
  readonly collisionKeys = new Set<string>()
  partitions = 0
}

function createTopic(
  state: ControlState,
  topic: CreatableTopic,
  created: CreatedInRequest,
  validateOnly: boolean,
): CreateTopicResult {
  const nameProblem = checkName(state, topic.name, created)
  if (nameProblem !== undefined) return failedTopic(topic.name, nameProblem)
  const altered = newTopicOverrides(state.config.topicDefaults, topic.configs)
  if (!altered.ok) return failedTopic(topic.name, refused(altered.error, altered.message))
  const planned = topic.assignments.length > 0 ? planAssigned(state, topic) : planPlaced(state, topic)
  if (!planned.ok) return failedTopic(topic.name, planned)
  const { partitions } = planned
  created.partitions += partitions.length
  if (created.partitions > PARTITIONS_PER_REQUEST_MAX) {
    return failedTopic(
      topic.name,
      refused('POLICY_VIOLATION', `a request may create at most ${PARTITIONS_PER_REQUEST_MAX} partitions`),
    )
  }
  created.collisionKeys.add(collisionKey(topic.name, false))
  const topicId = validateOnly ? ZERO_UUID : state.newTopicId()
  if (!validateOnly) {
    state.stage({ type: 'topic-created', name: topic.name, topicId })
    for (const [key, value] of altered.overrides) {
      state.stage({
        type: 'config-changed',
        resourceType: ConfigResourceType.TOPIC,
        resourceName: topic.name,
        key,
        value,
      })
    }
    for (const [partition, each] of partitions.entries())
      state.stage({ type: 'partition-changed', topicId, partition, ...each })
  }
  return {
    name: topic.name,
    topicId,
    error: 'NONE',
    message: null,
    numPartitions: partitions.length,
    replicationFactor: partitions[0]!.replicas.length,
    configs: altered.overrides,
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

function checkName(state: ControlState, name: string, created: CreatedInRequest): Outcome | undefined {
  if (name === CLUSTER_METADATA_TOPIC)
    return refused('INVALID_REQUEST', `creation of the internal topic ${name} is prohibited`)
  const problem = topicNameProblem(name)
  if (problem !== undefined) return refused('INVALID_TOPIC_EXCEPTION', problem)
  if (state.image.topicByName(name) !== undefined)
    return refused('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`)
  const colliding = state.collidingTopic(name)
  if (colliding !== undefined) {
    return refused('INVALID_TOPIC_EXCEPTION', `topic '${name}' collides with the existing topic '${colliding}'`)
  }
  if (created.collisionKeys.has(collisionKey(name, false))) {
    return refused('INVALID_TOPIC_EXCEPTION', `topic '${name}' collides with another topic of the request`)
  }
  return undefined
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
    const problem = assignmentProblem(state.image, brokerIds, replicationFactor)
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
