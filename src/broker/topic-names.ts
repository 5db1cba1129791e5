/** Kafka's rules for topic names, and which topics are its own. */

const pattern = /^[a-zA-Z0-9._-]{1,249}$/

export function isValidTopicName(name: string): boolean {
  return pattern.test(name) && name !== '.' && name !== '..'
}

const internalTopics = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state'])

export function isInternalTopic(name: string): boolean {
  return internalTopics.has(name)
}
