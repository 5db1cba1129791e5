/** Offsets that are committed within a transaction: pending, then there or gone; and who may not. */

import type { Memory, Step } from '../step.ts'
import { ask, otherTopic, seen, topic } from './group-steps.ts'

interface Producer {
  readonly producerId: number
  readonly producerEpoch: number
}

function producerOf(memory: Memory, transactionalId: string): Producer {
  return (memory.get(`producer ${transactionalId}`) as Producer | undefined) ?? { producerId: 8888, producerEpoch: 0 }
}

function remember(transactionalId: string) {
  return ({ errorCode, producerId, producerEpoch }: Producer & { errorCode: number }, memory: Memory): void => {
    if (errorCode === 0 && producerId >= 0) memory.set(`producer ${transactionalId}`, { producerId, producerEpoch })
  }
}

function init(transactionalId: string): Step[] {
  return ask(
    'InitProducerId',
    [5, 5],
    `of ${transactionalId}`,
    () => ({ transactionalId, transactionTimeoutMs: 600_000 }),
    {
      remember: remember(transactionalId),
    },
  )
}

function end(version: number, transactionalId: string, committed: boolean, name: string): Step[] {
  return [
    ...ask(
      'EndTxn',
      [version, version],
      name,
      (_, memory) => ({ transactionalId, ...producerOf(memory, transactionalId), committed }),
      { remember: (answer, memory) => (version >= 5 ? remember(transactionalId)(answer, memory) : undefined) },
    ),
    ...ask('DescribeTransactions', [0, 0], name, () => ({ transactionalIds: [transactionalId] }), {
      until: answer => !/Prepare|Ongoing/.test(answer.transactionStates[0].transactionState),
    }),
  ]
}

export function transactionalOffsetSteps(): Step[] {
  return [
    ...ask('FindCoordinator', [3, 3], 'of a transactional id that consumes', () => ({ key: 'consume-0', keyType: 1 })),
    ...[0, 1, 2, 3, 4, 5].flatMap(commitSteps),
    ...addOffsetsSteps(),
    ...markerSteps(),
  ]
}

