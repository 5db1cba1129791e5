/**
 * One partition's log: batches in the order of their offsets, and what is known about them.
 *
 * Appending is synchronous: a batch is validated, judged against its producer's state, gets its offsets and is handed to the writer (`log-writer.ts`);
 * readers see it once `writtenEndOffset` is above it, and consumers once the partition has moved the high watermark. Whatever concerns the files as a whole
 * is in `log-maintenance.ts` and runs beside the appends.
 *
 * Lifecycle: made by `loadLog` (log-loader.ts); when its disk fails, `failure` is set and everything answers KAFKA_STORAGE_ERROR; `close` ends it in order.
 */
import { assert } from '../std/assert.ts'
import type { DiskError } from '../io/io.ts'
import type { PooledMemory } from '../std/memory-pool.ts'
import type { Uuid } from '../protocol/uuid.ts'
import * as header from '../protocol/records/batch-header.ts'
import { verifyChecksum } from '../protocol/records/decode.ts'
import { forEachBatch } from '../protocol/records/walk.ts'
import { legacyOffsetsBefore } from './legacy-offsets.ts'
import { baseOffsetOf, hasPlausibleHeader, lastOffsetOf, leaderEpochOf, maxTimestampOf } from './log-batch.ts'
import type { LogConfig } from './log-config.ts'
import { damaged, diskErrorOf, isPassing } from './log-context.ts'
import type { LogContext } from './log-context.ts'
import { LogCore } from './log-core.ts'
import type { AdvanceListener, LogState } from './log-core.ts'
import type { LogSegment } from './log-segment.ts'
import * as maintenance from './log-maintenance.ts'
import type {
  AbortedTransaction,
  ActiveProducer,
  AppendOutcome,
  AppendRejected,
  LeaderAppendOptions,
  ReadFailed,
  ReadOptions,
  ReadOutcome,
  TimestampAndOffset,
  TopicPartition,
  VerificationGuard,
} from './log-types.ts'
import type { LogShutdownState } from './shutdown-state.ts'
import { CachedTail } from './tail-cache.ts'
import { findMaxTimestamp, findTimestamp } from './timestamp-lookup.ts'
import { prepareAppend } from './validate-append.ts'

export type { AdvanceListener } from './log-core.ts'

const noRelease = (): void => {}

export class Log {
  readonly #core: LogCore

  constructor(context: LogContext, state: LogState) {
    this.#core = new LogCore(context, state)
    this.#core.cutsBack = maintenance.cutBack
  }

  get topic(): string {
    return this.#core.topic
  }

  get partition(): number {
    return this.#core.partition
  }

  /** Set when a topic id is known (`partition.metadata`). */
  get topicId(): Uuid | undefined {
    return this.#core.topicId
  }

  /** The log directory (one of `log.dirs`) that holds it now. */
  get directory(): string {
    return this.#core.host.path
  }

  /** The partition's own directory. */
  get folder(): string {
    return this.#core.folder
  }

  get config(): LogConfig {
    return this.#core.config
  }

  get logStartOffset(): number {
    return this.#core.logStartOffset
  }

  /** The next offset to be assigned. */
  get logEndOffset(): number {
    return this.#core.logEndOffset
  }

  /** Everything below is in the file (and synced, where the topic asks for it) and readable. */
  get writtenEndOffset(): number {
    return this.#core.writer.writtenEndOffset
  }

  /** Everything below is durable, with its indexes. */
  get recoveryPoint(): number {
    return this.#core.writer.recoveryPoint
  }

  /** More is synced than the recovery point says: `flush` costs little. */
  get canMoveRecoveryPoint(): boolean {
    return this.#core.failure === undefined && this.#core.writer.canMoveRecoveryPoint
  }

  get highWatermark(): number {
    return this.#core.highWatermark
  }

  /** Everything below is decided: the first offset of the oldest open transaction, at most the high watermark (P4). */
  get lastStableOffset(): number {
    const { highWatermark } = this.#core
    return Math.min(highWatermark, this.firstUnstableOffset ?? highWatermark)
  }

