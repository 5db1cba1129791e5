/** Settings: described, altered in both ways, and refused. */

import { forVersions } from '../step.ts'
import type { Step } from '../step.ts'
import { newTopic } from './produce.ts'

const types = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 }
const operations = { set: 0, delete: 1, append: 2, subtract: 3 }

export function configSteps(): Step[] {
  return [
    ...forVersions('CreateTopics', [7, 7], 'with settings to alter', () => ({
      topics: [newTopic('settings', 1), newTopic('settings-2', 1)],
      timeoutMs: 30_000,
    })),
    ...describeSteps('before'),
    ...incrementalSteps(),
    ...wholesaleSteps(),
    ...describeSteps('after'),
    ...forVersions('ListConfigResources', [0, 0], 'client metrics', () => ({})),
    ...forVersions('ListConfigResources', [1, 1], 'all', () => ({
      resourceTypes: [types.topic, types.group, types.clientMetrics],
    })),
    ...forVersions('ListConfigResources', [1, 1], 'brokers', () => ({
      resourceTypes: [types.broker, types.brokerLogger],
    })),
    ...forVersions('ListConfigResources', [1, 1], 'an unknown type', () => ({ resourceTypes: [77] })),
  ]
}

function describeSteps(when: string): Step[] {
  const describe = (
    version: number,
    resourceType: number,
    resourceName: string,
    configurationKeys: string[] | null = null,
  ) => ({
    resources: [{ resourceType, resourceName, configurationKeys }],
    includeSynonyms: version >= 1,
    ...(version >= 3 ? { includeDocumentation: true } : {}),
  })
  const range = [1, 4] as const
  const step = (name: string, resourceType: number, resourceName: string, keys: string[] | null = null) =>
    forVersions('DescribeConfigs', range, `${when}: ${name}`, version =>
      describe(version, resourceType, resourceName, keys),
    )
  return [
    ...step('a topic', types.topic, 'settings'),
    ...step('some keys of a topic', types.topic, 'settings', ['retention.ms', 'cleanup.policy', 'no.such.key']),
    ...step('no keys of a topic', types.topic, 'settings', []),
    ...step('an unknown topic', types.topic, 'nowhere'),
    ...step('a bad topic name', types.topic, 'a b'),
    ...step('a topic without a name', types.topic, ''),
    ...step('some keys of a broker', types.broker, '1', [
      'num.partitions',
      'log.retention.hours',
      'log.retention.ms',
      'message.max.bytes',
      'compression.type',
      'num.io.threads',
      'log.cleaner.threads',
      'ssl.keystore.password',
      'auto.create.topics.enable',
      'log.segment.bytes',
      'min.insync.replicas',
    ]),
    ...step('the default of all brokers', types.broker, ''),
    ...step('another broker', types.broker, '7'),
    ...step('a broker that is no number', types.broker, 'x'),
    ...step('an unknown type', 77, 'x'),
    ...step('loggers of another broker', types.brokerLogger, '7'),
  ]
}

type Change = readonly [key: string, operation: keyof typeof operations, value: string | null]

