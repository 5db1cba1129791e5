/**
 * The writing side of a log: which segment a batch goes into, when a new one begins, when bytes are in the file, and when they are durable.
 *
 * Three offsets follow one another. Below `fileEndOffset` everything is in the files. Below `writtenEndOffset` it may be read and acknowledged: the same, or, on topics that sync before they
 * acknowledge, what has been synced. Below `recoveryPoint` logs, indexes and leader epochs are durable, and recovery after a crash need not look.
 *
 * Batches arrive with their offsets. After the log was opened, the active segment must be looked at before anything can be placed in it (*warm* it up); batches that come
 * meanwhile wait, and are placed in order. A roll takes effect at once in memory; the rest of it, making the old segment durable, is done in
 * the background once its last bytes are written.
 */
import { assert } from '../std/assert.ts'
import type { DiskError, Timer } from '../io/io.ts'
import { AppendQueue } from './append-queue.ts'
import { allSettled } from './atomic-file.ts'
import type { LeaderEpochCache } from './leader-epoch-cache.ts'
import { randomRollJitterMs, segmentMsMax } from './log-config.ts'
import type { LogConfig } from './log-config.ts'
import { soundEndOf } from './damage.ts'
import { damaged, diskErrorOf } from './log-context.ts'
import type { LogContext, LogDirectoryHost } from './log-context.ts'
import { LogSegment } from './log-segment.ts'
import type { LogSegments } from './log-segments.ts'
import { RELATIVE_OFFSET_MAX } from './offset-index.ts'
import { writeSnapshotContent } from './producer-recovery.ts'
import type { CompletedTransaction } from './producer-state.ts'
import { RecentWrites } from './recent-writes.ts'
import type { KeptBatch } from './tail-cache.ts'

export interface PlacedBatch {
  /** Where it is. The share of the memory is the writer's, who releases it when the bytes are in the file. */
  readonly kept: KeptBatch
  readonly firstOffset: number
  readonly lastOffset: number
  readonly maxTimestampMs: number
  /** When the batch is a marker that aborts a transaction. */
  readonly aborted: CompletedTransaction | undefined
}

export interface LogWriterOwner {
  readonly config: LogConfig
  /** The partition's directory. */
  readonly folder: string
  readonly host: LogDirectoryHost
  /** A snapshot of the producers as of `offset`, if that is where they are. */
  producerSnapshotAt(offset: number): Uint8Array | undefined
  readonly epochs: LeaderEpochCache
  /** The partition's directory itself, when it has just been made. */
  syncFolder(): Promise<void>
  /** `writtenEndOffset` has grown. */
  advanced(): void
  /** A write has failed; nothing more is written. */
  writeFailed(error: DiskError): void
  /** Something in the background has failed. */
  backgroundFailed(error: DiskError): void
}

type Range = Pick<PlacedBatch, 'firstOffset' | 'lastOffset' | 'maxTimestampMs'>

interface Roll {
  readonly old: LogSegment
  readonly baseOffset: number
  readonly snapshot: Uint8Array | undefined
}

export class LogWriter {
  readonly #context: LogContext
  readonly #segments: LogSegments
  readonly #owner: LogWriterOwner
  #queue: AppendQueue | undefined
  #fileEndOffset: number
  #writtenEndOffset: number
  #syncedEndOffset: number
  #recoveryPoint: number
  /** Waiting for the active segment to become warm. */
  #unplaced: PlacedBatch[] = []
  #warming: Promise<void> | undefined
  #rolls: Roll[] = []
  #finishing = false
  readonly #recent = new RecentWrites()
  #flushTimer: Timer | undefined
  /** Operations on the files as a whole follow one another. */
  #lastExclusive: Promise<unknown> | undefined
  #stopped = false

  constructor(
    context: LogContext,
    segments: LogSegments,
    offsets: { endOffset: number; recoveryPoint: number },
    owner: LogWriterOwner,
  ) {
    this.#context = context
    this.#segments = segments
    this.#owner = owner
    this.#fileEndOffset = offsets.endOffset
    this.#writtenEndOffset = offsets.endOffset
    this.#syncedEndOffset = offsets.recoveryPoint
    this.#recoveryPoint = offsets.recoveryPoint
  }

