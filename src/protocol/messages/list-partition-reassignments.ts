/**
 * Lists the partitions that are on the move (KIP-455).
 */

import { array, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ListPartitionReassignmentsRequest = message({
  name: 'ListPartitionReassignmentsRequest',
  apiKey: 46,
  versions: '0',
  flexibleSince: 0,
  fields: {
    timeoutMs: int32.default(60000),
    topics: array({ name: string, partitionIndexes: array(int32) })
      .nullable()
      .default(null),
  },
})
export type ListPartitionReassignmentsRequest = Infer<typeof ListPartitionReassignmentsRequest>

export const ListPartitionReassignmentsResponse = message({
  name: 'ListPartitionReassignmentsResponse',
  apiKey: 46,
  versions: '0',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        replicas: array(int32),
        addingReplicas: array(int32),
        removingReplicas: array(int32),
      }),
    }),
  },
})
export type ListPartitionReassignmentsResponse = Infer<typeof ListPartitionReassignmentsResponse>
