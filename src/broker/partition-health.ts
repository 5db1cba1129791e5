/** What is wrong with a partition, read off the image: for Metadata and DescribeTopicPartitions. */

import type { ClusterImage, PartitionState } from '../metadata/cluster-image.ts'
import { NO_LEADER } from '../metadata/cluster-image.ts'
import type { ErrorName } from '../protocol/errors.ts'

export function leaderErrorOf(state: PartitionState, image: ClusterImage): ErrorName {
  return state.leader !== NO_LEADER && image.isActive(state.leader) ? 'NONE' : 'LEADER_NOT_AVAILABLE'
}

/** Replicas on brokers that are away. */
export function offlineReplicasOf(state: PartitionState, image: ClusterImage): number[] {
  return state.replicas.filter(id => !image.isActive(id))
}
