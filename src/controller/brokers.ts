/**
 * Brokers come and go: what the controller makes of the sessions that brokers have in the store.
 *
 * A broker that starts puts what it says of itself under a key of its session, with a new incarnation id; the controller registers it under a new broker
 * epoch (KIP-380). When the key is gone the broker is fenced: it leads nothing any more and leaves the in-sync sets. An incarnation that comes after a
 * crash may have lost what was not synced, so its replicas leave the eligible leaders too (KIP-966).
 */

import type { BrokerImage, ClusterImage, PartitionState } from '../metadata/cluster-image.ts'
import { NO_LEADER } from '../metadata/cluster-image.ts'
import type { BrokerSession } from '../metadata/metadata-keys.ts'
import type { ControlState } from './control-state.ts'
import { without } from './partition-change.ts'
import { electionOf, stageChanges } from './partitions.ts'
import { DONE, refused } from './requests.ts'
import type { Outcome } from './requests.ts'

/**
 * Brings the image in line with the sessions. The order matters where many brokers change at once, as when a whole cluster restarts: those
 * that may have lost records leave first, so that everybody who has everything is still there to take over; those that are absent next; last those
 * that came back with everything.
 */
export function syncBrokers(state: ControlState, sessions: ReadonlyMap<number, BrokerSession>): void {
  const { image } = state
  const known = [...image.brokers.values()]
  const restarted = known.filter(({ id, incarnationId }) => {
    const session = sessions.get(id)
    return session !== undefined && session.incarnationId !== incarnationId
  })
  const isRestarted = new Set(restarted.map(({ id }) => id))
  for (const { id } of restarted) {
    const session = sessions.get(id)!
    if (session.cleanShutdown) continue
    register(state, id, session)
    dropUnclean(
      state,
      id,
      other => other === id || (image.isActive(other) && sessions.has(other) && !isRestarted.has(other)),
    )
  }
  for (const { id, isFenced } of known) if (!isFenced && !sessions.has(id)) fence(state, id)
  for (const { id } of restarted) if (sessions.get(id)!.cleanShutdown) returnClean(state, id, sessions.get(id)!)
  for (const [id, session] of sessions) if (image.broker(id) === undefined) register(state, id, session)
  for (const [id, session] of sessions) updateState(state, image.broker(id)!, session)
  electForLeaderless(state)
}

function register(state: ControlState, brokerId: number, session: BrokerSession): void {
  const { incarnationId, endpoints, rack, logDirs, features, isShuttingDown } = session
  // The number of this delta: it grows over all lives of all brokers.
  const brokerEpoch = state.nextNumber
  state.stage({
    type: 'broker-registered',
    brokerId,
    brokerEpoch,
    incarnationId,
    endpoints,
    rack,
    logDirs,
    features,
    isFenced: false,
    isShuttingDown,
  })
}

/** What it has may end before what it once confirmed. */
function dropUnclean(state: ControlState, brokerId: number, mayLead: (id: number) => boolean): void {
  stageChanges(
    state,
    (partition, topic) => {
      if (!partition.isr.includes(brokerId) && !partition.elr.includes(brokerId)) return undefined
      return { uncleanReplicas: [brokerId], election: electionOf(state, topic) }
    },
    mayLead,
  )
}

/** Gone: it leads nothing and is in no in-sync set. */
function fence(state: ControlState, brokerId: number): void {
  leaveInSyncSets(state, brokerId)
  stageState(state, state.image.broker(brokerId)!, { isFenced: true, isShuttingDown: false })
}

function leaveInSyncSets(
  state: ControlState,
  brokerId: number,
  concerns: (partition: PartitionState) => boolean = () => true,
): void {
  stageChanges(
    state,
    (partition, topic) => {
      if (!partition.isr.includes(brokerId) || !concerns(partition)) return undefined
      return { isr: without(partition.isr, [brokerId]), election: electionOf(state, topic) }
    },
    id => id !== brokerId && state.image.isActive(id),
  )
}

/**
 * It was away for a moment, and has everything that it had. Where others are in sync they went on without it, and it has to catch up; where
 * it is the only one nothing has happened meanwhile.
 */
function returnClean(state: ControlState, brokerId: number, session: BrokerSession): void {
  leaveInSyncSets(state, brokerId, partition => partition.isr.length > 1)
  register(state, brokerId, session)
}

/** Fenced before and alive again, or on its way out. */
function updateState(state: ControlState, broker: BrokerImage, { isShuttingDown }: BrokerSession): void {
  if (isShuttingDown && !broker.isShuttingDown) leaveInSyncSets(state, broker.id, partition => partition.isr.length > 1)
  if (broker.isFenced || broker.isShuttingDown !== isShuttingDown) {
    stageState(state, broker, { isFenced: false, isShuttingDown })
  }
}

function stageState(
  state: ControlState,
  { id, epoch, logDirs }: BrokerImage,
  change: { isFenced: boolean; isShuttingDown: boolean },
): void {
  state.stage({ type: 'broker-changed', brokerId: id, brokerEpoch: epoch, logDirs, ...change })
}

function electForLeaderless(state: ControlState): void {
  stageChanges(state, (partition, topic) => {
    if (partition.leader !== NO_LEADER || !partition.replicas.some(id => state.image.isActive(id))) return undefined
    return { election: electionOf(state, topic) }
  })
}

/**
 * Forgets a broker. One that is alive is not lost by that: `sessions` still has it, and it is registered anew, under a new epoch, in the
 * same change.
 */
export function unregisterBroker(
  state: ControlState,
  brokerId: number,
  sessions: ReadonlyMap<number, BrokerSession>,
): Outcome {
  const broker = state.image.broker(brokerId)
  if (broker === undefined) return refused('BROKER_ID_NOT_REGISTERED', `broker ${brokerId} is not registered`)
  stageChanges(
    state,
    (partition, topic) => {
      if (!partition.isr.includes(brokerId) && !partition.elr.includes(brokerId)) return undefined
      // Whoever comes later with this id may be another broker, with empty logs.
      return { uncleanReplicas: [brokerId], election: electionOf(state, topic) }
    },
    id => id !== brokerId && state.image.isActive(id),
  )
  state.stage({ type: 'broker-unregistered', brokerId, brokerEpoch: broker.epoch })
  if (sessions.has(brokerId)) syncBrokers(state, sessions)
  return DONE
}

/** Why a request of a broker is not from its present life; undefined when it is (KIP-380). */
export function brokerEpochProblem(
  image: ClusterImage,
  { brokerId, brokerEpoch }: { readonly brokerId: number; readonly brokerEpoch: number },
): Outcome | undefined {
  const broker = image.broker(brokerId)
  // Kafka answers the same in both cases.
  if (broker === undefined) return refused('STALE_BROKER_EPOCH', `broker ${brokerId} is not registered`)
  if (broker.epoch === brokerEpoch) return undefined
  return refused('STALE_BROKER_EPOCH', `broker ${brokerId} has epoch ${broker.epoch} now, and not ${brokerEpoch}`)
}
