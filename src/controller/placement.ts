/**
 * Where the replicas of new partitions go: round robin over the brokers, beginning somewhere at random, each partition's replicas in as many racks
 * as there are (KIP-36).
 */

import type { Random } from '../io/io.ts'
import type { ErrorName } from '../protocol/errors.ts'

export interface PlacementBroker {
  readonly id: number
  readonly rack: string | null
  /** Alive, and not on its way out: may lead. Others get replicas only where there are not enough. */
  readonly isActive: boolean
}

export type Placement =
  | { readonly ok: true; readonly replicas: readonly (readonly number[])[] }
  | { readonly ok: false; readonly error: ErrorName; readonly message: string }

/** The replicas of `partitionCount` partitions, the leader first. */
export function placeReplicas(
  brokers: readonly PlacementBroker[],
  partitionCount: number,
  replicationFactor: number,
  random: Random,
): Placement {
  const active = interleaveRacks(brokers.filter(broker => broker.isActive))
  const others = interleaveRacks(brokers.filter(broker => !broker.isActive))
  if (replicationFactor > brokers.length) {
    const message = `replication factor ${replicationFactor} cannot be reached: only ${brokers.length} broker(s) are registered`
    return { ok: false, error: 'INVALID_REPLICATION_FACTOR', message }
  }
  if (active.length === 0) {
    return { ok: false, error: 'INVALID_REPLICATION_FACTOR', message: 'all brokers are fenced or shutting down' }
  }
  const start = random.below(active.length)
  const replicas = Array.from({ length: partitionCount }, (_, partition) => {
    const leader = (start + partition) % active.length
    // With every round over the brokers followers shift by one, so that the leaders of one broker have their followers on all others.
    const shift = active.length > 1 ? Math.floor(partition / active.length) % (active.length - 1) : 0
    return placePartition([active[leader]!, ...rotated(active, leader, shift), ...others], replicationFactor)
  })
  return { ok: true, replicas }
}

/** Takes one of each rack in turn. */
function interleaveRacks(brokers: readonly PlacementBroker[]): PlacementBroker[] {
  const racks = new Map<string | null, PlacementBroker[]>()
  for (const broker of [...brokers].sort((a, b) => a.id - b.id)) {
    const rack = racks.get(broker.rack)
    if (rack === undefined) racks.set(broker.rack, [broker])
    else rack.push(broker)
  }
  const interleaved: PlacementBroker[] = []
  for (let round = 0; interleaved.length < brokers.length; round++) {
    for (const rack of racks.values()) if (round < rack.length) interleaved.push(rack[round]!)
  }
  return interleaved
}

/** All but the one at `leader`, beginning `shift` places behind it. */
function rotated(brokers: readonly PlacementBroker[], leader: number, shift: number): PlacementBroker[] {
  const count = brokers.length - 1
  return Array.from(
    { length: count },
    (_, index) => brokers[(leader + 1 + ((index + shift) % count)) % brokers.length]!,
  )
}

/** In the order given, first one of each rack, then whoever comes; a broker without a rack is a rack of its own. */
function placePartition(candidates: readonly PlacementBroker[], replicationFactor: number): number[] {
  const racks = new Set<string>()
  const chosen: number[] = []
  const rest: number[] = []
  for (const { id, rack } of candidates) {
    if (rack !== null && racks.has(rack)) rest.push(id)
    else chosen.push(id)
    if (rack !== null) racks.add(rack)
  }
  return [...chosen, ...rest].slice(0, replicationFactor)
}
