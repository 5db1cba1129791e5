/**
 * Describes classic consumer groups. Version 3 tells authorized operations, 4 static members, 6 says why a group is not there.
 */

import { array, boolean, bytes, int16, int32, INT32_MIN, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DescribeGroupsRequest = message({
  name: 'DescribeGroupsRequest',
  apiKey: 15,
  versions: '0-6',
  flexibleSince: 5,
  fields: { groups: array(string), includeAuthorizedOperations: boolean.since(3) },
})
export type DescribeGroupsRequest = Infer<typeof DescribeGroupsRequest>

export const DescribeGroupsResponse = message({
  name: 'DescribeGroupsResponse',
  apiKey: 15,
  versions: '0-6',
  flexibleSince: 5,
  fields: {
    throttleTimeMs: int32.since(1).ignorable(),
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().since(6).default(null),
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array({
        memberId: string,
        groupInstanceId: string.nullable().since(4).default(null).ignorable(),
        clientId: string,
        clientHost: string,
        memberMetadata: bytes,
        memberAssignment: bytes,
      }),
      authorizedOperations: int32.since(3).default(INT32_MIN),
    }),
  },
})
export type DescribeGroupsResponse = Infer<typeof DescribeGroupsResponse>
