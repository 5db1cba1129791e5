/** The consumer rebalance protocol (KIP-848): members that join, subscribe, go and come back, and every way to be refused, with what is then told of the group. */

import type { Memory, Step, StepExtras } from '../step.ts'
import { ask, otherTopic, seen, topic, topicIdOf, unknownTopicId, zeroUuid } from './group-steps.ts'
import type { Versions } from './group-steps.ts'

interface Heartbeat {
  readonly memberId?: string
  readonly memberEpoch?: number
  readonly [field: string]: unknown
}

const both: Versions = [0, 1]
const newest: Versions = [1, 1]

/** A heartbeat; what it is told of epochs is remembered under the member's id. */
export function consumerBeat(
  name: string,
  groupId: string,
  request: (memory: Memory) => Heartbeat,
  more: StepExtras = {},
  versions: Versions = newest,
): Step[] {
  return ask('ConsumerGroupHeartbeat', versions, name, (_, memory) => ({ groupId, ...request(memory) }), {
    remember: (answer, memory) => {
      if (answer.errorCode === 0) memory.set(`epoch ${groupId} ${answer.memberId}`, answer.memberEpoch)
    },
    ...more,
  })
}

export function epochOf(memory: Memory, groupId: string, memberId: string): number {
  return (memory.get(`epoch ${groupId} ${memberId}`) as number | undefined) ?? -9
}

export const joining = (memberId: string, more: object = {}): Heartbeat => ({
  memberId,
  memberEpoch: 0,
  rebalanceTimeoutMs: 600_000,
  subscribedTopicNames: [topic],
  topicPartitions: [],
  ...more,
})

export function consumerDescribed(name: string, groupIds: readonly string[]): Step[] {
  return ask('ConsumerGroupDescribe', both, name, () => ({ groupIds, includeAuthorizedOperations: true }))
}

export function consumerGroupSteps(): Step[] {
  return [...lifeOfOne(), ...staticOne(), ...twoMembers(), ...offsets(), ...regexes(), ...ids()]
}

const group = 'consumers'
const bad = (name: string, request: Heartbeat, groupId = group): Step[] =>
  consumerBeat(name, groupId, () => request, {}, both)

function lifeOfOne(): Step[] {
  const beating = (more: object) => ({ memberId: 'm1', memberEpoch: 2, ...more })
  return [
    ...bad('no group', joining('m1'), ''),
    ...bad('an empty instance id', joining('m1', { instanceId: '' })),
    ...bad('a blank instance id', joining('m1', { instanceId: ' ' })),
    ...bad('a blank rack', joining('m1', { rackId: ' ' })),
    ...bad('joins without a rebalance timeout', joining('m1', { rebalanceTimeoutMs: -1 })),
    ...bad('joins with a negative rebalance timeout', joining('m1', { rebalanceTimeoutMs: -5 })),
    ...bad('joins with no time for a rebalance', joining('m1', { rebalanceTimeoutMs: 0 })),
    ...bad('leaves again, who had no time', { memberId: 'm1', memberEpoch: -1 }),
    ...bad('joins without partitions', joining('m1', { topicPartitions: null })),
    ...bad('joins with partitions', joining('m1', { topicPartitions: [{ topicId: unknownTopicId, partitions: [0] }] })),
    ...bad('joins without a subscription', joining('m1', { subscribedTopicNames: null })),
    ...bad('of an epoch that there is not', { memberId: 'm1', memberEpoch: -3 }),
    ...bad('of a very negative epoch', { memberId: 'm1', memberEpoch: -2_147_483_648 }),
    ...bad('a static leave without instance', { memberId: 'm1', memberEpoch: -2 }),
    ...bad('with an assignor that there is not', joining('m1', { serverAssignor: 'sticky' })),
    ...bad('with an empty assignor', joining('m1', { serverAssignor: '' })),
    ...bad('of a group that there is not', { memberId: 'm1', memberEpoch: 3 }, 'no-such-group'),
    ...bad('leaves a group that there is not', { memberId: 'm1', memberEpoch: -1 }, 'no-such-group'),
    ...bad(
      'a static one leaves a group that there is not',
      { memberId: 'm1', memberEpoch: -2, instanceId: 'i1' },
      'no-such-group',
    ),
    ...consumerBeat('without a member id', group, () => joining('')),
    ...consumerDescribed('before it exists', ['no-such-group', '', group]),
    ...consumerBeat('a new one joins', 'consumers-one', () => joining('m1')),
    ...consumerBeat('joins again', 'consumers-one', () => joining('m1')),
    ...consumerBeat('nothing new', 'consumers-one', memory => ({
      memberId: 'm1',
      memberEpoch: epochOf(memory, 'consumers-one', 'm1'),
    })),
    ...refusedOfOne(beating),
    ...consumerDescribed('of one member', ['consumers-one']),
    ...consumerDescribed('of one group twice', ['consumers-one', 'consumers-one']),
    ...ask('ListGroups', [4, 5], 'with a group of the new protocol', () => ({ statesFilter: ['stable'] })),
    ...ask('ListGroups', [5, 5], 'of the new protocol', () => ({ typesFilter: ['consumer'] })),
    ...ask('DescribeGroups', [0, 6], 'of a group of the new protocol', () => ({ groups: ['consumers-one'] })),
    ...ask('DeleteGroups', both, 'refused: of the new protocol, with members', () => ({
      groupsNames: ['consumers-one'],
    })),
    ...bad('leaves', { memberId: 'm1', memberEpoch: -1 }, 'consumers-one'),
    ...consumerDescribed('that is empty', ['consumers-one']),
    ...ask('ListGroups', [4, 5], 'with an empty group of the new protocol', () => ({ statesFilter: ['empty'] })),
    ...ask('DeleteGroups', both, 'of the new protocol, empty', () => ({ groupsNames: ['consumers-one'] })),
  ]
}

