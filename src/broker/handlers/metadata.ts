/**
 * Metadata (key 3): brokers, topics, partitions and their leaders; may create topics on the way.
 *
 * v1 null for all topics; v4 whether topics may be created; v7 leader epochs; v8 authorised operations (KIP-430); v9 flexible; v10 topic ids in
 * answers; v12 topics by id (KIP-516); v13 a top-level error (KIP-1102).
 */

import type { TopicImage } from '../../metadata/cluster-image.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { MetadataRequest, MetadataResponse } from '../../protocol/messages/metadata.ts'
import type { Infer, Input } from '../../protocol/schema.ts'
import { ZERO_UUID } from '../../protocol/uuid.ts'
import type { Uuid } from '../../protocol/uuid.ts'
import { apiHandler } from '../api-handler.ts'
import type { RequestContext } from '../api-handler.ts'
import { clusterOperations, operationsOmitted, topicOperations } from '../authorized-operations.ts'
import { autoCreateTopics } from '../auto-create-topics.ts'
import { partitionHealthOf } from '../partition-health.ts'
import { isInternalTopic } from '../../metadata/internal-topics.ts'
import { isValidTopicName } from '../topic-names.ts'

type TopicAnswer = NonNullable<Input<typeof MetadataResponse>['topics']>[number]
type TopicAsked = NonNullable<Infer<typeof MetadataRequest>['topics']>[number]

export const metadata = apiHandler({
  request: MetadataRequest,
  response: MetadataResponse,
  versions: [0, 13],
  async handle(request, context) {
    const { broker, apiVersion } = context
    const asked = topicsAsked(request, apiVersion)
    if (asked !== null && !asked.every(topic => isWellFormed(topic, apiVersion))) return refuse(asked)

    const operations = request.includeTopicAuthorizedOperations ? topicOperations : operationsOmitted
    const topics =
      asked === null
        ? [...broker.image.topics()].map(topic => describe(topic, operations, context))
        : await describeAsked(asked, request.allowAutoTopicCreation, operations, context)
    return {
      brokers: broker.endpointsFor(context.connection).filter(({ isFenced }) => !isFenced),
      clusterId: broker.clusterId,
      controllerId: broker.image.controllerId,
      topics,
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations : operationsOmitted,
    }
  },
})

/** Null: all topics. In v0 that is what an empty list means. */
function topicsAsked(request: Infer<typeof MetadataRequest>, apiVersion: number): TopicAsked[] | null {
  if (request.topics === null || (apiVersion === 0 && request.topics.length === 0)) return null
  return request.topics
}

/** Ids may be asked for from v12 on, though v10 has a field for them; without an id there must be a name. */
function isWellFormed(topic: TopicAsked, apiVersion: number): boolean {
  if (apiVersion >= 12) return topic.name !== null || topic.topicId !== ZERO_UUID
  return topic.name !== null && topic.topicId === ZERO_UUID
}

/** A request that cannot be read as one question is answered as a whole, as Kafka does: no brokers, and the error on each topic. */
function refuse(asked: readonly TopicAsked[]): Input<typeof MetadataResponse> {
  const topics = asked.map(({ name, topicId }) => ({ errorCode: ErrorCode.INVALID_REQUEST, name: name ?? '', topicId }))
  return { brokers: [], topics, errorCode: ErrorCode.INVALID_REQUEST }
}

async function describeAsked(
  asked: readonly TopicAsked[],
  mayCreate: boolean,
  operations: number,
  context: RequestContext,
): Promise<TopicAnswer[]> {
  const { image, config } = context.broker
  const answers: TopicAnswer[] = []
  const names = new Set<string>()
  const ids = new Set<Uuid>()
  for (const { name, topicId } of asked) {
    if (topicId === ZERO_UUID) names.add(name!)
    else ids.add(topicId)
  }
  for (const topicId of ids) {
    const topic = image.topicById(topicId)
    answers.push(
      topic === undefined
        ? failed('UNKNOWN_TOPIC_ID', null, topicId, operations)
        : describe(topic, operations, context),
    )
  }
  const unknown = [...names].filter(name => image.topicByName(name) === undefined)
  if (mayCreate && config.autoCreateTopicsEnable && unknown.length > 0)
    await autoCreateTopics(unknown.filter(isValidTopicName), context.broker)
  for (const name of names) {
    const topic = image.topicByName(name)
    if (topic !== undefined) answers.push(describe(topic, operations, context))
    else
      answers.push(
        failed(
          isValidTopicName(name) ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'INVALID_TOPIC_EXCEPTION',
          name,
          ZERO_UUID,
          operations,
        ),
      )
  }
  return answers
}

function describe(topic: TopicImage, operations: number, { broker }: RequestContext): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.map((state, partitionIndex) => {
      const { error, leaderId, offlineReplicas } = partitionHealthOf(topic.name, partitionIndex, state, broker)
      return {
        errorCode: ErrorCode[error],
        partitionIndex,
        leaderId,
        leaderEpoch: state.leaderEpoch,
        replicaNodes: state.replicas,
        isrNodes: state.isr,
        offlineReplicas,
      }
    }),
    topicAuthorizedOperations: operations,
  }
}

function failed(
  error: ErrorName,
  name: string | null,
  topicId: string,
  topicAuthorizedOperations: number,
): TopicAnswer {
  return { errorCode: ErrorCode[error], name, topicId, isInternal: false, partitions: [], topicAuthorizedOperations }
}
