/**
 * Told brokers, under ZooKeeper, about the rest of the cluster. Kafka 4 no longer has it.
 */

import { array, boolean, int16, int32, int64, int8, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const UpdateMetadataRequest = message({
  name: 'UpdateMetadataRequest',
  apiKey: 6,
  versions: '0-8',
  flexibleSince: 6,
  fields: {
    controllerId: int32,
    isKRaftController: boolean.since(8),
    controllerEpoch: int32,
    brokerEpoch: int64.since(5).default(-1).ignorable(),
    topicStates: array({
      topicName: string,
      topicId: uuid.since(7).ignorable(),
      partitionStates: array({
        partitionIndex: int32,
        controllerEpoch: int32,
        leader: int32,
        leaderEpoch: int32,
        isr: array(int32),
        zkVersion: int32,
        replicas: array(int32),
        offlineReplicas: array(int32).ignorable(),
      }),
    }).since(5),
    ungroupedPartitionStates: array({
      topicName: string.ignorable(),
      partitionIndex: int32,
      controllerEpoch: int32,
      leader: int32,
      leaderEpoch: int32,
      isr: array(int32),
      zkVersion: int32,
      replicas: array(int32),
      offlineReplicas: array(int32).since(4).ignorable(),
    }).until(4),
    liveBrokers: array({
      id: int32,
      endpoints: array({ port: int32, host: string, listener: string.since(3).ignorable(), securityProtocol: int16 })
        .since(1)
        .ignorable(),
      rack: string.nullable().since(2).ignorable(),
      v0Host: string.until(0).ignorable(),
      v0Port: int32.until(0).ignorable(),
    }),
    type: int8.since(8).tagged(0),
  },
})
export type UpdateMetadataRequest = Infer<typeof UpdateMetadataRequest>

export const UpdateMetadataResponse = message({
  name: 'UpdateMetadataResponse',
  apiKey: 6,
  versions: '0-8',
  flexibleSince: 6,
  fields: { errorCode: int16 },
})
export type UpdateMetadataResponse = Infer<typeof UpdateMetadataResponse>
