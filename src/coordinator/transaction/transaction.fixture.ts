/**
 * A transaction coordinator of one partition over a log in memory: what is appended is committed when the test says so, time passes when it says so, and it can be
 * lost and loaded again, as by a crash.
 */

import { assert } from '../../std/assert.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import type { CoordinatorLog, CoordinatorResult, LogAppendOutcome } from '../runtime/coordinator.ts'
import { CoordinatorRuntime } from '../runtime/runtime.ts'
import { transactionLogFormat } from './transaction-log.ts'
import type { TransactionRecord } from './transaction-log.ts'
import type { ProducerIdAndEpoch, TransactionPartitions, TransactionVersion } from './transaction-metadata.ts'
import { NEEDS_PRODUCER_ID } from './transaction-requests.ts'
import type {
  NeedsProducerId,
  ProducerAnswer,
  TransactionEffect,
  TransactionSettings,
  WriteMarkers,
} from './transaction-requests.ts'
import { TransactionShard } from './transaction-shard.ts'
import * as header from '../../protocol/records/batch-header.ts'

export const defaultSettings: TransactionSettings = {
  transactionVersion: 2,
  transactionalIdExpirationMs: 604_800_000,
  abortTimedOutIntervalMs: 10_000,
  removeExpiredIntervalMs: 3_600_000,
  isFull: () => false,
  admitsLongId: () => true,
  admitsPartitions: () => true,
  loaded: () => {},
}

const noTopics = { version: 0, byName: () => undefined, byId: () => undefined, names: () => [] }

interface Timer {
  readonly dueMs: number
  readonly callback: () => void
}

/** Batches, and how far they are committed. */
class MemoryLog implements CoordinatorLog {
  readonly batches: { readonly bytes: Uint8Array; readonly endOffset: number }[] = []
  readonly startOffset = 0
  readonly batchBytesMax = 1_000_000
  highWatermark = 0
  endOffset = 0
  /** What the next append is refused with. */
  refusal: ErrorName | undefined

  append(bytes: Uint8Array): LogAppendOutcome {
    if (this.refusal !== undefined) return { kind: 'rejected', error: this.refusal, message: 'as the test wants it' }
    const firstOffset = this.endOffset
    header.stampBaseOffset(bytes, 0, firstOffset)
    this.endOffset = header.nextOffset(bytes, 0)
    this.batches.push({ bytes, endOffset: this.endOffset })
    return { kind: 'appended', firstOffset, lastOffset: this.endOffset - 1 }
  }

  read(offset: number, _maxBytes: number, done: Parameters<CoordinatorLog['read']>[2]): void {
    const batches = this.batches.filter(batch => batch.endOffset > offset)
    const nextOffset = batches.at(-1)?.endOffset ?? offset
    done({ kind: 'ok', batches: batches.map(({ bytes }) => bytes), nextOffset })
  }

  /** A new leader has what was committed, and perhaps some of what was not. */
  truncateTo(offset: number): void {
    while (this.batches.length > 0 && this.batches.at(-1)!.endOffset > offset) this.batches.pop()
    this.endOffset = this.batches.at(-1)?.endOffset ?? 0
  }
}

export interface TestCoordinatorOptions {
  readonly settings?: Partial<TransactionSettings>
  /** Commits what is appended at once. */
  readonly commitsAtOnce?: boolean
  /** What has been logged before. */
  readonly records?: readonly TransactionRecord[]
}

export class TestCoordinator {
  readonly log = new MemoryLog()
  settings: TransactionSettings
  commitsAtOnce: boolean
  nowMs = 1_000_000
  /** Decisions that are not carried out. */
  effects: WriteMarkers[] = []
  /** Of every decision that was to be carried out, in order. */
  readonly markersAsked: WriteMarkers[] = []
  producerIdsGiven = 0
  #timers: Timer[] = []
  #deferred: (() => void)[] = []
  #leaderEpoch = 0
  #runtime: CoordinatorRuntime<TransactionShard, TransactionRecord, TransactionEffect>

  constructor(options: TestCoordinatorOptions = {}) {
    this.settings = { ...defaultSettings, ...options.settings }
    this.commitsAtOnce = options.commitsAtOnce ?? true
    this.#runtime = this.#makeRuntime()
    this.#load()
    if (options.records !== undefined) this.preload(options.records)
  }

  get coordinatorEpoch(): number {
    return this.#leaderEpoch
  }

