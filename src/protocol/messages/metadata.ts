/**
 * Tells brokers, topics and the leaders of partitions; the first thing that every client asks.
 *
 * In version 0 an empty list of topics means all of them; from 1 on null does. 4 says whether a missing topic may be created, 5
 * lists offline replicas, 7 leader epochs, 8 to 10 the operations that the client is authorized to perform, 10 topic ids, 12
 * lets topics be asked for by id. 13 adds an error code for the whole answer (KIP-1102).
 */

import { array, boolean, int16, int32, INT32_MIN, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const MetadataRequest = message({
  name: 'MetadataRequest',
  apiKey: 3,
  versions: '0-13',
  flexibleSince: 9,
  fields: {
    topics: array({ topicId: uuid.since(10).ignorable(), name: string.nullable(10) }).nullable(1),
    allowAutoTopicCreation: boolean.since(4).default(true),
    includeClusterAuthorizedOperations: boolean.since(8).until(10),
    includeTopicAuthorizedOperations: boolean.since(8),
  },
})
export type MetadataRequest = Infer<typeof MetadataRequest>

export const MetadataResponse = message({
  name: 'MetadataResponse',
  apiKey: 3,
  versions: '0-13',
  flexibleSince: 9,
  fields: {
    throttleTimeMs: int32.since(3).ignorable(),
    brokers: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().since(1).default(null).ignorable(),
    }),
    clusterId: string.nullable().since(2).default(null).ignorable(),
    controllerId: int32.since(1).default(-1).ignorable(),
    topics: array({
      errorCode: int16,
      name: string.nullable(12),
      topicId: uuid.since(10).ignorable(),
      isInternal: boolean.since(1).ignorable(),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.since(7).default(-1).ignorable(),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        offlineReplicas: array(int32).since(5).ignorable(),
      }),
      topicAuthorizedOperations: int32.since(8).default(INT32_MIN),
    }),
    errorCode: int16.since(13).ignorable(),
    clusterAuthorizedOperations: int32.since(8).until(10).default(INT32_MIN),
  },
})
export type MetadataResponse = Infer<typeof MetadataResponse>