/** Each leaves the member as it is, which the last one shows. */
function refusedOfOne(beating: (more: object) => Heartbeat): Step[] {
  const one = 'consumers-one'
  return [
    ...bad('a greater epoch', beating({ memberEpoch: 9 }), one),
    ...bad('a smaller epoch', beating({ memberEpoch: 0, subscribedTopicNames: null }), one),
    ...bad('of nobody', { memberId: 'nobody', memberEpoch: 2 }, one),
    ...bad('of nobody leaves', { memberId: 'nobody', memberEpoch: -1 }, one),
    ...bad('of an unknown instance', beating({ instanceId: 'i9' }), one),
    ...bad('of an unknown assignor', beating({ serverAssignor: 'sticky' }), one),
    ...bad('of a blank rack', beating({ rackId: '' }), one),
    ...consumerBeat('says everything again', one, memory => ({
      ...joining('m1'),
      memberEpoch: epochOf(memory, one, 'm1'),
      topicPartitions: [{ topicId: topicIdOf(memory, topic), partitions: [0, 1, 2, 3] }],
    })),
    ...consumerBeat('claims partitions that it was not given', one, memory => ({
      memberId: 'm1',
      memberEpoch: epochOf(memory, one, 'm1'),
      topicPartitions: [
        { topicId: unknownTopicId, partitions: [0, -1] },
        { topicId: zeroUuid, partitions: [7] },
        { topicId: topicIdOf(memory, topic), partitions: [0, 0, 99] },
      ],
    })),
    ...consumerBeat('wants nothing any more', one, memory => ({
      memberId: 'm1',
      memberEpoch: epochOf(memory, one, 'm1'),
      subscribedTopicNames: [],
    })),
    ...consumerBeat('gives everything back', one, memory => ({
      memberId: 'm1',
      memberEpoch: epochOf(memory, one, 'm1'),
      topicPartitions: [],
    })),
    ...consumerBeat('wants what there is not, twice', one, memory => ({
      memberId: 'm1',
      memberEpoch: epochOf(memory, one, 'm1'),
      subscribedTopicNames: ['nowhere', '../etc', 'nowhere', ''],
    })),
    ...consumerBeat('wants both topics, by range', one, memory => ({
      memberId: 'm1',
      memberEpoch: epochOf(memory, one, 'm1'),
      subscribedTopicNames: [topic, otherTopic],
      serverAssignor: 'range',
    })),
  ]
}