  /** Puts records into the log as if they had been written before, and loads them. */
  preload(records: readonly TransactionRecord[]): void {
    this.#write(
      () => ({ records, response: undefined }),
      () => undefined,
    )
    this.turn()
    this.commit()
    this.restart()
  }

  /** Everything of this turn happens: what is asked is appended, and where it commits at once, answered. */
  turn(): void {
    for (let i = 0; ; i += 1) {
      assert(i < 1000, 'it never comes to rest')
      const deferred = this.#deferred
      this.#deferred = []
      for (const callback of deferred) callback()
      if (this.commitsAtOnce && this.log.highWatermark < this.log.endOffset) this.commit()
      else if (this.#deferred.length === 0) return
    }
  }

  commit(): void {
    this.log.highWatermark = this.log.endOffset
    this.#runtime.highWatermarkAdvanced(0)
  }

  /** Memory is gone; so is what was not committed, unless the next leader happens to have it. */
  restart(keepsUncommitted = false): void {
    this.#runtime.close()
    if (!keepsUncommitted) this.log.truncateTo(this.log.highWatermark)
    this.log.highWatermark = this.log.endOffset
    this.effects = []
    this.#timers = []
    this.#deferred = []
    this.#leaderEpoch += 1
    this.#runtime = this.#makeRuntime()
    this.#load()
    this.turn()
  }

  passTime(durationMs: number): void {
    const endMs = this.nowMs + durationMs
    for (;;) {
      const due = this.#timers.filter(timer => timer.dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter(timer => timer !== due)
      this.nowMs = Math.max(this.nowMs, due.dueMs)
      due.callback()
      this.turn()
    }
    this.nowMs = endMs
  }

  /** Runs an operation; the answer is there after `turn`, when it is committed. An operation that needs a producer id gets one. */
  ask<T>(
    operation: (
      shard: TransactionShard,
      spare: number | undefined,
    ) => CoordinatorResult<TransactionRecord, T | NeedsProducerId, TransactionEffect>,
    onAnswer: (answer: T | ErrorName) => void,
    spare?: number,
  ): void {
    this.#write<T | NeedsProducerId | ErrorName>(
      shard => operation(shard, spare),
      error => error,
      answer => {
        if (answer === NEEDS_PRODUCER_ID) this.ask(operation, onAnswer, this.nextProducerId())
        else onAnswer(answer)
      },
    )
  }

  /** The answer at once, where what is appended is committed at once. */
  now<T>(operation: Parameters<typeof this.ask<T>>[0]): T | ErrorName {
    let answer: { readonly value: T | ErrorName } | undefined
    this.ask<T>(operation, value => {
      answer = { value }
    })
    this.turn()
    assert(answer !== undefined, 'the answer is not there yet')
    return answer.value
  }

  init(transactionalId: string, expected?: ProducerIdAndEpoch, timeoutMs = 60_000): ProducerAnswer {
    return this.now<ProducerAnswer>((shard, spare) =>
      shard.initProducerId({ transactionalId, timeoutMs, expected }, spare),
    )
  }

  add(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    partitions: Readonly<Record<string, readonly number[]>>,
    version: TransactionVersion = 2,
  ): ErrorName {
    return this.now<ErrorName>(shard =>
      shard.addPartitions({ transactionalId, ...producer, partitions: partitionsOf(partitions) }, version),
    )
  }

  end(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    result: 'COMMIT' | 'ABORT',
    clientTransactionVersion: TransactionVersion = 2,
  ): ProducerAnswer {
    return this.now<ProducerAnswer>((shard, spare) =>
      shard.endTransaction({ transactionalId, ...producer, result, clientTransactionVersion }, spare),
    )
  }

  /** The markers of one decision are all there. Whether that could be logged. */
  markersWritten(markers: WriteMarkers): boolean {
    return this.now<void>(shard => shard.markersWritten(markers)) === undefined
  }

  /** All decisions are carried out; those whose completion cannot be logged are left for another time. */
  carryOut(): void {
    const effects = this.effects
    this.effects = []
    for (const effect of effects) if (!this.markersWritten(effect)) this.effects.push(effect)
  }

  read<T>(operation: (shard: TransactionShard) => T): T {
    return this.#runtime.read(0, operation, error => {
      throw new Error(error)
    })
  }

  nextProducerId(): number {
    this.producerIdsGiven += 1
    return 999 + this.producerIdsGiven
  }

  #abortWithId(transactionalId: string): void {
    const spare = this.nextProducerId()
    this.ask<void>(
      shard => shard.abortTimedOut(transactionalId, spare),
      () => {},
    )
  }

  #write<T>(
    operation: (shard: TransactionShard) => CoordinatorResult<TransactionRecord, T, TransactionEffect>,
    failed: (error: ErrorName) => T,
    reply: (answer: T) => void = () => {},
  ): void {
    this.#runtime.write<T>(0, { operation, failed, reply })
  }

  #load(): void {
    this.#runtime.load(0, this.#leaderEpoch, this.log)
    this.turn()
  }

  #makeRuntime(): CoordinatorRuntime<TransactionShard, TransactionRecord, TransactionEffect> {
    return new CoordinatorRuntime<TransactionShard, TransactionRecord, TransactionEffect>(
      {
        name: 'transaction',
        format: transactionLogFormat,
        createShard: context => new TransactionShard(context, () => this.settings),
        performEffect: effect => {
          if (effect.type === 'write-markers') {
            this.effects.push(effect)
            this.markersAsked.push(effect)
          } else this.#abortWithId(effect.transactionalId)
        },
      },
      {
        clock: {
          nowMs: () => this.nowMs,
          monotonicMs: () => this.nowMs,
          setTimer: (delayMs, callback) => this.#setTimer(delayMs, callback),
          defer: callback => void this.#deferred.push(callback),
        },
        topics: noTopics,
        randomUuid: () => '00000000-0000-0000-0000-000000000000',
        compression: 'none',
        appendLingerMs: -1,
        writeTimeoutMs: 30_000,
        loadBufferBytes: 1_000_000,
        onLoaded: (_partition, result) => {
          if (result instanceof Error) throw result
        },
        onDiverged: () => {
          throw new Error('nobody else appends')
        },
      },
    )
  }

  #setTimer(delayMs: number, callback: () => void): { cancel(): void } {
    const timer = { dueMs: this.nowMs + delayMs, callback }
    this.#timers.push(timer)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter(each => each !== timer)
      },
    }
  }
}

export function partitionsOf(topics: Readonly<Record<string, readonly number[]>>): TransactionPartitions {
  return new Map(Object.entries(topics).map(([topic, numbers]) => [topic, new Set(numbers)]))
}
