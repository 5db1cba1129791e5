/**
 * Lists access control entries that match a filter. Version 1 knows patterns of names (KIP-290), 3 users as resources
 * (KIP-373).
 */

import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DescribeAclsRequest = message({
  name: 'DescribeAclsRequest',
  apiKey: 29,
  versions: '0-3',
  flexibleSince: 2,
  fields: {
    resourceTypeFilter: int8,
    resourceNameFilter: string.nullable(),
    patternTypeFilter: int8.since(1).default(3),
    principalFilter: string.nullable(),
    hostFilter: string.nullable(),
    operation: int8,
    permissionType: int8,
  },
})
export type DescribeAclsRequest = Infer<typeof DescribeAclsRequest>

export const DescribeAclsResponse = message({
  name: 'DescribeAclsResponse',
  apiKey: 29,
  versions: '0-3',
  flexibleSince: 2,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    resources: array({
      resourceType: int8,
      resourceName: string,
      patternType: int8.since(1).default(3),
      acls: array({ principal: string, host: string, operation: int8, permissionType: int8 }),
    }),
  },
})
export type DescribeAclsResponse = Infer<typeof DescribeAclsResponse>
