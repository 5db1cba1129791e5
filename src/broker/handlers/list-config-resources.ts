/**
 * ListConfigResources (key 74): the resources that can have settings. v0 was ListClientMetricsResources and lists only those; v1 all kinds (KIP-1142).
 */

import { ConfigResourceType } from '../../metadata/config-resource.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  ListConfigResourcesRequest,
  ListConfigResourcesResponse,
} from '../../protocol/messages/list-config-resources.ts'
import { apiHandler } from '../api-handler.ts'
import type { RequestContext } from '../api-handler.ts'

const { TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP } = ConfigResourceType
const allTypes = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP]

export const listConfigResources = apiHandler({
  request: ListConfigResourcesRequest,
  response: ListConfigResourcesResponse,
  versions: [0, 1],
  handle({ resourceTypes }, context) {
    const asked =
      context.apiVersion === 0 ? [CLIENT_METRICS] : resourceTypes.length === 0 ? allTypes : [...new Set(resourceTypes)]
    if (asked.some(type => !allTypes.some(known => known === type)))
      return { errorCode: ErrorCode.UNSUPPORTED_VERSION, configResources: [] }
    const configResources = asked.flatMap(resourceType =>
      namesOf(resourceType, context).map(resourceName => ({ resourceName, resourceType })),
    )
    return { errorCode: ErrorCode.NONE, configResources }
  },
})

function namesOf(type: number, { broker }: RequestContext): string[] {
  const { image } = broker
  if (type === TOPIC) return [...image.topics()].map(topic => topic.name)
  if (type === BROKER || type === BROKER_LOGGER) return [...image.brokers.keys()].map(String)
  return [...image.configuredResources(type)]
}
