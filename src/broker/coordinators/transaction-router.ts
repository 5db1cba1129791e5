/**
 * Finds the broker that coordinates a transactional id, or that leads a partition, and asks it: this one by a call, another one by the request that Kafka has
 * for it.
 */

import type { TransactionMarker } from '../../coordinator/runtime/coordinator.ts'
import type { TransactionPartitions } from '../../coordinator/transaction/transaction-metadata.ts'
import type { ClusterImage } from '../../metadata/cluster-image.ts'
import { apis } from '../../protocol/apis.ts'
import { errorOf } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { TRANSACTION_TOPIC } from '../../metadata/internal-topics.ts'
import type { LocalMarkers } from './local-markers.ts'
import type { PeerBrokers } from './peer-brokers.ts'
import type { MarkerOutcomes, MarkerPartitions } from './transaction-markers.ts'
import type { PartitionErrors, ProducerTransaction, TransactionPartitionsKeeper } from './transaction-verification.ts'

export interface TransactionRouterOptions {
  readonly nodeId: number
  readonly image: ClusterImage
  readonly peers: PeerBrokers
  readonly localMarkers: LocalMarkers
  readonly localKeeper: () => TransactionPartitionsKeeper
  readonly partitionFor: (transactionalId: string) => number
}

/** The version from which on brokers ask each other, with TRANSACTION_ABORTABLE. */
const addPartitionsVersion = 5
const writeMarkersVersion = 2

export class TransactionRouter implements TransactionPartitionsKeeper, MarkerPartitions {
  readonly #options: TransactionRouterOptions

  constructor(options: TransactionRouterOptions) {
    this.#options = options
  }

  verifyPartitions(transaction: ProducerTransaction, partitions: TransactionPartitions): Promise<PartitionErrors> {
    return this.#askCoordinator(transaction, partitions, true)
  }

  addPartitions(transaction: ProducerTransaction, partitions: TransactionPartitions): Promise<PartitionErrors> {
    return this.#askCoordinator(transaction, partitions, false)
  }

  leaderOf(topic: string, partition: number): number | undefined {
    return this.#options.image.topicByName(topic)?.partitions[partition]?.leader
  }

  write(leader: number, marker: TransactionMarker, partitions: TransactionPartitions): Promise<MarkerOutcomes> {
    const { nodeId, localMarkers } = this.#options
    return leader === nodeId ? localMarkers.write(marker, partitions) : this.#writeAt(leader, marker, partitions)
  }

  async #askCoordinator(
    transaction: ProducerTransaction,
    partitions: TransactionPartitions,
    verifyOnly: boolean,
  ): Promise<PartitionErrors> {
    const { nodeId, partitionFor, localKeeper, peers } = this.#options
    const { transactionalId, producerId, producerEpoch } = transaction
    const leader = this.leaderOf(TRANSACTION_TOPIC, partitionFor(transactionalId))
    if (leader === undefined || leader < 0) return () => 'COORDINATOR_NOT_AVAILABLE'
    if (leader === nodeId) {
      const keeper = localKeeper()
      return verifyOnly
        ? keeper.verifyPartitions(transaction, partitions)
        : keeper.addPartitions(transaction, partitions)
    }
    const topics = [...partitions].map(([name, numbers]) => ({ name, partitions: [...numbers] }))
    const asked = { transactionalId, producerId, producerEpoch, verifyOnly, topics }
    const body = { transactions: [asked] }
    const answer = await peers.request(leader, apis.AddPartitionsToTxn, body, { version: addPartitionsVersion })
    if (answer === undefined) return () => 'NETWORK_EXCEPTION'
    const results = answer.resultsByTransaction[0]?.topicResults ?? []
    return errorsOf(
      results.map(({ name, resultsByPartition }) => [
        name,
        resultsByPartition.map(each => [each.partitionIndex, each.partitionErrorCode]),
      ]),
      'NETWORK_EXCEPTION',
    )
  }

  async #writeAt(
    leader: number,
    marker: TransactionMarker,
    partitions: TransactionPartitions,
  ): Promise<MarkerOutcomes> {
    const { producerId, producerEpoch, result, coordinatorEpoch, transactionVersion } = marker
    const topics = [...partitions].map(([name, numbers]) => ({ name, partitionIndexes: [...numbers] }))
    const transactionResult = result === 'COMMIT'
    const written = { producerId, producerEpoch, transactionResult, topics, coordinatorEpoch, transactionVersion }
    const body = { markers: [written] }
    const answer = await this.#options.peers.request(leader, apis.WriteTxnMarkers, body, {
      version: writeMarkersVersion,
    })
    const results = answer?.markers[0]?.topics ?? []
    return errorsOf(
      results.map(({ name, partitions: each }) => [name, each.map(one => [one.partitionIndex, one.errorCode])]),
      'NOT_LEADER_OR_FOLLOWER',
    )
  }
}

/** `otherwise` for partitions that the answer says nothing of. */
function errorsOf(
  topics: readonly (readonly [name: string, partitions: readonly (readonly [index: number, code: number])[]])[],
  otherwise: ErrorName,
): PartitionErrors {
  const byTopic = new Map(topics.map(([name, partitions]) => [name, new Map(partitions)]))
  return (topic, partition) => {
    const code = byTopic.get(topic)?.get(partition)
    return code === undefined ? otherwise : errorOf(code).name
  }
}
