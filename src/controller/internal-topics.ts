/** The topics that Kafka keeps its own state in: made by the broker when they are first needed, with settings of their own. */

import type { InternalTopicConfig } from '../metadata/config/broker-config.ts'
import { GROUP_TOPIC, SHARE_TOPIC, TRANSACTION_TOPIC } from '../metadata/internal-topics.ts'
import type { InternalTopicName } from '../metadata/internal-topics.ts'
import type { ControllerConfig, ControlState } from './control-state.ts'
import { createTopics, failedTopic } from './create-topics.ts'
import { refused } from './requests.ts'
import type { CreateTopicResult } from './requests.ts'

/** A coordinator would have to write into the logs of partitions that other brokers lead, which it cannot reach. */
export const NO_TRANSACTIONS_BETWEEN_BROKERS =
  'transactions are served by a single broker only as yet, and this cluster has several: start without --cores'

/** Makes one; where it is there already the answer says so, as for any topic. The number of brokers bounds its replicas where the user has not set it. */
export function createInternalTopic(state: ControlState, name: InternalTopicName): CreateTopicResult {
  if (name === TRANSACTION_TOPIC && !state.canReplicate && state.image.brokers.size > 1)
    return failedTopic(name, refused('POLICY_VIOLATION', NO_TRANSACTIONS_BETWEEN_BROKERS))
  const config = configOf(state.config, name)
  const brokerCount = state.canReplicate
    ? [...state.image.brokers.keys()].filter(id => state.image.isActive(id)).length
    : 1
  const minInSyncReplicas = config.minInSyncReplicas(brokerCount)
  const settings: Record<string, string> = { ...settingsOf[name], 'segment.bytes': String(config.segmentBytes) }
  if (minInSyncReplicas !== undefined) settings['min.insync.replicas'] = String(minInSyncReplicas)
  const topic = {
    name,
    numPartitions: config.partitions,
    replicationFactor: config.replicationFactor(brokerCount),
    assignments: [],
    configs: Object.entries(settings).map(([key, value]) => ({ name: key, value })),
  }
  return createTopics(state, [topic], { validateOnly: false })[0]!
}

function configOf(config: ControllerConfig, name: InternalTopicName): InternalTopicConfig {
  if (name === GROUP_TOPIC) return config.offsetsTopic
  return name === TRANSACTION_TOPIC ? config.transactionStateTopic : config.shareStateTopic
}

const settingsOf: Readonly<Record<InternalTopicName, Readonly<Record<string, string>>>> = {
  [GROUP_TOPIC]: { 'cleanup.policy': 'compact', 'compression.type': 'producer' },
  [TRANSACTION_TOPIC]: {
    'cleanup.policy': 'compact',
    'compression.type': 'uncompressed',
    'unclean.leader.election.enable': 'false',
  },
  // Its records are snapshots and what followed; the share coordinator deletes what a later snapshot replaces.
  [SHARE_TOPIC]: { 'cleanup.policy': 'delete', 'compression.type': 'producer', 'retention.ms': '-1' },
}
