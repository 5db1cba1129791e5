/** The names of the topics that Kafka keeps its own state in. */

export const GROUP_TOPIC = '__consumer_offsets'
export const TRANSACTION_TOPIC = '__transaction_state'
export const SHARE_TOPIC = '__share_group_state'

export type InternalTopicName = typeof GROUP_TOPIC | typeof TRANSACTION_TOPIC | typeof SHARE_TOPIC

const internal: ReadonlySet<string> = new Set<InternalTopicName>([GROUP_TOPIC, TRANSACTION_TOPIC, SHARE_TOPIC])

export function isInternalTopic(name: string): name is InternalTopicName {
  return internal.has(name)
}