/** One of its own, so that no assignment waits for the interval after another. */
function staticOne(): Step[] {
  const groupId = 'consumers-static'
  const beat = (name: string, request: (memory: Memory) => Heartbeat) => consumerBeat(name, groupId, request)
  const current = (memory: Memory, memberId: string) => ({ memberId, memberEpoch: epochOf(memory, groupId, memberId) })
  return [
    ...beat('a static one joins', () => joining('s1', { instanceId: 'i1' })),
    ...beat('another of its instance', () => joining('s2', { instanceId: 'i1' })),
    ...beat('without its instance', memory => current(memory, 's1')),
    ...beat('of another instance', memory => ({ ...current(memory, 's1'), instanceId: 'i2' })),
    ...beat('another goes for a while', () => ({ memberId: 's9', memberEpoch: -2, instanceId: 'i1' })),
    ...beat('goes for a while', () => ({ memberId: 's1', memberEpoch: -2, instanceId: 'i1' })),
    ...consumerDescribed('with a static one that is away', [groupId]),
    ...beat('comes back', () => joining('s3', { instanceId: 'i1' })),
    ...beat('of the one that was replaced', () => ({ memberId: 's1', memberEpoch: 4, instanceId: 'i1' })),
    ...beat('joins, of the one that was replaced', () => joining('s1', { instanceId: 'i1' })),
    ...ask('OffsetCommit', [9, 9], 'of the one that was replaced', () => commitBody(9, groupId, 's1', 1)),
    ...consumerDescribed('with a static one that came back', [groupId]),
    ...ask('LeaveGroup', [5, 5], 'refused: instances that are not there, of the new protocol', () => ({
      groupId,
      members: [
        { memberId: '', groupInstanceId: 'i9' },
        { memberId: 's1', groupInstanceId: 'i1' },
        { memberId: 'nobody', groupInstanceId: null },
      ],
    })),
    ...beat('after all that was refused', memory => ({ ...current(memory, 's3'), instanceId: 'i1' })),
    ...beat('leaves for good', () => ({ memberId: 's3', memberEpoch: -1, instanceId: 'i1' })),
    ...consumerDescribed('without its static one', [groupId]),
  ]
}

function twoMembers(): Step[] {
  const groupId = 'consumers-two'
  const beat = (name: string, request: (memory: Memory) => Heartbeat) => consumerBeat(name, groupId, request)
  const owning = (memory: Memory, memberId: string, partitions: readonly number[]) => ({
    memberId,
    memberEpoch: epochOf(memory, groupId, memberId),
    topicPartitions: partitions.length === 0 ? [] : [{ topicId: topicIdOf(memory, topic), partitions }],
  })
  return [
    ...beat('the first joins', () => joining('a', { rackId: 'r1', serverAssignor: 'uniform' })),
    ...beat('the first has all', memory => owning(memory, 'a', [0, 1, 2, 3])),
    ...beat('the second joins', () => joining('b')),
    ...consumerDescribed('of a first that does not know yet', [groupId]),
    ...beat('the second waits', memory => owning(memory, 'b', [])),
    ...beat('the first is told', memory => owning(memory, 'a', [0, 1, 2, 3])),
    ...consumerDescribed('of a first that gives something back', [groupId]),
    ...beat('the first is told once more', memory => ({
      ...owning(memory, 'a', [0, 1, 2, 3]),
      subscribedTopicNames: [topic],
    })),
    ...beat('the second waits on', memory => owning(memory, 'b', [])),
    ...beat('the first has given something back', memory => owning(memory, 'a', [0, 1])),
    ...beat('the second gets it', memory => owning(memory, 'b', [])),
    ...beat('the second has it', memory => owning(memory, 'b', [2, 3])),
    ...beat('the first goes on', memory => owning(memory, 'a', [0, 1])),
    ...consumerDescribed('of two that have settled', [groupId]),
    ...beat('a third joins without wishes', () => joining('c', { subscribedTopicNames: [] })),
    ...beat('a third leaves', () => ({ memberId: 'c', memberEpoch: -1 })),
    ...beat('the first leaves', () => ({ memberId: 'a', memberEpoch: -1 })),
    ...beat('the second gets all', memory => owning(memory, 'b', [2, 3])),
    ...ask('LeaveGroup', [3, 3], 'of a member of the new protocol', () => ({
      groupId,
      members: [{ memberId: 'b' }, { memberId: 'b' }],
    })),
    ...consumerDescribed('of two that are gone', [groupId]),
  ]
}

