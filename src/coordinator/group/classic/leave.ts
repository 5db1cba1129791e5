/** LeaveGroup: members go by themselves, or are removed by an administrator, who names static members by their instance alone (KIP-345). */

import { ErrorCode } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import type { LeaveGroupRequest, LeaveGroupResponse } from '../../../protocol/messages/leave-group.ts'
import type { Input } from '../../../protocol/schema.ts'
import type { CoordinatorResult } from '../../runtime/coordinator.ts'
import type { GroupRecord } from '../group-records.ts'
import { nothing } from './classic-context.ts'
import type { ClassicContext, ClassicResult } from './classic-context.ts'
import type { ClassicGroup } from './classic-group.ts'
import type { Rebalances } from './rebalance.ts'

type LeavingMember = LeaveGroupRequest['members'][number]
export type LeaveAnswer = Input<typeof LeaveGroupResponse>

export class Leaves {
  readonly #context: ClassicContext
  readonly #rebalances: Rebalances

  constructor(context: ClassicContext, rebalances: Rebalances) {
    this.#context = context
    this.#rebalances = rebalances
  }

  leave(group: ClassicGroup, members: readonly LeavingMember[]): CoordinatorResult<GroupRecord, LeaveAnswer> {
    if (group.is('Dead')) return { records: [], response: { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE } }
    const gone: string[] = []
    const answers = members.map(member => {
      const error = this.#remove(group, member)
      if (error === 'NONE') gone.push(member.memberId)
      const { memberId, groupInstanceId } = member
      return { memberId, groupInstanceId, errorCode: ErrorCode[error] }
    })
    const result = gone.length === 0 ? nothing : this.#rebalance(group, `left: ${gone.join(', ')}`)
    return { ...result, response: { members: answers } }
  }

  #rebalance(group: ClassicGroup, reason: string): ClassicResult {
    if (group.is('Stable', 'CompletingRebalance')) return this.#rebalances.prepareOrComplete(group, reason)
    return group.is('PreparingRebalance') ? this.#rebalances.completeIfAllJoined(group) : nothing
  }

  #remove(group: ClassicGroup, { memberId, groupInstanceId, reason }: LeavingMember): ErrorName {
    const { groupId } = group
    const known = this.#find(group, memberId, groupInstanceId)
    if (known.error !== undefined) return known.error
    this.#rebalances.forgetSession(groupId, known.memberId)
    const member = group.members.get(known.memberId)
    // It may still wait for a join, and then try again if it is alive.
    if (member !== undefined) group.answerJoin(member, { memberId: '', errorCode: ErrorCode.UNKNOWN_MEMBER_ID })
    group.remove(known.memberId)
    this.#context.logger.info('a member leaves', { group: groupId, member: known.memberId, reason: reason ?? '' })
    return 'NONE'
  }

  #find(
    group: ClassicGroup,
    memberId: string,
    groupInstanceId: string | null,
  ): { readonly memberId: string; readonly error?: ErrorName | undefined } {
    if (memberId !== '') {
      if (group.pendingMembers.has(memberId)) return { memberId }
      return { memberId, error: group.memberError(memberId, groupInstanceId) }
    }
    const named = groupInstanceId === null ? undefined : group.staticMemberId(groupInstanceId)
    return named === undefined ? { memberId, error: 'UNKNOWN_MEMBER_ID' } : { memberId: named }
  }
}