function commitSteps(version: number): Step[] {
  const id = `consume-${version}`
  const groupId = `transactional-${version}`
  const endVersion = version >= 5 ? 5 : 4
  const body = (memory: Memory, offset: number, change: object = {}): object => ({
    transactionalId: id,
    groupId,
    ...producerOf(memory, id),
    topics: [
      { name: topic, partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: 'in it' }] },
      { name: otherTopic, partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }] },
    ],
    ...change,
  })
  const commit = (name: string, offset: number, change: (memory: Memory) => object = () => ({})) =>
    ask('TxnOffsetCommit', [version, version], name, (_, memory) => body(memory, offset, change(memory)))
  const refused = (name: string, change: (memory: Memory) => object) => commit(`refused: ${name}`, 99, change)
  const stable = (name: string) =>
    ask('OffsetFetch', [7, 7], `${name}, ${groupId}, only what is stable`, () => ({
      groupId,
      topics: [{ name: topic, partitionIndexes: [0, 1] }],
      requireStable: true,
    }))
  return [
    ...init(id),
    ...commit('before the group was added', 1),
    ...(version >= 5
      ? []
      : ask('AddOffsetsToTxn', [Math.min(version, 4), Math.min(version, 4)], `of ${id}`, (_, memory) => ({
          transactionalId: id,
          ...producerOf(memory, id),
          groupId,
        }))),
    ...commit('in a transaction', 5),
    ...seen(groupId, `${groupId}, pending`),
    ...stable('pending'),
    ...ask('OffsetFetch', [9, 9], `all of ${groupId} that is stable, pending`, () => ({
      groups: [{ groupId, topics: null }],
      requireStable: true,
    })),
    ...refused('an unknown transactional id', () => ({
      transactionalId: 'no-such-id',
      producerId: 8888,
      producerEpoch: 0,
    })),
    ...refused('no transactional id', () => ({ transactionalId: '' })),
    ...refused("another producer's id", () => ({ producerId: 7777 })),
    ...refused('an earlier epoch', memory => ({ producerEpoch: producerOf(memory, id).producerEpoch - 1 })),
    ...refused('a later epoch', memory => ({ producerEpoch: producerOf(memory, id).producerEpoch + 1 })),
    ...refused('a negative producer id', () => ({ producerId: -1, producerEpoch: -1 })),
    ...refused('no group', () => ({ groupId: '' })),
    ...(version >= 5 ? [] : refused('a group that was not added', () => ({ groupId: `elsewhere-${version}` }))),
    ...(version >= 3
      ? [
          ...refused('a generation of a group without members', () => ({ generationId: 4, memberId: 'm1' })),
          ...refused('an unknown instance', () => ({ generationId: 4, memberId: 'm1', groupInstanceId: 'i1' })),
          ...commit('of a member id without generation', 6, () => ({ memberId: 'm1' })),
        ]
      : []),
    ...refused('metadata that is too large, and partitions that there are not', () => ({
      topics: [
        {
          name: topic,
          partitions: [
            { partitionIndex: 1, committedOffset: 7, committedMetadata: 'x'.repeat(4097) },
            { partitionIndex: 9, committedOffset: 7, committedMetadata: '' },
          ],
        },
        { name: 'nowhere', partitions: [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }] },
      ],
    })),
    ...refused('only what is not there', () => ({
      topics: [{ name: 'nowhere', partitions: [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }] }],
    })),
    ...commit('of nothing', 0, () => ({ topics: [] })),
    ...end(endVersion, id, true, `of ${id}`),
    ...seen(groupId, `${groupId}, committed`),
    ...stable('committed'),
    ...(version >= 5
      ? []
      : ask('AddOffsetsToTxn', [4, 4], `of ${id}, to be aborted`, (_, memory) => ({
          transactionalId: id,
          ...producerOf(memory, id),
          groupId,
        }))),
    ...commit('in a transaction that is aborted', 50),
    ...ask('OffsetCommit', [8, 8], `beside the transaction of ${groupId}`, () => ({
      groupId,
      topics: [{ name: topic, partitions: [{ partitionIndex: 1, committedOffset: 3, committedMetadata: '' }] }],
    })),
    ...stable('to be aborted'),
    ...ask('OffsetDelete', [0, 0], `of ${groupId}, pending`, () => ({
      groupId,
      topics: [{ name: otherTopic, partitions: [{ partitionIndex: 0 }] }],
    })),
    ...end(endVersion, id, false, `of ${id}, aborted`),
    ...seen(groupId, `${groupId}, aborted`),
    ...stable('aborted'),
  ]
}

function addOffsetsSteps(): Step[] {
  return [0, 1, 2, 3, 4].flatMap(version => {
    const id = `add-offsets-${version}`
    const add = (name: string, change: (memory: Memory) => object = () => ({})) =>
      ask('AddOffsetsToTxn', [version, version], name, (_, memory) => ({
        transactionalId: id,
        ...producerOf(memory, id),
        groupId: 'added',
        ...change(memory),
      }))
    return [
      ...init(id),
      ...add('refused: an unknown transactional id', () => ({ transactionalId: 'no-such-id' })),
      ...add('refused: no transactional id', () => ({ transactionalId: '' })),
      ...add("refused: another producer's id", () => ({ producerId: 7777 })),
      ...add('refused: a negative producer id', () => ({ producerId: -1 })),
      ...add('refused: an earlier epoch', () => ({ producerEpoch: -1 })),
      ...add('refused: a later epoch', () => ({ producerEpoch: 9 })),
      ...add('refused: no group', () => ({ groupId: '' })),
      ...add('of a group'),
      ...add('of the same again'),
      ...add('of another group', () => ({ groupId: 'added-too' })),
      ...ask('DescribeTransactions', [0, 0], `${id}, with groups`, () => ({ transactionalIds: [id] })),
      ...end(4, id, version % 2 === 0, `of ${id}`),
    ]
  })
}

/** Markers into the topic of offsets, of a producer that has nothing there. */
function markerSteps(): Step[] {
  return ask('WriteTxnMarkers', [1, 2], 'into the topic of offsets', version => ({
    markers: [
      {
        producerId: 6100 + version,
        producerEpoch: 0,
        transactionResult: true,
        topics: [{ name: '__consumer_offsets', partitionIndexes: [0, 99] }],
        coordinatorEpoch: 0,
        ...(version >= 2 ? { transactionVersion: 0 } : {}),
      },
    ],
  }))
}
