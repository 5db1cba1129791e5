/** CreatePartitions (key 37): grows topics (KIP-195). v2 flexible. */

import { ErrorCode } from '../../protocol/errors.ts'
import { CreatePartitionsRequest, CreatePartitionsResponse } from '../../protocol/messages/create-partitions.ts'
import { apiHandler } from '../api-handler.ts'

export const createPartitions = apiHandler({
  request: CreatePartitionsRequest,
  response: CreatePartitionsResponse,
  versions: [0, 3],
  async handle({ topics, validateOnly }, { broker }) {
    const results = await broker.controller.createPartitions(topics, { validateOnly })
    await broker.partitions.settled()
    return {
      results: results.map(({ name, error, message }) => ({
        name,
        errorCode: ErrorCode[error],
        errorMessage: message,
      })),
    }
  },
})
