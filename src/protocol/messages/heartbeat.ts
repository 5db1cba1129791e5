/**
 * Keeps a member of a classic consumer group alive, and tells it of rebalances. Version 3 knows static members.
 */

import { int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const HeartbeatRequest = message({
  name: 'HeartbeatRequest',
  apiKey: 12,
  versions: '0-4',
  flexibleSince: 4,
  fields: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().since(3).default(null),
  },
})
export type HeartbeatRequest = Infer<typeof HeartbeatRequest>

export const HeartbeatResponse = message({
  name: 'HeartbeatResponse',
  apiKey: 12,
  versions: '0-4',
  flexibleSince: 4,
  fields: { throttleTimeMs: int32.since(1).ignorable(), errorCode: int16 },
})
export type HeartbeatResponse = Infer<typeof HeartbeatResponse>
