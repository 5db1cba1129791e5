/**
 * DescribeGroups (key 15): the state and the members of classic groups.
 *
 * v3 authorised operations (KIP-430); v4 static members (KIP-345); v5 flexible; v6 an error where there is no such group (KIP-1043).
 */

import { ErrorCode } from '../../protocol/errors.ts'
import { DescribeGroupsRequest, DescribeGroupsResponse } from '../../protocol/messages/describe-groups.ts'
import { apiHandler } from '../api-handler.ts'
import { groupOperations, operationsOmitted } from '../authorized-operations.ts'

export const describeGroups = apiHandler({
  request: DescribeGroupsRequest,
  response: DescribeGroupsResponse,
  versions: [0, 6],
  handle({ groups, includeAuthorizedOperations }, { broker, apiVersion }) {
    return {
      // Once each, however often it is named: the description of a group may be long.
      groups: Array.from(new Set(groups), groupId => {
        const described = broker.groups.describeGroup(groupId, apiVersion)
        const isDescribed = (described.errorCode ?? ErrorCode.NONE) === ErrorCode.NONE
        const authorizedOperations = includeAuthorizedOperations && isDescribed ? groupOperations : operationsOmitted
        return { ...described, authorizedOperations }
      }),
    }
  },
})
