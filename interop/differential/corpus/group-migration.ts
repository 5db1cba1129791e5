/** A group that passes from the classic protocol to the new one and back while members of both are in it (`group.consumer.migration.policy`). */

import type { Memory, Step } from '../step.ts'
import {
  beat,
  consumerProtocols,
  join,
  joinBody,
  memberOf,
  generationOf,
  rejoin,
  sync,
  untilRebalance,
} from './classic-groups.ts'
import { consumerBeat, consumerDescribed, epochOf, joining } from './consumer-groups.ts'
import { ask, topic, topicIdOf } from './group-steps.ts'

const groupId = 'moving'

export function groupMigrationSteps(): Step[] {
  return [...thereAndBack(), ...switching()]
}

function thereAndBack(): Step[] {
  const owning = (partitions: readonly number[]) => (memory: Memory) => ({
    memberId: 'new',
    memberEpoch: epochOf(memory, groupId, 'new'),
    topicPartitions: partitions.length === 0 ? [] : [{ topicId: topicIdOf(memory, topic), partitions }],
  })
  const described = (name: string) => [
    ...consumerDescribed(name, [groupId]),
    ...ask('DescribeGroups', [6, 6], name, () => ({ groups: [groupId] })),
    ...ask('ListGroups', [5, 5], name, () => ({ statesFilter: ['Stable', 'Reconciling', 'PreparingRebalance'] })),
  ]
  return [
    ...join(9, groupId, 'old', 'before it moves'),
    ...sync(5, groupId, 'old', 'before it moves', { old: [0, 1, 2, 3] }),
    ...consumerBeat('the first of the new protocol joins', groupId, () => joining('new')),
    ...described('while it moves'),
    ...beat(4, groupId, 'old', 'is told that it moves', untilRebalance),
    ...ask('OffsetCommit', [8, 10], 'of a classic member of a group that has moved', (version, memory) => ({
      groupId,
      generationIdOrMemberEpoch: generationOf(memory, groupId),
      memberId: memberOf(memory, groupId, 'old'),
      topics: [
        {
          ...(version >= 10 ? { topicId: topicIdOf(memory, topic) } : { name: topic }),
          partitions: [{ partitionIndex: 1, committedOffset: version, committedMetadata: '' }],
        },
      ],
    })),
    ...rejoin(9, groupId, 'old', 'having moved'),
    ...sync(5, groupId, 'old', 'having moved', {}),
    ...consumerBeat('the new one waits', groupId, owning([])),
    ...beat(4, groupId, 'old', 'when it has moved'),
    ...rejoin(9, groupId, 'old', 'giving back'),
    ...sync(5, groupId, 'old', 'giving back', {}),
    ...consumerBeat('the new one gets some', groupId, owning([])),
    ...consumerBeat('the new one has some', groupId, owning([2, 3])),
    ...beat(4, groupId, 'old', 'when all have what they should'),
    ...described('when it has moved'),
    ...consumerBeat('the new one leaves', groupId, () => ({ memberId: 'new', memberEpoch: -1 })),
    ...described('when it has moved back'),
    ...beat(4, groupId, 'old', 'is told that it moved back', untilRebalance),
    ...rejoin(9, groupId, 'old', 'having moved back'),
    ...sync(5, groupId, 'old', 'having moved back', { old: [0, 1, 2, 3] }),
    ...beat(4, groupId, 'old', 'having moved back'),
    ...described('when it has settled again'),
    ...ask('LeaveGroup', [5, 5], 'of who moved', (_, memory) => ({
      groupId,
      members: [{ memberId: memberOf(memory, groupId, 'old') }],
    })),
    ...consumerBeat('a new one joins what is left', groupId, () => joining('last')),
    ...described('when only a new one is in it'),
  ]
}

/** A member of the new protocol goes on as a classic one, under its own id; so does one that the group has never seen. */
function switching(): Step[] {
  const switched = 'switching'
  const classic = (name: string, memberId: string) =>
    ask('JoinGroup', [9, 9], name, () => ({ ...joinBody(switched, memberId), protocols: [consumerProtocols[0]] }))
  const described = (name: string) => consumerDescribed(name, [switched])
  return [
    ...consumerBeat('one joins that will switch', switched, () => joining('s1')),
    ...consumerBeat('one joins that will stay', switched, () => joining('s2')),
    ...classic('a classic member with an id of its own', 'unheard-of'),
    ...described('with a classic member of its own id'),
    ...classic('a member switches to the classic protocol', 's1'),
    ...described('with a member that has switched'),
    ...consumerBeat('of the one that has switched', switched, memory => ({
      memberId: 's1',
      memberEpoch: epochOf(memory, switched, 's1'),
    })),
    ...ask('LeaveGroup', [5, 5], 'of those that have switched', () => ({
      groupId: switched,
      members: [{ memberId: 'unheard-of' }, { memberId: 's1' }, { memberId: 's2' }],
    })),
    ...described('after they have left'),
    ...ask('DeleteGroups', [2, 2], 'of what they left', () => ({ groupsNames: [switched] })),
  ]
}
