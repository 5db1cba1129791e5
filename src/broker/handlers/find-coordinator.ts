/**
 * FindCoordinator (key 10): the broker that coordinates a group or a transactional id, which is whoever leads the partition of the internal topic that the
 * key falls into.
 *
 * v1 key type; v3 flexible; v4 several keys (KIP-699); v6 share groups (KIP-932). The first to ask for a coordinator of a kind has its topic made. Kafka answers that
 * first request before the topic is there; here it waits for it.
 */

import { ErrorCode, errorOf } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { FindCoordinatorRequest, FindCoordinatorResponse } from '../../protocol/messages/find-coordinator.ts'
import { apiHandler } from '../api-handler.ts'
import type { RequestContext } from '../api-handler.ts'
import type { ClientEndpoint } from '../broker-context.ts'
import { positiveHashCode } from '../coordinators/coordinator-host.ts'
import { GROUP_TOPIC, TRANSACTION_TOPIC } from '../../metadata/internal-topics.ts'
import type { InternalTopicName } from '../../metadata/internal-topics.ts'

/** What share groups are coordinated by: a group's partition of a topic, that by its id. */
const shareKey = /^[^:]+:[A-Za-z0-9_-]{22}:\d+$/

const keyTypes = { group: 0, transaction: 1, share: 2 }

/** The kinds that are coordinated here. */
const topicOf = new Map<number, InternalTopicName>([
  [keyTypes.group, GROUP_TOPIC],
  [keyTypes.transaction, TRANSACTION_TOPIC],
])

interface Found {
  readonly error: ErrorName
  readonly message?: string
  readonly node?: ClientEndpoint | undefined
}

export const findCoordinator = apiHandler({
  request: FindCoordinatorRequest,
  response: FindCoordinatorResponse,
  versions: [0, 6],
  async handle({ keyType, key, coordinatorKeys }, context) {
    const { apiVersion } = context
    const topic = topicOf.get(keyType)
    if (topic !== undefined && context.broker.image.topicByName(topic) === undefined)
      await context.broker.internalTopics.create(topic)
    const find = (each: string): Found => refusalOf(keyType, each, apiVersion) ?? coordinatorOf(topic!, each, context)
    if (apiVersion < 4) return { ...answerOf(find(key)), errorMessage: messageOf(find(key)) }
    return { coordinators: coordinatorKeys.map(each => ({ key: each, ...answerOf(find(each)) })) }
  },
})

function refusalOf(keyType: number, key: string, apiVersion: number): Found | undefined {
  if (topicOf.has(keyType)) return undefined
  const isKnown = keyType === keyTypes.share && apiVersion >= 6
  if (!isKnown) return { error: 'INVALID_REQUEST', message: `there is no coordinator of key type ${keyType}` }
  if (!shareKey.test(key))
    return { error: 'INVALID_REQUEST', message: 'a key of share groups is group:topicId:partition' }
  return { error: 'COORDINATOR_NOT_AVAILABLE', message: 'share groups are not served yet' }
}

function coordinatorOf(topic: InternalTopicName, key: string, { broker, connection }: RequestContext): Found {
  const partitions = broker.image.topicByName(topic)?.partitions ?? []
  if (partitions.length === 0) return { error: 'COORDINATOR_NOT_AVAILABLE' }
  const { leader } = partitions[positiveHashCode(key) % partitions.length]!
  const node = broker.endpointsFor(connection).find(({ nodeId, isFenced }) => nodeId === leader && !isFenced)
  return node === undefined ? { error: 'COORDINATOR_NOT_AVAILABLE' } : { error: 'NONE', node }
}

function answerOf({ error, message, node }: Found) {
  const { nodeId = -1, host = '', port = -1 } = node ?? {}
  return { errorCode: ErrorCode[error], errorMessage: error === 'NONE' ? '' : (message ?? ''), nodeId, host, port }
}

/** Up to version 3 there is one for success, too. */
function messageOf({ error, message }: Found): string {
  return error === 'NONE' ? 'NONE' : (message ?? errorOf(ErrorCode[error]).message)
}