  get firstUnstableOffset(): number | undefined {
    const offset = this.#core.producers.firstUnstableOffset
    return offset === undefined ? undefined : Math.max(offset, this.#core.logStartOffset)
  }

  /** Of the newest batch, or of the leader that is going to write the next one; undefined for a log that has seen none. */
  get latestEpoch(): number | undefined {
    return this.#core.epochs.latestEpoch
  }

  get sizeBytes(): number {
    return this.#core.segments.sizeBytes
  }

  get segmentCount(): number {
    return this.#core.segments.all.length
  }

  /** Base offset of the oldest segment: the log start offset, or less where records were deleted within it. */
  get firstSegmentOffset(): number {
    return this.#core.segments.first.baseOffset
  }

  /** Everything below is compacted; `undefined` when nothing has been. */
  get firstDirtyOffset(): number | undefined {
    return this.#core.firstDirtyOffset
  }

  /** What the checkpoint of log start offsets is to hold: the log start offset, or where it is about to move; `undefined` where the files alone tell. */
  get logStartOffsetToSave(): number | undefined {
    return this.#core.savesLogStart ? this.#core.nextLogStartOffset : undefined
  }

  /** Set when the disk has failed under this log: appends and reads answer KAFKA_STORAGE_ERROR. */
  get failure(): DiskError | undefined {
    const { failure } = this.#core
    return failure !== undefined && isPassing(failure) ? undefined : failure
  }

  /**
   * Set when nothing can be appended: the disk has failed, or is full, or may not be written to. Of the latter those who wait are told; then the log is cut back to what was written,
   * and this is undefined again. Reads go on.
   */
  get refusal(): DiskError | undefined {
    return this.#core.failure
  }

  /** Returns the function that ends it. */
  onAdvance(listener: AdvanceListener): () => void {
    return this.#core.listen(listener)
  }

  /** Only forward (L7), at most to `writtenEndOffset`. */
  updateHighWatermark(offset: number): void {
    const core = this.#core
    assert(
      offset >= core.highWatermark,
      () => `L7: high watermark of ${core.name} from ${core.highWatermark} back to ${offset}`,
    )
    core.checkHighWatermark(offset)
    core.highWatermark = offset
    core.producers.onHighWatermark(offset)
  }

  /**
   * Validates, stamps and queues one batch; offsets are assigned when this returns. The bytes may be changed in place by it and must not be changed
   * by the caller afterwards, unless they are in memory that is lent.
   */
  appendAsLeader(records: Uint8Array, options: LeaderAppendOptions): AppendOutcome {
    const { leaderEpoch, origin, verificationGuard, transactionVersion = 0, memory } = options
    const core = this.#core
    const { latestEpoch } = core.epochs
    assert(
      latestEpoch === undefined || leaderEpoch >= latestEpoch,
      () => `L3: ${core.name} is appended to in epoch ${leaderEpoch} after ${latestEpoch}`,
    )
    const refusal = this.#refusal()
    if (refusal !== undefined) return refusal
    const prepared = prepareAppend(records, core.config, origin, core.context.io.clock.nowMs())
    if (prepared.kind === 'refused') return core.rejected(prepared.error, prepared.message, prepared.recordErrors)
    const verdict = core.producers.check(prepared.bytes, 0, { origin, verificationGuard, transactionVersion })
    if (verdict.kind === 'refused') return core.rejected(verdict.error, verdict.message)
    const { logStartOffset } = core
    if (verdict.kind === 'duplicate') {
      // As Kafka answers it: with the timestamp of the batch, whatever the topic's timestamp type is.
      const { firstOffset, lastOffset, timestampMs } = verdict
      return { kind: 'duplicate', firstOffset, lastOffset, logAppendTimeMs: timestampMs, logStartOffset }
    }
    const firstOffset = core.logEndOffset
    const lastOffset = firstOffset + prepared.recordCount - 1
    const isNew = prepared.bytes.buffer !== records.buffer
    header.stampBaseOffset(prepared.bytes, 0, firstOffset)
    header.stampLeaderEpoch(prepared.bytes, 0, leaderEpoch)
    const placed = { firstOffset, lastOffset, maxTimestampMs: prepared.maxTimestampMs, leaderEpoch }
    this.#takeIn(prepared.bytes, isNew ? undefined : memory, placed)
    return { kind: 'appended', firstOffset, lastOffset, logAppendTimeMs: prepared.logAppendTimeMs, logStartOffset }
  }

  /**
   * Queues batches exactly as another replica has them; their offsets must not be below the log's end. Bytes behind the last whole batch are left alone. Nothing is
   * appended unless all can be.
   */
  appendAsFollower(records: Uint8Array): AppendRejected | undefined {
    const refusal = this.#refusal()
    if (refusal !== undefined) return refusal
    const core = this.#core
    let endOffset = core.logEndOffset
    let problem: string | undefined
    const end = forEachBatch(records, 0, records.length, at => {
      problem = problemOf(records, at, endOffset)
      if (problem === undefined) endOffset = lastOffsetOf(records, at) + 1
      return problem === undefined
    })
    if (end.reason === 'corrupt') problem = `no batch begins at byte ${end.position}`
    if (problem !== undefined) return core.rejected('CORRUPT_MESSAGE', problem)
    forEachBatch(records, 0, end.position, (at, size) => {
      this.#takeIn(records.subarray(at, at + size), undefined, {
        firstOffset: baseOffsetOf(records, at),
        lastOffset: lastOffsetOf(records, at),
        maxTimestampMs: maxTimestampOf(records, at),
        leaderEpoch: leaderEpochOf(records, at),
      })
    })
    return undefined
  }

  /** From memory at once, from disk as a promise. Never rejects. */
  read(options: ReadOptions): ReadOutcome | Promise<ReadOutcome> {
    const { offset, maxBytes, minOneBatch } = options
    const core = this.#core
    const unavailable = this.#unavailable()
    if (unavailable !== undefined) return unavailable
    if (offset < core.logStartOffset || offset > core.logEndOffset) return { kind: 'out-of-range' }
    const upTo = Math.min(options.upTo, this.writtenEndOffset)
    if (offset >= upTo) {
      return { kind: 'ok', slices: [], sizeBytes: 0, firstOffset: offset, nextOffset: offset, release: noRelease }
    }
    const cached = core.tail?.read(offset, maxBytes, upTo, minOneBatch)
    if (cached !== undefined) return cached
    return core.reader.read({ offset, maxBytes, minOneBatch, upTo })
  }

  /**
   * How many bytes lie in [from, upTo), for the minimum bytes of a fetch: exact where the tail is in memory; otherwise by up to what lies before `from` in its
   * segment too many. No I/O.
   */
  bytesAvailable(from: number, upTo: number): number {
    const core = this.#core
    const end = Math.min(upTo, this.writtenEndOffset)
    if (from >= end) return 0
    const cached = core.tail?.bytesBetween(from, end)
    if (cached !== undefined) return cached
    const segments = core.segments.all
    const first = Math.max(0, core.segments.floorIndex(from))
    let bytes = -(segments[first]!.offsetIndex.lookupInMemory(from)?.position ?? 0)
    for (let index = first; index < segments.length && segments[index]!.baseOffset < end; index++) {
      bytes += segments[index]!.writtenBytes
    }
    return Math.max(1, bytes)
  }

  /** The aborted transactions that touch [from, to), in the order of their markers. Rejects with a `DiskError`. */
  async abortedTransactions(from: number, to: number): Promise<AbortedTransaction[]> {
    for (;;) {
      const segments = this.#core.segments.all
      try {
        return await this.#abortedIn(from, to)
      } catch (error) {
        // Compaction has put another segment in the place of one that was just to be asked.
        const cause = diskErrorOf(error)
        const isReplaced = cause.code === 'ENOENT' && this.#core.segments.all !== segments
        if (isReplaced) continue
        if (cause.code !== 'ENOENT') this.#core.readFailed(cause)
        throw error
      }
    }
  }

  async #abortedIn(from: number, to: number): Promise<AbortedTransaction[]> {
    const core = this.#core
    const found: AbortedTransaction[] = []
    const first = Math.max(0, core.segments.floorIndex(from))
    for (const segment of core.segments.all.slice(first)) {
      // Whatever its index, or the checksum of that, has kept of what was cut off.
      if (segment.sizeBytes === 0) continue
      await core.indexesSettled(segment)
      await segment.loadIndexes()
      const foundBefore = found.length
      let complete = await segment.transactionIndex.collect(from, to, found)
      if (complete === undefined) {
        // The active segment's is still growing, so it is to be another one.
        if (segment === core.segments.active) await maintenance.rollLog(core)
        await core.rebuildIndexes(segment)
        found.length = foundBefore
        complete = await segment.transactionIndex.collect(from, to, found)
      }
      // An index that is not what it should be must not hide an aborted transaction (P4).
      if (complete === undefined) throw damaged(`transaction index of segment ${segment.baseOffset} of ${core.name}`)
      if (complete) break
    }
    return found
  }

  /** The first record whose timestamp is at least `timestampMs`, below `upTo`. Never rejects. */
  lookupTimestamp(
    timestampMs: number,
    upTo = this.writtenEndOffset,
  ): Promise<TimestampAndOffset | ReadFailed | undefined> {
    const { segments, logStartOffset } = this.#core
    const end = Math.min(upTo, this.writtenEndOffset)
    const broken = (segment: LogSegment): void => this.#core.indexBroken(segment)
    return this.#lookup(() => findTimestamp(segments.all, timestampMs, logStartOffset, end, broken))
  }

  /** The record with the largest timestamp (the earliest such), if it is below `upTo`. Never rejects. */
  maxTimestamp(upTo = this.writtenEndOffset): Promise<TimestampAndOffset | ReadFailed | undefined> {
    const { segments, logStartOffset } = this.#core
    const end = Math.min(upTo, this.writtenEndOffset)
    const broken = (segment: LogSegment): void => this.#core.indexBroken(segment)
    return this.#lookup(() => findMaxTimestamp(segments.all, logStartOffset, end, broken))
  }

  /** Beginnings of segments, newest first, by when their files were last changed: see legacy-offsets.ts. Rejects with a `DiskError`. */
  legacyOffsetsBefore(timestampMs: number, count: number, upTo = this.writtenEndOffset): Promise<number[]> {
    const { segments, logStartOffset, context } = this.#core
    const bounds = { logStartOffset, endOffset: Math.min(upTo, this.writtenEndOffset), nowMs: context.io.clock.nowMs() }
    return legacyOffsetsBefore(segments.all, bounds, timestampMs, count)
  }

  /** The largest epoch ≤ the one asked, and its end offset (KIP-101, KIP-279); undefined when no such epoch is known. */
  endOffsetForEpoch(leaderEpoch: number): { leaderEpoch: number; endOffset: number } | undefined {
    return this.#core.epochs.endOffsetFor(leaderEpoch, this.#core.logEndOffset)
  }

  /** Epoch of the leader that wrote the batch at `offset`. */
  epochForOffset(offset: number): number | undefined {
    return this.#core.epochs.epochFor(offset)
  }

  /** A new leader epoch begins at the log end offset. */
  assignLeaderEpochStart(leaderEpoch: number): void {
    this.#core.assignEpoch(leaderEpoch, this.#core.logEndOffset)
  }

  /** Moves the log start offset forward, at most to the high watermark, and settles once that is durable. `undefined` when done, else why not. */
  deleteRecordsBefore(offset: number): Promise<AppendRejected | undefined> {
    return maintenance.deleteRecordsBefore(this.#core, offset)
  }

  /** Drops everything at and above `offset`. Nothing may be appended until it settles. Rejects with a `DiskError`. */
  truncateTo(offset: number): Promise<void> {
    return maintenance.truncateTo(this.#core, offset)
  }

  /** Drops everything; the next batch gets `offset`. Nothing may be appended until it settles. Rejects with a `DiskError`. */
  truncateFullyAndStartAt(offset: number): Promise<void> {
    return maintenance.truncateFullyAndStartAt(this.#core, offset)
  }

  /** Begins a new segment, unless the active one is empty. Rejects with a `DiskError`. */
  roll(): Promise<void> {
    return maintenance.rollLog(this.#core)
  }

  /** Removes segments that retention allows to; gives back how many. Nothing at or above the high watermark goes (L9). Rejects with a `DiskError`. */
  applyRetention(nowMs: number): Promise<number> {
    return maintenance.applyRetention(this.#core, nowMs)
  }

  activeProducers(): ActiveProducer[] {
    return this.#core.producers.describe()
  }

  get producerCount(): number {
    return this.#core.producers.size
  }

  /** Forgets about so many of those that have not written for the longest. */
  forgetProducers(count: number): number {
    return this.#core.producers.forgetOldest(count)
  }

  /** Forgets producers that have not written for `producer.id.expiration.ms`. */
  removeExpiredProducers(nowMs: number): void {
    this.#core.producers.removeExpired(nowMs)
  }

  /**
   * For a transactional batch that is to be appended: `ongoing` when the log knows its transaction, else the guard to append with once the coordinator has said that it
   * is ongoing, or why it cannot be (KIP-890). `supportsEpochBump` for producers of transaction version 2.
   */
  startVerification(
    producerId: number,
    sequence: number,
    producerEpoch: number,
    supportsEpochBump: boolean,
  ): VerificationGuard | 'ongoing' | AppendRejected {
    const { producers, context } = this.#core
    const known = producers.get(producerId)
    if (known !== undefined && producerEpoch < known.producerEpoch) {
      const message = `epoch ${producerEpoch} of producer ${producerId} is below ${known.producerEpoch}`
      return this.#core.rejected('INVALID_PRODUCER_EPOCH', message)
    }
    if (producers.hasOngoingTransaction(producerId, producerEpoch)) return 'ongoing'
    const nowMs = context.io.clock.nowMs()
    return producers.startVerification(producerId, sequence, producerEpoch, supportsEpochBump, nowMs)
  }

  updateConfig(config: LogConfig): void {
    const before = this.#core.config
    this.#core.config = config
    if (config.flushMs !== before.flushMs) this.#core.writer.flushIntervalChanged()
  }

  /** Syncs everything written so far and moves the recovery point. Rejects with a `DiskError`. */
  flush(): Promise<void> {
    const core = this.#core
    return core.exclusive(async () => {
      // Of one that has been deleted meanwhile no file is opened again: its name may be another's by now.
      if (!core.closed) await core.writer.flush()
    })
  }

  /** Writes out, flushes, takes a producer snapshot and closes the files. Rejects with a `DiskError`. */
  close(): Promise<void> {
    return maintenance.closeLog(this.#core)
  }

  /** What the next start need not find out, of a log that has been closed; undefined where its files do not say the same. */
  shutdownState(): (TopicPartition & LogShutdownState) | undefined {
    return maintenance.shutdownStateOf(this.#core)
  }

  /** Removes files that are no part of it any more, of those that a start has found. Rejects with a `DiskError`. */
  removeLitter(names: readonly string[]): Promise<void> {
    return maintenance.removeLitter(this.#core, names)
  }

  /** Stops everything and closes the files, without writing: for a log that is to be deleted, or whose directory is offline. */
  abandon(): Promise<void> {
    return maintenance.abandonLog(this.#core)
  }

  /** Only for `LogMoves`. */
  forMove(): LogCore {
    return this.#core
  }

  /** Only for the log cleaner. */
  forCleaner(): LogCore {
    return this.#core
  }

  /** The log directory has gone offline. */
  fail(error: DiskError): void {
    this.#core.fail(error)
  }

  #takeIn(
    bytes: Uint8Array,
    memory: PooledMemory | 'lent' | undefined,
    batch: { firstOffset: number; lastOffset: number; maxTimestampMs: number; leaderEpoch: number },
  ): void {
    const core = this.#core
    const { firstOffset, lastOffset, maxTimestampMs, leaderEpoch } = batch
    assert(
      firstOffset >= core.logEndOffset && Number.isSafeInteger(lastOffset),
      () => `L3: offsets ${firstOffset} to ${lastOffset} after ${core.logEndOffset} in ${core.name}`,
    )
    if (leaderEpoch >= 0) core.assignEpoch(leaderEpoch, firstOffset)
    core.writer.makeRoom(core.logEndOffset, batch, bytes.length)
    const completed = core.producers.append(bytes, 0)
    const aborted = completed?.isAborted === true ? completed : undefined
    core.tail ??= new CachedTail(core.context.tailCache)
    const kept = core.tail.add(firstOffset, lastOffset, bytes, memory)
    core.writer.append({ kept, firstOffset, lastOffset, maxTimestampMs, aborted })
    core.logEndOffset = lastOffset + 1
  }

  /** Why nothing can be appended now. */
  #refusal(): AppendRejected | undefined {
    const core = this.#core
    if (core.failure !== undefined) return core.rejected('KAFKA_STORAGE_ERROR', core.failure.message)
    if (core.closed) return core.rejected('KAFKA_STORAGE_ERROR', 'the log is closed')
    return core.writer.isFull ? core.rejected('KAFKA_STORAGE_ERROR', 'the disk does not keep up') : undefined
  }

  /** A disk that fails under a search has failed. */
  async #lookup(
    search: () => Promise<TimestampAndOffset | ReadFailed | undefined>,
  ): Promise<TimestampAndOffset | ReadFailed | undefined> {
    try {
      return this.#unavailable() ?? (await search())
    } catch (error) {
      const cause = diskErrorOf(error)
      // A segment that retention has just removed is no failure of the disk.
      if (cause.code !== 'ENOENT') this.#core.readFailed(cause)
      return { kind: 'failed', error: 'KAFKA_STORAGE_ERROR', message: cause.message }
    }
  }

  /** Why nothing can be read now. A closed log must not open its files again. */
  #unavailable(): ReadFailed | undefined {
    const { failure } = this
    if (failure === undefined && !this.#core.closed) return undefined
    return { kind: 'failed', error: 'KAFKA_STORAGE_ERROR', message: failure?.message ?? 'the log is closed' }
  }
}

/** What speaks against a batch of another replica. */
function problemOf(records: Uint8Array, at: number, logEndOffset: number): string | undefined {
  const baseOffset = baseOffsetOf(records, at)
  if (baseOffset < logEndOffset) return `offset ${baseOffset}, the log goes on with ${logEndOffset}`
  if (!hasPlausibleHeader(records, at)) return `impossible batch header at offset ${baseOffset}`
  return verifyChecksum(records, at) ? undefined : `the batch at offset ${baseOffset} does not match its checksum`
}
