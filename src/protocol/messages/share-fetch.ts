/**
 * Acquires records for a member of a share group, and acknowledges earlier ones (KIP-932). Version 0 was an early access; 2 can
 * renew locks and choose how records are acquired.
 */

import {
  array,
  boolean,
  int16,
  int32,
  INT32_MAX,
  int64,
  int8,
  message,
  records,
  string,
  struct,
  uuid,
} from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ShareFetchRequest = message({
  name: 'ShareFetchRequest',
  apiKey: 78,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    groupId: string.nullable().default(null),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.default(INT32_MAX),
    maxRecords: int32.since(1),
    batchSize: int32.since(1),
    shareAcquireMode: int8.since(2).ignorable(),
    isRenewAck: boolean.since(2),
    topics: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        partitionMaxBytes: int32.until(0),
        acknowledgementBatches: array({ firstOffset: int64, lastOffset: int64, acknowledgeTypes: array(int8) }),
      }),
    }),
    forgottenTopicsData: array({ topicId: uuid, partitions: array(int32) }),
  },
})
export type ShareFetchRequest = Infer<typeof ShareFetchRequest>

export const ShareFetchResponse = message({
  name: 'ShareFetchResponse',
  apiKey: 78,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    acquisitionLockTimeoutMs: int32.since(1),
    responses: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        acknowledgeErrorCode: int16,
        acknowledgeErrorMessage: string.nullable().default(null),
        currentLeader: struct({ leaderId: int32, leaderEpoch: int32 }),
        records: records.nullable(0, 0).default(null),
        acquiredRecords: array({ firstOffset: int64, lastOffset: int64, deliveryCount: int16 }),
      }),
    }),
    nodeEndpoints: array({ nodeId: int32, host: string, port: int32, rack: string.nullable().default(null) }),
  },
})
export type ShareFetchResponse = Infer<typeof ShareFetchResponse>
