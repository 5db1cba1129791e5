/**
 * Has markers written into all partitions of a transaction that has been decided, by whoever leads them, until each has one; then tells the coordinator (P6).
 *
 * Nothing of this is remembered over a restart: the coordinator that loads the decision begins anew. A marker that is written twice is harmless, since it finds no transaction
 * open the second time.
 *
 * A partition that is gone needs no marker. One that has seen a later epoch of the producer has none of this transaction open. One that has seen a later coordinator
 * epoch means that another coordinator has taken over, which finishes what is to be done.
 */

import type { Clock } from '../../io/io.ts'
import type { TransactionMarker } from '../../coordinator/runtime/coordinator.ts'
import type { TransactionPartitions } from '../../coordinator/transaction/transaction-metadata.ts'
import type { WriteMarkers } from '../../coordinator/transaction/transaction-requests.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { errorOf, ErrorCode } from '../../protocol/errors.ts'
import type { Logger } from '../../std/logger.ts'

/** The partitions that markers are written into, on whatever broker. */
export interface MarkerPartitions {
  /** The broker that leads it, −1 when none does at the moment; undefined when there is no such partition. */
  leaderOf(topic: string, partition: number): number | undefined
  /** Answers for each partition when its marker is committed, or with the error. Never rejects. */
  write(leader: number, marker: TransactionMarker, partitions: TransactionPartitions): Promise<MarkerOutcomes>
}

export type MarkerOutcomes = (topic: string, partition: number) => ErrorName

export interface TransactionMarkersOptions {
  readonly clock: Clock
  readonly partitions: MarkerPartitions
  readonly logger: Logger
  /** Tells the coordinator that all markers are there. */
  readonly complete: (markers: WriteMarkers, statePartition: number) => Promise<ErrorName>
  /** Whether this broker is still the coordinator that decided. */
  readonly isCoordinator: (statePartition: number) => boolean
}

const retryMsMin = 20
const retryMsMax = 1000

/** What there is left to do about a partition. */
type Step = 'done' | 'again' | 'leave-it-all'

export class TransactionMarkers {
  readonly #options: TransactionMarkersOptions
  #underWay = 0
  #closed = false

  constructor(options: TransactionMarkersOptions) {
    this.#options = options
  }

  /** Decisions that are not complete. */
  get underWay(): number {
    return this.#underWay
  }

  send(markers: WriteMarkers, statePartition: number): void {
    void this.#send(markers, statePartition)
  }

  /** Nothing is sent any more; the next coordinator goes on. */
  close(): void {
    this.#closed = true
  }

  async #send(markers: WriteMarkers, statePartition: number): Promise<void> {
    this.#underWay += 1
    let retryMs = retryMsMin
    let left: TransactionPartitions = markers.partitions
    for (;;) {
      if (this.#isObsolete(statePartition)) break
      const next = left.size === 0 ? left : await this.#round(markers, left)
      if (next === undefined || this.#isObsolete(statePartition)) break
      if (next.size === 0 && (await this.#complete(markers, statePartition))) break
      if (sizeOf(next) < sizeOf(left)) retryMs = retryMsMin
      left = next
      await new Promise<void>(resolve => void this.#options.clock.setTimer(retryMs, resolve))
      retryMs = Math.min(retryMs * 2, retryMsMax)
    }
    this.#underWay -= 1
  }

  #isObsolete(statePartition: number): boolean {
    return this.#closed || !this.#options.isCoordinator(statePartition)
  }

  /** Asks every leader once. Gives back the partitions that are left; undefined when this broker has nothing more to say. */
  async #round(markers: WriteMarkers, left: TransactionPartitions): Promise<TransactionPartitions | undefined> {
    const { partitions } = this.#options
    const again = new Map<string, Set<number>>()
    const byLeader = new Map<number, Map<string, Set<number>>>()
    for (const [topic, numbers] of left) {
      for (const number of numbers) {
        const leader = partitions.leaderOf(topic, number)
        if (leader === undefined) continue
        if (leader < 0) add(again, topic, number)
        else add(getOrMake(byLeader, leader), topic, number)
      }
    }
    const { producerId, producerEpoch, coordinatorEpoch, result, transactionVersion } = markers
    const marker: TransactionMarker = { producerId, producerEpoch, coordinatorEpoch, result, transactionVersion }
    const rounds = [...byLeader].map(async ([leader, asked]) => {
      const outcomes = await partitions.write(leader, marker, asked)
      return { asked, outcomes }
    })
    for (const { asked, outcomes } of await Promise.all(rounds)) {
      for (const [topic, numbers] of asked) {
        for (const number of numbers) {
          const step = this.#stepAfter(outcomes(topic, number), markers, topic, number)
          if (step === 'leave-it-all') return undefined
          if (step === 'again') add(again, topic, number)
        }
      }
    }
    return again
  }

  #stepAfter(error: ErrorName, markers: WriteMarkers, topic: string, partition: number): Step {
    if (error === 'NONE') return 'done'
    const { transactionalId, producerId, producerEpoch, coordinatorEpoch } = markers
    const facts = { transactionalId, producerId, producerEpoch, coordinatorEpoch, partition: `${topic}-${partition}` }
    if (error === 'INVALID_PRODUCER_EPOCH') {
      this.#options.logger.warn('a partition has seen a later epoch of a producer than its transaction has', facts)
      return 'done'
    }
    if (error === 'TRANSACTION_COORDINATOR_FENCED') {
      this.#options.logger.warn('another coordinator has ended a transaction', facts)
      return 'leave-it-all'
    }
    if (!errorOf(ErrorCode[error]).isRetriable)
      this.#options.logger.error(`a transaction marker was answered with ${error}, and is sent again`, facts)
    return 'again'
  }

  /** False when it is to be tried again. */
  async #complete(markers: WriteMarkers, statePartition: number): Promise<boolean> {
    const error = await this.#options.complete(markers, statePartition)
    return error === 'NONE' || error === 'NOT_COORDINATOR' || error === 'COORDINATOR_LOAD_IN_PROGRESS'
  }
}

function getOrMake<K>(map: Map<K, Map<string, Set<number>>>, key: K): Map<string, Set<number>> {
  let partitions = map.get(key)
  if (partitions === undefined) {
    partitions = new Map()
    map.set(key, partitions)
  }
  return partitions
}

function add(partitions: Map<string, Set<number>>, topic: string, number: number): void {
  const numbers = partitions.get(topic)
  if (numbers === undefined) partitions.set(topic, new Set([number]))
  else numbers.add(number)
}

function sizeOf(partitions: TransactionPartitions): number {
  let size = 0
  for (const numbers of partitions.values()) size += numbers.size
  return size
}
