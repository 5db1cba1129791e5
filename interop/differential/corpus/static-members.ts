/** Static members (KIP-345): they come back under their instance's id without a rebalance, and who had it before is fenced. */

import type { Memory, Step } from '../step.ts'
import {
  beat,
  generationOf,
  joinBody,
  memberOf,
  rejoin,
  rememberJoin,
  sync,
  syncBody,
  untilRebalance,
} from './classic-groups.ts'
import { ask, seen, subscription, topic } from './group-steps.ts'

/** Members of the connect kind, whose bytes mean nothing to the broker. */
const connect = {
  protocolType: 'connect',
  protocols: [{ name: 'sessioned', metadata: Buffer.from('not a subscription') }],
}

export function staticMemberSteps(): Step[] {
  return [...[5, 6, 7, 8, 9].flatMap(staticSteps), ...otherKindSteps()]
}

function staticSteps(version: number): Step[] {
  const groupId = `static-${version}`
  const at = `of ${groupId}`
  const instance = { groupInstanceId: 'i1' }
  const syncVersion = Math.min(version, 5)
  const beatVersion = Math.min(version, 4)
  const come = (name: string, memberId: (memory: Memory) => string, change: object = {}) =>
    ask(
      'JoinGroup',
      [version, version],
      name,
      (_, memory) => joinBody(groupId, memberId(memory), { ...instance, ...change }),
      {
        client: 'stan',
        remember: (answer, memory) => {
          memory.set(`former ${groupId}`, memberOf(memory, groupId, 'stan'))
          rememberJoin(groupId, 'stan')(answer, memory)
        },
      },
    )
  const former = (memory: Memory) => memory.get(`former ${groupId}`) as string
  return [
    ...come(`a static one comes ${at}`, () => ''),
    ...sync(syncVersion, groupId, 'stan', at, { stan: [0, 1, 2, 3] }),
    ...beat(beatVersion, groupId, 'stan', `with its instance ${at}`, {}, instance),
    ...beat(beatVersion, groupId, 'stan', `without its instance ${at}`),
    ...come(`a static one comes back ${at}`, () => ''),
    ...seen(groupId, `${groupId} after a static one came back`),
    ...ask('Heartbeat', [beatVersion, beatVersion], `refused: of who was replaced ${at}`, (_, memory) => ({
      groupId,
      generationId: generationOf(memory, groupId),
      memberId: former(memory),
      ...instance,
    })),
    ...ask(
      'Heartbeat',
      [beatVersion, beatVersion],
      `refused: without instance, of who was replaced ${at}`,
      (_, memory) => ({
        groupId,
        generationId: generationOf(memory, groupId),
        memberId: former(memory),
      }),
    ),
    ...ask('SyncGroup', [syncVersion, syncVersion], `refused: of who was replaced ${at}`, (_, memory) =>
      syncBody(syncVersion, memory, groupId, 'stan', { ...instance, memberId: former(memory) }),
    ),
    ...ask('JoinGroup', [version, version], `refused: of who was replaced ${at}`, (_, memory) =>
      joinBody(groupId, former(memory), instance),
    ),
    ...ask('JoinGroup', [version, version], `refused: of an unknown instance ${at}`, (_, memory) =>
      joinBody(groupId, memberOf(memory, groupId, 'stan'), { groupInstanceId: 'i9' }),
    ),
    ...ask('OffsetCommit', [8, 8], `refused: of who was replaced ${at}`, (_, memory) =>
      commit(groupId, generationOf(memory, groupId), former(memory), instance),
    ),
    ...ask('OffsetCommit', [8, 8], `refused: of an unknown instance ${at}`, (_, memory) =>
      commit(groupId, generationOf(memory, groupId), memberOf(memory, groupId, 'stan'), { groupInstanceId: 'i9' }),
    ),
    ...ask('OffsetCommit', [7, 8], `with its instance ${at}`, (_, memory) =>
      commit(groupId, generationOf(memory, groupId), memberOf(memory, groupId, 'stan'), instance),
    ),
    ...sync(syncVersion, groupId, 'stan', `once more ${at}`, {}),
    ...come(`a static one comes back with other topics ${at}`, () => '', {
      protocols: [{ name: 'range', metadata: subscription(['elsewhere']) }],
    }),
    ...sync(syncVersion, groupId, 'stan', `with other topics ${at}`, { stan: [0] }),
    ...ask('LeaveGroup', [3, 5], `refused: ${groupId}, instances that are not there`, (_, memory) => ({
      groupId,
      members: [
        { memberId: '', groupInstanceId: 'i9' },
        { memberId: former(memory), groupInstanceId: 'i1' },
        { memberId: memberOf(memory, groupId, 'stan'), groupInstanceId: 'i9' },
        { memberId: 'nobody', groupInstanceId: null },
      ],
    })),
    ...beat(beatVersion, groupId, 'stan', `after all that was refused ${at}`, {}, instance),
    ...ask('LeaveGroup', [5, 5], `by instance alone ${at}`, () => ({
      groupId,
      members: [{ memberId: '', groupInstanceId: 'i1' }],
    })),
    ...seen(groupId, `${groupId} is empty of static ones`),
    ...ask('DeleteGroups', [2, 2], `of ${groupId}`, () => ({ groupsNames: [groupId] })),
  ]
}

