/**
 * ConsumerGroupHeartbeat (key 68): the one request of members of new consumer groups (KIP-848). v1 regular expressions, and members that choose their ids
 * themselves (KIP-1082).
 */

import { ErrorCode } from '../../protocol/errors.ts'
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from '../../protocol/messages/consumer-group-heartbeat.ts'
import { apiHandler } from '../api-handler.ts'
import { servesConsumerGroups } from '../coordinators/consumer-group-settings.ts'
import { requesterOf } from '../coordinators/requester.ts'

export const consumerGroupHeartbeat = apiHandler({
  request: ConsumerGroupHeartbeatRequest,
  response: ConsumerGroupHeartbeatResponse,
  versions: [0, 1],
  borrowsFrame: true,
  handle(request, context) {
    const { broker } = context
    if (!servesConsumerGroups(broker)) return { errorCode: ErrorCode.UNSUPPORTED_VERSION }
    return broker.groups.consumerGroupHeartbeat(requesterOf(context), request)
  },
})
