/**
 * The writing side of a shard: gathers records into a batch, appends it, and tells writes what became of theirs.
 *
 * Offsets are given out before the append, because a record is replayed when it is written into the batch; an append that fails takes the state back to
 * where the batch began and fails everything that came after, since all of it may have been decided by what is undone.
 */

import type { ErrorName } from '../../protocol/errors.ts'
import type { CompressionType } from '../../protocol/records/compression/index.ts'
import { buildEndTransactionBatch } from '../../protocol/records/control.ts'
import { Fifo } from '../../std/fifo.ts'
import { coordinatorErrorOf } from './append-errors.ts'
import type {
  CoordinatorClock,
  CoordinatorLog,
  EncodedRecord,
  TransactionalProducer,
  TransactionMarker,
} from './coordinator.ts'
import { OpenBatch } from './open-batch.ts'
import { PendingWrite } from './pending-write.ts'
import type { PendingCalls } from './pending-write.ts'
import type { Timeline } from './timeline.ts'

export interface ShardWriterOptions {
  readonly clock: CoordinatorClock
  readonly compression: CompressionType
  /** How long a batch is held open; negative: until the end of the turn (`group.coordinator.append.linger.ms`). */
  readonly appendLingerMs: number
  /** How long a write waits for its commit before its caller is told that nobody knows. */
  readonly writeTimeoutMs: number
  /** An open batch wants `flush` to be called now. */
  readonly onFlushDue: () => void
  /** Writes have waited for too long: `timeOut` is to be called. */
  readonly onTimeoutDue: () => void
  /** Somebody else appended to the partition; the state is not what the log says. */
  readonly onDiverged: () => void
}

const firstBatchBytes = 512

export class ShardWriter {
  readonly #log: CoordinatorLog
  readonly #timeline: Timeline
  readonly #options: ShardWriterOptions
  #nextOffset = 0
  #committedOffset = 0
  #batch: OpenBatch | undefined
  #flushTimer: { cancel(): void } | undefined
  /** About as large as the next batch will be. */
  #expectedBytes = firstBatchBytes
  /** Appended and not committed, in the order of their offsets. */
  readonly #waiting = new Fifo<PendingWrite>()
  /** Those before them, whose callers have been told that it takes too long. */
  readonly #late = new Fifo<PendingWrite>()
  #timeoutTimer: { cancel(): void } | undefined
  #isClosed = false

  constructor(log: CoordinatorLog, timeline: Timeline, options: ShardWriterOptions) {
    this.#log = log
    this.#timeline = timeline
    this.#options = options
  }

  /** The offset that the next record gets. */
  get nextOffset(): number {
    return this.#nextOffset
  }

  get pendingCount(): number {
    return this.#late.length + this.#waiting.length + (this.#batch?.writes.length ?? 0)
  }

  /** After the load: goes on behind what is there. */
  start(): void {
    this.#nextOffset = this.#log.endOffset
    this.#timeline.moveTo(this.#nextOffset)
    this.commit()
  }

  /**
   * Makes an open batch have room for all of these, of this producer. When that means appending the one that is open, and that fails, the error comes
   * back, and whatever was decided before is void.
   */
  makeRoom(records: readonly EncodedRecord[], producer: TransactionalProducer | undefined): ErrorName | undefined {
    const batch = this.#batch
    if (batch !== undefined && (batch.producer !== producer || !batch.hasRoomFor(records))) {
      const error = this.flush()
      if (error !== undefined) return error
    }
    if (this.#batch !== undefined) return undefined
    const opened = new OpenBatch(this.#nextOffset, producer, {
      compression: this.#options.compression,
      bytesMax: this.#log.batchBytesMax,
      expectedBytes: this.#expectedBytes,
    })
    if (!opened.hasRoomFor(records)) return coordinatorErrorOf('MESSAGE_TOO_LARGE')
    this.#batch = opened
    this.#scheduleFlush()
    return undefined
  }

  /** Writes a record into the batch that `makeRoom` has made, and returns its offset. */
  append(record: EncodedRecord, nowMs: number): number {
    const offset = this.#nextOffset
    this.#batch!.append(nowMs, record)
    this.#nextOffset = offset + 1
    this.#timeline.moveTo(offset)
    return offset
  }

  /** Nothing is written that is not committed. */
  get isIdle(): boolean {
    return this.#batch === undefined && this.#committedOffset >= this.#nextOffset
  }

