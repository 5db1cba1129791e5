/**
 * Moves partitions to other brokers, or takes that back (KIP-455). Version 1 may forbid a change of the replication factor.
 */

import { array, boolean, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const AlterPartitionReassignmentsRequest = message({
  name: 'AlterPartitionReassignmentsRequest',
  apiKey: 45,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    timeoutMs: int32.default(60000),
    allowReplicationFactorChange: boolean.since(1).default(true),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, replicas: array(int32).nullable().default(null) }),
    }),
  },
})
export type AlterPartitionReassignmentsRequest = Infer<typeof AlterPartitionReassignmentsRequest>

export const AlterPartitionReassignmentsResponse = message({
  name: 'AlterPartitionReassignmentsResponse',
  apiKey: 45,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    allowReplicationFactorChange: boolean.since(1).default(true).ignorable(),
    errorCode: int16,
    errorMessage: string.nullable(),
    responses: array({
      name: string,
      partitions: array({ partitionIndex: int32, errorCode: int16, errorMessage: string.nullable() }),
    }),
  },
})
export type AlterPartitionReassignmentsResponse = Infer<typeof AlterPartitionReassignmentsResponse>
