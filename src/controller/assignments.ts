/** New partitions: what a client may say of where their replicas go, and how they begin. */

import { LeaderRecoveryState } from '../metadata/cluster-image.ts'
import type { PartitionState } from '../metadata/cluster-image.ts'
import type { ErrorName } from '../protocol/errors.ts'
import type { ControlState } from './control-state.ts'
import { placeReplicas } from './placement.ts'

/** Kafka's limit on what one request may change: topics, partitions and settings together. */
export const DELTAS_PER_REQUEST_MAX = 10_000
export const TOO_MANY_PARTITIONS = `Excessively large number of partitions per request: at most ${DELTAS_PER_REQUEST_MAX} changes.`

export interface Unplaced {
  readonly ok: false
  readonly error: ErrorName
  readonly message: string
}

export type NewPartitions = { readonly ok: true; readonly partitions: readonly PartitionState[] } | Unplaced

export function unplaced(error: ErrorName, message: string): Unplaced {
  return { ok: false, error, message }
}

/** Why there may not be so many more partitions; undefined where there may. */
export function roomProblem({ image, config }: ControlState, additional: number): Unplaced | undefined {
  const { partitionsMax } = config
  if (image.partitionCount + additional <= partitionsMax) return undefined
  return unplaced(
    'POLICY_VIOLATION',
    `there are ${image.partitionCount} partitions, and with ${additional} more there would be more than ${partitionsMax} (ottla.partitions.max)`,
  )
}

/** Why an assignment is refused; undefined when it is fine. `replicationFactor` is that of the partitions before it, if there are any. */
export function assignmentProblem(
  state: ControlState,
  replicas: readonly number[],
  replicationFactor?: number,
): Unplaced | undefined {
  const invalid = (message: string): Unplaced => unplaced('INVALID_REPLICA_ASSIGNMENT', message)
  if (replicas.length === 0) return invalid('the assignment of a partition names no broker')
  const seen = new Set<number>()
  for (const id of [...replicas].sort((a, b) => a - b)) {
    if (state.image.broker(id) === undefined) {
      return invalid(`the assignment names broker ${id}, and no such broker is registered`)
    }
    if (seen.has(id)) return invalid(`the assignment of a partition names broker ${id} more than once`)
    seen.add(id)
  }
  if (replicationFactor !== undefined && replicas.length !== replicationFactor) {
    const counts = `${replicas.length} replica(s), the partitions before it have ${replicationFactor}`
    return invalid(`the assignment of a partition has ${counts}`)
  }
  return replicationProblem(state, replicas.length)
}

/** Replicas that nobody copies to would never be in sync, and whoever waits for them would wait for ever. */
function replicationProblem({ canReplicate }: ControlState, replicationFactor: number): Unplaced | undefined {
  if (canReplicate || replicationFactor <= 1) return undefined
  return unplaced(
    'INVALID_REPLICATION_FACTOR',
    `replication factor ${replicationFactor} cannot be reached: brokers do not copy from each other yet, so a partition has one replica`,
  )
}

/** A partition as it begins; undefined when none of its replicas can lead. */
export function newPartition(state: ControlState, replicas: readonly number[]): PartitionState | undefined {
  const isr = replicas.filter(id => state.image.isActive(id))
  if (isr.length === 0) return undefined
  return {
    leader: isr[0]!,
    leaderEpoch: 0,
    partitionEpoch: 0,
    replicas,
    isr: isr.length === replicas.length ? replicas : isr,
    directories: replicas.map(id => state.directoryOf(id)),
    addingReplicas: NOBODY,
    removingReplicas: NOBODY,
    elr: NOBODY,
    lastKnownElr: NOBODY,
    leaderRecoveryState: LeaderRecoveryState.RECOVERED,
  }
}

const NOBODY: readonly number[] = []

/** New partitions, placed by the controller. */
export function placeNew(state: ControlState, count: number, replicationFactor: number): NewPartitions {
  if (count > DELTAS_PER_REQUEST_MAX) return unplaced('POLICY_VIOLATION', TOO_MANY_PARTITIONS)
  const { image } = state
  const brokers = [...image.brokers.values()].map(({ id, rack }) => ({ id, rack, isActive: image.isActive(id) }))
  const placement = placeReplicas(brokers, count, replicationFactor, state.random)
  if (!placement.ok) return placement
  const problem = replicationProblem(state, replicationFactor)
  if (problem !== undefined) return problem
  return { ok: true, partitions: placement.replicas.map(replicas => newPartition(state, replicas)!) }
}
