/**
 * Tells what lies in the log directories of a broker (KIP-113). Version 3 has an error code for the whole answer, 4 the size of
 * the volume, 5 whether the directory is cordoned.
 */

import { array, boolean, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DescribeLogDirsRequest = message({
  name: 'DescribeLogDirsRequest',
  apiKey: 35,
  versions: '0-5',
  flexibleSince: 2,
  fields: { topics: array({ topic: string, partitions: array(int32) }).nullable() },
})
export type DescribeLogDirsRequest = Infer<typeof DescribeLogDirsRequest>

export const DescribeLogDirsResponse = message({
  name: 'DescribeLogDirsResponse',
  apiKey: 35,
  versions: '0-5',
  flexibleSince: 2,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16.since(3).ignorable(),
    results: array({
      errorCode: int16,
      logDir: string,
      topics: array({
        name: string,
        partitions: array({ partitionIndex: int32, partitionSize: int64, offsetLag: int64, isFutureKey: boolean }),
      }),
      totalBytes: int64.since(4).default(-1).ignorable(),
      usableBytes: int64.since(4).default(-1).ignorable(),
      isCordoned: boolean.since(5).ignorable(),
    }),
  },
})
export type DescribeLogDirsResponse = Infer<typeof DescribeLogDirsResponse>
