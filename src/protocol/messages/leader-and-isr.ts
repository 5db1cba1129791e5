/**
 * Told brokers, under ZooKeeper, which partitions they lead and follow. Kafka 4 no longer has it.
 *
 * Versions 0 and 1 list partitions one by one, from 2 on they are grouped by topic. 5 names topics by id.
 */

import { array, boolean, int16, int32, int64, int8, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const LeaderAndIsrRequest = message({
  name: 'LeaderAndIsrRequest',
  apiKey: 4,
  versions: '0-7',
  flexibleSince: 4,
  fields: {
    controllerId: int32,
    isKRaftController: boolean.since(7),
    controllerEpoch: int32,
    brokerEpoch: int64.since(2).default(-1).ignorable(),
    type: int8.since(5),
    topicStates: array({
      topicName: string,
      topicId: uuid.since(5).ignorable(),
      partitionStates: array({
        partitionIndex: int32,
        controllerEpoch: int32,
        leader: int32,
        leaderEpoch: int32,
        isr: array(int32),
        partitionEpoch: int32,
        replicas: array(int32),
        addingReplicas: array(int32).since(3).ignorable(),
        removingReplicas: array(int32).since(3).ignorable(),
        isNew: boolean.ignorable(),
        leaderRecoveryState: int8.since(6),
      }),
    }).since(2),
    ungroupedPartitionStates: array({
      topicName: string.ignorable(),
      partitionIndex: int32,
      controllerEpoch: int32,
      leader: int32,
      leaderEpoch: int32,
      isr: array(int32),
      partitionEpoch: int32,
      replicas: array(int32),
      isNew: boolean.since(1).ignorable(),
    }).until(1),
    liveLeaders: array({ brokerId: int32, hostName: string, port: int32 }),
  },
})
export type LeaderAndIsrRequest = Infer<typeof LeaderAndIsrRequest>

export const LeaderAndIsrResponse = message({
  name: 'LeaderAndIsrResponse',
  apiKey: 4,
  versions: '0-7',
  flexibleSince: 4,
  fields: {
    errorCode: int16,
    topics: array({ topicId: uuid, partitionErrors: array({ partitionIndex: int32, errorCode: int16 }) }).since(5),
    partitionErrors: array({ topicName: string.ignorable(), partitionIndex: int32, errorCode: int16 }).until(4),
  },
})
export type LeaderAndIsrResponse = Infer<typeof LeaderAndIsrResponse>
