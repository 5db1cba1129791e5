/** Topics: created, described, grown, moved, deleted, rightly and wrongly. */

import { forVersions } from '../step.ts'
import type { Memory, Step } from '../step.ts'

const unknownId = 'AQIDBAUGBwgJCgsMDQ4PEA'
const zeroId = 'AAAAAAAAAAAAAAAAAAAAAA'

interface NewTopic {
  readonly name: string
  readonly numPartitions?: number
  readonly replicationFactor?: number
  readonly assignments?: { partitionIndex: number; brokerIds: number[] }[]
  readonly configs?: { name: string; value: string | null }[]
}

function create(...topics: NewTopic[]) {
  const filled = topics.map(topic => ({
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
    ...topic,
  }))
  return { topics: filled, timeoutMs: 30_000 }
}

/** Refused in every version, for one reason each. */
const refused: Record<string, (version: number) => NewTopic[]> = {
  'empty name': () => [{ name: '' }],
  'name with a space': () => [{ name: 'a b' }],
  'two dots': () => [{ name: '..' }],
  'name too long': () => [{ name: 'x'.repeat(250) }],
  'no partitions': () => [{ name: 'refused', numPartitions: 0 }],
  'negative partitions': () => [{ name: 'refused', numPartitions: -5 }],
  'no replicas': () => [{ name: 'refused', replicationFactor: 0 }],
  'negative replicas': () => [{ name: 'refused', replicationFactor: -3 }],
  'more replicas than brokers': () => [{ name: 'refused', replicationFactor: 5 }],
  'unknown setting': () => [{ name: 'refused', configs: [{ name: 'no.such.setting', value: '1' }] }],
  'bad value': () => [{ name: 'refused', configs: [{ name: 'retention.ms', value: 'soon' }] }],
  'value out of range': () => [{ name: 'refused', configs: [{ name: 'segment.bytes', value: '3' }] }],
  'bad policy': () => [{ name: 'refused', configs: [{ name: 'cleanup.policy', value: 'burn' }] }],
  'null value': () => [{ name: 'refused', configs: [{ name: 'retention.ms', value: null }] }],
  'lag bounds crossed': () => [
    {
      name: 'refused',
      configs: [
        { name: 'min.compaction.lag.ms', value: '100' },
        { name: 'max.compaction.lag.ms', value: '10' },
      ],
    },
  ],
  'assignment and count': () => [
    { name: 'refused', numPartitions: 2, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
  ],
  'assignment to an unknown broker': () => [
    { name: 'refused', numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [9] }] },
  ],
  'assignment with a gap': () => [
    { name: 'refused', numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
  ],
  'assignment with a broker twice': () => [
    {
      name: 'refused',
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [{ partitionIndex: 0, brokerIds: [1, 1] }],
    },
  ],
  'assignment without brokers': () => [
    { name: 'refused', numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [] }] },
  ],
  'the same topic twice': () => [{ name: 'twice' }, { name: 'twice' }],
  'a good one and a bad one': version => [{ name: `good-${version}` }, { name: 'b@d' }],
}

export function topicSteps(): Step[] {
  const steps: Step[] = [
    ...forVersions('CreateTopics', [2, 7], 'plain', version => create({ name: `plain-${version}`, numPartitions: 2 })),
    ...forVersions('CreateTopics', [2, 7], 'again', version => create({ name: `plain-${version}` })),
    ...forVersions('CreateTopics', [2, 7], 'only validated', version => ({
      ...create({ name: `unmade-${version}` }),
      validateOnly: true,
    })),
    ...forVersions('CreateTopics', [2, 7], 'with settings', version =>
      create({
        name: `set.${version}`,
        configs: [
          { name: 'retention.ms', value: '3600000' },
          { name: 'cleanup.policy', value: 'compact,delete' },
          { name: 'compression.type', value: 'lz4' },
        ],
      }),
    ),
    ...forVersions('CreateTopics', [2, 7], 'colliding by a dot', version => create({ name: `set_${version}` })),
    ...forVersions('CreateTopics', [2, 7], 'assigned', version =>
      create({
        name: `assigned-${version}`,
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [
          { partitionIndex: 0, brokerIds: [1] },
          { partitionIndex: 1, brokerIds: [1] },
        ],
      }),
    ),
    ...forVersions('CreateTopics', [4, 7], 'defaults', version =>
      create({ name: `defaults-${version}`, numPartitions: -1, replicationFactor: -1 }),
    ),
  ]
  for (const [name, topics] of Object.entries(refused)) {
    steps.push(...forVersions('CreateTopics', [2, 7], `refused: ${name}`, version => create(...topics(version))))
  }
  return [...steps, ...partitionSteps(), ...metadataSteps(), ...reassignmentSteps()]
}

