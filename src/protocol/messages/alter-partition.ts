/**
 * A leader asks the controller to change the in-sync replicas of its partitions (KIP-497). Version 1 says whether the leader is
 * still recovering from an unclean election, 2 names topics by id, 3 tells the epochs of the replicas (KIP-903).
 */

import { array, int16, int32, int64, int8, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const AlterPartitionRequest = message({
  name: 'AlterPartitionRequest',
  apiKey: 56,
  versions: '0-3',
  flexibleSince: 0,
  fields: {
    brokerId: int32,
    brokerEpoch: int64.default(-1),
    topics: array({
      topicId: uuid.since(2).ignorable(),
      topicName: string.until(1).ignorable(),
      partitions: array({
        partitionIndex: int32,
        leaderEpoch: int32,
        newIsrWithEpochs: array({ brokerId: int32, brokerEpoch: int64.default(-1) }).since(3),
        newIsr: array(int32).until(2),
        leaderRecoveryState: int8.since(1),
        partitionEpoch: int32,
      }),
    }),
  },
})
export type AlterPartitionRequest = Infer<typeof AlterPartitionRequest>

export const AlterPartitionResponse = message({
  name: 'AlterPartitionResponse',
  apiKey: 56,
  versions: '0-3',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    topics: array({
      topicId: uuid.since(2).ignorable(),
      topicName: string.until(1).ignorable(),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        leaderId: int32,
        leaderEpoch: int32,
        isr: array(int32),
        leaderRecoveryState: int8.since(1).ignorable(),
        partitionEpoch: int32,
      }),
    }),
  },
})
export type AlterPartitionResponse = Infer<typeof AlterPartitionResponse>
