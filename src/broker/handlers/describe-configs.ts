/**
 * DescribeConfigs (key 32): settings with where they come from. v1 sources and synonyms (KIP-226); v3 types and documentation (KIP-569); v4 flexible.
 */

import { ErrorCode } from '../../protocol/errors.ts'
import { DescribeConfigsRequest, DescribeConfigsResponse } from '../../protocol/messages/describe-configs.ts'
import type { Infer } from '../../protocol/schema.ts'
import { apiHandler } from '../api-handler.ts'
import type { DescribedConfig } from '../../metadata/config/describe.ts'
import { ConfigResourceType } from '../../metadata/config-resource.ts'
import { describeResource } from '../config-views.ts'

export const describeConfigs = apiHandler({
  request: DescribeConfigsRequest,
  response: DescribeConfigsResponse,
  versions: [0, 4],
  handle({ resources, includeSynonyms, includeDocumentation }, { broker, apiVersion }) {
    const toAnswer = (config: DescribedConfig) => ({
      name: config.name,
      value: config.value,
      readOnly: config.readOnly,
      // v0 knew only whether a value is the default.
      ...(apiVersion === 0 ? { isDefault: config.isDefault } : { configSource: config.source }),
      isSensitive: config.isSensitive,
      synonyms: includeSynonyms ? config.synonyms : [],
      configType: config.type,
      documentation: includeDocumentation ? config.documentation : null,
    })
    let ofAnyGroup: ReturnType<typeof toAnswer>[] | undefined
    const results = withoutRepeated(resources).map(resource => {
      const { resourceType, resourceName, configurationKeys } = resource
      // Any name may be a group's, and groups that nothing was set for are alike.
      const isAnyGroup =
        isGroup(resource) && wantsAll(resource) && broker.image.config(resourceType, resourceName).size === 0
      if (isAnyGroup && ofAnyGroup !== undefined) return answered(resource, ofAnyGroup)
      const described = describeResource(broker, resourceType, resourceName, configurationKeys)
      if ('error' in described) {
        return {
          errorCode: ErrorCode[described.error],
          errorMessage: described.message,
          resourceType,
          resourceName,
          configs: [],
        }
      }
      const configs = described.map(toAnswer)
      if (isAnyGroup) ofAnyGroup = configs
      return answered(resource, configs)
    })
    return { results }
  },
})

type Resource = Infer<typeof DescribeConfigsRequest>['resources'][number]

function answered<T>({ resourceType, resourceName }: Resource, configs: readonly T[]) {
  return { errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName, configs }
}

/** A group has a name. */
function isGroup({ resourceType, resourceName }: Resource): boolean {
  return resourceType === ConfigResourceType.GROUP && resourceName !== ''
}

/** All settings of a resource are told once, however often it is named: they are many. */
function withoutRepeated(resources: readonly Resource[]): readonly Resource[] {
  const told = new Set<string>()
  return resources.filter(resource => {
    const { resourceType, resourceName } = resource
    return !wantsAll(resource) || told.size < told.add(`${resourceType} ${resourceName}`).size
  })
}

function wantsAll({ configurationKeys }: Resource): boolean {
  return configurationKeys === null || configurationKeys.length === 0
}
