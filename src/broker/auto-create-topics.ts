/**
 * Creates topics that a client has asked for by name (`auto.create.topics.enable`), with the broker's defaults. What cannot be created stays
 * unknown: the client learns that from its own request, and the reason is in the log.
 */

import { isInternalTopic } from '../metadata/internal-topics.ts'
import type { BrokerContext } from './broker-context.ts'

export async function autoCreateTopics(names: readonly string[], broker: BrokerContext): Promise<void> {
  if (names.length === 0) return
  // Our own are made with the settings that they need.
  for (const name of names) if (isInternalTopic(name)) await broker.internalTopics.create(name)
  const others = names.filter(name => !isInternalTopic(name))
  if (others.length === 0) return
  const wanted = others.map(name => ({ name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] }))
  const results = await broker.controller.createTopics(wanted, { validateOnly: false })
  // Another client may have been faster.
  const refused = results.filter(({ error }) => error !== 'NONE' && error !== 'TOPIC_ALREADY_EXISTS')
  if (refused.length > 0) {
    // One record, however many a request names.
    const { error, message } = refused[0]!
    const topics = refused.map(({ name }) => name)
    broker.logger.warn('cannot create topics that a client asked for', { topics, error, message })
  }
  await broker.partitions.settled()
}
