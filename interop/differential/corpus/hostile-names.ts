/** Names of groups, members, instances and transactional ids that nobody would choose, to whoever takes one: refused or taken as Kafka does, and nothing else is changed by them. */

import { subscription, ask, topic } from './group-steps.ts'
import type { Step } from '../step.ts'

/** By what is said of them, as some have no printable form. */
const names: Readonly<Record<string, string>> = {
  empty: '',
  blank: ' ',
  path: '../../etc/passwd',
  prototype: '__proto__',
  constructor: 'constructor',
  zero: '\u0000',
  line: 'a\nb',
  'not ASCII': 'grüppe-グループ-👥',
  'an internal topic': '__consumer_offsets',
  'a surrogate pair in the middle of a hash': '👥👥👥',
  'three thousand characters': 'x'.repeat(3000),
}

export function hostileNameSteps(): Step[] {
  return Object.entries(names).flatMap(([name, id]) => [
    ...groups(`hostile name, ${name}`, id),
    ...transactions(`hostile name, ${name}`, id),
  ])
}

function groups(name: string, groupId: string): Step[] {
  const offsets = [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: '' }] }]
  const wanted = [{ name: topic, partitionIndexes: [0] }]
  const member = { groupId, memberId: groupId, groupInstanceId: groupId, generationId: 1 }
  const joins = {
    groupId,
    memberId: 'm',
    memberEpoch: 0,
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames: [topic],
    topicPartitions: [],
  }
  return [
    ...ask('FindCoordinator', [6, 6], name, () => ({ keyType: 0, coordinatorKeys: [groupId] })),
    ...ask('JoinGroup', [9, 9], `${name}: of a member that there is not`, () => ({
      groupId,
      sessionTimeoutMs: 60_000,
      rebalanceTimeoutMs: 60_000,
      memberId: 'nobody',
      groupInstanceId: groupId,
      protocolType: 'consumer',
      protocols: [{ name: groupId, metadata: subscription([topic]) }],
    })),
    ...ask('SyncGroup', [5, 5], name, () => ({ ...member, protocolType: 'consumer', protocolName: 'range' })),
    ...ask('Heartbeat', [4, 4], name, () => member),
    ...ask('LeaveGroup', [5, 5], name, () => ({ groupId, members: [{ memberId: groupId, groupInstanceId: groupId }] })),
    ...ask('OffsetCommit', [9, 9], name, () => ({ groupId, topics: offsets })),
    ...ask('OffsetFetch', [9, 9], `${name}: after a commit`, () => ({
      requireStable: true,
      groups: [{ groupId, topics: wanted }],
    })),
    ...ask('DescribeGroups', [6, 6], name, () => ({ groups: [groupId] })),
    ...ask('OffsetDelete', [0, 0], name, () => ({
      groupId,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }],
    })),
    ...ask('DeleteGroups', [2, 2], name, () => ({ groupsNames: [groupId] })),
    ...ask('OffsetFetch', [9, 9], `${name}: after it was deleted`, () => ({ groups: [{ groupId, topics: wanted }] })),
    ...ask('ConsumerGroupHeartbeat', [1, 1], `${name}: joins`, () => joins),
    ...ask('ConsumerGroupDescribe', [1, 1], name, () => ({ groupIds: [groupId] })),
    ...ask('ConsumerGroupHeartbeat', [1, 1], `${name}: leaves`, () => ({ groupId, memberId: 'm', memberEpoch: -1 })),
    ...ask('DeleteGroups', [2, 2], `${name}: of the new protocol`, () => ({ groupsNames: [groupId] })),
  ]
}

function transactions(name: string, transactionalId: string): Step[] {
  const producer = { transactionalId, producerId: 1, producerEpoch: 0 }
  const offsets = [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: '' }] }]
  return [
    ...ask('FindCoordinator', [6, 6], `${name}, as a transactional id`, () => ({
      keyType: 1,
      coordinatorKeys: [transactionalId],
    })),
    ...ask('AddOffsetsToTxn', [4, 4], name, () => ({ ...producer, groupId: transactionalId })),
    ...ask('AddPartitionsToTxn', [3, 3], name, () => ({
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: 1,
      v3AndBelowProducerEpoch: 0,
      v3AndBelowTopics: [{ name: topic, partitions: [0] }],
    })),
    ...ask('TxnOffsetCommit', [3, 5], name, () => ({ ...producer, groupId: transactionalId, topics: offsets })),
    ...ask('EndTxn', [4, 5], name, () => ({ ...producer, committed: true })),
    ...ask('DescribeTransactions', [0, 0], `${name}: before it began`, () => ({ transactionalIds: [transactionalId] })),
    ...ask('InitProducerId', [5, 5], name, () => ({ transactionalId, transactionTimeoutMs: 60_000 })),
    ...ask('DescribeTransactions', [0, 0], `${name}: when it began`, () => ({ transactionalIds: [transactionalId] })),
  ]
}
