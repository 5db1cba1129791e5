/**
 * The broker's side of the transaction coordinator: finds the shard of a transactional id, gets producer ids for it from the controller, and has the markers of its
 * decisions written.
 *
 * Lifecycle: made with the broker, beside the runtime that it asks; `close` before the partitions are closed.
 */

import { NEEDS_PRODUCER_ID } from '../../coordinator/transaction/transaction-requests.ts'
import type {
  AddPartitions,
  EndTransaction,
  InitProducerId,
  NeedsProducerId,
  ProducerAnswer,
  TransactionEffect,
} from '../../coordinator/transaction/transaction-requests.ts'
import type {
  TransactionMetadata,
  TransactionPartitions,
  TransactionVersion,
} from '../../coordinator/transaction/transaction-metadata.ts'
import type { TransactionRecord } from '../../coordinator/transaction/transaction-log.ts'
import type { TransactionShard } from '../../coordinator/transaction/transaction-shard.ts'
import type { CoordinatorResult } from '../../coordinator/runtime/coordinator.ts'
import type { CoordinatorRuntime } from '../../coordinator/runtime/runtime.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import type { ProducerIds } from '../producer-ids.ts'
import { TransactionMarkers } from './transaction-markers.ts'
import type { TransactionMarkersOptions } from './transaction-markers.ts'
import type { PartitionErrors, ProducerTransaction, TransactionPartitionsKeeper } from './transaction-verification.ts'

export type TransactionRuntime = Pick<
  CoordinatorRuntime<TransactionShard, TransactionRecord, TransactionEffect>,
  'write' | 'read' | 'refusalOf' | 'activePartitions' | 'isLoading'
>

export interface TransactionCoordinatorOptions extends Pick<
  TransactionMarkersOptions,
  'clock' | 'logger' | 'partitions'
> {
  readonly runtime: TransactionRuntime
  /** Which partition of `__transaction_state` a transactional id belongs to. */
  readonly partitionFor: (transactionalId: string) => number
  readonly producerIds: ProducerIds
}

type Operation<T> = (shard: TransactionShard) => CoordinatorResult<TransactionRecord, T, TransactionEffect>

export class TransactionCoordinator implements TransactionPartitionsKeeper {
  readonly #options: TransactionCoordinatorOptions
  readonly #markers: TransactionMarkers

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options
    this.#markers = new TransactionMarkers({
      ...options,
      isCoordinator: partition => options.runtime.refusalOf(partition) === undefined,
      complete: (markers, partition) => this.#writeTo(partition, shard => withError(shard.markersWritten(markers))),
    })
  }

  /** Decisions whose markers are not all written yet. */
  get decisionsUnderWay(): number {
    return this.#markers.underWay
  }

  initProducerId(request: InitProducerId): Promise<ProducerAnswer> {
    return this.#withProducerId(request.transactionalId, (shard, spare) => shard.initProducerId(request, spare))
  }

  endTransaction(request: EndTransaction): Promise<ProducerAnswer> {
    return this.#withProducerId(request.transactionalId, (shard, spare) => shard.endTransaction(request, spare))
  }

  addToTransaction(request: AddPartitions, clientTransactionVersion: TransactionVersion): Promise<ErrorName> {
    return this.#write(request.transactionalId, shard => shard.addPartitions(request, clientTransactionVersion))
  }

  async addPartitions(transaction: ProducerTransaction, partitions: TransactionPartitions): Promise<PartitionErrors> {
    const error = await this.addToTransaction({ ...transaction, partitions }, 2)
    return () => error
  }

  async verifyPartitions(
    transaction: ProducerTransaction,
    partitions: TransactionPartitions,
  ): Promise<PartitionErrors> {
    const partition = this.#options.partitionFor(transaction.transactionalId)
    const verdict = this.#options.runtime.read<ErrorName | ((topic: string, partition: number) => boolean)>(
      partition,
      shard => shard.verifyPartitions({ ...transaction, partitions }),
      error => error,
    )
    if (typeof verdict === 'string') return () => verdict
    return (topic, number) => (verdict(topic, number) ? 'NONE' : 'TRANSACTION_ABORTABLE')
  }

  /** What is committed of a transactional id; undefined when nothing is known of it. */
  describe(transactionalId: string): TransactionMetadata | ErrorName | undefined {
    return this.#options.runtime.read<TransactionMetadata | ErrorName | undefined>(
      this.#options.partitionFor(transactionalId),
      shard => shard.describe(transactionalId),
      error => error,
    )
  }

  /** All that this broker coordinates, as far as it is committed. */
  *list(): Generator<TransactionMetadata> {
    const runtime = this.#options.runtime
    for (const partition of runtime.activePartitions()) {
      yield* runtime.read<Iterable<TransactionMetadata>>(
        partition,
        shard => shard.list(),
        () => [],
      )
    }
  }

  /** What this broker coordinates is not all known yet. */
  get isLoading(): boolean {
    return this.#options.runtime.isLoading
  }

  /** For the runtime: what operations want done, once it is committed that they do. */
  performEffect(effect: TransactionEffect, partition: number): void {
    if (effect.type === 'write-markers') this.#markers.send(effect, partition)
    else void this.#abortWithNewId(effect.transactionalId, partition)
  }

  close(): void {
    this.#markers.close()
  }

  async #abortWithNewId(transactionalId: string, partition: number): Promise<void> {
    const spare = await this.#options.producerIds.next()
    // Without one it stays open until timeouts are looked for again.
    if (typeof spare === 'string') return
    await this.#writeTo(partition, shard => withError(shard.abortTimedOut(transactionalId, spare)))
  }

  async #withProducerId(
    transactionalId: string,
    operation: (
      shard: TransactionShard,
      spare: number | undefined,
    ) => CoordinatorResult<TransactionRecord, ProducerAnswer | NeedsProducerId, TransactionEffect>,
  ): Promise<ProducerAnswer> {
    let spare: number | undefined
    for (;;) {
      const answer = await this.#write<ProducerAnswer | NeedsProducerId>(transactionalId, shard =>
        operation(shard, spare),
      )
      if (answer !== NEEDS_PRODUCER_ID) return answer
      const allocated = await this.#options.producerIds.next()
      // Whatever keeps the controller from giving a block, a client may ask again.
      if (typeof allocated === 'string') return 'COORDINATOR_LOAD_IN_PROGRESS'
      spare = allocated
    }
  }

  #write<T>(transactionalId: string, operation: Operation<T | ErrorName>): Promise<T | ErrorName> {
    return this.#writeTo(this.#options.partitionFor(transactionalId), operation)
  }

  #writeTo<T>(partition: number, operation: Operation<T | ErrorName>): Promise<T | ErrorName> {
    const { promise, resolve } = Promise.withResolvers<T | ErrorName>()
    this.#options.runtime.write<T | ErrorName>(partition, { operation, failed: error => error, reply: resolve })
    return promise
  }
}

function withError(
  result: CoordinatorResult<TransactionRecord, void, TransactionEffect>,
): CoordinatorResult<TransactionRecord, ErrorName, TransactionEffect> {
  return { ...result, response: 'NONE' }
}
