/** ListGroups (key 16): the groups that this broker coordinates. v3 flexible; v4 states and a filter by them (KIP-518); v5 types and a filter by them (KIP-848). */

import { ErrorCode } from '../../protocol/errors.ts'
import { ListGroupsRequest, ListGroupsResponse } from '../../protocol/messages/list-groups.ts'
import { apiHandler } from '../api-handler.ts'

export const listGroups = apiHandler({
  request: ListGroupsRequest,
  response: ListGroupsResponse,
  versions: [0, 5],
  handle({ statesFilter, typesFilter }, { broker }) {
    const listed = broker.groups.listGroups(inLowerCase(statesFilter), inLowerCase(typesFilter))
    return typeof listed === 'string' ? { errorCode: ErrorCode[listed] } : { groups: listed }
  },
})

function inLowerCase(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map(name => name.toLowerCase()))
}
