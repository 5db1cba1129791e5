/**
 * IncrementalAlterConfigs (key 44): sets, deletes, appends to and subtracts from single keys (KIP-339), log levels of this broker among them
 * (KIP-412). v1 flexible.
 */

import { ConfigResourceType } from '../../metadata/config-resource.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from '../../protocol/messages/incremental-alter-configs.ts'
import type { Infer } from '../../protocol/schema.ts'
import { apiHandler } from '../api-handler.ts'
import type { RequestContext } from '../api-handler.ts'
import { alterLoggers } from '../broker-loggers.ts'

type Resource = Infer<typeof IncrementalAlterConfigsRequest>['resources'][number]

interface Answer {
  readonly resourceType: number
  readonly resourceName: string
  readonly errorCode: number
  readonly errorMessage: string | null
}

export const incrementalAlterConfigs = apiHandler({
  request: IncrementalAlterConfigsRequest,
  response: IncrementalAlterConfigsResponse,
  versions: [0, 1],
  async handle({ resources, validateOnly }, context) {
    const counts = new Map<string, number>()
    for (const resource of resources) counts.set(keyOf(resource), (counts.get(keyOf(resource)) ?? 0) + 1)
    const once = resources.filter(resource => counts.get(keyOf(resource)) === 1)
    const loggers = once.filter(({ resourceType }) => resourceType === ConfigResourceType.BROKER_LOGGER)
    const others = once.filter(({ resourceType }) => resourceType !== ConfigResourceType.BROKER_LOGGER)
    const altered = await context.broker.controller.incrementalAlterConfigs(others, { validateOnly })
    return {
      responses: [
        ...altered.map(({ resourceType, resourceName, error, message }) => ({
          resourceType,
          resourceName,
          errorCode: ErrorCode[error],
          errorMessage: message,
        })),
        ...loggers.map(resource => alterLoggersOf(resource, validateOnly, context)),
        ...repeated(resources, counts),
      ],
    }
  },
})

/** Of a resource that is named more than once nothing is done, and each mention is answered. */
function repeated(resources: readonly Resource[], counts: ReadonlyMap<string, number>): Answer[] {
  const errorMessage = 'the request names this resource more than once'
  return resources
    .filter(resource => counts.get(keyOf(resource))! > 1)
    .map(({ resourceType, resourceName }) => ({
      resourceType,
      resourceName,
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage,
    }))
}

function alterLoggersOf(
  { resourceType, resourceName, configs }: Resource,
  validateOnly: boolean,
  { broker }: RequestContext,
): Answer {
  if (resourceName !== String(broker.nodeId)) {
    const errorMessage = `log levels are changed at the broker they belong to: this is broker ${broker.nodeId}, not ${resourceName}`
    return { resourceType, resourceName, errorCode: ErrorCode.INVALID_REQUEST, errorMessage }
  }
  const refusal = alterLoggers(broker.logging, configs, validateOnly)
  return {
    resourceType,
    resourceName,
    errorCode: ErrorCode[refusal?.error ?? 'NONE'],
    errorMessage: refusal?.message ?? null,
  }
}

function keyOf({ resourceType, resourceName }: Resource): string {
  return `${resourceType}/${resourceName}`
}
