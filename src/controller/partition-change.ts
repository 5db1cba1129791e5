/**
 * How a partition changes: who leads, who is in sync, who may lead although not in sync (KIP-966), when a reassignment is done. Pure functions from
 * a state and what is wanted of it to the next state.
 *
 * Every change of a partition after its creation goes through `changePartition`, so the rules are in one place: a leader comes from the in-sync
 * set, or, when that is empty, from the eligible leader replicas; failing these, the last known leader may go on; anybody else only where
 * unclean election is switched on (L4, L6).
 */

import { LeaderRecoveryState, NO_LEADER } from '../metadata/cluster-image.ts'
import type { PartitionState } from '../metadata/cluster-image.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import type { Uuid } from '../protocol/uuid.ts'

/**
 * - `online`: elect only when the leader cannot go on;
 * - `preferred`: the first replica, if it can lead;
 * - `unclean`: as `online`, and rather lose records than have no leader.
 */
export type Election = 'online' | 'preferred' | 'unclean'

/** What is wanted; what is absent stays as it is. */
export interface PartitionTarget {
  readonly isr?: readonly number[]
  readonly replicas?: readonly number[]
  readonly addingReplicas?: readonly number[]
  readonly removingReplicas?: readonly number[]
  readonly leaderRecoveryState?: number
  /** Default `online`. */
  readonly election?: Election
  /** They may have lost the end of their logs: they leave the in-sync set and the eligible leader replicas. */
  readonly uncleanReplicas?: readonly number[]
  /** Log directories of replicas that have moved. */
  readonly directories?: ReadonlyMap<number, Uuid>
}

/** What the rules need to know of the rest of the cluster. */
export interface PartitionRules {
  /** Alive, and not on its way out. */
  mayLead(brokerId: number): boolean
  /** `min.insync.replicas` of the topic. */
  readonly minInSyncReplicas: number
  /** The log directory of a replica that is new on its broker. */
  directoryOf(brokerId: number): Uuid
}

interface Draft {
  replicas: readonly number[]
  isr: readonly number[]
  elr: readonly number[]
  addingReplicas: readonly number[]
  removingReplicas: readonly number[]
}

/** The next state; undefined when nothing would be different. */
export function changePartition(
  before: PartitionState,
  target: PartitionTarget,
  rules: PartitionRules,
): PartitionState | undefined {
  const draft: Draft = {
    replicas: target.replicas ?? before.replicas,
    isr: without(target.isr ?? before.isr, target.uncleanReplicas ?? []),
    elr: before.elr,
    addingReplicas: target.addingReplicas ?? before.addingReplicas,
    removingReplicas: target.removingReplicas ?? before.removingReplicas,
  }
  completeReassignment(draft)
  draft.elr = eligibleLeaders(before, draft, target.uncleanReplicas ?? [], rules.minInSyncReplicas)
  const elected = electLeader(before, draft, target.election ?? 'online', rules)
  if (elected.leader !== NO_LEADER && !draft.isr.includes(elected.leader)) {
    draft.isr = [elected.leader]
    const isEnough = hasMinimumInSync(draft, rules.minInSyncReplicas)
    draft.elr = elected.isUnclean || isEnough ? [] : without(draft.elr, [elected.leader])
  }
  const after: PartitionState = {
    ...draft,
    leader: elected.leader,
    leaderEpoch: before.leaderEpoch + (needsNewEpoch(before, draft, elected) ? 1 : 0),
    partitionEpoch: before.partitionEpoch + 1,
    directories: directoriesOf(before, draft.replicas, target, rules),
    lastKnownElr: lastKnownLeader(before, draft, elected.leader),
    leaderRecoveryState: recoveryState(before, draft, target, elected),
  }
  return isSame(before, after) ? undefined : after
}

/** Done when everybody who is to stay is in sync (M3); then those who are to go are gone. */
function completeReassignment(draft: Draft): void {
  const { addingReplicas, removingReplicas } = draft
  if (addingReplicas.length === 0 && removingReplicas.length === 0) return
  const replicas = without(draft.replicas, removingReplicas)
  const isr = without(draft.isr, removingReplicas)
  if (replicas.length === 0 || !replicas.every(replica => isr.includes(replica))) return
  Object.assign(draft, { replicas, isr, addingReplicas: [], removingReplicas: [] })
}

/**
 * Replicas that left the in-sync set when it was below the minimum: since the high watermark does not move while it is, they have everything
 * committed. With enough in sync again nobody needs them.
 */