function commitBody(version: number, groupId: string, memberId: string, epoch: number, memory?: Memory): object {
  const named = version >= 10 ? { topicId: topicIdOf(memory!, topic) } : { name: topic }
  return {
    groupId,
    memberId,
    generationIdOrMemberEpoch: epoch,
    topics: [{ ...named, partitions: [{ partitionIndex: 0, committedOffset: 4, committedMetadata: 'new' }] }],
  }
}

function offsets(): Step[] {
  const groupId = 'consumers-offsets'
  const commit = (name: string, memberId: string, epoch: (memory: Memory) => number, versions: Versions = [2, 10]) =>
    ask('OffsetCommit', versions, name, (version, memory) =>
      commitBody(version, groupId, memberId, epoch(memory), memory),
    )
  const fetch = (name: string, member: (memory: Memory) => object) =>
    ask('OffsetFetch', [9, 10], name, (version, memory) => ({
      groups: [
        {
          groupId,
          topics: [
            { ...(version >= 10 ? { topicId: topicIdOf(memory, topic) } : { name: topic }), partitionIndexes: [0, 1] },
          ],
          ...member(memory),
        },
      ],
    }))
  const current = (memory: Memory) => epochOf(memory, groupId, 'o1')
  return [
    ...consumerBeat('joins to commit', groupId, () => joining('o1')),
    ...commit('of a member of the new protocol', 'o1', current),
    ...commit('refused: a greater epoch of the new protocol', 'o1', memory => current(memory) + 1),
    ...commit('refused: a smaller epoch of the new protocol', 'o1', memory => current(memory) - 1),
    ...commit('refused: a negative epoch of the new protocol', 'o1', () => -5),
    ...commit('refused: nobody in a group of the new protocol', 'nobody', current),
    ...commit('refused: no member in a group of the new protocol', '', () => -1),
    ...fetch('of a member of the new protocol', memory => ({ memberId: 'o1', memberEpoch: current(memory) })),
    ...fetch('refused: a greater epoch of the new protocol', memory => ({
      memberId: 'o1',
      memberEpoch: current(memory) + 1,
    })),
    ...fetch('refused: a smaller epoch of the new protocol', memory => ({
      memberId: 'o1',
      memberEpoch: current(memory) - 1,
    })),
    ...fetch('refused: nobody in a group of the new protocol', () => ({ memberId: 'nobody', memberEpoch: 1 })),
    ...fetch('refused: an epoch of no member of the new protocol', () => ({ memberId: null, memberEpoch: 3 })),
    ...fetch('of an administrator of the new protocol', () => ({})),
    ...ask('OffsetDelete', [0, 0], 'refused: the new protocol is subscribed', () => ({
      groupId,
      topics: [topic, otherTopic].map(name => ({ name, partitions: [{ partitionIndex: 0 }] })),
    })),
    ...seen(groupId, `${groupId} after all that was refused`),
    ...refusedClassic(groupId),
    ...consumerBeat('after all that was refused of commits', groupId, memory => ({
      memberId: 'o1',
      memberEpoch: current(memory),
    })),
    ...consumerBeat('leaves, having committed', groupId, () => ({ memberId: 'o1', memberEpoch: -1 })),
    ...commit('refused: of a group of the new protocol that is empty', 'o1', () => 2),
    ...commit('of nobody, to a group of the new protocol that is empty', '', () => -1, [8, 9]),
    ...ask('DeleteGroups', newest, `of ${groupId}`, () => ({ groupsNames: [groupId] })),
    ...seen(groupId, `${groupId} was deleted`),
  ]
}

