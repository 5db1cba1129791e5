/**
 * One shard and its partition: runs operations, hands their records to the writer, and answers when they are committed.
 *
 * Lifecycle: made when this broker becomes the partition's leader, `load` replays what is there, then it is active; `close` ends it, whatever it was
 * doing, and answers who waits. Operations never run inside one another: what is asked for meanwhile runs behind.
 */

import type { ErrorName } from '../../protocol/errors.ts'
import type { CompressionType } from '../../protocol/records/compression/index.ts'
import { assert } from '../../std/assert.ts'
import type {
  CoordinatorClock,
  CoordinatorDefinition,
  CoordinatorLog,
  CoordinatorResult,
  CoordinatorShard,
  EncodedRecord,
  ShardContext,
  TopicsChange,
  TopicsView,
  TransactionalProducer,
  TransactionMarker,
} from './coordinator.ts'
import { ShardLoading } from './shard-loading.ts'
import type { LoadResult } from './shard-loading.ts'
import { ShardWriter } from './shard-writer.ts'
import { Timeline } from './timeline.ts'
import { ShardTimers, timerRetryMs } from './timers.ts'
import type { TimerOperation, TimerQueue } from './timers.ts'

export interface ShardRunnerOptions {
  readonly clock: CoordinatorClock
  readonly timers: TimerQueue
  readonly topics: TopicsView
  readonly randomUuid: () => string
  readonly compression: CompressionType
  /** How long a batch is held open; negative: until the end of the turn (`group.coordinator.append.linger.ms`). */
  readonly appendLingerMs: number
  /** How long a write waits for its commit before its caller is told that nobody knows. */
  readonly writeTimeoutMs: number
  readonly loadBufferBytes: number
  /** Somebody else has appended to the partition: the shard has to be closed and loaded anew. */
  readonly onDiverged: () => void
}

/** A write as the runtime gets it. Its functions are called as methods of it. */
export interface WriteRequest<S, R, T, E> {
  readonly operation: (shard: S) => CoordinatorResult<R, T, E>
  /** What an error is as a response. */
  readonly failed: (error: ErrorName) => T
  /** Called once. */
  readonly reply: (response: T) => void
  readonly producer?: TransactionalProducer | undefined
}

export class ShardRunner<S extends CoordinatorShard<R>, R, E> {
  readonly partition: number
  readonly leaderEpoch: number
  readonly #definition: CoordinatorDefinition<S, R, E>
  readonly #log: CoordinatorLog
  readonly #options: ShardRunnerOptions
  readonly #timeline = new Timeline()
  readonly #timers: ShardTimers<R, E>
  readonly #writer: ShardWriter
  readonly #shard: S
  #state: 'loading' | 'active' | 'closed' = 'loading'
  #loading: ShardLoading<R> | undefined
  #isBusy = false
  /** Asked for while something else ran. */
  readonly #behind: (() => void)[] = []

