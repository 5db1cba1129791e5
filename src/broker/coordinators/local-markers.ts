/**
 * Writes end-transaction markers into partitions that this broker leads: the one place where transactions end in a log, whether this broker's coordinator asks, another's,
 * or an administrator who ends a transaction that hangs.
 *
 * Partitions that a coordinator keeps its state in get their markers from it: nobody else may append there, and the group coordinator has to learn what became
 * of the offsets.
 */

import type { Clock } from '../../io/io.ts'
import type { TransactionMarker } from '../../coordinator/runtime/coordinator.ts'
import type { TransactionPartitions } from '../../coordinator/transaction/transaction-metadata.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { buildEndTransactionBatch } from '../../protocol/records/control.ts'
import type { Partition } from '../../replication/partition.ts'

/** What a coordinator does with a marker for one of its partitions. */
export type CompleteTransaction = (
  partition: number,
  marker: TransactionMarker,
  reply: (error: ErrorName | undefined) => void,
) => void

export interface LocalMarkersOptions {
  readonly clock: Clock
  readonly lookup: (topic: string, partition: number) => Partition | ErrorName
  /** By the coordinator that keeps its state in the topic; undefined: none does. */
  readonly coordinatorOf: (topic: string) => CompleteTransaction | undefined
}

/** `request.timeout.ms`: after it the one who asked does so again. */
const markerTimeoutMs = 30_000

/** A coordinator that cannot take it now is, to the one who sends markers, a partition that is led by somebody else. */
const coordinatorErrors: ReadonlySet<ErrorName> = new Set([
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR',
])

export class LocalMarkers {
  readonly #options: LocalMarkersOptions

  constructor(options: LocalMarkersOptions) {
    this.#options = options
  }

  /** Settles when each marker is committed, or cannot be: by topic and partition the error, `NONE` where there is none. Never rejects. */
  async write(
    marker: TransactionMarker,
    partitions: TransactionPartitions,
  ): Promise<(topic: string, partition: number) => ErrorName> {
    const outcomes = new Map<string, Map<number, ErrorName>>()
    const waits: Promise<void>[] = []
    for (const [topic, numbers] of partitions) {
      const ofTopic = new Map<number, ErrorName>()
      outcomes.set(topic, ofTopic)
      for (const number of numbers) {
        waits.push(this.#writeOne(marker, topic, number).then(error => void ofTopic.set(number, error)))
      }
    }
    await Promise.all(waits)
    return (topic, number) => outcomes.get(topic)!.get(number)!
  }

  #writeOne(marker: TransactionMarker, topic: string, number: number): Promise<ErrorName> {
    const partition = this.#options.lookup(topic, number)
    // A partition that is not here, for whatever reason, is unknown to the one who asks.
    if (typeof partition === 'string')
      return Promise.resolve(partition === 'KAFKA_STORAGE_ERROR' ? partition : 'UNKNOWN_TOPIC_OR_PARTITION')
    const complete = this.#options.coordinatorOf(topic)
    if (complete !== undefined) return completeBy(complete, marker, number)
    const { promise, resolve } = Promise.withResolvers<ErrorName>()
    this.#append(marker, partition, resolve)
    return promise
  }

  #append(marker: TransactionMarker, partition: Partition, done: (error: ErrorName) => void): void {
    const { clock } = this.#options
    const { producerId, producerEpoch, coordinatorEpoch, transactionVersion } = marker
    const batch = buildEndTransactionBatch(
      { type: marker.result, coordinatorEpoch },
      { producerId, producerEpoch, timestampMs: clock.nowMs() },
    )
    const outcome = partition.append(batch, -1, 'coordinator', { verificationGuard: undefined, transactionVersion })
    if (outcome.kind === 'rejected') {
      done(outcome.error)
      return
    }
    const timer = clock.setTimer(markerTimeoutMs, () => done('REQUEST_TIMED_OUT'))
    partition.whenAcknowledged(outcome.lastOffset, -1, error => {
      timer.cancel()
      done(error ?? 'NONE')
    })
  }
}

function completeBy(complete: CompleteTransaction, marker: TransactionMarker, partition: number): Promise<ErrorName> {
  return new Promise(resolve => {
    complete(partition, marker, error => {
      if (error === undefined) resolve('NONE')
      else resolve(coordinatorErrors.has(error) ? 'NOT_LEADER_OR_FOLLOWER' : error)
    })
  })
}
