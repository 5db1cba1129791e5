/** Requests about offsets name topics and partitions; those that do not exist are answered without asking the coordinator. */

import type { TopicOutcome } from '../../coordinator/group/offsets/offset-commits.ts'
import type { ClusterImage } from '../../metadata/cluster-image.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { ZERO_UUID } from '../../protocol/uuid.ts'
import type { Uuid } from '../../protocol/uuid.ts'

interface Numbered {
  readonly partitionIndex: number
}

export interface AskedTopic<P extends Numbered> {
  readonly name: string
  readonly topicId?: Uuid
  readonly partitions: readonly P[]
}

export interface KnownTopic<P extends Numbered> {
  readonly name: string
  readonly topicId: Uuid
  readonly partitions: readonly P[]
}

export interface KnownPartitions<P extends Numbered> {
  readonly accepted: KnownTopic<P>[]
  readonly refused: TopicOutcome[]
}

/** `byId`: topics are named by their ids alone. */
export function knownPartitions<P extends Numbered>(
  topics: readonly AskedTopic<P>[],
  image: ClusterImage,
  byId = false,
): KnownPartitions<P> {
  const accepted: KnownTopic<P>[] = []
  const refused: TopicOutcome[] = []
  for (const topic of topics) {
    const known = byId ? image.topicById(topic.topicId ?? ZERO_UUID) : image.topicByName(topic.name)
    if (known === undefined) {
      refused.push(failedTopic(topic, byId ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION'))
      continue
    }
    const exists = ({ partitionIndex }: P): boolean => known.partitions[partitionIndex] !== undefined
    // The list itself where all are there, as nearly always.
    const there = topic.partitions.every(exists) ? topic.partitions : topic.partitions.filter(exists)
    if (there.length > 0) accepted.push({ name: known.name, topicId: known.id, partitions: there })
    if (there.length === topic.partitions.length) continue
    const missing = topic.partitions.filter(each => !exists(each))
    const { name, id: topicId } = known
    refused.push(failedTopic({ name, topicId, partitions: missing }, 'UNKNOWN_TOPIC_OR_PARTITION'))
  }
  return { accepted, refused }
}

/** The answer to a whole request: what was refused comes first, and no topic twice. */
export function answeredTopics(refused: readonly TopicOutcome[], answers: readonly TopicOutcome[]): TopicOutcome[] {
  if (refused.length === 0) return [...answers]
  const topics = new Map<string, { readonly outcome: TopicOutcome; readonly parts: TopicOutcome['partitions'][] }>()
  for (const each of [...refused, ...answers]) {
    // By name where there is one: not every answer knows the id.
    const key = each.name === '' ? each.topicId : each.name
    const before = topics.get(key)
    if (before === undefined) topics.set(key, { outcome: each, parts: [each.partitions] })
    else before.parts.push(each.partitions)
  }
  return Array.from(topics.values(), ({ outcome, parts }) => ({ ...outcome, partitions: parts.flat() }))
}

export function failedTopic(topic: AskedTopic<Numbered>, error: ErrorName): TopicOutcome {
  const { name, topicId = ZERO_UUID, partitions } = topic
  const errorCode = ErrorCode[error]
  return { name, topicId, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) }
}
