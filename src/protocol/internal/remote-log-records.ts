/**
 * The state of segments in tiered storage, in `__remote_log_metadata` (KIP-405). A record is the record type, then the version,
 * both as unsigned varints, then the message.
 */

import { array, boolean, bytes, int32, int64, int8, message, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const RemoteLogSegmentMetadataRecord = message({
  name: 'RemoteLogSegmentMetadataRecord',
  apiKey: 0,
  versions: '0',
  flexibleSince: 0,
  fields: {
    remoteLogSegmentId: struct({ topicIdPartition: struct({ name: string, id: uuid, partition: int32 }), id: uuid }),
    startOffset: int64,
    endOffset: int64,
    brokerId: int32,
    maxTimestampMs: int64,
    eventTimestampMs: int64,
    segmentLeaderEpochs: array({ leaderEpoch: int32, offset: int64 }),
    segmentSizeInBytes: int32,
    customMetadata: bytes.nullable().default(null),
    remoteLogSegmentState: int8,
    txnIndexEmpty: boolean.tagged(0),
  },
})
export type RemoteLogSegmentMetadataRecord = Infer<typeof RemoteLogSegmentMetadataRecord>

export const RemoteLogSegmentMetadataUpdateRecord = message({
  name: 'RemoteLogSegmentMetadataUpdateRecord',
  apiKey: 1,
  versions: '0',
  flexibleSince: 0,
  fields: {
    remoteLogSegmentId: struct({ topicIdPartition: struct({ name: string, id: uuid, partition: int32 }), id: uuid }),
    brokerId: int32,
    eventTimestampMs: int64,
    customMetadata: bytes.nullable().default(null),
    remoteLogSegmentState: int8,
  },
})
export type RemoteLogSegmentMetadataUpdateRecord = Infer<typeof RemoteLogSegmentMetadataUpdateRecord>

export const RemoteLogSegmentMetadataSnapshotRecord = message({
  name: 'RemoteLogSegmentMetadataSnapshotRecord',
  apiKey: 3,
  versions: '0',
  flexibleSince: 0,
  fields: {
    segmentId: uuid,
    startOffset: int64,
    endOffset: int64,
    brokerId: int32,
    maxTimestampMs: int64,
    eventTimestampMs: int64,
    segmentLeaderEpochs: array({ leaderEpoch: int32, offset: int64 }),
    segmentSizeInBytes: int32,
    customMetadata: bytes.nullable().default(null),
    remoteLogSegmentState: int8,
    txnIndexEmpty: boolean.tagged(0),
  },
})
export type RemoteLogSegmentMetadataSnapshotRecord = Infer<typeof RemoteLogSegmentMetadataSnapshotRecord>

export const RemotePartitionDeleteMetadataRecord = message({
  name: 'RemotePartitionDeleteMetadataRecord',
  apiKey: 2,
  versions: '0',
  flexibleSince: 0,
  fields: {
    topicIdPartition: struct({ name: string, id: uuid, partition: int32 }),
    brokerId: int32,
    eventTimestampMs: int64,
    remotePartitionDeleteState: int8,
  },
})
export type RemotePartitionDeleteMetadataRecord = Infer<typeof RemotePartitionDeleteMetadataRecord>
