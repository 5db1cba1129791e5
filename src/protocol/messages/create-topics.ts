/**
 * Creates topics. Version 1 can only validate, 4 takes -1 for the default number of partitions and replicas (KIP-464), 5
 * answers with the topic's settings (KIP-525), 6 may be throttled (KIP-599), 7 answers with the topic's id.
 */

import { array, boolean, int16, int32, int8, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const CreateTopicsRequest = message({
  name: 'CreateTopicsRequest',
  apiKey: 19,
  versions: '0-7',
  flexibleSince: 5,
  fields: {
    topics: array({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
      assignments: array({ partitionIndex: int32, brokerIds: array(int32) }),
      configs: array({ name: string, value: string.nullable() }),
    }),
    timeoutMs: int32.default(60000),
    validateOnly: boolean.since(1),
  },
})
export type CreateTopicsRequest = Infer<typeof CreateTopicsRequest>

export const CreateTopicsResponse = message({
  name: 'CreateTopicsResponse',
  apiKey: 19,
  versions: '0-7',
  flexibleSince: 5,
  fields: {
    throttleTimeMs: int32.since(2).ignorable(),
    topics: array({
      name: string,
      topicId: uuid.since(7).ignorable(),
      errorCode: int16,
      errorMessage: string.nullable().since(1).ignorable(),
      numPartitions: int32.since(5).default(-1).ignorable(),
      replicationFactor: int16.since(5).default(-1).ignorable(),
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: boolean,
        configSource: int8.default(-1),
        isSensitive: boolean,
      })
        .nullable()
        .since(5)
        .ignorable(),
      topicConfigErrorCode: int16.since(5).tagged(0).ignorable(),
    }),
  },
})
export type CreateTopicsResponse = Infer<typeof CreateTopicsResponse>
