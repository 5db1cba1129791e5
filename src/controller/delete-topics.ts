/** Deleting topics, by name and by id (KIP-516). */

import type { TopicImage } from '../metadata/cluster-image.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import type { ControlState } from './control-state.ts'
import { DONE, refused } from './requests.ts'
import type { DeletableTopic, DeleteTopicResult, Outcome } from './requests.ts'

export function deleteTopics(state: ControlState, topics: readonly DeletableTopic[]): DeleteTopicResult[] {
  const counts = new Map<string, number>()
  for (const topic of topics) counts.set(keyOf(topic), (counts.get(keyOf(topic)) ?? 0) + 1)
  const answers = new Map<string, DeleteTopicResult>()
  /** What each topic was named by; more than one key when it was named by its name and by its id. */
  const found = new Map<TopicImage, string[]>()
  for (const wanted of topics) {
    const key = keyOf(wanted)
    if (answers.has(key)) continue
    const problem = problemOf(state, wanted, counts.get(key)! > 1)
    const topic = problem === undefined ? findTopic(state, wanted) : undefined
    answers.set(key, answerOf(wanted, topic, problem ?? DONE))
    if (topic !== undefined) found.set(topic, [...(found.get(topic) ?? []), key])
  }
  for (const [topic, keys] of found) {
    if (keys.length === 1) {
      state.stage({ type: 'topic-deleted', topicId: topic.id })
      continue
    }
    // As in Kafka: one answer, and nothing is deleted.
    for (const key of keys) answers.delete(key)
    const refusal = refused('INVALID_REQUEST', `topic '${topic.name}' is named by its name and by its id`)
    answers.set(keys[0]!, { name: topic.name, topicId: topic.id, ...refusal })
  }
  return [...answers.values()]
}

function keyOf({ name, topicId }: DeletableTopic): string {
  return `${topicId} ${name ?? ''}`
}

function findTopic(state: ControlState, { name, topicId }: DeletableTopic): TopicImage | undefined {
  return name === null ? state.image.topicById(topicId) : state.image.topicByName(name)
}

function answerOf(
  { name, topicId }: DeletableTopic,
  topic: TopicImage | undefined,
  outcome: Outcome,
): DeleteTopicResult {
  return topic === undefined ? { name, topicId, ...outcome } : { name: topic.name, topicId: topic.id, ...outcome }
}

function problemOf(state: ControlState, wanted: DeletableTopic, isRepeated: boolean): Outcome | undefined {
  const { name, topicId } = wanted
  if (!state.config.deleteTopicEnable) {
    return refused('TOPIC_DELETION_DISABLED', 'topics cannot be deleted: delete.topic.enable is false')
  }
  if (name === null && topicId === ZERO_UUID) {
    return refused('INVALID_REQUEST', 'neither the name nor the id of a topic is given')
  }
  if (name !== null && topicId !== ZERO_UUID) {
    return refused('INVALID_REQUEST', 'both the name and the id of a topic are given; only one of them may be')
  }
  if (isRepeated) return refused('INVALID_REQUEST', 'the request names this topic more than once')
  if (findTopic(state, wanted) !== undefined) return undefined
  return name === null
    ? refused('UNKNOWN_TOPIC_ID', `there is no topic with the id ${topicId}`)
    : refused('UNKNOWN_TOPIC_OR_PARTITION', `there is no topic '${name}'`)
}
