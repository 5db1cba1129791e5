/**
 * Creates access control entries. Version 1 knows patterns of names (KIP-290), 3 users as resources (KIP-373).
 */

import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const CreateAclsRequest = message({
  name: 'CreateAclsRequest',
  apiKey: 30,
  versions: '0-3',
  flexibleSince: 2,
  fields: {
    creations: array({
      resourceType: int8,
      resourceName: string,
      resourcePatternType: int8.since(1).default(3),
      principal: string,
      host: string,
      operation: int8,
      permissionType: int8,
    }),
  },
})
export type CreateAclsRequest = Infer<typeof CreateAclsRequest>

export const CreateAclsResponse = message({
  name: 'CreateAclsResponse',
  apiKey: 30,
  versions: '0-3',
  flexibleSince: 2,
  fields: { throttleTimeMs: int32, results: array({ errorCode: int16, errorMessage: string.nullable() }) },
})
export type CreateAclsResponse = Infer<typeof CreateAclsResponse>
