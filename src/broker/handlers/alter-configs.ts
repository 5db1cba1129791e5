/** AlterConfigs (key 33): replaces all that is set on a resource; superseded by IncrementalAlterConfigs. v2 flexible. */

import { ConfigResourceType } from '../../metadata/config-resource.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { AlterConfigsRequest, AlterConfigsResponse } from '../../protocol/messages/alter-configs.ts'
import { apiHandler } from '../api-handler.ts'

export const alterConfigs = apiHandler({
  request: AlterConfigsRequest,
  response: AlterConfigsResponse,
  versions: [0, 2],
  async handle({ resources, validateOnly }, { broker }) {
    // Replacing every level of a broker's loggers by those that are named would silence most of them.
    const loggers = resources.filter(({ resourceType }) => resourceType === ConfigResourceType.BROKER_LOGGER)
    const others = resources.filter(({ resourceType }) => resourceType !== ConfigResourceType.BROKER_LOGGER)
    const results = await broker.controller.alterConfigs(others, { validateOnly })
    const refused = loggers.map(({ resourceType, resourceName }) => ({
      resourceType,
      resourceName,
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: 'log levels are changed by IncrementalAlterConfigs',
    }))
    const altered = results.map(({ resourceType, resourceName, error, message }) => ({
      resourceType,
      resourceName,
      errorCode: ErrorCode[error],
      errorMessage: message,
    }))
    return { responses: [...altered, ...refused] }
  },
})
