/**
 * Sets, deletes, appends to and subtracts from single settings of a resource (KIP-339).
 */

import { array, boolean, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const IncrementalAlterConfigsRequest = message({
  name: 'IncrementalAlterConfigsRequest',
  apiKey: 44,
  versions: '0-1',
  flexibleSince: 1,
  fields: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, configOperation: int8, value: string.nullable() }),
    }),
    validateOnly: boolean,
  },
})
export type IncrementalAlterConfigsRequest = Infer<typeof IncrementalAlterConfigsRequest>

export const IncrementalAlterConfigsResponse = message({
  name: 'IncrementalAlterConfigsResponse',
  apiKey: 44,
  versions: '0-1',
  flexibleSince: 1,
  fields: {
    throttleTimeMs: int32,
    responses: array({ errorCode: int16, errorMessage: string.nullable(), resourceType: int8, resourceName: string }),
  },
})
export type IncrementalAlterConfigsResponse = Infer<typeof IncrementalAlterConfigsResponse>
