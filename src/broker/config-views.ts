/** Settings in the forms of responses: DescribeConfigs, and what CreateTopics says of a new topic. */

import { ConfigSource, describeBroker, describeGroup, describeTopic } from '../metadata/config/describe.ts'
import type { DescribedConfig } from '../metadata/config/describe.ts'
import { CLUSTER_DEFAULT, ConfigResourceType } from '../metadata/config-resource.ts'
import type { ErrorName } from '../protocol/errors.ts'
import type { BrokerContext } from './broker-context.ts'
import { isValidTopicName } from './topic-names.ts'

export interface Refusal {
  readonly error: ErrorName
  readonly message: string
}

/** The settings of a resource, or why they cannot be told. `keys` empty or null: all of them. */
export function describeResource(
  broker: BrokerContext,
  type: number,
  name: string,
  keys: readonly string[] | null,
): readonly DescribedConfig[] | Refusal {
  switch (type) {
    case ConfigResourceType.TOPIC:
      return describeTopicResource(broker, name, keys)
    case ConfigResourceType.BROKER:
      if (name === CLUSTER_DEFAULT) return describeBroker(broker.config.settings, 'clusterWide', keys)
      return notThisBroker(broker, name) ?? describeBroker(broker.config.settings, 'perBroker', keys)
    case ConfigResourceType.BROKER_LOGGER:
      if (name === '')
        return { error: 'INVALID_REQUEST', message: 'the name of a broker-logger resource is a broker id' }
      return notThisBroker(broker, name) ?? describeLoggers(broker, keys)
    case ConfigResourceType.GROUP:
      if (name === '') return { error: 'INVALID_REQUEST', message: 'groups have no default resource' }
      return describeGroup(broker.config.settings, broker.image.config(type, name), keys)
    case ConfigResourceType.CLIENT_METRICS:
      return { error: 'UNSUPPORTED_VERSION', message: 'settings of client metrics are not served yet' }
    default:
      return { error: 'INVALID_REQUEST', message: `there is no configuration resource type ${type}` }
  }
}

/** The settings of a topic that has just been made with these overrides. */
export function describeNewTopic(broker: BrokerContext, overrides: ReadonlyMap<string, string>) {
  return describeTopic(broker.config.settings, overrides).map(({ name, value, readOnly, source, isSensitive }) => ({
    name,
    value,
    readOnly,
    configSource: source,
    isSensitive,
  }))
}

function describeTopicResource(
  broker: BrokerContext,
  name: string,
  keys: readonly string[] | null,
): readonly DescribedConfig[] | Refusal {
  if (!isValidTopicName(name)) return { error: 'INVALID_TOPIC_EXCEPTION', message: `not a topic's name: ${name}` }
  if (broker.image.topicByName(name) === undefined)
    return { error: 'UNKNOWN_TOPIC_OR_PARTITION', message: `there is no topic ${name}` }
  return describeTopic(broker.config.settings, broker.image.config(ConfigResourceType.TOPIC, name), keys)
}

function notThisBroker(broker: BrokerContext, name: string): Refusal | undefined {
  if (name === String(broker.nodeId)) return undefined
  if (!/^\d+$/.test(name)) return { error: 'INVALID_REQUEST', message: `a broker id is a number: ${name}` }
  return { error: 'INVALID_REQUEST', message: `this is broker ${broker.nodeId}; broker ${name} has to be asked itself` }
}

/** The type code of a string, in DescribeConfigs. */
const stringType = 2

function describeLoggers({ logging }: BrokerContext, keys: readonly string[] | null): DescribedConfig[] {
  const wanted = keys === null || keys.length === 0 ? undefined : new Set(keys)
  return logging
    .list()
    .filter(({ name }) => wanted?.has(name) ?? true)
    .map(({ name, level }) => ({
      name,
      value: level.toUpperCase(),
      source: ConfigSource.DYNAMIC_BROKER_LOGGER_CONFIG,
      isDefault: false,
      isSensitive: false,
      readOnly: false,
      synonyms: [],
      type: stringType,
      documentation: '',
    }))
}
