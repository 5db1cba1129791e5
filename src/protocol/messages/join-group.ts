/**
 * Enters a classic consumer group and takes part in a rebalance; the answer comes when all members have joined.
 *
 * Version 1 has a rebalance timeout of its own, 4 makes new members come twice, the second time with the id handed out
 * (KIP-394), 5 knows static members, 7 names the protocol type, 8 carries a reason (KIP-800), 9 lets the broker skip the
 * assignment.
 */

import { array, boolean, bytes, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const JoinGroupRequest = message({
  name: 'JoinGroupRequest',
  apiKey: 11,
  versions: '0-9',
  flexibleSince: 6,
  fields: {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.since(1).default(-1).ignorable(),
    memberId: string,
    groupInstanceId: string.nullable().since(5).default(null),
    protocolType: string,
    protocols: array({ name: string, metadata: bytes }),
    reason: string.nullable().since(8).default(null).ignorable(),
  },
})
export type JoinGroupRequest = Infer<typeof JoinGroupRequest>

export const JoinGroupResponse = message({
  name: 'JoinGroupResponse',
  apiKey: 11,
  versions: '0-9',
  flexibleSince: 6,
  fields: {
    throttleTimeMs: int32.since(2).ignorable(),
    errorCode: int16,
    generationId: int32.default(-1),
    protocolType: string.nullable().since(7).default(null).ignorable(),
    protocolName: string.nullable(7),
    leader: string,
    skipAssignment: boolean.since(9),
    memberId: string,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().since(5).default(null).ignorable(),
      metadata: bytes,
    }),
  },
})
export type JoinGroupResponse = Infer<typeof JoinGroupResponse>
