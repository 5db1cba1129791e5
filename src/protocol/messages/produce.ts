/**
 * Appends record batches to partitions. With acks=0 there is no response at all.
 *
 * Versions 0 and 1 carry message sets of magic 0 and 1, 3 the first record batches of magic 2 and a transactional id. 7 is the
 * first in which zstd may be used (KIP-110), 8 names the records that were refused (KIP-467), 10 tells who leads now (KIP-951),
 * 12 lets a transaction's partitions be added implicitly (KIP-890), 13 names topics by id (KIP-516).
 */

import { array, int16, int32, int64, message, records, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ProduceRequest = message({
  name: 'ProduceRequest',
  apiKey: 0,
  versions: '0-13',
  flexibleSince: 9,
  fields: {
    transactionalId: string.nullable().since(3).default(null),
    acks: int16,
    timeoutMs: int32,
    topicData: array({
      topicId: uuid.since(13).ignorable(),
      name: string.until(12).ignorable(),
      partitionData: array({ index: int32, records: records.nullable().default(null) }),
    }),
  },
})
export type ProduceRequest = Infer<typeof ProduceRequest>

export const ProduceResponse = message({
  name: 'ProduceResponse',
  apiKey: 0,
  versions: '0-13',
  flexibleSince: 9,
  fields: {
    responses: array({
      topicId: uuid.since(13).ignorable(),
      name: string.until(12).ignorable(),
      partitionResponses: array({
        index: int32,
        errorCode: int16,
        baseOffset: int64,
        logAppendTimeMs: int64.since(2).default(-1).ignorable(),
        logStartOffset: int64.since(5).default(-1).ignorable(),
        recordErrors: array({ batchIndex: int32, batchIndexErrorMessage: string.nullable().default(null) })
          .since(8)
          .ignorable(),
        errorMessage: string.nullable().since(8).default(null).ignorable(),
        currentLeader: struct({ leaderId: int32.default(-1), leaderEpoch: int32.default(-1) })
          .since(10)
          .tagged(0),
      }),
    }),
    throttleTimeMs: int32.since(1).ignorable(),
    nodeEndpoints: array({ nodeId: int32, host: string, port: int32, rack: string.nullable().default(null) })
      .since(10)
      .tagged(0),
  },
})
export type ProduceResponse = Infer<typeof ProduceResponse>
