/** Heartbeat (key 12): a member of a classic group shows that it is alive, and hears of a rebalance. v3 static members (KIP-345); v4 flexible. */

import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { HeartbeatRequest, HeartbeatResponse } from '../../protocol/messages/heartbeat.ts'
import { apiHandler } from '../api-handler.ts'
import { mapAnswer } from '../coordinators/answered.ts'

const responseOf = (error: ErrorName) => ({ errorCode: ErrorCode[error] })

export const heartbeat = apiHandler({
  request: HeartbeatRequest,
  response: HeartbeatResponse,
  versions: [0, 4],
  borrowsFrame: true,
  handle(request, { broker }) {
    return mapAnswer(broker.groups.heartbeat(request), responseOf)
  },
})
