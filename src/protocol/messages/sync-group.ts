/**
 * Second step of a classic rebalance: the leader hands in the assignment, everybody gets his part of it. Version 3 knows static
 * members, 5 names protocol type and protocol.
 */

import { array, bytes, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const SyncGroupRequest = message({
  name: 'SyncGroupRequest',
  apiKey: 14,
  versions: '0-5',
  flexibleSince: 4,
  fields: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().since(3).default(null),
    protocolType: string.nullable().since(5).default(null).ignorable(),
    protocolName: string.nullable().since(5).default(null).ignorable(),
    assignments: array({ memberId: string, assignment: bytes }),
  },
})
export type SyncGroupRequest = Infer<typeof SyncGroupRequest>

export const SyncGroupResponse = message({
  name: 'SyncGroupResponse',
  apiKey: 14,
  versions: '0-5',
  flexibleSince: 4,
  fields: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    protocolType: string.nullable().since(5).default(null).ignorable(),
    protocolName: string.nullable().since(5).default(null).ignorable(),
    assignment: bytes,
  },
})
export type SyncGroupResponse = Infer<typeof SyncGroupResponse>
