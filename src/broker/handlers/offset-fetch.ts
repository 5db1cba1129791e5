/**
 * OffsetFetch (key 9): the committed offsets of groups.
 *
 * v2 all topics by null, and an error of the whole; v5 leader epochs; v6 flexible; v7 only what no open transaction is about to change (KIP-447); v8 several groups (KIP-709); v9
 * members of the new protocol (KIP-848); v10 topics by id.
 */

import type { FetchedTopic, OffsetFetch } from '../../coordinator/group/offsets/offset-fetches.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { OffsetFetchRequest, OffsetFetchResponse } from '../../protocol/messages/offset-fetch.ts'
import type { Infer, Input } from '../../protocol/schema.ts'
import { ZERO_UUID } from '../../protocol/uuid.ts'
import { apiHandler } from '../api-handler.ts'
import type { BrokerContext } from '../broker-context.ts'
import { all, mapAnswer } from '../coordinators/answered.ts'

type AskedGroup = Infer<typeof OffsetFetchRequest>['groups'][number]
type GroupAnswer = NonNullable<Input<typeof OffsetFetchResponse>['groups']>[number]

const severalGroupsSince = 8
const topicIdsSince = 10

export const offsetFetch = apiHandler({
  request: OffsetFetchRequest,
  response: OffsetFetchResponse,
  versions: [1, 10],
  handle(request, { broker, apiVersion }) {
    if (apiVersion < severalGroupsSince) return fetchOne(request, broker, apiVersion)
    const groups = withoutRepeated(request.groups)
    const asked = groups.map(group => fetchGroup(group, request.requireStable, apiVersion, broker))
    return mapAnswer(all(asked), answers => ({ groups: answers }))
  },
})

/** Who asks for all offsets of a group twice is told once: they may be many. */
function withoutRepeated(groups: readonly AskedGroup[]): readonly AskedGroup[] {
  const told = new Set<string>()
  return groups.filter(({ groupId, topics }) => topics !== null || told.size < told.add(groupId).size)
}

function fetchGroup(
  group: AskedGroup,
  requireStable: boolean,
  apiVersion: number,
  broker: BrokerContext,
): GroupAnswer | Promise<GroupAnswer> {
  const { groupId, memberId, memberEpoch, topics } = group
  const byId = apiVersion >= topicIdsSince
  const unknown: FetchedTopic[] = []
  const known = topics?.flatMap(({ name, topicId, partitionIndexes }) => {
    if (!byId) return [{ name, topicId: ZERO_UUID, partitionIndexes }]
    const topic = broker.image.topicById(topicId)
    if (topic !== undefined) return [{ name: topic.name, topicId, partitionIndexes }]
    unknown.push({ name, topicId, partitions: partitionIndexes.map(index => nothing(index, 'UNKNOWN_TOPIC_ID')) })
    return []
  })
  const wanted: OffsetFetch = { groupId, memberId, memberEpoch, topics: known ?? null }
  return mapAnswer(broker.groups.fetchOffsets(wanted, requireStable), outcome => {
    if (typeof outcome === 'string') return { groupId, errorCode: ErrorCode[outcome] }
    const fetched = byId && topics === null ? withIds(outcome, broker) : outcome
    return { groupId, topics: unknown.length === 0 ? fetched : [...fetched, ...unknown] }
  })
}

/** Offsets of topics that are gone have no id to go by. */
function withIds(topics: readonly FetchedTopic[], { image }: BrokerContext): FetchedTopic[] {
  return topics.flatMap(topic => {
    const id = image.topicByName(topic.name)?.id
    return id === undefined ? [] : [{ ...topic, topicId: id }]
  })
}

function fetchOne(
  { groupId, topics, requireStable }: Infer<typeof OffsetFetchRequest>,
  broker: BrokerContext,
  apiVersion: number,
) {
  const named = topics?.map(({ name, partitionIndexes }) => ({ name, topicId: ZERO_UUID, partitionIndexes })) ?? null
  const wanted: OffsetFetch = { groupId, memberId: null, memberEpoch: -1, topics: named }
  return mapAnswer(broker.groups.fetchOffsets(wanted, requireStable), outcome => {
    if (typeof outcome !== 'string') return { topics: outcome }
    if (apiVersion >= 2) return { errorCode: ErrorCode[outcome] }
    const failed = named!.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map(index => nothing(index, outcome)),
    }))
    return { topics: failed }
  })
}

function nothing(partitionIndex: number, error: ErrorName) {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: ErrorCode[error] }
}
