/**
 * Everything about transactions that a broker has: the coordinator of those transactional ids whose partition of `__transaction_state` it leads, the verification of what is
 * produced in transactions, and the markers that end them in its own partitions.
 *
 * Lifecycle: made with the broker, `start` when the partitions are open, `close` before they are closed.
 */

import { CountedLimit } from '../../coordinator/counted-limit.ts'
import { transactionLogFormat } from '../../coordinator/transaction/transaction-log.ts'
import type { TransactionRecord } from '../../coordinator/transaction/transaction-log.ts'
import type { TransactionVersion } from '../../coordinator/transaction/transaction-metadata.ts'
import type { TransactionEffect } from '../../coordinator/transaction/transaction-requests.ts'
import { TransactionShard } from '../../coordinator/transaction/transaction-shard.ts'
import { TRANSACTION_VERSION } from '../../controller/features.ts'
import type { Clock } from '../../io/io.ts'
import type { ClusterImage } from '../../metadata/cluster-image.ts'
import type { BrokerConfig } from '../../metadata/config/broker-config.ts'
import { assert } from '../../std/assert.ts'
import type { ProducerIds } from '../producer-ids.ts'
import { CoordinatorHost } from './coordinator-host.ts'
import type { CoordinatorHostOptions } from './coordinator-host.ts'
import { GROUP_TOPIC, TRANSACTION_TOPIC } from '../../metadata/internal-topics.ts'
import { LocalMarkers } from './local-markers.ts'
import type { CompleteTransaction } from './local-markers.ts'
import type { PeerBrokers } from './peer-brokers.ts'
import { TransactionCoordinator } from './transaction-coordinator.ts'
import { TransactionRouter } from './transaction-router.ts'
import { TransactionVerification } from './transaction-verification.ts'

type Host = CoordinatorHost<TransactionShard, TransactionRecord, TransactionEffect>

export interface TransactionsOptions extends Pick<
  CoordinatorHostOptions<TransactionShard, TransactionRecord, TransactionEffect>,
  'nodeId' | 'image' | 'partitions' | 'topics' | 'randomUuid' | 'logger'
> {
  readonly clock: Clock
  readonly producerIds: ProducerIds
  readonly peers: PeerBrokers
  readonly config: () => BrokerConfig
  /** Which partition of `__consumer_offsets` a group belongs to. */
  readonly offsetsPartitionFor: (groupId: string) => number
  readonly completeGroupTransaction: CompleteTransaction
}

/** How long a decision waits to become safe before its client is told that nobody knows: Kafka's `request.timeout.ms`. */
const writeTimeoutMs = 30_000
/** What open transactions may have on average, for each transactional id that there may be. */
const partitionsPerId = 10

export class Transactions {
  readonly coordinator: TransactionCoordinator
  readonly verification: TransactionVerification
  readonly localMarkers: LocalMarkers
  readonly router: TransactionRouter
  readonly #options: TransactionsOptions
  readonly #host: Host

  constructor(options: TransactionsOptions) {
    const { clock, config, partitions } = options
    this.#options = options
    this.#host = this.#makeHost()
    this.localMarkers = new LocalMarkers({
      clock,
      lookup: (topic, partition) => partitions().lookup(topic, partition),
      coordinatorOf: topic => this.#coordinatorOf(topic),
    })
    this.router = new TransactionRouter({
      ...options,
      localMarkers: this.localMarkers,
      localKeeper: () => this.coordinator,
      partitionFor: transactionalId => this.partitionFor(transactionalId),
    })
    this.coordinator = this.#makeCoordinator()
    this.verification = new TransactionVerification({
      clock,
      keeper: this.router,
      settings: () => config().transactions,
    })
  }

  start(): void {
    this.#host.start()
  }

  close(): void {
    this.coordinator.close()
    this.#host.close()
  }

  /** Of `__transaction_state`. */
  partitionFor(transactionalId: string): number {
    return this.#host.partitionFor(transactionalId)
  }

  /** Of `__consumer_offsets`. */
  offsetsPartitionFor(groupId: string): number {
    return this.#options.offsetsPartitionFor(groupId)
  }

  #coordinatorOf(topic: string): CompleteTransaction | undefined {
    if (topic === GROUP_TOPIC) return this.#options.completeGroupTransaction
    if (topic === TRANSACTION_TOPIC) return (...marker) => this.#host.runtime.completeTransaction(...marker)
    return undefined
  }

  #makeHost(): Host {
    const { config, image, clock } = this.#options
    const nowMs = (): number => clock.nowMs()
    const idsMax = (): number => config().transactions.transactionalIdsMax
    const longIds = new CountedLimit({ max: idsMax, count: () => this.#sum(shard => shard.countLongIds()), nowMs })
    const partitions = new CountedLimit({
      max: () => idsMax() * partitionsPerId,
      count: () => this.#sum(shard => shard.countPartitions()),
      nowMs,
    })
    return new CoordinatorHost({
      ...this.#options,
      topic: TRANSACTION_TOPIC,
      partitionCount: () => config().transactionStateTopic.partitions,
      compression: 'none',
      appendLingerMs: -1,
      writeTimeoutMs,
      loadBufferBytes: config().transactions.loadBufferBytes,
      definition: {
        name: 'transaction',
        format: transactionLogFormat,
        createShard: context =>
          new TransactionShard(context, () => ({
            ...config().transactions,
            transactionVersion: transactionVersionOf(image),
            isFull: () => this.#sum(({ size }) => size) >= idsMax(),
            admitsLongId: kibibytes => longIds.admits(kibibytes),
            admitsPartitions: count => partitions.admits(count),
            loaded: () => {
              longIds.forget()
              partitions.forget()
            },
          })),
        performEffect: (effect, partition) => this.coordinator.performEffect(effect, partition),
      },
    })
  }

  #sum(countOf: (shard: TransactionShard) => number): number {
    const { runtime } = this.#host
    let sum = 0
    for (const partition of runtime.activePartitions()) sum += runtime.read(partition, countOf, () => 0)
    return sum
  }

  #makeCoordinator(): TransactionCoordinator {
    const { clock, logger, producerIds } = this.#options
    return new TransactionCoordinator({
      runtime: this.#host.runtime,
      partitionFor: transactionalId => this.partitionFor(transactionalId),
      clock,
      logger,
      producerIds,
      partitions: this.router,
    })
  }
}

/** As the cluster has finalized it. */
export function transactionVersionOf(image: ClusterImage): TransactionVersion {
  const level = image.features.get(TRANSACTION_VERSION) ?? 0
  assert(level === 0 || level === 1 || level === 2, () => `${TRANSACTION_VERSION} is ${level}`)
  return level
}
