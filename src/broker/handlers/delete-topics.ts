/** DeleteTopics (key 20). v4 flexible; v5 error messages; v6 by id (KIP-516). */

import { ErrorCode } from '../../protocol/errors.ts'
import { DeleteTopicsRequest, DeleteTopicsResponse } from '../../protocol/messages/delete-topics.ts'
import { ZERO_UUID } from '../../protocol/uuid.ts'
import { apiHandler } from '../api-handler.ts'

export const deleteTopics = apiHandler({
  request: DeleteTopicsRequest,
  response: DeleteTopicsResponse,
  versions: [0, 6],
  async handle(request, { broker, apiVersion }) {
    const topics = apiVersion >= 6 ? request.topics : request.topicNames.map(name => ({ name, topicId: ZERO_UUID }))
    const results = await broker.controller.deleteTopics(topics)
    await broker.partitions.settled()
    const responses = results.map(({ name, topicId, error, message }) => ({
      name,
      topicId,
      errorCode: ErrorCode[error],
      errorMessage: message,
    }))
    return { responses }
  },
})