function incrementalSteps(): Step[] {
  const alter = (resourceType: number, resourceName: string, changes: readonly Change[], validateOnly = false) => ({
    resources: [
      {
        resourceType,
        resourceName,
        configs: changes.map(([name, operation, value]) => ({ name, configOperation: operations[operation], value })),
      },
    ],
    validateOnly,
  })
  const step = (name: string, resourceType: number, resourceName: string, ...changes: Change[]) =>
    forVersions('IncrementalAlterConfigs', [0, 1], name, () => alter(resourceType, resourceName, changes))
  return [
    ...step('set', types.topic, 'settings', ['retention.ms', 'set', '5000'], ['flush.messages', 'set', '77']),
    ...step('append', types.topic, 'settings', ['cleanup.policy', 'append', 'compact']),
    ...step('append again', types.topic, 'settings', ['cleanup.policy', 'append', 'compact']),
    ...step('subtract', types.topic, 'settings', ['cleanup.policy', 'subtract', 'delete']),
    ...step('delete', types.topic, 'settings', ['flush.messages', 'delete', null]),
    ...step('delete what is not set', types.topic, 'settings', ['segment.ms', 'delete', null]),
    ...step('refused: append to a number', types.topic, 'settings', ['retention.ms', 'append', '1']),
    ...step('refused: a bad value', types.topic, 'settings', ['retention.ms', 'set', 'x']),
    ...step('refused: a null value', types.topic, 'settings', ['retention.ms', 'set', null]),
    ...step('refused: an unknown key', types.topic, 'settings', ['no.such.key', 'set', '1']),
    ...step(
      'refused: a key twice',
      types.topic,
      'settings',
      ['retention.ms', 'set', '1'],
      ['retention.ms', 'set', '2'],
    ),
    ...step('refused: an unknown topic', types.topic, 'nowhere', ['retention.ms', 'set', '1']),
    ...step('refused: a topic without a name', types.topic, '', ['retention.ms', 'set', '1']),
    ...step('refused: an unknown type', 77, 'x', ['retention.ms', 'set', '1']),
    ...step('a broker', types.broker, '1', ['log.retention.ms', 'set', '90000000']),
    ...step('all brokers', types.broker, '', ['log.segment.bytes', 'set', '123456789']),
    ...step('refused: a read-only key of a broker', types.broker, '1', ['log.dirs', 'set', '/tmp/x']),
    ...step('refused: a bad value of a broker', types.broker, '1', ['log.segment.bytes', 'set', '1']),
    ...step('refused: another broker', types.broker, '7', ['log.retention.ms', 'set', '1']),
    ...step('refused: a broker that is no number', types.broker, 'x', ['log.retention.ms', 'set', '1']),
    ...step('a logger', types.brokerLogger, '1', ['kafka.server', 'set', 'WARN']),
    ...step('refused: a level that is none', types.brokerLogger, '1', ['kafka.server', 'set', 'LOUD']),
    ...step('refused: append to a level', types.brokerLogger, '1', ['kafka.server', 'append', 'WARN']),
    ...step('refused: a logger of another broker', types.brokerLogger, '7', ['kafka.server', 'set', 'WARN']),
    ...step('a broker again', types.broker, '1', ['log.retention.ms', 'delete', null]),
    ...step('all brokers again', types.broker, '', ['log.segment.bytes', 'delete', null]),
    ...forVersions('IncrementalAlterConfigs', [0, 1], 'only validated', () =>
      alter(types.topic, 'settings', [['retention.ms', 'set', '1']], true),
    ),
    ...forVersions('IncrementalAlterConfigs', [0, 1], 'refused: an unknown operation', () => ({
      resources: [
        {
          resourceType: types.topic,
          resourceName: 'settings',
          configs: [{ name: 'retention.ms', configOperation: 9, value: '1' }],
        },
      ],
      validateOnly: false,
    })),
    ...forVersions('IncrementalAlterConfigs', [0, 1], 'refused: a resource twice', () => ({
      resources: [0, 1].map(() => alter(types.topic, 'settings', [['retention.ms', 'set', '1']]).resources[0]!),
      validateOnly: false,
    })),
  ]
}

function wholesaleSteps(): Step[] {
  const alter = (
    resourceType: number,
    resourceName: string,
    configs: Record<string, string | null>,
    validateOnly = false,
  ) => ({
    resources: [
      { resourceType, resourceName, configs: Object.entries(configs).map(([name, value]) => ({ name, value })) },
    ],
    validateOnly,
  })
  const step = (
    name: string,
    resourceType: number,
    resourceName: string,
    configs: Record<string, string | null>,
    validateOnly = false,
  ) => forVersions('AlterConfigs', [0, 2], name, () => alter(resourceType, resourceName, configs, validateOnly))
  return [
    ...step('all of a topic', types.topic, 'settings-2', { 'retention.ms': '4000', 'max.message.bytes': '2000' }),
    ...step('other ones instead', types.topic, 'settings-2', { 'segment.ms': '60000' }),
    ...step('only validated', types.topic, 'settings-2', { 'segment.ms': '50000' }, true),
    ...step('refused: a bad value', types.topic, 'settings-2', { 'segment.ms': 'x' }),
    ...step('refused: a null value', types.topic, 'settings-2', { 'segment.ms': null }),
    ...step('refused: an unknown key', types.topic, 'settings-2', { 'no.such.key': '1' }),
    ...step('refused: an unknown topic', types.topic, 'nowhere', { 'segment.ms': '50000' }),
    ...step('refused: a read-only key of a broker', types.broker, '1', { 'log.dirs': '/x' }),
    ...step('refused: loggers', types.brokerLogger, '1', { 'kafka.server': 'WARN' }),
    ...step('refused: an unknown type', 77, 'x', { 'segment.ms': '1' }),
  ]
}
