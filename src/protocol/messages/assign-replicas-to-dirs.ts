/**
 * A broker tells the controller in which log directories its replicas lie (KIP-858).
 */

import { array, int16, int32, int64, message, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const AssignReplicasToDirsRequest = message({
  name: 'AssignReplicasToDirsRequest',
  apiKey: 73,
  versions: '0',
  flexibleSince: 0,
  fields: {
    brokerId: int32,
    brokerEpoch: int64.default(-1),
    directories: array({ id: uuid, topics: array({ topicId: uuid, partitions: array({ partitionIndex: int32 }) }) }),
  },
})
export type AssignReplicasToDirsRequest = Infer<typeof AssignReplicasToDirsRequest>

export const AssignReplicasToDirsResponse = message({
  name: 'AssignReplicasToDirsResponse',
  apiKey: 73,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    directories: array({
      id: uuid,
      topics: array({ topicId: uuid, partitions: array({ partitionIndex: int32, errorCode: int16 }) }),
    }),
  },
})
export type AssignReplicasToDirsResponse = Infer<typeof AssignReplicasToDirsResponse>
