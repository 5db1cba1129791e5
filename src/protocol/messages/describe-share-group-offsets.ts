/**
 * Tells how far share groups are (KIP-932). Version 1 tells the lag as well.
 */

import { array, int16, int32, int64, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DescribeShareGroupOffsetsRequest = message({
  name: 'DescribeShareGroupOffsetsRequest',
  apiKey: 90,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    groups: array({ groupId: string, topics: array({ topicName: string, partitions: array(int32) }).nullable() }),
  },
})
export type DescribeShareGroupOffsetsRequest = Infer<typeof DescribeShareGroupOffsetsRequest>

export const DescribeShareGroupOffsetsResponse = message({
  name: 'DescribeShareGroupOffsetsResponse',
  apiKey: 90,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    groups: array({
      groupId: string,
      topics: array({
        topicName: string,
        topicId: uuid,
        partitions: array({
          partitionIndex: int32,
          startOffset: int64,
          leaderEpoch: int32,
          lag: int64.since(1).default(-1).ignorable(),
          errorCode: int16,
          errorMessage: string.nullable().default(null),
        }),
      }),
      errorCode: int16,
      errorMessage: string.nullable().default(null),
    }),
  },
})
export type DescribeShareGroupOffsetsResponse = Infer<typeof DescribeShareGroupOffsetsResponse>
