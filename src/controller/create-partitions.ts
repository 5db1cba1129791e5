/** Growing topics (KIP-195): the number of partitions only ever rises. */

import type { PartitionState, TopicImage } from '../metadata/cluster-image.ts'
import { isInternalTopic } from '../metadata/internal-topics.ts'
import {
  assignmentProblem,
  DELTAS_PER_REQUEST_MAX,
  newPartition,
  placeNew,
  roomProblem,
  TOO_MANY_PARTITIONS,
  unplaced,
} from './assignments.ts'
import type { NewPartitions } from './assignments.ts'
import type { ControlState } from './control-state.ts'
import { DONE, refused } from './requests.ts'
import type { CreatePartitionsResult, GrowableTopic, Outcome } from './requests.ts'

export function createPartitions(
  state: ControlState,
  topics: readonly GrowableTopic[],
  { validateOnly }: { validateOnly: boolean },
): CreatePartitionsResult[] {
  const counts = new Map<string, number>()
  for (const { name } of topics) counts.set(name, (counts.get(name) ?? 0) + 1)
  const answered = new Set<string>()
  const results: CreatePartitionsResult[] = []
  const before = state.image.partitionCount
  for (const topic of topics) {
    const { name } = topic
    if (answered.has(name)) continue
    answered.add(name)
    const isRepeated = counts.get(name)! > 1
    const outcome = isRepeated
      ? refused('INVALID_REQUEST', 'the request names this topic more than once')
      : grow(state, topic, validateOnly, state.image.partitionCount - before)
    results.push({ name, ...outcome })
  }
  return results
}

/** `earlier` are the partitions that the same request has added to other topics. */
function grow(
  state: ControlState,
  { name, count, assignments }: GrowableTopic,
  validateOnly: boolean,
  earlier: number,
): Outcome {
  const topic = state.image.topicByName(name)
  if (topic === undefined) return refused('UNKNOWN_TOPIC_OR_PARTITION', `there is no topic '${name}'`)
  const now = topic.partitions.length
  if (count === now) return refused('INVALID_PARTITIONS', `topic '${name}' already has ${now} partition(s)`)
  if (count < now) {
    return refused('INVALID_PARTITIONS', `topic '${name}' has ${now} partition(s); ${count} would not be an increase`)
  }
  if (earlier + count - now > DELTAS_PER_REQUEST_MAX) return refused('POLICY_VIOLATION', TOO_MANY_PARTITIONS)
  const full = isInternalTopic(name) ? undefined : roomProblem(state, count - now)
  if (full !== undefined) return refused(full.error, full.message)
  const planned = plan(state, topic, count - now, assignments)
  if (!planned.ok) return refused(planned.error, planned.message)
  if (validateOnly) return DONE
  for (const [index, partition] of planned.partitions.entries()) {
    state.stage({ type: 'partition-changed', topicId: topic.id, partition: now + index, ...partition })
  }
  return DONE
}

function plan(
  state: ControlState,
  topic: TopicImage,
  additional: number,
  assignments: GrowableTopic['assignments'],
): NewPartitions {
  const replicationFactor = topic.partitions[0]!.replicas.length
  if (assignments === null) return placeNew(state, additional, replicationFactor)
  if (assignments.length !== additional) {
    const counts = `${additional} partition(s) are to be added, and ${assignments.length} assignment(s) are given`
    return unplaced('INVALID_REPLICA_ASSIGNMENT', counts)
  }
  const partitions: PartitionState[] = []
  for (const { brokerIds } of assignments) {
    const problem = assignmentProblem(state, brokerIds, replicationFactor)
    if (problem !== undefined) return problem
    const partition = newPartition(state, brokerIds)
    if (partition === undefined) {
      const number = topic.partitions.length + partitions.length
      const message = `all brokers that partition ${number} is assigned to are fenced or shutting down`
      return unplaced('INVALID_REPLICA_ASSIGNMENT', message)
    }
    partitions.push(partition)
  }
  return { ok: true, partitions }
}