  /** A write that is done as soon as all that was written up to now is committed, its own records among them. */
  await(calls: PendingCalls): void {
    const { clock, writeTimeoutMs } = this.#options
    if (this.isIdle) {
      new PendingWrite(this.#nextOffset, 0, calls).commit()
      return
    }
    const write = new PendingWrite(this.#nextOffset, clock.monotonicMs() + writeTimeoutMs, calls)
    if (this.#batch === undefined) this.#waiting.push(write)
    else this.#batch.writes.push(write)
    this.#armTimeout()
  }

  /** Appends the open batch. The error, if there is one, has been told to all whose writes were in it. */
  flush(): ErrorName | undefined {
    const batch = this.#batch
    if (batch === undefined) return undefined
    this.#batch = undefined
    this.#flushTimer?.cancel()
    this.#flushTimer = undefined
    this.#expectedBytes = nextExpectedBytes(this.#expectedBytes, batch.uncompressedBytes)
    const { producer } = batch
    const outcome = this.#log.append(batch.build(), {
      verificationGuard: producer?.verificationGuard,
      transactionVersion: producer?.transactionVersion ?? 0,
    })
    if (outcome.kind === 'rejected') {
      const error = coordinatorErrorOf(outcome.error)
      this.#timeline.revert(batch.baseOffset)
      this.#nextOffset = batch.baseOffset
      for (const write of batch.writes) write.fail(error)
      return error
    }
    for (const write of batch.writes) this.#waiting.push(write)
    return this.#checkOffsets(outcome, batch.baseOffset, this.#nextOffset - 1)
  }

  /** Appends a marker. `onAppended` changes the state; `calls` come when it is committed. */
  appendMarker(marker: TransactionMarker, onAppended: (offset: number) => void, calls: PendingCalls): void {
    const refused = this.flush()
    if (refused !== undefined) {
      calls.answer(refused)
      return
    }
    const { producerId, producerEpoch, coordinatorEpoch, result: type, transactionVersion } = marker
    const timestampMs = this.#options.clock.nowMs()
    const bytes = buildEndTransactionBatch({ type, coordinatorEpoch }, { producerId, producerEpoch, timestampMs })
    const outcome = this.#log.append(bytes, { verificationGuard: undefined, transactionVersion })
    if (outcome.kind === 'rejected') {
      calls.answer(coordinatorErrorOf(outcome.error))
      return
    }
    const offset = this.#nextOffset
    this.#nextOffset = offset + 1
    this.#timeline.moveTo(offset)
    onAppended(offset)
    this.await(calls)
    this.#checkOffsets(outcome, offset, offset)
  }

  /** The high watermark may have moved. */
  commit(): void {
    const { highWatermark } = this.#log
    if (highWatermark <= this.#committedOffset) return
    this.#committedOffset = highWatermark
    this.#timeline.commit(highWatermark)
    commitUpTo(this.#late, highWatermark)
    commitUpTo(this.#waiting, highWatermark)
  }

  /** Answers writes that have waited for too long; they are done, or not, whenever they are. */
  timeOut(): void {
    this.#timeoutTimer = undefined
    const nowMs = this.#options.clock.monotonicMs()
    for (let first = this.#waiting.peek(); first !== undefined; first = this.#waiting.peek()) {
      if (first.deadlineMs > nowMs) break
      this.#waiting.shift()
      this.#late.push(first)
      first.timeOut()
    }
    if (this.#waiting.length > 0 || this.#batch !== undefined) this.#armTimeout()
  }

  /** Nothing will be committed any more. */
  close(error: ErrorName): void {
    this.#isClosed = true
    this.#flushTimer?.cancel()
    this.#timeoutTimer?.cancel()
    const batch = this.#batch
    this.#batch = undefined
    for (const line of [this.#late, this.#waiting])
      for (let first = line.shift(); first !== undefined; first = line.shift()) first.fail(error)
    for (const write of batch?.writes ?? []) write.fail(error)
  }

  #checkOffsets(
    outcome: { readonly firstOffset: number; readonly lastOffset: number },
    first: number,
    last: number,
  ): ErrorName | undefined {
    if (outcome.firstOffset === first && outcome.lastOffset === last) return undefined
    this.#options.onDiverged()
    return 'NOT_COORDINATOR'
  }

  #scheduleFlush(): void {
    const { clock, appendLingerMs, onFlushDue } = this.#options
    if (appendLingerMs > 0) this.#flushTimer = clock.setTimer(appendLingerMs, onFlushDue)
    else clock.defer(() => this.#isClosed || onFlushDue())
  }

  #armTimeout(): void {
    const { clock, writeTimeoutMs, onTimeoutDue } = this.#options
    this.#timeoutTimer ??= clock.setTimer(writeTimeoutMs, onTimeoutDue)
  }
}

function commitUpTo(line: Fifo<PendingWrite>, highWatermark: number): void {
  for (let first = line.peek(); first !== undefined && first.endOffset <= highWatermark; first = line.peek()) {
    line.shift()
    first.commit()
  }
}

/** Follows what batches come to, so that most need no growing and none takes much more than it needs. */
function nextExpectedBytes(before: number, bytes: number): number {
  return Math.max(firstBatchBytes, Math.ceil(bytes * 1.25), Math.floor(before * 0.9))
}
