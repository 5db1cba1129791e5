/**
 * SyncGroup (key 14): the leader hands in everybody's assignment, the members get theirs.
 *
 * v3 static members (KIP-345); v4 flexible; v5 protocol type and name, which are compared with the group's (KIP-559).
 */

import { ErrorCode } from '../../protocol/errors.ts'
import { SyncGroupRequest, SyncGroupResponse } from '../../protocol/messages/sync-group.ts'
import { apiHandler } from '../api-handler.ts'

export const syncGroup = apiHandler({
  request: SyncGroupRequest,
  response: SyncGroupResponse,
  versions: [0, 5],
  handle(request, { broker, apiVersion }) {
    const { protocolType, protocolName } = request
    if (apiVersion >= 5 && (protocolType === null || protocolName === null))
      return { errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL }
    return broker.groups.syncGroup(request)
  },
})
