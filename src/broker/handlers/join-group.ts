/**
 * JoinGroup (key 11): enters a classic group, or comes back for its next generation; answered when all members have.
 *
 * v1 rebalance timeout; v4 members come twice (KIP-394); v5 static members (KIP-345); v6 flexible; v7 protocol type; v8 reason (KIP-800); v9 the leader may be told to
 * leave the assignment as it is.
 */

import { JoinGroupRequest, JoinGroupResponse } from '../../protocol/messages/join-group.ts'
import { apiHandler } from '../api-handler.ts'
import { mapAnswer } from '../coordinators/answered.ts'
import { requesterOf } from '../coordinators/requester.ts'

/** The first version that can say that there is no protocol. */
const nullProtocolSince = 7

export const joinGroup = apiHandler({
  request: JoinGroupRequest,
  response: JoinGroupResponse,
  versions: [0, 9],
  handle(request, context) {
    const { apiVersion } = context
    // Version 0 has one timeout for both.
    if (apiVersion === 0) request.rebalanceTimeoutMs = request.sessionTimeoutMs
    return mapAnswer(context.broker.groups.joinGroup(requesterOf(context), request), answer => ({
      ...answer,
      protocolName: (answer.protocolName ?? '') || (apiVersion < nullProtocolSince ? '' : null),
    }))
  },
})
