/** What ConsumerGroupDescribe says of a group: what is committed of it. */

import type { ConsumerGroupDescribeResponse } from '../../../protocol/messages/consumer-group-describe.ts'
import type { Input } from '../../../protocol/schema.ts'
import type { Uuid } from '../../../protocol/uuid.ts'
import type { TopicsView } from '../../runtime/coordinator.ts'
import { EMPTY_ASSIGNMENT } from '../assignors/assignor.ts'
import type { Assignment } from '../assignors/assignor.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { usesClassicProtocol } from './member.ts'
import type { ConsumerGroupMember } from './member.ts'

type Answer = Input<typeof ConsumerGroupDescribeResponse>
export type DescribedConsumerGroup = NonNullable<Answer['groups']>[number]

const memberTypes = { classic: 0, consumer: 1 }

export function describeGroup(
  group: ConsumerGroup,
  defaultAssignor: string,
  topics: TopicsView,
): DescribedConsumerGroup {
  return {
    groupId: group.groupId,
    groupState: group.state('committed'),
    groupEpoch: group.groupEpoch.getCommitted(),
    assignmentEpoch: group.targetMetadata.getCommitted().epoch,
    assignorName: group.preferredAssignor('committed') ?? defaultAssignor,
    members: Array.from(group.members.committedEntries(), ([memberId, member]) =>
      describeMember(member, group.targets.getCommitted(memberId) ?? EMPTY_ASSIGNMENT, topics),
    ),
  }
}

function describeMember(member: ConsumerGroupMember, target: Assignment, topics: TopicsView) {
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: [...member.subscribedTopicNames],
    subscribedTopicRegex: member.subscribedTopicRegex,
    assignment: { topicPartitions: topicPartitions(owned(member), topics) },
    targetAssignment: { topicPartitions: topicPartitions(target, topics) },
    memberType: usesClassicProtocol(member) ? memberTypes.classic : memberTypes.consumer,
  }
}

/** What the member is to give up is still its own. */
function owned({ assignedPartitions, partitionsPendingRevocation }: ConsumerGroupMember): Map<Uuid, number[]> {
  const partitions = new Map<Uuid, number[]>()
  for (const part of [assignedPartitions, partitionsPendingRevocation]) {
    for (const [topicId, epochs] of part)
      partitions.set(topicId, [...(partitions.get(topicId) ?? []), ...epochs.keys()])
  }
  return partitions
}

/** Of topics that are gone, nothing. */
function topicPartitions(partitions: ReadonlyMap<Uuid, Iterable<number>>, topics: TopicsView) {
  return [...partitions].flatMap(([topicId, numbers]) => {
    const topic = topics.byId(topicId)
    return topic === undefined ? [] : [{ topicId, topicName: topic.name, partitions: [...numbers] }]
  })
}