  constructor(
    partition: number,
    leaderEpoch: number,
    log: CoordinatorLog,
    definition: CoordinatorDefinition<S, R, E>,
    options: ShardRunnerOptions,
  ) {
    this.partition = partition
    this.leaderEpoch = leaderEpoch
    this.#definition = definition
    this.#log = log
    this.#options = options
    this.#timers = new ShardTimers(options.timers, (key, operation) => this.#runTimer(key, operation))
    this.#writer = new ShardWriter(log, this.#timeline, {
      ...options,
      onFlushDue: () => this.#whenFree(() => void this.#writer.flush()),
      onTimeoutDue: () => this.#whenFree(() => this.#writer.timeOut()),
    })
    this.#shard = definition.createShard(this.#context())
  }

  /** Why nothing can be asked of the shard now. */
  get refusal(): ErrorName | undefined {
    if (this.#state === 'active') return undefined
    return this.#state === 'loading' ? 'COORDINATOR_LOAD_IN_PROGRESS' : 'NOT_COORDINATOR'
  }

  get shard(): S {
    return this.#shard
  }

  /** Writes that wait for their commit. */
  get pendingCount(): number {
    return this.#writer.pendingCount
  }

  get timerCount(): number {
    return this.#timers.size
  }

  load(onDone: (result: LoadResult | Error) => void): void {
    const { clock, loadBufferBytes: bufferBytes } = this.#options
    const target = {
      shard: this.#shard,
      format: this.#definition.format,
      timeline: this.#timeline,
      committedOffset: this.#log.highWatermark,
    }
    const finish = (result: LoadResult | Error): void => {
      this.#loading = undefined
      if (!(result instanceof Error)) this.#loaded()
      onDone(result)
    }
    this.#loading = new ShardLoading(target, { log: this.#log, clock, bufferBytes, onDone: finish })
    this.#loading.start()
  }

  write<T>(request: WriteRequest<S, R, T, E>): void {
    if (this.#isBusy) {
      this.#behind.push(() => this.#write(request))
      return
    }
    // As `whenFree`, without a function for each: there are tens of thousands a second.
    this.#isBusy = true
    try {
      this.#write(request)
      this.#runBehind()
    } finally {
      this.#isBusy = false
    }
  }

  /** For operations that look at committed state only. */
  read<T>(operation: (shard: S) => T, failed: (error: ErrorName) => T): T {
    const { refusal } = this
    return refusal === undefined ? operation(this.#shard) : failed(refusal)
  }

  /** Appends an end-transaction marker and tells the shard. */
  completeTransaction(marker: TransactionMarker, reply: (error: ErrorName | undefined) => void): void {
    this.#whenFree(() => {
      const { refusal } = this
      if (refusal !== undefined) {
        reply(refusal)
        return
      }
      const { producerId, producerEpoch, result } = marker
      const apply = (offset: number): void =>
        this.#shard.replayEndTransaction?.(producerId, producerEpoch, result, offset)
      this.#writer.appendMarker(marker, apply, { answer: reply })
    })
  }

  highWatermarkAdvanced(): void {
    this.#whenFree(() => {
      if (this.#state === 'active') this.#writer.commit()
    })
  }

  topicsChanged(change: TopicsChange): void {
    this.#whenFree(() => {
      if (this.#state === 'active') this.#shard.onTopicsChanged?.(change)
    })
  }

  /** Ends the shard; `error` is what who waits is told. */
  close(error: ErrorName): void {
    this.#whenFree(() => {
      if (this.#state === 'closed') return
      const wasActive = this.#state === 'active'
      this.#state = 'closed'
      this.#loading?.cancel()
      this.#writer.close(error)
      if (wasActive) this.#shard.onUnloaded?.(error)
      this.#timers.cancelAll()
    })
  }

  #loaded(): void {
    this.#timeline.isSettled = false
    this.#writer.start()
    this.#state = 'active'
    this.#whenFree(() => this.#shard.onLoaded?.())
  }

  #write<T>(request: WriteRequest<S, R, T, E>): void {
    const { refusal } = this
    if (refusal !== undefined) {
      request.reply(request.failed(refusal))
      return
    }
    const timeline = this.#timeline
    const changesBefore = timeline.pendingCount
    timeline.moveTo(this.#writer.nextOffset)
    let result: CoordinatorResult<R, T, E> | undefined
    let encoded: readonly EncodedRecord[]
    try {
      result = request.operation(this.#shard)
      encoded =
        result.records.length === 0 ? noRecords : result.records.map(record => this.#definition.format.encode(record))
    } catch (error) {
      // A bug, also where a record cannot hold what was decided: nothing of it may stay.
      timeline.revertToCount(changesBefore)
      result?.onCompleted?.('UNKNOWN_SERVER_ERROR')
      throw error
    }
    const { response, records, effects, onCompleted } = result
    if (records.length > 0) {
      const error = this.#append(result, encoded, request.producer, changesBefore)
      if (error !== undefined) {
        onCompleted?.(error)
        request.reply(request.failed(error))
        return
      }
    } else {
      assert(timeline.pendingCount === changesBefore, 'an operation without records has changed what only records may')
      if (this.#writer.isIdle && effects === undefined) {
        // Nothing is under way that it would have to wait for: heartbeats, which are the commonest by far.
        onCompleted?.(undefined)
        request.reply(response)
        return
      }
    }
    this.#await(request, response, effects, onCompleted)
  }

  #await<T>(
    request: WriteRequest<S, R, T, E>,
    response: T,
    effects: readonly E[] | undefined,
    onCompleted: ((error: ErrorName | undefined) => void) | undefined,
  ): void {
    this.#writer.await({
      onCommitted: effects === undefined ? undefined : () => this.#perform(effects),
      onCompleted,
      answer: error => request.reply(error === undefined ? response : request.failed(error)),
    })
  }

  /** Writes the records into the open batch and, as they get their offsets, replays them. */
  #append<T>(
    { records, isApplied, isDivisible }: CoordinatorResult<R, T, E>,
    encoded: readonly EncodedRecord[],
    producer: TransactionalProducer | undefined,
    changesBefore: number,
  ): ErrorName | undefined {
    const { producerId, producerEpoch } = producer ?? noProducer
    const nowMs = this.#options.clock.nowMs()
    const parts = isDivisible === true ? encoded.map(record => [record]) : [encoded]
    let index = 0
    for (const part of parts) {
      const error = this.#writer.makeRoom(part, producer)
      if (error !== undefined) {
        // What the operation itself has changed. Parts that were written stay.
        if (index === 0) this.#timeline.revertToCount(Math.min(changesBefore, this.#timeline.pendingCount))
        return error
      }
      for (const bytes of part) {
        const offset = this.#writer.append(bytes, nowMs)
        if (isApplied !== true) this.#shard.replay(records[index]!, { offset, producerId, producerEpoch })
        index += 1
      }
    }
    return undefined
  }

  #perform(effects: readonly E[]): void {
    for (const effect of effects) this.#definition.performEffect(effect, this.partition)
  }

  #runTimer(key: string, operation: TimerOperation<R, E>): void {
    this.write<ErrorName | undefined>({
      operation: () => ({ ...operation(), response: undefined }),
      failed: error => error,
      reply: error => {
        if (error !== undefined && this.#state === 'active') this.#timers.scheduleIfAbsent(key, timerRetryMs, operation)
      },
    })
  }

  #context(): ShardContext<R, E> {
    const { clock, topics, randomUuid } = this.#options
    return {
      partition: this.partition,
      leaderEpoch: this.leaderEpoch,
      timeline: this.#timeline,
      timers: this.#timers,
      topics,
      nowMs: () => clock.nowMs(),
      randomUuid,
      write: (operation, onFailed) =>
        this.write<ErrorName | undefined>({
          operation: () => ({ ...operation(), response: undefined }),
          failed: error => error,
          reply: error => {
            if (error !== undefined) onFailed?.(error)
          },
        }),
    }
  }

  /** Now, or behind what runs. */
  #whenFree(work: () => void): void {
    if (this.#isBusy) {
      this.#behind.push(work)
      return
    }
    this.#isBusy = true
    try {
      work()
      this.#runBehind()
    } finally {
      this.#isBusy = false
    }
  }

  #runBehind(): void {
    while (this.#behind.length > 0) this.#behind.shift()!()
  }
}

const noRecords: readonly EncodedRecord[] = []
const noProducer = { producerId: -1, producerEpoch: -1 }
