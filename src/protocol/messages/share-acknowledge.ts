/**
 * Acknowledges records that a member of a share group has acquired (KIP-932). Version 0 was an early access; 2 can renew locks.
 */

import { array, boolean, int16, int32, int64, int8, message, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ShareAcknowledgeRequest = message({
  name: 'ShareAcknowledgeRequest',
  apiKey: 79,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    groupId: string.nullable().default(null),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    isRenewAck: boolean.since(2),
    topics: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        acknowledgementBatches: array({ firstOffset: int64, lastOffset: int64, acknowledgeTypes: array(int8) }),
      }),
    }),
  },
})
export type ShareAcknowledgeRequest = Infer<typeof ShareAcknowledgeRequest>

export const ShareAcknowledgeResponse = message({
  name: 'ShareAcknowledgeResponse',
  apiKey: 79,
  versions: '0-2',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    acquisitionLockTimeoutMs: int32.since(2).ignorable(),
    responses: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        currentLeader: struct({ leaderId: int32, leaderEpoch: int32 }),
      }),
    }),
    nodeEndpoints: array({ nodeId: int32, host: string, port: int32, rack: string.nullable().default(null) }),
  },
})
export type ShareAcknowledgeResponse = Infer<typeof ShareAcknowledgeResponse>
