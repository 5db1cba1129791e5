/**
 * Who may commit and fetch offsets of a consumer group (G2). A commit names the member's epoch, or an earlier one in which the member had the
 * partitions already: what it read before it heard of a new epoch is still its own (KIP-1251).
 */

import type { ErrorName } from '../../../protocol/errors.ts'
import type { Committer, View } from '../group.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { usesClassicProtocol } from './member.ts'
import type { ConsumerGroupMember } from './member.ts'

/** From this version of OffsetCommit on a client understands STALE_MEMBER_EPOCH. */
const FIRST_COMMIT_VERSION = 9
const UNKNOWN_GENERATION = -1

export function validateCommit(group: ConsumerGroup, committer: Committer): ErrorName | undefined {
  const { memberId, groupInstanceId, generationIdOrMemberEpoch: epoch, isTransactional, apiVersion } = committer
  // Somebody who is no member, and asks nobody's leave, may commit while there are no members.
  if (epoch < 0 && group.isEmpty()) return undefined
  // TxnOffsetCommit need not say for which member it is.
  if (isTransactional && epoch === UNKNOWN_GENERATION && memberId === '' && groupInstanceId === null) return undefined
  const member = group.members.get(memberId)
  if (member === undefined) return 'UNKNOWN_MEMBER_ID'
  if (!isTransactional && !usesClassicProtocol(member) && apiVersion < FIRST_COMMIT_VERSION)
    return 'UNSUPPORTED_VERSION'
  if (epoch === member.memberEpoch) return undefined
  const isCovered = epoch < member.memberEpoch && wasAssignedBy(member, epoch, committer.partitions)
  return isCovered ? undefined : wrongEpoch(member)
}

/** `memberId` is null, and the epoch negative, where the client does not say who it is: anybody may look. */
export function validateFetch(
  group: ConsumerGroup,
  memberId: string | null,
  memberEpoch: number,
  view: View,
): ErrorName | undefined {
  if (memberId === null && memberEpoch < 0) return undefined
  const member = view === 'committed' ? group.members.getCommitted(memberId ?? '') : group.members.get(memberId ?? '')
  if (member === undefined) return 'UNKNOWN_MEMBER_ID'
  return memberEpoch === member.memberEpoch ? undefined : wrongEpoch(member)
}

function wasAssignedBy(member: ConsumerGroupMember, epoch: number, partitions: Committer['partitions']): boolean {
  for (const { topicId, partition } of partitions) {
    const assigned =
      member.assignedPartitions.get(topicId)?.get(partition) ??
      member.partitionsPendingRevocation.get(topicId)?.get(partition)
    if (assigned === undefined || epoch < assigned) return false
  }
  return true
}

function wrongEpoch(member: ConsumerGroupMember): ErrorName {
  return usesClassicProtocol(member) ? 'ILLEGAL_GENERATION' : 'STALE_MEMBER_EPOCH'
}