function eligibleLeaders(
  before: PartitionState,
  { replicas, isr }: Draft,
  uncleanReplicas: readonly number[],
  minInSyncReplicas: number,
): readonly number[] {
  if (hasMinimumInSync({ replicas, isr }, minInSyncReplicas)) return []
  const candidates = [...before.elr, ...without(before.isr, before.elr)]
  return candidates.filter(id => replicas.includes(id) && !isr.includes(id) && !uncleanReplicas.includes(id))
}

function hasMinimumInSync({ replicas, isr }: Pick<Draft, 'replicas' | 'isr'>, minInSyncReplicas: number): boolean {
  return isr.length >= Math.min(minInSyncReplicas, replicas.length)
}

interface Elected {
  readonly leader: number
  readonly isUnclean: boolean
}

function electLeader(before: PartitionState, draft: Draft, election: Election, rules: PartitionRules): Elected {
  const { replicas, isr, elr } = draft
  const isFit = (id: number): boolean =>
    (isr.includes(id) || (isr.length === 0 && elr.includes(id))) && rules.mayLead(id)
  const preferred = replicas[0]!
  if (election === 'preferred' && isFit(preferred)) return { leader: preferred, isUnclean: false }
  if (isFit(before.leader)) return { leader: before.leader, isUnclean: false }
  const fit = replicas.find(isFit)
  if (fit !== undefined) return { leader: fit, isUnclean: false }
  const lastKnown = before.leader === NO_LEADER ? before.lastKnownElr[0] : before.leader
  const nobodyHasAll = isr.length === 0 && elr.length === 0
  if (nobodyHasAll && lastKnown !== undefined && replicas.includes(lastKnown) && rules.mayLead(lastKnown)) {
    return { leader: lastKnown, isUnclean: true }
  }
  const any = election === 'unclean' ? replicas.find(id => rules.mayLead(id)) : undefined
  return any === undefined ? { leader: NO_LEADER, isUnclean: false } : { leader: any, isUnclean: true }
}

/**
 * Also for a leader that goes on after it may have lost the end of its log, so that the same offset never has two batches of one epoch (L2), and
 * when a replica is removed, so that it cannot go on fetching.
 */
function needsNewEpoch(before: PartitionState, draft: Draft, elected: Elected): boolean {
  if (elected.leader !== before.leader || elected.isUnclean) return true
  return before.replicas.some(replica => !draft.replicas.includes(replica))
}

/** Remembered while there is no leader: who led last, when nobody that has everything is left. */
function lastKnownLeader(before: PartitionState, { isr }: Draft, leader: number): readonly number[] {
  if (leader !== NO_LEADER) return []
  return isr.length === 0 && before.leader !== NO_LEADER ? [before.leader] : before.lastKnownElr
}

function recoveryState(before: PartitionState, draft: Draft, target: PartitionTarget, elected: Elected): number {
  // A lone replica has nobody to recover from, or to recover for.
  if (elected.isUnclean)
    return draft.replicas.length > 1 ? LeaderRecoveryState.RECOVERING : LeaderRecoveryState.RECOVERED
  return target.leaderRecoveryState ?? before.leaderRecoveryState
}

function directoriesOf(
  before: PartitionState,
  replicas: readonly number[],
  target: PartitionTarget,
  rules: PartitionRules,
): readonly Uuid[] {
  return replicas.map(id => {
    const index = before.replicas.indexOf(id)
    const known = index === -1 ? rules.directoryOf(id) : (before.directories[index] ?? ZERO_UUID)
    return target.directories?.get(id) ?? known
  })
}

function isSame(before: PartitionState, after: PartitionState): boolean {
  return (
    before.leader === after.leader &&
    before.leaderEpoch === after.leaderEpoch &&
    before.leaderRecoveryState === after.leaderRecoveryState &&
    isSameList(before.replicas, after.replicas) &&
    isSameList(before.isr, after.isr) &&
    isSameList(before.elr, after.elr) &&
    isSameList(before.lastKnownElr, after.lastKnownElr) &&
    isSameList(before.addingReplicas, after.addingReplicas) &&
    isSameList(before.removingReplicas, after.removingReplicas) &&
    isSameList(before.directories, after.directories)
  )
}

function isSameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}

export function without(ids: readonly number[], gone: readonly number[]): readonly number[] {
  return gone.length === 0 ? ids : ids.filter(id => !gone.includes(id))
}

export function isReassigning(partition: PartitionState): boolean {
  return partition.addingReplicas.length > 0 || partition.removingReplicas.length > 0
}