/** Requests of the classic protocol that a group of the new one cannot take. */
function refusedClassic(groupId: string): Step[] {
  const join = (name: string, protocolType: string, metadata: Buffer, memberId = '') =>
    ask('JoinGroup', [9, 9], `refused, by a group of the new protocol: ${name}`, () => ({
      groupId,
      sessionTimeoutMs: 600_000,
      rebalanceTimeoutMs: 600_000,
      memberId,
      protocolType,
      protocols: [{ name: 'range', metadata }],
    }))
  return [
    ...join('another kind', 'connect', Buffer.from('x')),
    ...join('bytes that are no subscription', 'consumer', Buffer.from([0, 1, 0xff, 0xff])),
    ...join('no bytes', 'consumer', Buffer.alloc(0)),
    ...ask('SyncGroup', [5, 5], 'refused, by a group of the new protocol', () => ({
      groupId,
      generationId: 1,
      memberId: 'o1',
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [],
    })),
    ...ask('SyncGroup', [5, 5], 'refused, by a group of the new protocol, of nobody', () => ({
      groupId,
      generationId: 1,
      memberId: 'nobody',
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [],
    })),
    ...ask('Heartbeat', [4, 4], 'refused, by a group of the new protocol', () => ({
      groupId,
      generationId: 1,
      memberId: 'o1',
    })),
    ...ask('Heartbeat', [4, 4], 'refused, by a group of the new protocol, of nobody', () => ({
      groupId,
      generationId: 1,
      memberId: 'nobody',
    })),
    ...ask('LeaveGroup', [2, 5], 'refused, by a group of the new protocol, of nobody', version =>
      version < 3 ? { groupId, memberId: 'nobody' } : { groupId, members: [{ memberId: 'nobody' }] },
    ),
  ]
}

/** Regular expressions; hostile ones neither hold up anybody nor change anything. */
function regexes(): Step[] {
  const groupId = 'consumers-regex'
  const hostile = [
    '(',
    '[',
    'a**',
    '\\',
    '(?<=a)b',
    '(a)\\1',
    '(?!a)',
    'x{1001}',
    '(?P<n>',
    '*',
    '(a+)+$',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '\\p{Nowhere}',
    '(?i',
  ]
  return [
    ...hostile.flatMap((subscribedTopicRegex, index) => [
      ...consumerBeat(`hostile pattern ${index}`, groupId, () =>
        joining('h', { subscribedTopicNames: null, subscribedTopicRegex }),
      ),
      ...consumerBeat(`leaves after hostile pattern ${index}`, groupId, () => ({ memberId: 'h', memberEpoch: -1 })),
    ]),
    ...consumerBeat('with an empty pattern', 'consumers-pattern', () =>
      joining('p', { subscribedTopicNames: null, subscribedTopicRegex: '' }),
    ),
    ...consumerBeat('with a pattern that matches', 'consumers-pattern-good', () =>
      joining('p', { subscribedTopicNames: null, subscribedTopicRegex: 'group(ed|s)' }),
    ),
    ...consumerBeat(
      'when the pattern is resolved',
      'consumers-pattern-good',
      memory => ({ memberId: 'p', memberEpoch: epochOf(memory, 'consumers-pattern-good', 'p') }),
      { until: answer => answer.assignment !== null },
    ),
    ...consumerDescribed('with a pattern', ['consumers-pattern-good']),
    ...consumerBeat('a pattern that is bad, later', 'consumers-pattern-good', memory => ({
      memberId: 'p',
      memberEpoch: epochOf(memory, 'consumers-pattern-good', 'p'),
      subscribedTopicRegex: '(',
    })),
    ...consumerBeat('after a pattern that was bad', 'consumers-pattern-good', memory => ({
      memberId: 'p',
      memberEpoch: epochOf(memory, 'consumers-pattern-good', 'p'),
    })),
  ]
}

/** Before version 1 the broker chose the ids of members. */
function ids(): Step[] {
  const groupId = 'consumers-ids'
  return [
    ...consumerBeat('without an id, joins', groupId, () => joining(''), {}, [0, 0]),
    ...consumerBeat('with an id of its own, joins', groupId, () => joining('own'), {}, [0, 0]),
    ...consumerBeat('with an id of 3,000 characters, joins', 'consumers-long', () => joining('x'.repeat(3000))),
    ...consumerBeat('with a hostile id, joins', 'consumers-hostile', () =>
      joining('__proto__', { instanceId: '\u0000' }),
    ),
    ...consumerDescribed('of hostile ids', ['consumers-hostile']),
  ]
}
