/** Versions that Kafka 4 removed and that are served still: compared with Kafka 3.9.1. */

import { batch } from '../batches.ts'
import { forVersions } from '../step.ts'
import type { Step } from '../step.ts'

const topic = { numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }

export function olderSteps(): Step[] {
  return [
    ...forVersions('CreateTopics', [0, 1], 'plain', version => ({
      topics: [{ ...topic, name: `old-${version}` }],
      timeoutMs: 30_000,
    })),
    ...forVersions('CreateTopics', [0, 1], 'again', version => ({
      topics: [{ ...topic, name: `old-${version}` }],
      timeoutMs: 30_000,
    })),
    ...forVersions('CreateTopics', [0, 1], 'bad name', () => ({
      topics: [{ ...topic, name: 'a b' }],
      timeoutMs: 30_000,
    })),
    ...forVersions('CreateTopics', [1, 1], 'only validated', () => ({
      topics: [{ ...topic, name: 'unmade' }],
      timeoutMs: 30_000,
      validateOnly: true,
    })),
    ...forVersions(
      'Metadata',
      [7, 7],
      'of old topics',
      () => ({ topics: [{ name: 'old-0' }, { name: 'old-1' }], allowAutoTopicCreation: false }),
      {
        until: answer =>
          answer.topics.every(
            (each: any) => each.errorCode === 0 && each.partitions.every((partition: any) => partition.leaderId === 1),
          ),
      },
    ),
    ...forVersions('Produce', [3, 3], 'to an old topic', () => ({
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: 'old-0', partitionData: [{ index: 0, records: batch() }] }],
    })),
    ...listOffsetsSteps(),
    ...forVersions('OffsetForLeaderEpoch', [0, 1], 'the first epoch', () => ask(0)),
    ...forVersions('OffsetForLeaderEpoch', [0, 1], 'an epoch to come', () => ask(9)),
    ...forVersions('OffsetForLeaderEpoch', [0, 1], 'unknown partition', () => ask(0, 9)),
    ...forVersions('DescribeConfigs', [0, 0], 'some keys of a topic', () =>
      describe(2, 'old-0', ['retention.ms', 'cleanup.policy']),
    ),
    ...forVersions('DescribeConfigs', [0, 0], 'unknown topic', () => describe(2, 'nowhere', null)),
    ...forVersions('DescribeConfigs', [0, 0], 'some keys of a broker', () =>
      describe(4, '1', ['num.partitions', 'log.retention.hours']),
    ),
    ...forVersions('DescribeLogDirs', [0, 0], 'of one partition', () => ({
      topics: [{ topic: 'old-0', partitions: [0] }],
    })),
    ...forVersions('AlterReplicaLogDirs', [0, 0], 'to nowhere', () => ({
      dirs: [{ path: '/no/such/directory', topics: [{ name: 'old-0', partitions: [0, 9] }] }],
    })),
    ...forVersions('DeleteTopics', [0, 0], 'by name', () => ({ topicNames: ['old-1'], timeoutMs: 30_000 })),
    ...forVersions('DeleteTopics', [0, 0], 'again', () => ({ topicNames: ['old-1'], timeoutMs: 30_000 })),
  ]
}

function listOffsetsSteps(): Step[] {
  const list = (name: string, timestamp: number, maxNumOffsets: number, partitionIndex = 0) => ({
    replicaId: -1,
    topics: [{ name, partitions: [{ partitionIndex, timestamp, maxNumOffsets }] }],
  })
  const step = (name: string, body: object): Step[] => forVersions('ListOffsets', [0, 0], name, () => body)
  return [
    ...step('the end', list('old-0', -1, 1)),
    ...step('all', list('old-0', -1, 10)),
    ...step('the start', list('old-0', -2, 10)),
    ...step('none', list('old-0', -1, 0)),
    ...step('before there was anything', list('old-0', 1, 10)),
    ...step('before a time to come', list('old-0', 9_000_000_000_000, 10)),
    ...step('an empty partition', list('old-0', -1, 10, 1)),
    ...step('the start of an empty partition', list('old-0', -2, 10, 1)),
    ...step('unknown topic', list('nowhere', -1, 1)),
    ...step('unknown partition', list('old-0', -1, 1, 9)),
    ...step('another special time', list('old-0', -3, 1)),
  ]
}

function ask(leaderEpoch: number, partition = 0): object {
  return { topics: [{ topic: 'old-0', partitions: [{ partition, leaderEpoch }] }] }
}

function describe(resourceType: number, resourceName: string, configurationKeys: string[] | null): object {
  return { resources: [{ resourceType, resourceName, configurationKeys }] }
}
