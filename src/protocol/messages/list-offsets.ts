/**
 * Looks up offsets by timestamp, or by one of the special timestamps below 0: -1 latest, -2 earliest, -3 the record with the
 * largest timestamp (from version 7), -4 earliest on local disk (8), -5 latest in tiered storage (9), -6 earliest not yet there
 * (11).
 *
 * Version 0 answers with several offsets, those after it with one and its timestamp. 2 knows isolation levels, 4 leader epochs,
 * 10 has a timeout.
 */

import { array, int16, int32, int64, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ListOffsetsRequest = message({
  name: 'ListOffsetsRequest',
  apiKey: 2,
  versions: '0-11',
  flexibleSince: 6,
  fields: {
    replicaId: int32,
    isolationLevel: int8.since(2),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        currentLeaderEpoch: int32.since(4).default(-1).ignorable(),
        timestamp: int64,
        maxNumOffsets: int32.until(0).default(1),
      }),
    }),
    timeoutMs: int32.since(10).ignorable(),
  },
})
export type ListOffsetsRequest = Infer<typeof ListOffsetsRequest>

export const ListOffsetsResponse = message({
  name: 'ListOffsetsResponse',
  apiKey: 2,
  versions: '0-11',
  flexibleSince: 6,
  fields: {
    throttleTimeMs: int32.since(2).ignorable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        timestamp: int64.since(1).default(-1),
        offset: int64.since(1).default(-1),
        leaderEpoch: int32.since(4).default(-1),
        oldStyleOffsets: array(int64).until(0),
      }),
    }),
  },
})
export type ListOffsetsResponse = Infer<typeof ListOffsetsResponse>
