/** Deleting topics, by name and by id (KIP-516). */

import { ZERO_UUID } from '../protocol/uuid.ts'
import type { ControlState } from './control-state.ts'
import { DONE, refused } from './requests.ts'
import type { DeletableTopic, DeleteTopicResult, Outcome } from './requests.ts'

export function deleteTopics(state: ControlState, topics: readonly DeletableTopic[]): DeleteTopicResult[] {
  const counts = new Map<string, number>()
  for (const topic of topics) counts.set(keyOf(topic), (counts.get(keyOf(topic)) ?? 0) + 1)
  const answered = new Set<string>()
  const results: DeleteTopicResult[] = []
  // A topic may be named once by its name and once by its id; it is deleted once, and found gone the second time.
  for (const topic of topics) {
    if (answered.has(keyOf(topic))) continue
    answered.add(keyOf(topic))
    results.push(deleteTopic(state, topic, counts.get(keyOf(topic))! > 1))
  }
  return results
}

function keyOf({ name, topicId }: DeletableTopic): string {
  return `${topicId} ${name ?? ''}`
}

function deleteTopic(state: ControlState, { name, topicId }: DeletableTopic, isRepeated: boolean): DeleteTopicResult {
  const answer = (outcome: Outcome): DeleteTopicResult => ({ name, topicId, ...outcome })
  if (!state.config.deleteTopicEnable) {
    return answer(refused('TOPIC_DELETION_DISABLED', 'topics cannot be deleted: delete.topic.enable is false'))
  }
  if (name === null && topicId === ZERO_UUID) {
    return answer(refused('INVALID_REQUEST', 'neither the name nor the id of a topic is given'))
  }
  if (name !== null && topicId !== ZERO_UUID) {
    return answer(refused('INVALID_REQUEST', 'both the name and the id of a topic are given; only one of them may be'))
  }
  if (isRepeated) return answer(refused('INVALID_REQUEST', 'the request names this topic more than once'))
  const topic = name === null ? state.image.topicById(topicId) : state.image.topicByName(name)
  if (topic === undefined) {
    return answer(
      name === null
        ? refused('UNKNOWN_TOPIC_ID', `there is no topic with the id ${topicId}`)
        : refused('UNKNOWN_TOPIC_OR_PARTITION', `there is no topic '${name}'`),
    )
  }
  state.stage({ type: 'topic-deleted', topicId: topic.id })
  return { name: topic.name, topicId: topic.id, ...DONE }
}
