/**
 * Told brokers, under ZooKeeper, to stop replicating partitions and perhaps to delete them. Kafka 4 no longer has it.
 */

import { array, boolean, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const StopReplicaRequest = message({
  name: 'StopReplicaRequest',
  apiKey: 5,
  versions: '0-4',
  flexibleSince: 2,
  fields: {
    controllerId: int32,
    isKRaftController: boolean.since(4),
    controllerEpoch: int32,
    brokerEpoch: int64.since(1).default(-1).ignorable(),
    topicStates: array({
      topicName: string,
      partitionStates: array({ partitionIndex: int32, leaderEpoch: int32.default(-1), deletePartition: boolean }),
    }).since(3),
    deletePartitions: boolean.until(2),
    topics: array({ name: string, partitionIndexes: array(int32) })
      .since(1)
      .until(2),
    ungroupedPartitions: array({ topicName: string, partitionIndex: int32 }).until(0),
  },
})
export type StopReplicaRequest = Infer<typeof StopReplicaRequest>

export const StopReplicaResponse = message({
  name: 'StopReplicaResponse',
  apiKey: 5,
  versions: '0-4',
  flexibleSince: 2,
  fields: { errorCode: int16, partitionErrors: array({ topicName: string, partitionIndex: int32, errorCode: int16 }) },
})
export type StopReplicaResponse = Infer<typeof StopReplicaResponse>