  get fileEndOffset(): number {
    return this.#fileEndOffset
  }

  get writtenEndOffset(): number {
    return this.#writtenEndOffset
  }

  get recoveryPoint(): number {
    return this.#recoveryPoint
  }

  /** More is synced than the recovery point says: moving it costs little. */
  get canMoveRecoveryPoint(): boolean {
    return this.#syncedEndOffset > this.#recoveryPoint
  }

  /** So much waits to be written that no more may come. */
  get isFull(): boolean {
    return this.#queue !== undefined && this.#queue.isFull
  }

  /** From here on everything has been written lately: the system has it in memory. */
  get recentFrom(): number {
    return this.#recent.since(this.#owner.host.writeRounds.round)
  }

  /** Batches wait for the active segment to become warm. */
  get hasUnplaced(): boolean {
    return this.#unplaced.length > 0
  }

  /** Begins a new segment where the next batch demands it; `endOffset` is the one behind the batch before. To be called before the producers take the batch in, so that their snapshot is right. */
  makeRoom(endOffset: number, { firstOffset, lastOffset, maxTimestampMs }: Range, sizeInBytes: number): void {
    const active = this.#segments.active
    if (this.#unplaced.length > 0 || !active.warm) return
    const { segmentBytes, segmentIndexBytes } = this.#owner.config
    const segmentMs = segmentMsMax(this.#owner.config)
    const nowMs = this.#context.io.clock.nowMs()
    const conditions = { nowMs, maxTimestampMs, lastOffset, sizeInBytes, segmentBytes, segmentMs, segmentIndexBytes }
    if (!active.shouldRoll(conditions)) return
    // Where the log ends, also when offsets are left out: after a crash the segment is known by that to follow the one before.
    const isNear = endOffset > active.baseOffset && lastOffset - endOffset <= RELATIVE_OFFSET_MAX
    this.startSegment(isNear ? endOffset : firstOffset)
  }

  append(batch: PlacedBatch): void {
    assert(!this.#stopped, () => `append of ${batch.firstOffset} to a log that has stopped`)
    if (this.#unplaced.length > 0 || !this.#segments.active.warm) {
      this.#unplaced.push(batch)
      this.#warming ??= this.#warmUp()
      return
    }
    this.#place(batch)
  }

  /** Begins a new segment at `baseOffset`; the old one becomes durable in the background. */
  startSegment(baseOffset: number): LogSegment {
    const old = this.#segments.active
    old.seal()
    const segment = this.newSegment(baseOffset)
    this.#segments.add(segment)
    this.#rolls.push({ old, baseOffset, snapshot: this.#owner.producerSnapshotAt(baseOffset) })
    return segment
  }

  newSegment(baseOffset: number): LogSegment {
    const { config, folder } = this.#owner
    const { io, openFiles } = this.#context
    return new LogSegment({
      openFiles,
      directory: folder,
      baseOffset,
      sizeBytes: 0,
      isNew: true,
      createdMs: io.clock.nowMs(),
      rollJitterMs: randomRollJitterMs(config, io.random),
      preallocateBytes: config.preallocate ? config.segmentBytes : 0,
      isProvisional: true,
    })
  }

  /** Runs `work` when nothing else of the kind runs. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const previous = this.#lastExclusive
    const running = previous === undefined ? work() : previous.then(work, work)
    const settled = running.then(
      () => {},
      () => {},
    )
    this.#lastExclusive = settled
    void settled.then(() => {
      if (this.#lastExclusive === settled) this.#lastExclusive = undefined
    })
    return running
  }

  /** Settles when all batches that were appended are in the files, or writing has failed. Not within `exclusive`. */
  async idle(): Promise<void> {
    await this.#warming
    await this.#queue?.idle()
  }

  /** Finishes the rolls under way and makes everything up to `fileEndOffset` durable. Within `exclusive`. */
  async flush(): Promise<void> {
    await this.finishRolls()
    await this.#flushUpTo(this.#fileEndOffset)
  }

  /**
   * Makes the segments durable that have been rolled so far and whose bytes are all written. Those that are rolled meanwhile are for the next time: others wait their
   * turn. Within `exclusive`.
   */
  async finishRolls(): Promise<void> {
    for (let left = this.#rolls.length; left > 0; left--) {
      const roll = this.#rolls[0]
      if (roll === undefined || roll.baseOffset > this.#fileEndOffset) return
      await roll.old.trimFile()
      await this.#makeDurable(roll.baseOffset)
      // Sealing has added an entry, perhaps after all records were durable already.
      await roll.old.syncIndexes(roll.baseOffset)
      // Both tell recovery that what comes before is durable. And without its file, what is known of the log's end would be lost when everything
      // before it is removed.
      if (roll.snapshot !== undefined) await this.#writeSnapshot(roll.baseOffset, roll.snapshot)
      await this.#segments.all.find(segment => segment.baseOffset === roll.baseOffset)?.createFiles()
      // Not before: without the snapshot, a recovery from here would have to read what lies below for the sake of the producers.
      this.#flushed(roll.baseOffset)
      this.#rolls.shift()
    }
  }

  /**
   * The last flush, with the indexes as they are when no more comes, and a snapshot of the producers where there is a new one. Within `exclusive`, when all is written that was
   * appended.
   */
  async finish(snapshot: Uint8Array | undefined): Promise<void> {
    await this.finishRolls()
    const { active } = this.#segments
    active.seal()
    // A log that never had a record needs no files; of any other, the name of the newest segment tells where it ends.
    if (this.#fileEndOffset > 0) await active.createFiles()
    await active.trimFile()
    await this.#flushUpTo(this.#fileEndOffset, snapshot)
    // Sealing may have added an entry to what was durable already.
    await active.syncIndexes(this.#fileEndOffset)
  }

  /** Lets what is appended wait in memory, and settles when no write is in flight. Within `exclusive`. */
  async pause(): Promise<void> {
    await this.#queueOf().pause()
  }

  resume(): void {
    this.#queue?.resume()
  }

  /** `flush.ms` has changed: what is not synced yet counts by the new one, from now on. */
  flushIntervalChanged(): void {
    this.#cancelFlushTimer()
    const { flushMs } = this.#owner.config
    const isWaiting = !this.#stopped && this.#fileEndOffset > this.#syncedEndOffset
    if (isWaiting && flushMs < Number.MAX_SAFE_INTEGER) this.#startFlushTimer(flushMs)
  }

  /** Drops what is queued; what is being written goes on unheard. */
  stop(): void {
    this.#stopped = true
    for (const { kept } of this.#unplaced) kept.memory?.release()
    this.#unplaced = []
    this.#queue?.fail()
    this.#cancelFlushTimer()
  }

  /** After `stop`: settles when no write is in flight. */
  async quiet(): Promise<void> {
    await this.#queue?.quiet()
  }

  /** The log has been cut off, or started over, at `endOffset`; it goes on from there. */
  restart(endOffset: number): void {
    this.#fileEndOffset = endOffset
    this.#writtenEndOffset = endOffset
    this.#syncedEndOffset = Math.min(this.#syncedEndOffset, endOffset)
    this.#recoveryPoint = Math.min(this.#recoveryPoint, endOffset)
    this.#rolls = this.#rolls.filter(roll =>
      this.#segments.all.some(({ baseOffset }) => baseOffset === roll.baseOffset),
    )
    if (this.#stopped) this.#queue?.restart()
    this.#stopped = false
  }

  /** Before something is cut off: a recovery point beyond must not be found after a crash. */
  async lowerRecoveryPoint(offset: number): Promise<void> {
    if (this.#recoveryPoint <= offset) return
    this.#recoveryPoint = offset
    this.#syncedEndOffset = Math.min(this.#syncedEndOffset, offset)
    await this.#owner.host.saveRecoveryPoints()
  }

  #place(batch: PlacedBatch): void {
    const { kept, firstOffset, lastOffset, maxTimestampMs, aborted } = batch
    const segment = this.#segments.active
    assert(firstOffset >= segment.baseOffset, () => `L3: batch ${firstOffset} in segment ${segment.baseOffset}`)
    const position = segment.append(
      lastOffset,
      maxTimestampMs,
      kept.end - kept.start,
      this.#owner.config.indexIntervalBytes,
    )
    if (aborted !== undefined) segment.transactionIndex.append(aborted)
    this.#queueOf().push(kept, segment, position, lastOffset + 1)
  }

  #queueOf(): AppendQueue {
    this.#queue ??= new AppendQueue(this.#context.io.clock, () => this.#owner.host.pace, {
      written: (segment, position, endOffset) => this.#written(segment, position, endOffset),
      sync: endOffset => this.#syncBefore(endOffset),
      settled: endOffset => this.#advance(endOffset),
      writeFailed: error => this.#owner.writeFailed(error),
    })
    return this.#queue
  }

  async #warmUp(): Promise<void> {
    try {
      await this.exclusive(async () => {
        const segment = this.#segments.active
        if (segment.warm) return
        const endOffset = await this.#owner.host.readLimit.run(() => segment.warmUp())
        if (endOffset === this.#fileEndOffset) return
        const { folder } = this.#owner
        const sound = await soundEndOf(segment, this.#fileEndOffset)
        if (sound.position === segment.writtenBytes && sound.offset !== this.#fileEndOffset) {
          throw damaged(`${folder} was closed at offset ${this.#fileEndOffset} and ends at ${sound.offset}`)
        }
        // What the disk has spoiled stays where it is, for reads to answer with CORRUPT_MESSAGE; nothing is written behind it.
        const details = { folder, segment: segment.baseOffset, closedAt: this.#fileEndOffset, endsAt: endOffset }
        this.#context.logger.error('the end of a segment cannot be read, and a new one begins', details)
        if (segment.baseOffset < this.#fileEndOffset) this.startSegment(this.#fileEndOffset)
        else await segment.truncate(segment.baseOffset, this.#context.io.clock.nowMs())
      })
    } catch (error) {
      this.#owner.backgroundFailed(diskErrorOf(error))
      return
    } finally {
      this.#warming = undefined
    }
    const waiting = this.#unplaced
    this.#unplaced = []
    let endOffset = this.#fileEndOffset
    for (const batch of waiting) {
      this.makeRoom(endOffset, batch, batch.kept.end - batch.kept.start)
      this.#place(batch)
      endOffset = batch.lastOffset + 1
    }
  }

  #written(segment: LogSegment, position: number, endOffset: number): void {
    assert(endOffset > this.#fileEndOffset, () => `L3: written to ${endOffset} after ${this.#fileEndOffset}`)
    const { writeRounds } = this.#owner.host
    writeRounds.wrote(position - segment.writtenBytes)
    this.#recent.wrote(this.#fileEndOffset, writeRounds.round)
    this.#background(segment.written(position, endOffset))
    this.#fileEndOffset = endOffset
    if (this.#rolls.length > 0 && this.#rolls[0]!.baseOffset <= segment.baseOffset) this.#finishInBackground()
  }

  #finishInBackground(): void {
    if (this.#finishing) return
    this.#finishing = true
    const { rollLimit } = this.#owner.host
    const finished = rollLimit
      .run(async () => {
        if (!this.#stopped) await this.exclusive(() => this.finishRolls())
      })
      .finally(() => {
        this.#finishing = false
      })
    this.#background(finished)
  }

  #syncBefore(endOffset: number): Promise<void> | undefined {
    const { flushMessages, flushMs } = this.#owner.config
    const unsynced = endOffset - this.#syncedEndOffset
    return unsynced > 0 && (flushMs === 0 || unsynced >= flushMessages) ? this.#syncUpTo(endOffset) : undefined
  }

  /** One sync for all that wait for it. */
  async #syncUpTo(endOffset: number): Promise<void> {
    try {
      await this.#syncLogs(this.#syncedEndOffset, endOffset)
    } catch (error) {
      this.#owner.writeFailed(diskErrorOf(error))
      return
    }
    if (!this.#stopped) this.#syncedEndOffset = Math.max(this.#syncedEndOffset, endOffset)
  }

  #advance(endOffset: number): void {
    assert(
      endOffset > this.#writtenEndOffset && endOffset <= this.#fileEndOffset,
      () => `L7: ${endOffset} after ${this.#writtenEndOffset}, and ${this.#fileEndOffset} is written`,
    )
    const { flushMs } = this.#owner.config
    if (this.#fileEndOffset > this.#syncedEndOffset && flushMs < Number.MAX_SAFE_INTEGER) this.#startFlushTimer(flushMs)
    this.#writtenEndOffset = endOffset
    this.#owner.advanced()
  }

  async #flushUpTo(offset: number, snapshot?: Uint8Array): Promise<void> {
    await this.#makeDurable(offset, snapshot)
    this.#flushed(offset)
  }

  /** Everything below `offset` is durable, or what is left of that: something may have been cut off meanwhile, by a disk that ran full. */
  #flushed(offset: number): void {
    const durableTo = Math.min(offset, this.#fileEndOffset)
    this.#syncedEndOffset = Math.max(this.#syncedEndOffset, durableTo)
    this.#recoveryPoint = Math.max(this.#recoveryPoint, durableTo)
  }

  async #makeDurable(offset: number, snapshot?: Uint8Array): Promise<void> {
    const isBehind = offset > this.#recoveryPoint
    if (isBehind) await this.#owner.syncFolder()
    const segments = isBehind ? this.#segmentsBetween(this.#recoveryPoint, offset) : []
    const last = segments.pop()
    // In order: a later segment must not survive a power cut that an earlier one does not (L10).
    for (const segment of segments) await segment.syncAll(offset)
    const { epochs } = this.#owner
    const changesEpochs = isBehind && !epochs.isFlushed
    // What may become durable in any order waits for the disk at the same time, which then needs little longer than for one of them.
    const works: Promise<void>[] = []
    if (last !== undefined) works.push(last.syncContent(offset))
    if (changesEpochs) works.push(epochs.flushContent())
    if (snapshot !== undefined) works.push(this.#writeSnapshot(offset, snapshot))
    await allSettled(works)
    if (changesEpochs || snapshot !== undefined || last?.lacksDurableNames === true) {
      await this.#context.io.disk.syncDirectory(this.#owner.folder)
      if (last?.lacksDurableNames === true) last.namesAreDurable()
    }
  }

  /** In order: a later segment must not survive a power cut that an earlier one does not (L10). */
  async #syncLogs(from: number, to: number): Promise<void> {
    await this.#owner.syncFolder()
    for (const segment of this.#segmentsBetween(from, to)) {
      if (!segment.isNew) await segment.syncLog()
    }
  }

  #segmentsBetween(from: number, to: number): LogSegment[] {
    const start = Math.max(0, this.#segments.floorIndex(from))
    return this.#segments.all.slice(start).filter(segment => segment.baseOffset < to)
  }

  /** Its name becomes durable with the next sync of the directory. */
  #writeSnapshot(offset: number, snapshot: Uint8Array): Promise<void> {
    return writeSnapshotContent(this.#context.io.disk, this.#owner.folder, offset, snapshot)
  }

  #startFlushTimer(flushMs: number): void {
    this.#flushTimer ??= this.#context.io.clock.setTimer(flushMs, () => {
      this.#flushTimer = undefined
      this.#background(this.exclusive(() => this.flush()))
    })
  }

  #cancelFlushTimer(): void {
    this.#flushTimer?.cancel()
    this.#flushTimer = undefined
  }

  #background(work: Promise<void> | undefined): void {
    work?.then(undefined, (error: unknown) => this.#owner.backgroundFailed(diskErrorOf(error)))
  }
}
