/** SyncGroup and Heartbeat: the leader's division of the work is written and handed out, and members show that they are alive. */

import { ErrorCode } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import type { HeartbeatRequest } from '../../../protocol/messages/heartbeat.ts'
import type { SyncGroupRequest } from '../../../protocol/messages/sync-group.ts'
import { nothing } from './classic-context.ts'
import type { ClassicContext, ClassicResult } from './classic-context.ts'
import type { ClassicGroup } from './classic-group.ts'
import type { SyncAnswer } from './classic-member.ts'
import type { Rebalances } from './rebalance.ts'
import { ownBytes } from '../../../std/own-bytes.ts'

export interface Sync {
  readonly request: SyncGroupRequest
  /** Called once, now or when the leader's assignment is written. */
  readonly answer: (answer: SyncAnswer) => void
}

export class Syncs {
  readonly #context: ClassicContext
  readonly #rebalances: Rebalances

  constructor(context: ClassicContext, rebalances: Rebalances) {
    this.#context = context
    this.#rebalances = rebalances
  }

  sync(group: ClassicGroup, { request, answer }: Sync): ClassicResult {
    const { memberId } = request
    const error = syncError(group, request)
    if (error !== undefined) {
      answer({ errorCode: ErrorCode[error], protocolName: null })
      return nothing
    }
    this.#rebalances.syncArrived(group, memberId)
    const member = group.member(memberId)
    if (group.is('Stable')) {
      const { protocolType = null, protocolName = null } = group
      answer({ protocolType, protocolName, assignment: member.assignment })
      return nothing
    }
    member.awaitSync(answer)
    return group.isLeader(memberId) ? this.#store(group, request) : nothing
  }

  /** Writes the leader's assignment; everybody hears of it when it is committed. */
  #store(group: ClassicGroup, request: SyncGroupRequest): ClassicResult {
    const assignments = new Map<string, Uint8Array>()
    for (const { memberId, assignment } of request.assignments) assignments.set(memberId, ownBytes(assignment))
    const { generationId } = group
    return {
      records: [group.record(assignments)],
      response: undefined,
      isApplied: true,
      onCompleted: error => {
        // Meanwhile somebody may have joined or left: then there will be another generation, and this one's division is void.
        if (!group.is('CompletingRebalance') || group.generationId !== generationId) return
        if (error === undefined) this.#settle(group, assignments)
        else this.#giveUp(group, request.memberId, error)
      },
    }
  }

  #settle(group: ClassicGroup, assignments: ReadonlyMap<string, Uint8Array>): void {
    this.#rebalances.propagateAssignment(group, assignments)
    group.transitionTo('Stable')
  }

  #giveUp(group: ClassicGroup, memberId: string, error: ErrorName): void {
    this.#rebalances.propagateError(group, error)
    // What comes of it may want to be written, which this, the end of another write, cannot do.
    this.#context.shard.write(() =>
      group.is('CompletingRebalance')
        ? this.#rebalances.prepareOrComplete(group, `the assignment of ${memberId} could not be stored: ${error}`)
        : nothing,
    )
  }

  heartbeat(group: ClassicGroup, request: HeartbeatRequest): ErrorName {
    const { memberId, groupInstanceId, generationId } = request
    if (group.is('Dead')) return 'COORDINATOR_NOT_AVAILABLE'
    const error = group.memberError(memberId, groupInstanceId)
    if (error !== undefined) return error
    if (generationId !== group.generationId) return 'ILLEGAL_GENERATION'
    if (group.is('Empty')) return 'UNKNOWN_MEMBER_ID'
    this.#rebalances.renewSession(group, group.member(memberId))
    return group.is('PreparingRebalance') ? 'REBALANCE_IN_PROGRESS' : 'NONE'
  }
}

function syncError(group: ClassicGroup, request: SyncGroupRequest): ErrorName | undefined {
  if (group.is('Dead')) return 'COORDINATOR_NOT_AVAILABLE'
  const { memberId, groupInstanceId, generationId, protocolType, protocolName } = request
  const error = group.memberError(memberId, groupInstanceId)
  if (error !== undefined) return error
  if (generationId !== group.generationId) return 'ILLEGAL_GENERATION'
  if (differs(protocolType, group.protocolType) || differs(protocolName, group.protocolName))
    return 'INCONSISTENT_GROUP_PROTOCOL'
  return group.is('PreparingRebalance') ? 'REBALANCE_IN_PROGRESS' : undefined
}

/** Old versions do not say. */
function differs(said: string | null, known: string | undefined): boolean {
  return said !== null && known !== undefined && said !== known
}
