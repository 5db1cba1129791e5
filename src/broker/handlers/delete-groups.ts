/** DeleteGroups (key 42): removes groups without members, with their committed offsets (KIP-229). v2 flexible. */

import { ErrorCode } from '../../protocol/errors.ts'
import { DeleteGroupsRequest, DeleteGroupsResponse } from '../../protocol/messages/delete-groups.ts'
import { apiHandler } from '../api-handler.ts'

export const deleteGroups = apiHandler({
  request: DeleteGroupsRequest,
  response: DeleteGroupsResponse,
  versions: [0, 2],
  async handle({ groupsNames }, { broker }) {
    const groupIds = new Set(groupsNames)
    const errors = await broker.groups.deleteGroups(groupIds)
    return { results: [...groupIds].map(groupId => ({ groupId, errorCode: ErrorCode[errors.get(groupId)!] })) }
  },
})