function partitionSteps(): Step[] {
  const grow = (name: string, count: number, assignments: { brokerIds: number[] }[] | null = null) => ({
    topics: [{ name, count, assignments }],
    timeoutMs: 30_000,
    validateOnly: false,
  })
  return [
    ...forVersions('CreatePartitions', [0, 3], 'one more', version => grow(`plain-${version + 2}`, 3)),
    ...forVersions('CreatePartitions', [0, 3], 'one more, assigned', version =>
      grow(`plain-${version + 2}`, 4, [{ brokerIds: [1] }]),
    ),
    ...forVersions('CreatePartitions', [0, 3], 'only validated', version => ({
      ...grow(`plain-${version + 2}`, 9),
      validateOnly: true,
    })),
    ...forVersions('CreatePartitions', [0, 3], 'refused: the same count', version => grow(`plain-${version + 2}`, 4)),
    ...forVersions('CreatePartitions', [0, 3], 'refused: fewer', version => grow(`plain-${version + 2}`, 1)),
    ...forVersions('CreatePartitions', [0, 3], 'refused: zero', version => grow(`plain-${version + 2}`, 0)),
    ...forVersions('CreatePartitions', [0, 3], 'refused: unknown topic', () => grow('nowhere', 3)),
    ...forVersions('CreatePartitions', [0, 3], 'refused: assignment of another length', version =>
      grow(`plain-${version + 2}`, 6, [{ brokerIds: [1] }]),
    ),
    ...forVersions('CreatePartitions', [0, 3], 'refused: unknown broker', version =>
      grow(`plain-${version + 2}`, 5, [{ brokerIds: [8] }]),
    ),
    ...forVersions('CreatePartitions', [0, 3], 'refused: named twice', version => ({
      ...grow('plain-2', 5),
      topics: [
        { name: `plain-${version + 2}`, count: 5, assignments: null },
        { name: `plain-${version + 2}`, count: 6, assignments: null },
      ],
    })),
  ]
}

function metadataSteps(): Step[] {
  const byName = (...names: string[]) => names.map(name => ({ name, topicId: zeroId }))
  const asked = (version: number, topics: object[] | null, auto = false) => ({
    topics,
    ...(version >= 4 ? { allowAutoTopicCreation: auto } : {}),
  })
  const idOf = (memory: Memory) => memory.get('plain-2') as string
  return [
    ...forVersions('Metadata', [4, 13], 'two topics', version => asked(version, byName('plain-2', 'set.3')), {
      remember: (answer, memory) => {
        for (const topic of answer.topics) memory.set(topic.name, topic.topicId)
      },
    }),
    ...forVersions('Metadata', [4, 13], 'all topics', version => asked(version, null)),
    ...forVersions('Metadata', [0, 3], 'one topic', version => asked(version, byName('plain-2'))),
    ...forVersions('Metadata', [1, 13], 'no topics', version => asked(version, [])),
    ...forVersions('Metadata', [4, 13], 'unknown topic', version => asked(version, byName('nowhere'))),
    ...forVersions('Metadata', [0, 13], 'bad name', version => asked(version, byName('a b'))),
    ...forVersions('Metadata', [0, 13], 'bad name among good ones', version =>
      asked(version, byName('plain-2', '..', 'plain-3')),
    ),
    ...forVersions('Metadata', [4, 13], 'the same topic twice', version =>
      asked(version, byName('plain-2', 'plain-2')),
    ),
    ...forVersions('Metadata', [8, 10], 'with operations', version => ({
      ...asked(version, byName('plain-2')),
      includeClusterAuthorizedOperations: true,
      includeTopicAuthorizedOperations: true,
    })),
    ...forVersions('Metadata', [11, 13], 'with operations', version => ({
      ...asked(version, byName('plain-2')),
      includeTopicAuthorizedOperations: true,
    })),
    ...forVersions('Metadata', [12, 13], 'by id', (version, memory) =>
      asked(version, [{ name: null, topicId: idOf(memory) }]),
    ),
    ...forVersions('Metadata', [12, 13], 'by an unknown id', version =>
      asked(version, [{ name: null, topicId: unknownId }]),
    ),
    ...forVersions('Metadata', [10, 11], 'by id before that was allowed', (version, memory) =>
      asked(version, [{ name: 'plain-2', topicId: idOf(memory) }]),
    ),
    ...forVersions('Metadata', [10, 11], 'without a name', version =>
      asked(version, [{ name: null, topicId: zeroId }]),
    ),
    ...forVersions(
      'Metadata',
      [4, 13],
      'created on the way',
      version => asked(version, byName(`auto-${version}`), true),
      {
        until: answer => answer.topics[0].errorCode === 0 && answer.topics[0].partitions[0]?.leaderId === 1,
      },
    ),
    ...forVersions('DescribeTopicPartitions', [0, 0], 'two topics', () => ({
      topics: [{ name: 'plain-2' }, { name: 'plain-3' }],
    })),
    ...forVersions('DescribeTopicPartitions', [0, 0], 'all topics', () => ({ topics: [] })),
    ...forVersions('DescribeTopicPartitions', [0, 0], 'unknown and bad names', () => ({
      topics: [{ name: 'nowhere' }, { name: 'a b' }],
    })),
    ...forVersions('DescribeTopicPartitions', [0, 0], 'cut by the limit', () => ({
      topics: [{ name: 'plain-2' }, { name: 'plain-3' }],
      responsePartitionLimit: 3,
    })),
    ...forVersions('DescribeTopicPartitions', [0, 0], 'from a cursor', () => ({
      topics: [{ name: 'plain-2' }, { name: 'plain-3' }],
      responsePartitionLimit: 3,
      cursor: { topicName: 'plain-2', partitionIndex: 3 },
    })),
    ...forVersions('DescribeTopicPartitions', [0, 0], 'from a cursor in no topic', () => ({
      topics: [{ name: 'plain-2' }, { name: 'plain-3' }],
      cursor: { topicName: 'plain-20', partitionIndex: 0 },
    })),
    ...forVersions('DescribeTopicPartitions', [0, 0], 'negative cursor', () => ({
      topics: [{ name: 'plain-2' }],
      cursor: { topicName: 'plain-2', partitionIndex: -1 },
    })),
  ]
}

