/**
 * Lists the resources that have settings of their own (KIP-1142). Version 0, under the name ListClientMetricsResources, knew
 * only client metrics (KIP-714).
 */

import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const ListConfigResourcesRequest = message({
  name: 'ListConfigResourcesRequest',
  apiKey: 74,
  versions: '0-1',
  flexibleSince: 0,
  fields: { resourceTypes: array(int8).since(1) },
})
export type ListConfigResourcesRequest = Infer<typeof ListConfigResourcesRequest>

export const ListConfigResourcesResponse = message({
  name: 'ListConfigResourcesResponse',
  apiKey: 74,
  versions: '0-1',
  flexibleSince: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    configResources: array({ resourceName: string, resourceType: int8.since(1).default(16).ignorable() }),
  },
})
export type ListConfigResourcesResponse = Infer<typeof ListConfigResourcesResponse>

export const ListClientMetricsResourcesRequest = message({
  name: 'ListClientMetricsResourcesRequest',
  apiKey: 74,
  versions: '0',
  flexibleSince: 0,
  fields: {},
})
export type ListClientMetricsResourcesRequest = Infer<typeof ListClientMetricsResourcesRequest>

export const ListClientMetricsResourcesResponse = message({
  name: 'ListClientMetricsResourcesResponse',
  apiKey: 74,
  versions: '0',
  flexibleSince: 0,
  fields: { throttleTimeMs: int32, errorCode: int16, clientMetricsResources: array({ name: string }) },
})
export type ListClientMetricsResourcesResponse = Infer<typeof ListClientMetricsResourcesResponse>
