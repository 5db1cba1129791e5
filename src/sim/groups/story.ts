/** What the parts of a story about groups and transactions share: what all clients saw, how often everything came up, and how far the story is. */

import { ErrorCode, errorOf } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { assert } from '../../std/assert.ts'
import type { SeededRandom } from '../../std/random.ts'
import { HistoryChecker } from '../checker.ts'
import type { HistoryEvent } from '../history.ts'
import { count, type Counts } from '../scenario.ts'
import { GroupLives } from './group-lives.ts'
import { Memberships } from './memberships.ts'
import type { Simulator } from '../simulator.ts'

/** What is read by all groups, and what comes of it. */
export const topics = { in: 4, out: 2 } as const
export type TopicName = keyof typeof topics

export const sessionTimeoutMs = 4000
export const heartbeatMs = 1300
export const rebalanceTimeoutMs = 4000
export const transactionTimeoutMs = 4000

/** Long enough for whoever uses its transactional id now and then, short enough for those who do not. */
export const transactionalIdExpirationMs = 7000
/** How often the broker looks for what has expired. */
export const cleanupIntervalMs = 600
/** Of offsets in groups that nobody is in; those of a story are younger. */
export const offsetsRetentionMinutes = 3

/** Everything is flushed: what was acknowledged survives power cuts. */
export const brokerSettings = {
  'offsets.topic.num.partitions': 2,
  'transaction.state.log.num.partitions': 2,
  'log.flush.interval.messages': 1,
  'group.initial.rebalance.delay.ms': 200,
  'group.min.session.timeout.ms': 1000,
  'group.consumer.min.session.timeout.ms': 1000,
  'group.consumer.session.timeout.ms': sessionTimeoutMs,
  'group.consumer.min.heartbeat.interval.ms': 500,
  'group.consumer.heartbeat.interval.ms': heartbeatMs,
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': 500,
  'transactional.id.expiration.ms': transactionalIdExpirationMs,
  'transaction.remove.expired.transaction.cleanup.interval.ms': cleanupIntervalMs,
  'offsets.retention.minutes': offsetsRetentionMinutes,
  'offsets.retention.check.interval.ms': cleanupIntervalMs,
  'connections.max.idle.ms': 3_600_000,
} as const

/** An event before it is known when it happens. */
export type NewEvent = HistoryEvent extends infer E ? (E extends { at: number } ? Omit<E, 'at'> : never) : never

export class GroupStory {
  readonly simulator: Simulator
  readonly random: SeededRandom
  readonly counts: Counts = {}
  readonly checker = new HistoryChecker()
  readonly topicIds = new Map<TopicName, string>()
  readonly lives = new GroupLives(group => this.migratingGroups.has(group))
  readonly memberships = new Memberships()
  /** Since when nothing has happened to the broker; infinite while something does. */
  calmSinceMs = 0
  /** How often the broker's clock was set, and who has to know. */
  clockJumps = 0
  onClockJump: () => void = () => {}
  /** Groups whose members are of either protocol, each as it likes. */
  readonly migratingGroups = new Set<string>()
  /** Faults are over: producers end, groups read what is left. */
  isHealed = false
  /** Everybody goes home. */
  isOver = false
  /** Producers whose process has not ended. */
  feedersUnderWay: () => number = () => 0
  /** Fails with the first thing that goes wrong alongside; never resolves. */
  readonly #alongside = Promise.withResolvers<never>()
  /** Whoever was given a producer id, and which epochs of it. */
  readonly #producerOf = new Map<number, string>()
  readonly #identities = new Set<string>()
  /** By transactional id, the process that began last, as the broker saw it: answers to two of them may come in another order. */
  readonly #latestProducer = new Map<string, { client: string; producerId: number; producerEpoch: number }>()
  readonly #lastStableOffsets = new Map<string, number>()

  constructor(simulator: Simulator) {
    this.simulator = simulator
    this.random = simulator.world.random
  }

