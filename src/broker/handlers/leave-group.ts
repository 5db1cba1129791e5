/**
 * LeaveGroup (key 13): members leave a group, or are removed from it.
 *
 * v3 several members, and static ones (KIP-345); v4 flexible; v5 reason (KIP-800).
 */

import { ErrorCode } from '../../protocol/errors.ts'
import { LeaveGroupRequest, LeaveGroupResponse } from '../../protocol/messages/leave-group.ts'
import { apiHandler } from '../api-handler.ts'
import { mapAnswer } from '../coordinators/answered.ts'

export const leaveGroup = apiHandler({
  request: LeaveGroupRequest,
  response: LeaveGroupResponse,
  versions: [0, 5],
  handle({ groupId, memberId, members }, { broker, apiVersion }) {
    if (apiVersion >= 3) return broker.groups.leaveGroup(groupId, members)
    const one = [{ memberId, groupInstanceId: null, reason: null }]
    return mapAnswer(broker.groups.leaveGroup(groupId, one), answer => {
      const { errorCode = ErrorCode.NONE } = answer
      return { errorCode: errorCode === ErrorCode.NONE ? (answer.members?.[0]?.errorCode ?? errorCode) : errorCode }
    })
  },
})
