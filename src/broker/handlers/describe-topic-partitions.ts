/**
 * DescribeTopicPartitions (key 75): topics with their partitions, in pages (KIP-966). Topics come in the order of their names; where the limit cuts
 * the answer, `nextCursor` says where to go on.
 */

import type { TopicImage } from '../../metadata/cluster-image.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
} from '../../protocol/messages/describe-topic-partitions.ts'
import type { Infer, Input } from '../../protocol/schema.ts'
import { ZERO_UUID } from '../../protocol/uuid.ts'
import { apiHandler } from '../api-handler.ts'
import type { RequestContext } from '../api-handler.ts'
import { topicOperations } from '../authorized-operations.ts'
import { partitionHealthOf } from '../partition-health.ts'
import { isInternalTopic } from '../../metadata/internal-topics.ts'
import { isValidTopicName } from '../topic-names.ts'

type TopicAnswer = NonNullable<Input<typeof DescribeTopicPartitionsResponse>['topics']>[number]

export const describeTopicPartitions = apiHandler({
  request: DescribeTopicPartitionsRequest,
  response: DescribeTopicPartitionsResponse,
  versions: [0, 0],
  handle: handleDescribe,
})

function handleDescribe(
  request: Infer<typeof DescribeTopicPartitionsRequest>,
  context: RequestContext,
): Input<typeof DescribeTopicPartitionsResponse> {
  const { image, config } = context.broker
  const { cursor } = request
  const names = request.topics.length > 0 ? new Set(request.topics.map(topic => topic.name)) : allNames(context)
  if (cursor !== null && (cursor.partitionIndex < 0 || (request.topics.length > 0 && !names.has(cursor.topicName))))
    return refuse(names)

  let rest = Math.min(request.responsePartitionLimit, config.maxRequestPartitionSizeLimit)
  const topics: TopicAnswer[] = []
  for (const name of [...names].toSorted(byCodeUnits)) {
    if (cursor !== null && name < cursor.topicName) continue
    if (rest <= 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } }
    const topic = image.topicByName(name)
    if (topic === undefined) {
      // Deleted since the page before, where the client asked for all: not an error.
      if (request.topics.length > 0) topics.push(unknown(name))
      continue
    }
    const from = name === cursor?.topicName ? cursor.partitionIndex : 0
    const to = Math.min(topic.partitions.length, from + rest)
    topics.push(describe(topic, from, to, context))
    rest -= to - from
    if (to < topic.partitions.length) return { topics, nextCursor: { topicName: name, partitionIndex: to } }
  }
  return { topics }
}

function allNames({ broker }: RequestContext): Set<string> {
  return new Set([...broker.image.topics()].map(topic => topic.name))
}

function describe(topic: TopicImage, from: number, to: number, { broker }: RequestContext): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.slice(from, to).map((state, index) => {
      const { error, leaderId, offlineReplicas } = partitionHealthOf(topic.name, from + index, state, broker)
      return {
        errorCode: ErrorCode[error],
        partitionIndex: from + index,
        leaderId,
        leaderEpoch: state.leaderEpoch,
        replicaNodes: state.replicas,
        isrNodes: state.isr,
        eligibleLeaderReplicas: state.elr,
        lastKnownElr: state.lastKnownElr,
        offlineReplicas,
      }
    }),
    topicAuthorizedOperations: topicOperations,
  }
}

function unknown(name: string): TopicAnswer {
  const error = isValidTopicName(name) ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'INVALID_TOPIC_EXCEPTION'
  return {
    errorCode: ErrorCode[error],
    name,
    topicId: ZERO_UUID,
    isInternal: isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: topicOperations,
  }
}

function refuse(names: ReadonlySet<string>): Input<typeof DescribeTopicPartitionsResponse> {
  return {
    topics: [...names].map(name => ({
      errorCode: ErrorCode.INVALID_REQUEST,
      name,
      topicId: ZERO_UUID,
      isInternal: false,
      partitions: [],
    })),
  }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
