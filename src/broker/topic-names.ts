/** What handlers ask of a topic's name: whether it may be one. */

import { topicNameProblem } from '../metadata/topic-name.ts'

export function isValidTopicName(name: string): boolean {
  return topicNameProblem(name) === undefined
}
