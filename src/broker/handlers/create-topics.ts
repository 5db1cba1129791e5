/**
 * CreateTopics (key 19). v1 validation only and error messages; v4 defaults by −1 (KIP-464); v5 flexible, with what was made (KIP-525); v7 topic ids.
 *
 * What is refused is decided by the controller. The answer comes when this broker can serve the new partitions.
 */

import type { CreateTopicResult } from '../../controller/requests.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { CreateTopicsRequest, CreateTopicsResponse } from '../../protocol/messages/create-topics.ts'
import type { Input } from '../../protocol/schema.ts'
import { apiHandler } from '../api-handler.ts'
import type { RequestContext } from '../api-handler.ts'
import { describeNewTopic } from '../config-views.ts'

type TopicAnswer = NonNullable<Input<typeof CreateTopicsResponse>['topics']>[number]

export const createTopics = apiHandler({
  request: CreateTopicsRequest,
  response: CreateTopicsResponse,
  versions: [0, 7],
  async handle({ topics, validateOnly }, context) {
    const { controller, partitions } = context.broker
    const results = await controller.createTopics(topics, { validateOnly })
    await partitions.settled()
    return { topics: results.map(result => answerOf(result, context)) }
  },
})

function answerOf(result: CreateTopicResult, context: RequestContext): TopicAnswer {
  const { name, topicId, error, message, numPartitions, replicationFactor } = result
  const answer = { name, topicId, errorCode: ErrorCode[error], errorMessage: message, numPartitions, replicationFactor }
  // In Kafka, too, what the topic's settings came to is only told of a topic that was made.
  return error === 'NONE'
    ? { ...answer, configs: describeNewTopic(context.broker, result.configs) }
    : { ...answer, configs: [] }
}
