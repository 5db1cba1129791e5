/**
 * Reads a piece of a metadata snapshot (KIP-630).
 */

import { array, int16, int32, INT32_MAX, int64, message, records, string, struct, uint16, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const FetchSnapshotRequest = message({
  name: 'FetchSnapshotRequest',
  apiKey: 59,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    replicaId: int32.default(-1),
    maxBytes: int32.default(INT32_MAX),
    topics: array({
      name: string,
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32,
        snapshotId: struct({ endOffset: int64, epoch: int32 }),
        position: int64,
        replicaDirectoryId: uuid.since(1).tagged(0).ignorable(),
      }),
    }),
    clusterId: string.nullable().tagged(0).default(null),
  },
})
export type FetchSnapshotRequest = Infer<typeof FetchSnapshotRequest>

export const FetchSnapshotResponse = message({
  name: 'FetchSnapshotResponse',
  apiKey: 59,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    topics: array({
      name: string,
      partitions: array({
        index: int32,
        errorCode: int16,
        snapshotId: struct({ endOffset: int64, epoch: int32 }),
        size: int64,
        position: int64,
        unalignedRecords: records,
        currentLeader: struct({ leaderId: int32, leaderEpoch: int32 }).tagged(0),
      }),
    }),
    nodeEndpoints: array({ nodeId: int32, host: string, port: uint16 }).since(1).tagged(0),
  },
})
export type FetchSnapshotResponse = Infer<typeof FetchSnapshotResponse>
