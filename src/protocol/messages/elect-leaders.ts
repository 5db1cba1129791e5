/**
 * Elects leaders: preferred ones, or from version 1 on unclean ones as well (KIP-460).
 */

import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ElectLeadersRequest = message({
  name: 'ElectLeadersRequest',
  apiKey: 43,
  versions: '0-2',
  flexibleSince: 2,
  fields: {
    electionType: int8.since(1),
    topicPartitions: array({ topic: string, partitions: array(int32) }).nullable(),
    timeoutMs: int32.default(60000),
  },
})
export type ElectLeadersRequest = Infer<typeof ElectLeadersRequest>

export const ElectLeadersResponse = message({
  name: 'ElectLeadersResponse',
  apiKey: 43,
  versions: '0-2',
  flexibleSince: 2,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16.since(1),
    replicaElectionResults: array({
      topic: string,
      partitionResult: array({ partitionId: int32, errorCode: int16, errorMessage: string.nullable() }),
    }),
  },
})
export type ElectLeadersResponse = Infer<typeof ElectLeadersResponse>
