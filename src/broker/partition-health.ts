/** What is wrong with a partition, for Metadata and DescribeTopicPartitions: read off the image, and for replicas here off their log directories too. */

import type { PartitionState } from '../metadata/cluster-image.ts'
import { NO_LEADER } from '../metadata/cluster-image.ts'
import type { ErrorName } from '../protocol/errors.ts'
import type { BrokerContext } from './broker-context.ts'

export interface PartitionHealth {
  readonly error: ErrorName
  /** −1 where there is none that could be asked. */
  readonly leaderId: number
  /** Replicas on brokers that are away, or in log directories that have failed. */
  readonly offlineReplicas: number[]
}

export function partitionHealthOf(
  topic: string,
  partition: number,
  state: PartitionState,
  broker: BrokerContext,
): PartitionHealth {
  const { image, nodeId } = broker
  const isLostHere = isLost(topic, partition, broker)
  const isOffline = (id: number): boolean => !image.isActive(id) || (isLostHere && id === nodeId)
  const offlineReplicas = state.replicas.filter(isOffline)
  return state.leader === NO_LEADER || isOffline(state.leader)
    ? { error: 'LEADER_NOT_AVAILABLE', leaderId: NO_LEADER, offlineReplicas }
    : { error: 'NONE', leaderId: state.leader, offlineReplicas }
}

/** Whether this broker's replica went with its log directory. */
function isLost(topic: string, partition: number, { logs, partitions }: BrokerContext): boolean {
  if (logs.offlineDirectories.length === 0) return false
  const found = partitions.lookup(topic, partition)
  return typeof found === 'string' ? found === 'KAFKA_STORAGE_ERROR' : found.log.failure !== undefined
}
