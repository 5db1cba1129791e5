/** What administrators ask about groups: where they are coordinated, which there are, what they do; and producers that have none. */

import type { Step } from '../step.ts'
import { ask, otherTopic, topic } from './group-steps.ts'

export function groupAdminSteps(): Step[] {
  return [...findSteps(), ...describeSteps(), ...listSteps(), ...deleteSteps(), ...producerSteps()]
}

function findSteps(): Step[] {
  const several = (name: string, keyType: number, coordinatorKeys: readonly string[]) =>
    ask('FindCoordinator', [4, 6], name, () => ({ keyType, coordinatorKeys }))
  return [
    ...ask('FindCoordinator', [0, 3], 'of no group', () => ({ key: '' })),
    ...ask('FindCoordinator', [1, 3], 'of a transactional id, again', () => ({ key: 'payments', keyType: 1 })),
    ...ask('FindCoordinator', [1, 3], 'of no transactional id', () => ({ key: '', keyType: 1 })),
    ...ask('FindCoordinator', [1, 3], 'refused: of a key type that there is not', () => ({ key: 'a', keyType: 7 })),
    ...ask('FindCoordinator', [1, 3], 'refused: of a negative key type', () => ({ key: 'a', keyType: -1 })),
    ...several('of no keys', 0, []),
    ...several('of one key twice, and of nothing', 0, ['group', 'group', '']),
    ...several('of no transactional id', 1, ['', 'payments']),
    ...several('refused: of a key type that there is not', 7, ['a', 'b']),
    ...several('refused: of a negative key type', -1, ['a']),
    ...ask('FindCoordinator', [4, 5], 'refused: of a share group, before there were any', () => ({
      keyType: 2,
      coordinatorKeys: ['a:b:0'],
    })),
    ...ask('FindCoordinator', [6, 6], 'refused: of what is no key of a share group', () => ({
      keyType: 2,
      coordinatorKeys: ['a', 'a:b', ''],
    })),
  ]
}

function describeSteps(): Step[] {
  const versions = [0, 6] as const
  const body = (groups: readonly string[], includeAuthorizedOperations?: boolean) => (version: number) => ({
    groups,
    ...(version >= 3 && includeAuthorizedOperations !== undefined ? { includeAuthorizedOperations } : {}),
  })
  return [
    ...ask('DescribeGroups', versions, 'of nothing', body([])),
    ...ask('DescribeGroups', versions, 'of groups without members', body(['offsets-2', 'offsets-3'], true)),
    ...ask('DescribeGroups', versions, 'of what is not there', body(['no-such-group', ''], true)),
    ...ask('DescribeGroups', versions, 'of one group twice', body(['offsets-2', 'offsets-2'])),
  ]
}

function listSteps(): Step[] {
  const states = (name: string, ...statesFilter: string[]) =>
    ask('ListGroups', [4, 5], `in states: ${name}`, () => ({ statesFilter }))
  const types = (name: string, ...typesFilter: string[]) =>
    ask('ListGroups', [5, 5], `of types: ${name}`, () => ({ typesFilter }))
  return [
    ...ask('ListGroups', [0, 5], 'all', () => ({})),
    ...states('empty', 'Empty'),
    ...states('stable', 'Stable'),
    ...states('in lower case', 'empty'),
    ...states('unknown', 'Unknown'),
    ...states('none that there are', 'Asleep', ''),
    ...states('some that there are', 'Asleep', 'Empty', 'Dead', 'Empty'),
    ...states('of the other protocol', 'Assigning', 'Reconciling'),
    ...types('classic', 'classic'),
    ...types('consumer', 'Consumer'),
    ...types('in upper case', 'CLASSIC', 'CONSUMER'),
    ...types('share', 'share'),
    ...types('unknown', 'unknown'),
    ...types('none that there are', 'simple', ''),
    ...types('some that there are', 'simple', 'classic'),
    ...ask('ListGroups', [5, 5], 'by type and state', () => ({ statesFilter: ['Empty'], typesFilter: ['classic'] })),
  ]
}

function deleteSteps(): Step[] {
  const versions = [0, 2] as const
  return [
    ...ask('DeleteGroups', versions, 'of nothing', () => ({ groupsNames: [] })),
    ...ask('DeleteGroups', versions, 'of what is not there', () => ({
      groupsNames: ['no-such-group', '', '__proto__'],
    })),
    ...ask('DeleteGroups', versions, 'of a group that only has offsets', version => ({
      groupsNames: [`offsets-${version + 2}`, `offsets-${version + 2}`],
    })),
    ...ask('OffsetFetch', [8, 8], 'of groups that were deleted', () => ({
      groups: ['offsets-2', 'offsets-3', 'offsets-4'].map(groupId => ({ groupId, topics: null })),
    })),
  ]
}

function producerSteps(): Step[] {
  return [
    ...ask('InitProducerId', [0, 5], 'refused: no transactional id, but an empty one', () => ({
      transactionalId: '',
      transactionTimeoutMs: 60_000,
    })),
    ...ask('InitProducerId', [0, 5], 'of an idempotent producer', () => ({
      transactionalId: null,
      transactionTimeoutMs: -1,
    })),
    ...ask('InitProducerId', [3, 5], 'of an idempotent producer that names what it has', () => ({
      transactionalId: null,
      transactionTimeoutMs: 60_000,
      producerId: 4242,
      producerEpoch: 7,
    })),
    ...ask('InitProducerId', [3, 5], 'refused: an epoch without a producer id', () => ({
      transactionalId: 'half-1',
      transactionTimeoutMs: 60_000,
      producerId: -1,
      producerEpoch: 7,
    })),
    ...ask('InitProducerId', [3, 5], 'refused: a producer id without an epoch', () => ({
      transactionalId: 'half-2',
      transactionTimeoutMs: 60_000,
      producerId: 4242,
      producerEpoch: -1,
    })),
    ...ask('DescribeProducers', [0, 0], 'of topics without any, and of what is not there', () => ({
      topics: [
        { name: topic, partitionIndexes: [0, 9, -1] },
        { name: otherTopic, partitionIndexes: [] },
        { name: 'nowhere', partitionIndexes: [0] },
        { name: '', partitionIndexes: [0] },
        { name: '../etc', partitionIndexes: [0] },
      ],
    })),
    ...ask('DescribeProducers', [0, 0], 'of nothing', () => ({ topics: [] })),
    ...ask('DescribeTransactions', [0, 0], 'of nothing', () => ({ transactionalIds: [] })),
    ...ask('DescribeTransactions', [0, 0], 'of one twice', () => ({ transactionalIds: ['consume-0', 'consume-0'] })),
    ...ask('AddPartitionsToTxn', [4, 5], 'of several transactions, none of which can be', () => ({
      transactions: ['no-such-id', '', 'consume-0'].map(transactionalId => ({
        transactionalId,
        producerId: 7777,
        producerEpoch: 0,
        verifyOnly: transactionalId === 'consume-0',
        topics: [{ name: topic, partitions: [0] }],
      })),
    })),
  ]
}
