/**
 * Changing what is configured: AlterConfigs replaces all that is set on a resource, IncrementalAlterConfigs changes single keys (KIP-339). What may be set is
 * decided in `metadata/config`; here it is found out what a request is about, and what is different afterwards.
 */

import { alterBrokerOverrides, dynamicLevelOf, replaceBrokerOverrides } from '../metadata/config/alter-broker.ts'
import { alterGroupOverrides, replaceGroupOverrides } from '../metadata/config/group-config.ts'
import { alterTopicOverrides, replaceTopicOverrides } from '../metadata/config/alter-topic.ts'
import type { AlterResult, ConfigChange } from '../metadata/config/alter.ts'
import type { BrokerLayers } from '../metadata/config/broker-settings.ts'
import { CLUSTER_DEFAULT, ConfigResourceType } from '../metadata/config-resource.ts'
import { topicNameProblem } from '../metadata/topic-name.ts'
import type { ErrorName } from '../protocol/errors.ts'
import type { ControlState } from './control-state.ts'
import { DONE, refused } from './requests.ts'
import type {
  AlterableResource,
  AlterConfigsOptions,
  AlterConfigsResult,
  ConfigResource,
  IncrementallyAlterableResource,
  Outcome,
} from './requests.ts'

type Altered = AlterResult | { readonly ok: false; readonly error: ErrorName; readonly message: string }

export function alterConfigs(
  state: ControlState,
  resources: readonly AlterableResource[],
  { validateOnly, brokerId = state.nodeId }: AlterConfigsOptions,
): AlterConfigsResult[] {
  return eachOnce(state, resources, validateOnly, ({ configs, ...resource }) => {
    switch (resource.resourceType) {
      case ConfigResourceType.TOPIC:
        return withTopic(state, resource, () => replaceTopicOverrides(state.config.topicDefaults, configs))
      case ConfigResourceType.GROUP:
        return withGroup(state, resource, () => replaceGroupOverrides(state.config.settings, configs))
      default:
        return withBroker(state, resource, brokerId, (layers, level) => replaceBrokerOverrides(layers, level, configs))
    }
  })
}

export function incrementalAlterConfigs(
  state: ControlState,
  resources: readonly IncrementallyAlterableResource[],
  { validateOnly, brokerId = state.nodeId }: AlterConfigsOptions,
): AlterConfigsResult[] {
  return eachOnce(state, resources, validateOnly, ({ configs, ...resource }) => {
    const changes = configs.map(({ name, configOperation, value }): ConfigChange => ({
      name,
      operation: configOperation,
      value,
    }))
    const overrides = state.image.config(resource.resourceType, resource.resourceName)
    switch (resource.resourceType) {
      case ConfigResourceType.TOPIC:
        return withTopic(state, resource, () => alterTopicOverrides(state.config.topicDefaults, overrides, changes))
      case ConfigResourceType.GROUP:
        return withGroup(state, resource, () => alterGroupOverrides(state.config.settings, overrides, changes))
      default:
        return withBroker(state, resource, brokerId, (layers, level) => alterBrokerOverrides(layers, level, changes))
    }
  })
}

function eachOnce<R extends ConfigResource>(
  state: ControlState,
  resources: readonly R[],
  validateOnly: boolean,
  alter: (resource: R) => Altered,
): AlterConfigsResult[] {
  const key = ({ resourceType, resourceName }: ConfigResource): string => `${resourceType} ${resourceName}`
  const counts = new Map<string, number>()
  for (const resource of resources) counts.set(key(resource), (counts.get(key(resource)) ?? 0) + 1)
  const answered = new Set<string>()
  const results: AlterConfigsResult[] = []
  for (const resource of resources) {
    const { resourceType, resourceName } = resource
    if (answered.has(key(resource))) continue
    answered.add(key(resource))
    const altered: Altered =
      counts.get(key(resource))! > 1
        ? { ok: false, error: 'INVALID_REQUEST', message: 'the request names this resource more than once' }
        : alter(resource)
    if (altered.ok && !validateOnly) stageDifferences(state, resource, altered.overrides)
    const outcome: Outcome = altered.ok ? DONE : refused(altered.error, altered.message)
    results.push({ resourceType, resourceName, ...outcome })
  }
  return results
}

function stageDifferences(
  state: ControlState,
  { resourceType, resourceName }: ConfigResource,
  overrides: ReadonlyMap<string, string>,
): void {
  const before = new Map(state.image.config(resourceType, resourceName))
  for (const key of before.keys()) {
    if (!overrides.has(key)) state.stage({ type: 'config-changed', resourceType, resourceName, key, value: null })
  }
  for (const [key, value] of overrides) {
    if (before.get(key) !== value) state.stage({ type: 'config-changed', resourceType, resourceName, key, value })
  }
}

function withTopic(state: ControlState, { resourceName }: ConfigResource, alter: () => Altered): Altered {
  if (resourceName === '') return { ok: false, error: 'INVALID_REQUEST', message: 'topics have no default resource' }
  const problem = topicNameProblem(resourceName)
  if (problem !== undefined) return { ok: false, error: 'INVALID_TOPIC_EXCEPTION', message: problem }
  const altered = alter()
  // As in Kafka, what is wrong with the settings comes before what is wrong with the topic.
  if (!altered.ok || state.image.topicByName(resourceName) !== undefined) return altered
  return { ok: false, error: 'UNKNOWN_TOPIC_OR_PARTITION', message: `there is no topic '${resourceName}'` }
}

/** A group may have settings before it exists, and after. */
function withGroup(
  { image, config }: ControlState,
  { resourceType, resourceName }: ConfigResource,
  alter: () => Altered,
): Altered {
  if (resourceName === '') return { ok: false, error: 'INVALID_REQUEST', message: 'groups have no default resource' }
  const isNew = image.config(resourceType, resourceName).size === 0
  if (isNew && image.configuredResourceCount(resourceType) >= config.groups.groupsMax) {
    const message = `as many groups have settings as there may be groups (ottla.groups.max)`
    return { ok: false, error: 'POLICY_VIOLATION', message }
  }
  return alter()
}

function withBroker(
  state: ControlState,
  { resourceType, resourceName }: ConfigResource,
  brokerId: number,
  alter: (layers: BrokerLayers, level: 'perBroker' | 'clusterWide') => Altered,
): Altered {
  if (resourceType === ConfigResourceType.CLIENT_METRICS) {
    return { ok: false, error: 'UNSUPPORTED_VERSION', message: 'settings of client metrics are not served yet' }
  }
  if (resourceType !== ConfigResourceType.BROKER) {
    return { ok: false, error: 'INVALID_REQUEST', message: `resources of type ${resourceType} cannot be altered` }
  }
  const level = dynamicLevelOf(resourceName, brokerId)
  if (!level.ok) return level
  const layers: BrokerLayers = {
    fixed: state.config.settings.layers.fixed,
    clusterWide: state.image.config(ConfigResourceType.BROKER, CLUSTER_DEFAULT),
    perBroker: state.image.config(ConfigResourceType.BROKER, String(brokerId)),
  }
  return alter(layers, level.level)
}
