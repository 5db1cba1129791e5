/** The settings of consumer groups of the new protocol: the broker's, and what single groups have of their own. Each is looked up when it is asked for. */

import type { Assignor } from '../../coordinator/group/assignors/assignor.ts'
import { rangeAssignor } from '../../coordinator/group/assignors/range.ts'
import { uniformAssignor } from '../../coordinator/group/assignors/uniform.ts'
import type { ConsumerGroupConfig, MigrationPolicy } from '../../coordinator/group/consumer/consumer-group-context.ts'
import type { ClusterImage } from '../../metadata/cluster-image.ts'
import type { BrokerConfig } from '../../metadata/config/broker-config.ts'
import { consumerGroupSetting } from '../../metadata/config/group-config.ts'
import type { ConsumerGroupSetting } from '../../metadata/config/group-config.ts'
import { ConfigResourceType } from '../../metadata/config-resource.ts'
import { assert } from '../../std/assert.ts'
import type { BrokerContext } from '../broker-context.ts'

/** By their names in `group.consumer.assignors`. */
const assignors: ReadonlyMap<string, Assignor> = new Map([
  [uniformAssignor.name, uniformAssignor],
  [rangeAssignor.name, rangeAssignor],
])

export function consumerGroupSettings(config: () => BrokerConfig, image: ClusterImage): ConsumerGroupConfig {
  const ofGroup = (groupId: string, name: ConsumerGroupSetting): number =>
    consumerGroupSetting(config().settings, image.config(ConfigResourceType.GROUP, groupId), name)
  const offered = config().consumerGroups.assignors.map(assignorNamed)
  return {
    assignors: offered,
    get maxSize() {
      return config().consumerGroups.maxSize
    },
    get classicMaxSize() {
      return config().groups.maxSize
    },
    get migrationPolicy() {
      return config().consumerGroups.migrationPolicy.toLowerCase() as MigrationPolicy
    },
    get regexRefreshIntervalMs() {
      return config().consumerGroups.regexRefreshIntervalMs
    },
    sessionTimeoutMs: groupId => ofGroup(groupId, 'session.timeout.ms'),
    heartbeatIntervalMs: groupId => ofGroup(groupId, 'heartbeat.interval.ms'),
    assignmentIntervalMs: groupId => ofGroup(groupId, 'assignment.interval.ms'),
  }
}

/** The protocol may be switched off for the cluster, by its feature, and at this broker, by its setting. */
export function servesConsumerGroups({ image, config }: Pick<BrokerContext, 'image' | 'config'>): boolean {
  return config.consumerGroups.isOffered && (image.features.get('group.version') ?? 0) >= 1
}

/** The settings have been checked when they were read. */
function assignorNamed(name: string): Assignor {
  const assignor = assignors.get(name)
  assert(assignor !== undefined, () => `group.consumer.assignors has ${name}`)
  return assignor
}
