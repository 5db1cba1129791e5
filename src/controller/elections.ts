/** ElectLeaders (KIP-183, KIP-460): a client asks for the preferred leader, or for any leader at all. */

import type { TopicImage } from '../metadata/cluster-image.ts'
import type { ControlState } from './control-state.ts'
import { NO_LEADER } from '../metadata/cluster-image.ts'
import { stageChange } from './partitions.ts'
import { DONE, refused } from './requests.ts'
import type { ElectionType, ElectLeadersResult, Outcome } from './requests.ts'

/** Null: all partitions; those that need no election are then left out of the answer. */
export function electLeaders(
  state: ControlState,
  type: ElectionType,
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[] | null,
): ElectLeadersResult {
  const wanted =
    topics ??
    [...state.image.topics()].map(({ name, partitions }) => ({ topic: name, partitions: [...partitions.keys()] }))
  const results = wanted.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions
      .map(partitionId => ({ partitionId, ...electLeader(state, type, topic, partitionId) }))
      .filter(({ error }) => topics !== null || error !== 'ELECTION_NOT_NEEDED'),
  }))
  return { ...DONE, topics: results }
}

function electLeader(state: ControlState, type: ElectionType, name: string, partition: number): Outcome {
  const topic = state.image.topicByName(name)
  if (topic === undefined) return refused('UNKNOWN_TOPIC_OR_PARTITION', `there is no topic '${name}'`)
  if (topic.partitions[partition] === undefined)
    return refused('UNKNOWN_TOPIC_OR_PARTITION', `there is no partition ${name}-${partition}`)
  return type === 'preferred' ? electPreferred(state, topic, partition) : electUnclean(state, topic, partition)
}

function electPreferred(state: ControlState, topic: TopicImage, partition: number): Outcome {
  const before = topic.partitions[partition]!
  if (before.leader === before.replicas[0]) return refused('ELECTION_NOT_NEEDED', 'the preferred replica is the leader')
  const after = stageChange(state, topic, partition, { election: 'preferred' })
  if (after?.leader === before.replicas[0]) return DONE
  return refused(
    'PREFERRED_LEADER_NOT_AVAILABLE',
    `the preferred replica, broker ${before.replicas[0]}, is not in sync or not alive`,
  )
}

function electUnclean(state: ControlState, topic: TopicImage, partition: number): Outcome {
  if (topic.partitions[partition]!.leader !== NO_LEADER)
    return refused('ELECTION_NOT_NEEDED', 'the partition has a leader')
  const after = stageChange(state, topic, partition, { election: 'unclean' })
  if (after !== undefined && after.leader !== NO_LEADER) return DONE
  return refused('ELIGIBLE_LEADERS_NOT_AVAILABLE', 'no replica of the partition is alive')
}
