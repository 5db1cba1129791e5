/**
 * Deletes the access control entries that match filters. Version 1 knows patterns of names (KIP-290), 3 users as resources
 * (KIP-373).
 */

import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DeleteAclsRequest = message({
  name: 'DeleteAclsRequest',
  apiKey: 31,
  versions: '0-3',
  flexibleSince: 2,
  fields: {
    filters: array({
      resourceTypeFilter: int8,
      resourceNameFilter: string.nullable(),
      patternTypeFilter: int8.since(1).default(3),
      principalFilter: string.nullable(),
      hostFilter: string.nullable(),
      operation: int8,
      permissionType: int8,
    }),
  },
})
export type DeleteAclsRequest = Infer<typeof DeleteAclsRequest>

export const DeleteAclsResponse = message({
  name: 'DeleteAclsResponse',
  apiKey: 31,
  versions: '0-3',
  flexibleSince: 2,
  fields: {
    throttleTimeMs: int32,
    filterResults: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      matchingAcls: array({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string,
        patternType: int8.since(1).default(3),
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8,
      }),
    }),
  },
})
export type DeleteAclsResponse = Infer<typeof DeleteAclsResponse>
