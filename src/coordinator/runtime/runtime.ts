/**
 * Runs one coordinator on all the partitions that this broker leads: a shard each. `coordinator.ts` says how the whole works.
 *
 * Everything is a call or a callback, and nothing a promise: tens of thousands of writes a second go through here. Lifecycle: the broker's side calls `load`
 * and `unload` as leadership comes and goes, `highWatermarkAdvanced` as appends are committed, and `close` at the end.
 */

import type { ErrorName } from '../../protocol/errors.ts'
import type { CompressionType } from '../../protocol/records/compression/index.ts'
import type {
  CoordinatorClock,
  CoordinatorDefinition,
  CoordinatorLog,
  CoordinatorShard,
  TopicsChange,
  TopicsView,
  TransactionMarker,
} from './coordinator.ts'
import { ReplayError } from './replay-batches.ts'
import type { LoadResult } from './shard-loading.ts'
import { ShardRunner } from './shard-runner.ts'
import type { WriteRequest } from './shard-runner.ts'
import { TimerQueue } from './timers.ts'

export interface CoordinatorRuntimeOptions {
  readonly clock: CoordinatorClock
  readonly topics: TopicsView
  readonly randomUuid: () => string
  readonly compression: CompressionType
  /** How long a batch is held open; negative: until the end of the turn (`group.coordinator.append.linger.ms`). */
  readonly appendLingerMs: number
  /** How long a write waits for its commit before its caller is told COORDINATOR_NOT_AVAILABLE (`offsets.commit.timeout.ms`). */
  readonly writeTimeoutMs: number
  /** Bytes read at a time while loading (`offsets.load.buffer.size`). */
  readonly loadBufferBytes: number
  /** A shard was loaded, or could not be; then it answers NOT_COORDINATOR until it is loaded again. */
  readonly onLoaded: (partition: number, result: LoadResult | Error) => void
  /** Somebody else has appended to a partition: its shard has been unloaded, and can be loaded again. */
  readonly onDiverged: (partition: number) => void
}

export class CoordinatorRuntime<S extends CoordinatorShard<R>, R, E = never> {
  readonly #definition: CoordinatorDefinition<S, R, E>
  readonly #options: CoordinatorRuntimeOptions
  readonly #timers: TimerQueue
  readonly #runners = new Map<number, ShardRunner<S, R, E>>()
  /** Partitions that hold what no coordinator wrote, by the epoch in which that was seen: reading them again would give the same. */
  readonly #refused = new Map<number, number>()

  constructor(definition: CoordinatorDefinition<S, R, E>, options: CoordinatorRuntimeOptions) {
    this.#definition = definition
    this.#options = options
    this.#timers = new TimerQueue(options.clock)
  }

  /** The partitions with a shard that can be asked. */
  activePartitions(): number[] {
    return [...this.#runners.values()].filter(({ refusal }) => refusal === undefined).map(({ partition }) => partition)
  }

  /** Whether a shard is being loaded. */
  get isLoading(): boolean {
    return [...this.#runners.values()].some(({ refusal }) => refusal === 'COORDINATOR_LOAD_IN_PROGRESS')
  }

  /** Why nothing can be asked of the partition's shard; undefined when it can. */
  refusalOf(partition: number): ErrorName | undefined {
    const runner = this.#runners.get(partition)
    return runner === undefined ? 'NOT_COORDINATOR' : runner.refusal
  }

  /** This broker leads the partition from now on, in this epoch. A shard of an earlier epoch ends. What could not be replayed in this epoch is not tried again. */
  load(partition: number, leaderEpoch: number, log: CoordinatorLog): void {
    if ((this.#refused.get(partition) ?? -1) >= leaderEpoch) return
    const before = this.#runners.get(partition)
    if (before !== undefined) {
      if (before.leaderEpoch >= leaderEpoch) return
      this.unload(partition)
    }
    const runner = new ShardRunner(partition, leaderEpoch, log, this.#definition, {
      ...this.#options,
      timers: this.#timers,
      onDiverged: () => {
        if (this.#runners.get(partition) !== runner) return
        this.unload(partition)
        this.#options.onDiverged(partition)
      },
    })
    this.#runners.set(partition, runner)
    runner.load(result => {
      if (result instanceof Error) this.unload(partition)
      if (result instanceof ReplayError) this.#refused.set(partition, leaderEpoch)
      this.#options.onLoaded(partition, result)
    })
  }

  /** This broker does not lead the partition any more, or cannot append to it. Who waits is told NOT_COORDINATOR, and everything is freed. */
  unload(partition: number): void {
    this.#refused.delete(partition)
    const runner = this.#runners.get(partition)
    if (runner === undefined) return
    this.#runners.delete(partition)
    runner.close('NOT_COORDINATOR')
  }

  /** Runs an operation on a partition's shard. The reply comes when its records, and what was written before, are committed. */
  write<T>(partition: number, request: WriteRequest<S, R, T, E>): void {
    const runner = this.#runners.get(partition)
    if (runner === undefined) request.reply(request.failed('NOT_COORDINATOR'))
    else runner.write(request)
  }

  /** Asks a partition's shard for something that is committed. */
  read<T>(partition: number, operation: (shard: S) => T, failed: (error: ErrorName) => T): T {
    const runner = this.#runners.get(partition)
    return runner === undefined ? failed('NOT_COORDINATOR') : runner.read(operation, failed)
  }

  /** An end-transaction marker for a partition: appended, and applied to the shard. */
  completeTransaction(
    partition: number,
    marker: TransactionMarker,
    reply: (error: ErrorName | undefined) => void,
  ): void {
    const runner = this.#runners.get(partition)
    if (runner === undefined) reply('NOT_COORDINATOR')
    else runner.completeTransaction(marker, reply)
  }

  /** The high watermark of the partition's log has moved. */
  highWatermarkAdvanced(partition: number): void {
    this.#runners.get(partition)?.highWatermarkAdvanced()
  }

  topicsChanged(change: TopicsChange): void {
    for (const runner of this.#runners.values()) runner.topicsChanged(change)
  }

  /** Writes of all shards that wait for their commit. */
  get pendingCount(): number {
    let count = 0
    for (const runner of this.#runners.values()) count += runner.pendingCount
    return count
  }

  /** Timers of all shards. */
  get timerCount(): number {
    return this.#timers.size
  }

  close(): void {
    for (const partition of [...this.#runners.keys()]) this.unload(partition)
  }
}
