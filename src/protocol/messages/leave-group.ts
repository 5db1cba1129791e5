/**
 * Leaves a classic consumer group. Version 3 removes several members at once, 5 carries a reason (KIP-800).
 */

import { array, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const LeaveGroupRequest = message({
  name: 'LeaveGroupRequest',
  apiKey: 13,
  versions: '0-5',
  flexibleSince: 4,
  fields: {
    groupId: string,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().default(null),
      reason: string.nullable().since(5).default(null).ignorable(),
    }).since(3),
    memberId: string.until(2),
  },
})
export type LeaveGroupRequest = Infer<typeof LeaveGroupRequest>

export const LeaveGroupResponse = message({
  name: 'LeaveGroupResponse',
  apiKey: 13,
  versions: '0-5',
  flexibleSince: 4,
  fields: {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    members: array({ memberId: string, groupInstanceId: string.nullable(), errorCode: int16 }).since(3),
  },
})
export type LeaveGroupResponse = Infer<typeof LeaveGroupResponse>
