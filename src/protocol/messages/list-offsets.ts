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
