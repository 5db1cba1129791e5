/** Heartbeat (key 12): a member of a classic group shows that it is alive, and hears of a rebalance. v3 static members (KIP-345); v4 flexible. */

import { ErrorCode } from '../../protocol/errors.ts'
import { HeartbeatRequest, HeartbeatResponse } from '../../protocol/messages/heartbeat.ts'
import { apiHandler } from '../api-handler.ts'
import { mapAnswer } from '../coordinators/answered.ts'

export const heartbeat = apiHandler({
  request: HeartbeatRequest,
  response: HeartbeatResponse,
  versions: [0, 4],
  handle(request, { broker }) {
    return mapAnswer(broker.groups.heartbeat(request), error => ({ errorCode: ErrorCode[error] }))
  },
})
