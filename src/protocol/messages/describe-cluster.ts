/**
 * Tells brokers, or from version 1 on controllers, without topics (KIP-700, KIP-919). Version 2 includes fenced brokers.
 */

import { array, boolean, int16, int32, INT32_MIN, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DescribeClusterRequest = message({
  name: 'DescribeClusterRequest',
  apiKey: 60,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    includeClusterAuthorizedOperations: boolean,
    endpointType: int8.since(1).default(1),
    includeFencedBrokers: boolean.since(2),
  },
})
export type DescribeClusterRequest = Infer<typeof DescribeClusterRequest>

export const DescribeClusterResponse = message({
  name: 'DescribeClusterResponse',
  apiKey: 60,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    endpointType: int8.since(1).default(1),
    clusterId: string,
    controllerId: int32.default(-1),
    brokers: array({
      brokerId: int32,
      host: string,
      port: int32,
      rack: string.nullable().default(null),
      isFenced: boolean.since(2),
    }),
    clusterAuthorizedOperations: int32.default(INT32_MIN),
  },
})
export type DescribeClusterResponse = Infer<typeof DescribeClusterResponse>