function commit(groupId: string, generationIdOrMemberEpoch: number, memberId: string, more: object): object {
  return {
    groupId,
    generationIdOrMemberEpoch,
    memberId,
    ...more,
    topics: [{ name: topic, partitions: [{ partitionIndex: 1, committedOffset: 11, committedMetadata: null }] }],
  }
}

/** Groups that are no consumers, and groups of consumers whose bytes cannot be read: the broker passes bytes on and looks at none. */
function otherKindSteps(): Step[] {
  const garbled = { protocols: [{ name: 'range', metadata: Buffer.from([0, 1, 0xff, 0xff, 0xff]) }] }
  return [
    ...ofKind('workers', 'wes', connect, { protocolType: 'connect', protocolName: 'sessioned' }),
    ...ofKind('garbled', 'gus', garbled, { protocolType: 'consumer', protocolName: 'range' }),
  ]
}

function ofKind(groupId: string, client: string, kind: object, named: object): Step[] {
  const offsets = { groupId, topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }] }
  return [
    ...ask('JoinGroup', [9, 9], `${groupId}: an id`, () => joinBody(groupId, '', kind), {
      client,
      remember: rememberJoin(groupId, client),
    }),
    ...rejoin(9, groupId, client, `of ${groupId}`, {}, kind),
    ...ask('SyncGroup', [5, 5], `${groupId}: bytes that mean nothing`, (version, memory) =>
      syncBody(version, memory, groupId, client, {
        ...named,
        assignments: [
          { memberId: memberOf(memory, groupId, client), assignment: Buffer.from([9, 9, 9]) },
          { memberId: memberOf(memory, groupId, client), assignment: Buffer.from([7]) },
        ],
      }),
    ),
    ...ask('OffsetCommit', [9, 9], `of a member of ${groupId}`, (_, memory) =>
      commit(groupId, generationOf(memory, groupId), memberOf(memory, groupId, client), {}),
    ),
    ...seen(groupId, `${groupId} is stable`),
    ...ask('OffsetDelete', [0, 0], `refused: ${groupId} has members`, () => offsets),
    ...ask('ConsumerGroupHeartbeat', [1, 1], `refused: ${groupId} cannot be upgraded`, () => ({
      groupId,
      memberId: 'm1',
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: [topic],
      topicPartitions: [],
    })),
    ...ask('ConsumerGroupDescribe', [1, 1], `refused: ${groupId} is a classic group`, () => ({ groupIds: [groupId] })),
    // A third of a rebalance: the member that waits for another is told of it when it is removed.
    ...ask('JoinGroup', [9, 9], `${groupId}: an id for another`, () => joinBody(groupId, '', kind), {
      client: 'xia',
      remember: rememberJoin(groupId, 'xia'),
    }),
    ...rejoin(9, groupId, 'xia', `another of ${groupId}`, { isLeftWaiting: true }, kind),
    ...beat(4, groupId, client, `is told of another of ${groupId}`, untilRebalance),
    ...ask(
      'LeaveGroup',
      [5, 5],
      `of both of ${groupId}`,
      (_, memory) => ({
        groupId,
        members: [client, 'xia'].map(each => ({ memberId: memberOf(memory, groupId, each) })),
      }),
      { collects: [] },
    ),
    ...seen(groupId, `${groupId} is empty`),
    ...ask('OffsetDelete', [0, 0], `of ${groupId}, which is empty`, () => offsets, { collects: ['xia'] }),
    ...ask('DeleteGroups', [2, 2], `of ${groupId}`, () => ({ groupsNames: [groupId] })),
  ]
}
