/**
 * Leaders ask for another in-sync set (AlterPartition, KIP-497): a compare-and-set on the partition epoch. Nobody gets in who is fenced, on its way out
 * (KIP-841), or who is not the life of that broker that the leader saw catch up (KIP-903).
 */

import { LeaderRecoveryState } from '../metadata/cluster-image.ts'
import type { PartitionState } from '../metadata/cluster-image.ts'
import type { ErrorName } from '../protocol/errors.ts'
import { brokerEpochProblem } from './brokers.ts'
import type { ControlState } from './control-state.ts'
import { electionOf, stageChange } from './partitions.ts'
import { DONE } from './requests.ts'
import type { AlterablePartition, AlterPartitionResult, AlterPartitionsResult } from './requests.ts'

interface Leader {
  readonly brokerId: number
  readonly brokerEpoch: number
}

export function alterPartitions(
  state: ControlState,
  leader: Leader,
  partitions: readonly AlterablePartition[],
): AlterPartitionsResult {
  const stale = brokerEpochProblem(state.image, leader)
  if (stale !== undefined) return { ...stale, partitions: [] }
  return { ...DONE, partitions: partitions.map(wanted => alterPartition(state, leader.brokerId, wanted)) }
}

function alterPartition(state: ControlState, brokerId: number, wanted: AlterablePartition): AlterPartitionResult {
  const { topicId, partitionIndex } = wanted
  const topic = state.image.topicById(topicId)
  if (topic === undefined) return failed(wanted, 'UNKNOWN_TOPIC_ID')
  const before = topic.partitions[partitionIndex]
  if (before === undefined) return failed(wanted, 'UNKNOWN_TOPIC_OR_PARTITION')
  const error = problemOf(state, brokerId, before, wanted)
  if (error !== undefined) return failed(wanted, error)
  const target = {
    isr: wanted.newIsrWithEpochs.map(member => member.brokerId),
    leaderRecoveryState: wanted.leaderRecoveryState,
    election: electionOf(state, topic),
  }
  const after = stageChange(state, topic, partitionIndex, target) ?? before
  // The change may have completed a reassignment that ends this leader's time; it happened all the same.
  if (after.leader !== brokerId) return failed(wanted, 'NEW_LEADER_ELECTED')
  const { leader, leaderEpoch, isr, leaderRecoveryState, partitionEpoch } = after
  return {
    topicId,
    partitionIndex,
    error: 'NONE',
    leaderId: leader,
    leaderEpoch,
    isr,
    leaderRecoveryState,
    partitionEpoch,
  }
}

function failed({ topicId, partitionIndex }: AlterablePartition, error: ErrorName): AlterPartitionResult {
  return {
    topicId,
    partitionIndex,
    error,
    leaderId: 0,
    leaderEpoch: 0,
    isr: [],
    leaderRecoveryState: 0,
    partitionEpoch: 0,
  }
}

function problemOf(
  state: ControlState,
  brokerId: number,
  before: PartitionState,
  wanted: AlterablePartition,
): ErrorName | undefined {
  // Who knows a later epoch than we do has heard from a later controller.
  if (wanted.leaderEpoch > before.leaderEpoch || wanted.partitionEpoch > before.partitionEpoch) return 'NOT_CONTROLLER'
  if (wanted.leaderEpoch < before.leaderEpoch) return 'FENCED_LEADER_EPOCH'
  if (brokerId !== before.leader) return 'INVALID_REQUEST'
  if (wanted.partitionEpoch < before.partitionEpoch) return 'INVALID_UPDATE_VERSION'
  const isr = wanted.newIsrWithEpochs.map(member => member.brokerId)
  const isSubset = isr.every(id => before.replicas.includes(id)) && new Set(isr).size === isr.length
  if (!isSubset || !isr.includes(before.leader)) return 'INVALID_REQUEST'
  if (wanted.leaderRecoveryState === LeaderRecoveryState.RECOVERING) {
    // Followers must not count as in sync with a log that may still change; and recovered is not undone.
    if (isr.length > 1 || before.leaderRecoveryState === LeaderRecoveryState.RECOVERED) return 'INVALID_REQUEST'
  }
  return wanted.newIsrWithEpochs.every(member => isEligible(state, member)) ? undefined : 'INELIGIBLE_REPLICA'
}

function isEligible(state: ControlState, member: { readonly brokerId: number; readonly brokerEpoch: number }): boolean {
  if (!state.image.isActive(member.brokerId)) return false
  return member.brokerEpoch === -1 || state.image.broker(member.brokerId)!.epoch === member.brokerEpoch
}
