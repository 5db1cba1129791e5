/**
 * Reads record batches, for consumers and for followers, waiting for `minBytes` up to `maxWaitMs`.
 *
 * Version 3 bounds the whole response, 4 knows isolation levels and aborted transactions, 5 the log start offset, 7 sessions
 * with incremental requests (KIP-227), 9 leader epochs (KIP-320), 10 zstd, 11 reading from followers (KIP-392), 12 tells where
 * logs diverge, 13 names topics by id (KIP-516), 15 moves the replica's id into a tagged field with its epoch, 16 adds the
 * addresses of new leaders (KIP-951), 17 the follower's log directory, 18 the high watermark that the follower knows.
 */

import {
  array,
  int16,
  int32,
  INT32_MAX,
  int64,
  INT64_MAX,
  int64Exact,
  int8,
  message,
  records,
  string,
  struct,
  uuid,
} from '../schema.ts'
import type { Infer } from '../schema.ts'

export const FetchRequest = message({
  name: 'FetchRequest',
  apiKey: 1,
  versions: '0-18',
  flexibleSince: 12,
  fields: {
    replicaId: int32.until(14).default(-1),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.since(3).default(INT32_MAX).ignorable(),
    isolationLevel: int8.since(4).ignorable(),
    sessionId: int32.since(7).ignorable(),
    sessionEpoch: int32.since(7).default(-1).ignorable(),
    topics: array({
      topicId: uuid.since(13).ignorable(),
      topic: string.until(12).ignorable(),
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.since(9).default(-1).ignorable(),
        fetchOffset: int64,
        lastFetchedEpoch: int32.since(12).default(-1),
        logStartOffset: int64.since(5).default(-1).ignorable(),
        partitionMaxBytes: int32,
        replicaDirectoryId: uuid.since(17).tagged(0).ignorable(),
        highWatermark: int64Exact.since(18).tagged(1).default(INT64_MAX).ignorable(),
      }),
    }),
    forgottenTopicsData: array({
      topicId: uuid.since(13).ignorable(),
      topic: string.until(12).ignorable(),
      partitions: array(int32),
    }).since(7),
    rackId: string.since(11).ignorable(),
    clusterId: string.nullable().since(12).tagged(0).default(null).ignorable(),
    replicaState: struct({ replicaId: int32.default(-1), replicaEpoch: int64.default(-1) })
      .since(15)
      .tagged(1),
  },
})
export type FetchRequest = Infer<typeof FetchRequest>

export const FetchResponse = message({
  name: 'FetchResponse',
  apiKey: 1,
  versions: '0-18',
  flexibleSince: 12,
  fields: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16.since(7).ignorable(),
    sessionId: int32.since(7),
    responses: array({
      topicId: uuid.since(13).ignorable(),
      topic: string.until(12).ignorable(),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        highWatermark: int64,
        lastStableOffset: int64.since(4).default(-1).ignorable(),
        logStartOffset: int64.since(5).default(-1).ignorable(),
        abortedTransactions: array({ producerId: int64, firstOffset: int64 }).nullable().since(4).ignorable(),
        preferredReadReplica: int32.since(11).default(-1),
        records: records.nullable().default(null),
        divergingEpoch: struct({ epoch: int32.default(-1), endOffset: int64.default(-1) })
          .since(12)
          .tagged(0),
        currentLeader: struct({ leaderId: int32.default(-1), leaderEpoch: int32.default(-1) })
          .since(12)
          .tagged(1),
        snapshotId: struct({ endOffset: int64.default(-1), epoch: int32.default(-1) })
          .since(12)
          .tagged(2),
      }),
    }),
    nodeEndpoints: array({ nodeId: int32, host: string, port: int32, rack: string.nullable().default(null) })
      .since(16)
      .tagged(0),
  },
})
export type FetchResponse = Infer<typeof FetchResponse>
