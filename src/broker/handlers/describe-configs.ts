/**
 * DescribeConfigs (key 32): settings with where they come from. v1 sources and synonyms (KIP-226); v3 types and documentation (KIP-569); v4 flexible.
 */

import { ErrorCode } from '../../protocol/errors.ts'
import { DescribeConfigsRequest, DescribeConfigsResponse } from '../../protocol/messages/describe-configs.ts'
import { apiHandler } from '../api-handler.ts'
import { describeResource } from '../config-views.ts'

export const describeConfigs = apiHandler({
  request: DescribeConfigsRequest,
  response: DescribeConfigsResponse,
  versions: [0, 4],
  handle({ resources, includeSynonyms, includeDocumentation }, { broker, apiVersion }) {
    const results = resources.map(({ resourceType, resourceName, configurationKeys }) => {
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
      const configs = described.map(config => ({
        name: config.name,
        value: config.value,
        readOnly: config.readOnly,
        // v0 knew only whether a value is the default.
        ...(apiVersion === 0 ? { isDefault: config.isDefault } : { configSource: config.source }),
        isSensitive: config.isSensitive,
        synonyms: includeSynonyms ? config.synonyms : [],
        configType: config.type,
        documentation: includeDocumentation ? config.documentation : null,
      }))
      return { errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName, configs }
    })
    return { results }
  },
})
