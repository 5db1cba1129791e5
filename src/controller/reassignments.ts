/**
 * Moving partitions between brokers (KIP-455). A partition gets its new replicas beside the old ones at first; when everybody who is to stay is
 * in sync, a change of the in-sync set completes the move (`partition-change.ts`).
 */

import type { ClusterImage, PartitionState, TopicImage } from '../metadata/cluster-image.ts'
import { assignmentProblem } from './assignments.ts'
import type { ControlState } from './control-state.ts'
import { isReassigning, without } from './partition-change.ts'
import { electionOf, stageChange } from './partitions.ts'
import { DONE, refused } from './requests.ts'
import type { OngoingReassignments, Outcome, ReassignableTopic, ReassignmentsResult } from './requests.ts'

export function alterPartitionReassignments(
  state: ControlState,
  topics: readonly ReassignableTopic[],
  { allowReplicationFactorChange }: { allowReplicationFactorChange: boolean },
): ReassignmentsResult {
  const results = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, replicas }) => ({
      partitionIndex,
      ...alterReassignment(state, name, partitionIndex, replicas, allowReplicationFactorChange),
    })),
  }))
  return { ...DONE, topics: results }
}

function alterReassignment(
  state: ControlState,
  name: string,
  partition: number,
  replicas: readonly number[] | null,
  mayChangeFactor: boolean,
): Outcome {
  const topic = state.image.topicByName(name)
  if (topic === undefined) return refused('UNKNOWN_TOPIC_OR_PARTITION', `there is no topic '${name}'`)
  const before = topic.partitions[partition]
  if (before === undefined) return refused('UNKNOWN_TOPIC_OR_PARTITION', `there is no partition ${name}-${partition}`)
  return replicas === null
    ? cancel(state, topic, partition, before)
    : reassign(state, topic, partition, before, replicas, mayChangeFactor)
}

function reassign(
  state: ControlState,
  topic: TopicImage,
  partition: number,
  before: PartitionState,
  wanted: readonly number[],
  mayChangeFactor: boolean,
): Outcome {
  const problem = assignmentProblem(state, wanted)
  if (problem !== undefined) return refused(problem.error, problem.message)
  // While a move is under way its old replicas are what the partition had.
  const current = without(before.replicas, before.addingReplicas)
  if (!mayChangeFactor && wanted.length !== current.length) {
    const counts = `from ${current.length} to ${wanted.length}`
    return refused(
      'INVALID_REPLICATION_FACTOR',
      `the replication factor would change ${counts}, which the request does not allow`,
    )
  }
  const addingReplicas = ascending(without(wanted, before.replicas))
  const removingReplicas = ascending(without(before.replicas, wanted))
  if (!state.canReplicate && addingReplicas.length > 0) {
    return refused(
      'INVALID_REPLICA_ASSIGNMENT',
      'brokers do not copy from each other yet: a partition stays where it is',
    )
  }
  stageChange(state, topic, partition, { replicas: [...wanted, ...removingReplicas], addingReplicas, removingReplicas })
  return DONE
}

/** Back to the replicas of before; whoever was being added leaves. */
function cancel(state: ControlState, topic: TopicImage, partition: number, before: PartitionState): Outcome {
  if (!isReassigning(before))
    return refused('NO_REASSIGNMENT_IN_PROGRESS', `${topic.name}-${partition} is not being reassigned`)
  const replicas = without(before.replicas, before.addingReplicas)
  const isr = without(before.isr, before.addingReplicas)
  const election = electionOf(state, topic)
  if (isr.length === 0 && election !== 'unclean') {
    const message = `cancelling would leave ${topic.name}-${partition} without a replica in sync: it needs an unclean election`
    return refused('INVALID_REPLICA_ASSIGNMENT', message)
  }
  stageChange(state, topic, partition, { replicas, isr, addingReplicas: [], removingReplicas: [], election })
  return DONE
}

export function listPartitionReassignments(
  image: ClusterImage,
  topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null,
): OngoingReassignments {
  const wanted =
    topics ?? [...image.topics()].map(({ name, partitions }) => ({ name, partitionIndexes: [...partitions.keys()] }))
  const listed = wanted.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.flatMap(partitionIndex => {
      const partition = image.partition(name, partitionIndex)
      if (partition === undefined || !isReassigning(partition)) return []
      const { replicas, addingReplicas, removingReplicas } = partition
      return [{ partitionIndex, replicas, addingReplicas, removingReplicas }]
    }),
  }))
  return { topics: listed.filter(({ partitions }) => partitions.length > 0) }
}

function ascending(ids: readonly number[]): readonly number[] {
  return [...ids].sort((a, b) => a - b)
}
