/** Offsets by time and by epoch, and logs whose start moves. */

import { batch, timestampMs } from '../batches.ts'
import { forVersions } from '../step.ts'
import type { Step } from '../step.ts'
import { newTopic } from './produce.ts'

export function offsetSteps(): Step[] {
  const list = (
    version: number,
    topic: string,
    timestamp: number,
    more: { partitionIndex?: number; currentLeaderEpoch?: number } = {},
  ) => ({
    replicaId: -1,
    ...(version >= 2 ? { isolationLevel: 0 } : {}),
    topics: [
      {
        name: topic,
        partitions: [
          {
            partitionIndex: more.partitionIndex ?? 0,
            timestamp,
            ...(version >= 4 ? { currentLeaderEpoch: more.currentLeaderEpoch ?? -1 } : {}),
          },
        ],
      },
    ],
  })
  const steps: Step[] = [
    ...forVersions('CreateTopics', [7, 7], 'with offsets', () => ({
      topics: [newTopic('offsets', 2)],
      timeoutMs: 30_000,
    })),
    ...forVersions(
      'Metadata',
      [12, 12],
      'of a topic with offsets',
      () => ({ topics: [{ name: 'offsets' }], allowAutoTopicCreation: false }),
      {
        until: answer =>
          answer.topics[0].errorCode === 0 && answer.topics[0].partitions.every((each: any) => each.leaderId === 1),
      },
    ),
    ...[0, 1, 2, 3].flatMap(round =>
      forVersions('Produce', [9, 9], `with offsets, ${round}`, () => ({
        acks: -1,
        timeoutMs: 30_000,
        topicData: [
          {
            name: 'offsets',
            partitionData: [
              { index: 0, records: batch({ timestampsMs: [0, 5, 2].map(each => timestampMs + round * 10 + each) }) },
            ],
          },
        ],
      })),
    ),
  ]
  for (const timestamp of [
    -1,
    -2,
    -3,
    -4,
    -5,
    -6,
    -7,
    0,
    timestampMs,
    timestampMs + 1,
    timestampMs + 5,
    timestampMs + 12,
    timestampMs + 35,
    timestampMs + 36,
  ]) {
    const name = timestamp >= timestampMs ? `T+${timestamp - timestampMs}` : String(timestamp)
    steps.push(...forVersions('ListOffsets', [1, 11], `of ${name}`, version => list(version, 'offsets', timestamp)))
    steps.push(
      ...forVersions('ListOffsets', [1, 11], `of ${name} in an empty partition`, version =>
        list(version, 'offsets', timestamp, { partitionIndex: 1 }),
      ),
    )
  }
  return [
    ...steps,
    ...forVersions('ListOffsets', [2, 11], 'read committed', version => ({
      ...list(version, 'offsets', -1),
      isolationLevel: 1,
    })),
    ...forVersions('ListOffsets', [1, 11], 'unknown topic', version => list(version, 'nowhere', -1)),
    ...forVersions('ListOffsets', [1, 11], 'unknown partition', version =>
      list(version, 'offsets', -1, { partitionIndex: 9 }),
    ),
    ...forVersions('ListOffsets', [4, 11], 'the leader epoch', version =>
      list(version, 'offsets', -1, { currentLeaderEpoch: 0 }),
    ),
    ...forVersions('ListOffsets', [4, 11], 'a leader epoch to come', version =>
      list(version, 'offsets', -1, { currentLeaderEpoch: 5 }),
    ),
    ...forVersions('ListOffsets', [1, 11], 'a partition twice', version => {
      const once = list(version, 'offsets', -1)
      return {
        ...once,
        topics: [{ ...once.topics[0]!, partitions: [...once.topics[0]!.partitions, ...once.topics[0]!.partitions] }],
      }
    }),
    ...forVersions('ListOffsets', [1, 11], 'a topic twice, with a partition in both', version => {
      const once = list(version, 'offsets', -1).topics[0]!
      const other = { ...once.partitions[0]!, partitionIndex: 1 }
      return {
        ...list(version, 'offsets', -1),
        topics: [once, { ...once, partitions: [...once.partitions, other] }],
      }
    }),
    ...epochSteps(),
    ...deleteRecordSteps(),
  ]
}

