/**
 * Classic groups in `__consumer_offsets`: one record holds a generation with all its members. The key's version is the type of
 * the record.
 */

import { array, bytes, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const GroupMetadataKey = message({
  name: 'GroupMetadataKey',
  apiKey: 2,
  versions: '0,2',
  fields: { group: string },
})
export type GroupMetadataKey = Infer<typeof GroupMetadataKey>

export const GroupMetadataValue = message({
  name: 'GroupMetadataValue',
  apiKey: 2,
  versions: '0-4',
  flexibleSince: 4,
  fields: {
    protocolType: string,
    generation: int32,
    protocol: string.nullable(),
    leader: string.nullable(),
    currentStateTimestamp: int64.since(2).default(-1).ignorable(),
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().since(3).default(null).ignorable(),
      clientId: string,
      clientHost: string,
      rebalanceTimeout: int32.since(1).default(-1).ignorable(),
      sessionTimeout: int32,
      subscription: bytes,
      assignment: bytes,
    }),
  },
})
export type GroupMetadataValue = Infer<typeof GroupMetadataValue>
