/** What handlers ask of a topic's name: whether it may be one, and whether the topic is the cluster's own. */

import { topicNameProblem } from '../metadata/topic-name.ts'

export function isValidTopicName(name: string): boolean {
  return topicNameProblem(name) === undefined
}

const internalTopics = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state'])

export function isInternalTopic(name: string): boolean {
  return internalTopics.has(name)
}