function epochSteps(): Step[] {
  const ask = (version: number, topic: string, leaderEpoch: number, partition = 0, currentLeaderEpoch = -1) => ({
    ...(version >= 3 ? { replicaId: -1 } : {}),
    topics: [{ topic, partitions: [{ partition, leaderEpoch, ...(version >= 2 ? { currentLeaderEpoch } : {}) }] }],
  })
  const range = [2, 4] as const
  return [
    ...forVersions('OffsetForLeaderEpoch', range, 'the first epoch', version => ask(version, 'offsets', 0)),
    ...forVersions('OffsetForLeaderEpoch', range, 'an epoch to come', version => ask(version, 'offsets', 5)),
    ...forVersions('OffsetForLeaderEpoch', range, 'a negative epoch', version => ask(version, 'offsets', -1)),
    ...forVersions('OffsetForLeaderEpoch', range, 'in an empty partition', version => ask(version, 'offsets', 0, 1)),
    ...forVersions('OffsetForLeaderEpoch', range, 'unknown topic', version => ask(version, 'nowhere', 0)),
    ...forVersions('OffsetForLeaderEpoch', range, 'unknown partition', version => ask(version, 'offsets', 0, 9)),
    ...forVersions('OffsetForLeaderEpoch', range, 'asked in an epoch to come', version =>
      ask(version, 'offsets', 0, 0, 7),
    ),
  ]
}

function deleteRecordSteps(): Step[] {
  const before = (topic: string, offset: number, partitionIndex = 0) => ({
    topics: [{ name: topic, partitions: [{ partitionIndex, offset }] }],
    timeoutMs: 30_000,
  })
  const range = [0, 2] as const
  return [
    ...forVersions('DeleteRecords', range, 'the first few', version => before('offsets', 2 + version)),
    ...forVersions('DeleteRecords', range, 'those again', () => before('offsets', 2)),
    ...forVersions('DeleteRecords', range, 'beyond the end', () => before('offsets', 99)),
    ...forVersions('DeleteRecords', range, 'below zero', () => before('offsets', -2)),
    ...forVersions('DeleteRecords', range, 'unknown topic', () => before('nowhere', 0)),
    ...forVersions('DeleteRecords', range, 'unknown partition', () => before('offsets', 0, 9)),
    ...forVersions('DeleteRecords', range, 'of a compacted topic', () => before('compacted', 1)),
    ...forVersions('ListOffsets', [7, 7], 'of -2 after deletion', () => ({
      replicaId: -1,
      topics: [{ name: 'offsets', partitions: [{ partitionIndex: 0, timestamp: -2, currentLeaderEpoch: -1 }] }],
    })),
    ...forVersions('Fetch', [11, 11], 'below the moved start', () => ({
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic: 'offsets', partitions: [{ partition: 0, fetchOffset: 1, partitionMaxBytes: 1000 }] }],
    })),
    ...forVersions('DeleteRecords', range, 'up to one offset and another', () => ({
      topics: [0, 5].map(offset => ({ name: 'offsets', partitions: [{ partitionIndex: 0, offset }] })),
      timeoutMs: 30_000,
    })),
    ...forVersions('DeleteRecords', range, 'everything', () => before('offsets', -1)),
    ...forVersions('DescribeLogDirs', [1, 5], 'of some partitions', () => ({
      topics: [{ topic: 'offsets', partitions: [0, 1, 9] }],
    })),
    ...forVersions('DescribeLogDirs', [1, 5], 'of an unknown topic', () => ({
      topics: [{ topic: 'nowhere', partitions: [0] }],
    })),
    ...forVersions('AlterReplicaLogDirs', [1, 2], 'to nowhere', () => ({
      dirs: [{ path: '/no/such/directory', topics: [{ name: 'offsets', partitions: [0] }] }],
    })),
    ...forVersions('AlterReplicaLogDirs', [1, 2], 'of an unknown partition', () => ({
      dirs: [{ path: '/no/such/directory', topics: [{ name: 'offsets', partitions: [9] }] }],
    })),
  ]
}
