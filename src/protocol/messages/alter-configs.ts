/**
 * Replaces all settings of a resource; IncrementalAlterConfigs is the one to use.
 */

import { array, boolean, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const AlterConfigsRequest = message({
  name: 'AlterConfigsRequest',
  apiKey: 33,
  versions: '0-2',
  flexibleSince: 2,
  fields: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, value: string.nullable() }),
    }),
    validateOnly: boolean,
  },
})
export type AlterConfigsRequest = Infer<typeof AlterConfigsRequest>

export const AlterConfigsResponse = message({
  name: 'AlterConfigsResponse',
  apiKey: 33,
  versions: '0-2',
  flexibleSince: 2,
  fields: {
    throttleTimeMs: int32,
    responses: array({ errorCode: int16, errorMessage: string.nullable(), resourceType: int8, resourceName: string }),
  },
})
export type AlterConfigsResponse = Infer<typeof AlterConfigsResponse>