function reassignmentSteps(): Step[] {
  const move = (name: string, partitionIndex: number, replicas: number[] | null) => ({
    timeoutMs: 30_000,
    topics: [{ name, partitions: [{ partitionIndex, replicas }] }],
  })
  const versions = [0, 1] as const
  return [
    ...forVersions('AlterPartitionReassignments', versions, 'to where it is', () => move('plain-2', 0, [1])),
    ...forVersions('AlterPartitionReassignments', versions, 'to an unknown broker', () => move('plain-2', 0, [7])),
    ...forVersions('AlterPartitionReassignments', versions, 'to nowhere', () => move('plain-2', 0, [])),
    ...forVersions('AlterPartitionReassignments', versions, 'to a broker twice', () => move('plain-2', 0, [1, 1])),
    ...forVersions('AlterPartitionReassignments', versions, 'to a negative broker', () => move('plain-2', 0, [-1])),
    ...forVersions('AlterPartitionReassignments', versions, 'cancel nothing', () => move('plain-2', 0, null)),
    ...forVersions('AlterPartitionReassignments', versions, 'unknown partition', () => move('plain-2', 99, [1])),
    ...forVersions('AlterPartitionReassignments', versions, 'unknown topic', () => move('nowhere', 0, [1])),
    ...forVersions('ListPartitionReassignments', [0, 0], 'all', () => ({ topics: null })),
    ...forVersions('ListPartitionReassignments', [0, 0], 'of one topic', () => ({
      topics: [{ name: 'plain-2', partitionIndexes: [0] }],
    })),
    ...forVersions('ListPartitionReassignments', [0, 0], 'of an unknown topic', () => ({
      topics: [{ name: 'nowhere', partitionIndexes: [0] }],
    })),
  ]
}

export function deleteTopicSteps(): Step[] {
  return [
    ...forVersions('DeleteTopics', [1, 5], 'by name', version => ({
      topicNames: [`assigned-${version + 1}`],
      timeoutMs: 30_000,
    })),
    ...forVersions('DeleteTopics', [1, 5], 'again', version => ({
      topicNames: [`assigned-${version + 1}`],
      timeoutMs: 30_000,
    })),
    ...forVersions('DeleteTopics', [1, 5], 'named twice', () => ({
      topicNames: ['plain-6', 'plain-6'],
      timeoutMs: 30_000,
    })),
    ...forVersions('DeleteTopics', [1, 5], 'empty name', () => ({ topicNames: [''], timeoutMs: 30_000 })),
    ...forVersions('DeleteTopics', [6, 6], 'by name', () => ({
      topics: [{ name: 'assigned-7', topicId: zeroId }],
      timeoutMs: 30_000,
    })),
    ...forVersions('DeleteTopics', [6, 6], 'by an unknown id', () => ({
      topics: [{ name: null, topicId: unknownId }],
      timeoutMs: 30_000,
    })),
    ...forVersions('DeleteTopics', [6, 6], 'by name and id', (_, memory) => ({
      topics: [{ name: 'plain-2', topicId: memory.get('plain-2') }],
      timeoutMs: 30_000,
    })),
    ...forVersions('DeleteTopics', [6, 6], 'by nothing', () => ({
      topics: [{ name: null, topicId: zeroId }],
      timeoutMs: 30_000,
    })),
    ...forVersions('DeleteTopics', [6, 6], 'by id', (_, memory) => ({
      topics: [{ name: null, topicId: memory.get('plain-2') }],
      timeoutMs: 30_000,
    })),
    ...forVersions(
      'Metadata',
      [12, 12],
      'of deleted topics',
      () => ({
        topics: [
          { name: 'assigned-7', topicId: zeroId },
          { name: 'plain-2', topicId: zeroId },
        ],
        allowAutoTopicCreation: false,
      }),
      {
        // Kafka deletes behind its answer.
        until: answer => answer.topics.every((topic: any) => topic.errorCode !== 0),
      },
    ),
  ]
}