  /** Nobody waits for it, but it must not fail. */
  alongside(work: Promise<void>): void {
    work.catch((error: unknown) => this.#alongside.reject(error))
  }

  /** The story, unless something fails that goes on beside it. */
  together<T>(story: Promise<T>): Promise<T> {
    return Promise.race([story, this.#alongside.promise])
  }

  count(kind: string): void {
    count(this.counts, kind)
  }

  /** Something has happened to a client; fails as soon as it contradicts what happened before. */
  tell(event: NewEvent): void {
    this.checker.add({ at: this.simulator.world.nowMs, ...event })
    this.assertSound()
  }

  assertSound(): void {
    const [first] = this.checker.findings
    assert(first === undefined, () => `${first!.code} ${first!.kind}: ${first!.what}`)
  }

  /** A generation as the checker is told of it: one that is later is greater. */
  generationOf(groupId: string, generation: number): number {
    return this.lives.ordinal(groupId, generation)
  }

  /** A dynamic member is told that it is none any more, though all was well when it asked at `beatMs`: then its session must have ended. */
  putOut(groupId: string, memberId: string, beatMs: number): void {
    const { nowMs } = this.simulator.world
    const isKnown = beatMs > this.calmSinceMs && !this.migratingGroups.has(groupId)
    assert(
      !isKnown || nowMs - beatMs >= sessionTimeoutMs,
      () => `G5: ${memberId} was put out of ${groupId} ${nowMs - beatMs} ms after a heartbeat`,
    )
  }

  /** How far anybody has seen committed records to be readable. */
  lastStableOffset(partition: string): number {
    return this.#lastStableOffsets.get(partition) ?? 0
  }

  /** Somebody who asked when all had seen `before` was answered where a partition ends. */
  sawEnds(partition: string, before: number, lastStableOffset: number, highWatermark: number): void {
    assert(
      lastStableOffset <= highWatermark,
      () => `P4: the last stable offset of ${partition} is ${lastStableOffset}, its end ${highWatermark}`,
    )
    assert(
      lastStableOffset >= before,
      () =>
        `P4: the last stable offset of ${partition} went back from ${before} to ${lastStableOffset}, its end is ${highWatermark}`,
    )
    this.#lastStableOffsets.set(partition, Math.max(this.lastStableOffset(partition), lastStableOffset))
  }

  /** A producer was given what nobody has had; whoever was the producer of this transactional id before is it no more. */
  issued(client: string, transactionalId: string, producerId: number, producerEpoch: number): void {
    const key = `${producerId}/${producerEpoch}`
    assert(!this.#identities.has(key), () => `P7: ${transactionalId} was given ${key}, which had been given before`)
    const known = this.#latestProducer.get(transactionalId)
    const isLatest =
      known === undefined ||
      producerId > known.producerId ||
      (producerId === known.producerId && producerEpoch > known.producerEpoch)
    if (isLatest) this.#latestProducer.set(transactionalId, { client, producerId, producerEpoch })
    this.continues(transactionalId, producerId, producerEpoch)
  }

  /** A producer was given the next epoch because it asked for it (KIP-360), as only the last one may; or anybody, where the transactional id had expired. */
  recovered(client: string, transactionalId: string, producerId: number, producerEpoch: number): void {
    if (!this.#producerOf.has(producerId)) {
      this.count('producer forgotten')
      this.issued(client, transactionalId, producerId, producerEpoch)
      return
    }
    const latest = this.#latestProducer.get(transactionalId)
    // Of two answers that cross the earlier one may be heard later.
    const wasBefore = latest?.producerId === producerId && producerEpoch < latest.producerEpoch
    assert(
      latest?.client === client || wasBefore,
      () => `P2: ${client} was given epoch ${producerEpoch} of ${transactionalId}, which is ${latest?.client} now`,
    )
    this.count('epoch recovered')
    this.continues(transactionalId, producerId, producerEpoch)
  }

  /** A producer goes on with this, which it may have been told before. */
  continues(transactionalId: string, producerId: number, producerEpoch: number): void {
    const owner = this.#producerOf.get(producerId) ?? transactionalId
    assert(
      owner === transactionalId,
      () => `P7: the producer id ${producerId} of ${owner} was given to ${transactionalId}`,
    )
    this.#producerOf.set(producerId, owner)
    this.#identities.add(`${producerId}/${producerEpoch}`)
  }

  /** A client waits, as long as its process runs. */
  between(leastMs: number, mostMs: number): number {
    return leastMs + this.random.float() * (mostMs - leastMs)
  }
}

export function partitionName(topic: TopicName, partition: number): string {
  return `${topic}-${partition}`
}

export function errorName(code: number): ErrorName {
  return errorOf(code).name
}

/** What may happen to any request while a broker starts, stops, or has trouble with its disk: to be tried again. */
const passing: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.KAFKA_STORAGE_ERROR,
  // What Produce says of a coordinator that is not there.
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.CONCURRENT_TRANSACTIONS,
])

export function isPassing(code: number): boolean {
  return passing.has(code)
}
