/**
 * What must be true of one partition's log, from what was done with it and what it answered: nothing here knows how a log is made.
 *
 * Offsets follow one another: `durableEnd` ≤ `acknowledgedEnd` ≤ `endOffset`. Below the first everything survives a power cut, below the second the end of the process. What is between
 * them and the end may be lost, from the end on and by whole batches. Violations are thrown, named by their code in RELIABILITY.
 */

import { assert } from '../../std/assert.ts'
import { isCompacted, type LogConfig } from '../../log/log-config.ts'
import { syncsBeforeAcknowledging } from './log-shapes.ts'
import type { ModelBatch } from './model-batch.ts'
import { ProducersModel } from './producer-model.ts'

/** What a log says of itself. */
export interface LogBounds {
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly writtenEndOffset: number
  readonly recoveryPoint: number
  readonly highWatermark: number
  readonly lastStableOffset: number
}

export type Downfall = 'stop' | 'crash' | 'power cut'

export class LogModel {
  readonly name: string
  readonly topicId: string
  config: LogConfig
  /** All that were appended and not cut off, those below the start too. */
  batches: ModelBatch[] = []
  producers = new ProducersModel()
  endOffset = 0
  acknowledgedEnd = 0
  durableEnd = 0
  /** As the log says it. */
  logStartOffset = 0
  /** Somebody was told of this start, or something below it was removed: it does not move back, whatever happens. */
  durableStart = 0
  highWatermark = 0
  /** Readers of committed records have been told of this end. */
  stableOffset = 0
  leaderEpoch = 0
  /** The leader epochs that are known, by the offsets at which they were assigned. */
  #epochStarts: { readonly epoch: number; readonly offset: number }[] = []
  /** A cleaning has begun at some time; what it could reach is below this. */
  cleanableEnd = 0
  /** Bits of what is on the disk have been changed from this offset on: it may not be readable, and end there after the next crash. */
  rotFrom = Number.POSITIVE_INFINITY
  /** Where the log is to begin anew, while that is under way. */
  startingOverAt: number | undefined
  /** Something that moves the start was under way when the log was closed. */
  mayMoveStart = false
  /** What is below this has been read, from where the log knows its producers, and not appended since. */
  #readTo = 0
  /** What was cut off was below such a one, and the checkpoint may still say so. */
  #highWatermarkBefore = 0
  /** A crash takes it no further back than this. */
  savedHighWatermark = 0
  /** The last that was surely of this log, how far it got, and when it had not begun yet. */
  cleaning: { readonly endOffset: number; readonly startedMs: number } | undefined
  /** How often something was cut off its end. */
  cutCount = 0
  /** Where the log was empty last. */
  emptyAt = 0
  /** Where the log was cut off with no batch before it. */
  #endsInGap: number[] = []
  /** What is at and above this is being cut off: of that nothing is durable any more. */
  #cuttingAt = Number.POSITIVE_INFINITY
  /** The disk has been full since the last look: what was not acknowledged may have been cut off. */
  wasFull = false

  constructor(name: string, topicId: string, config: LogConfig) {
    this.name = name
    this.topicId = topicId
    this.config = config
  }

  get syncs(): boolean {
    return syncsBeforeAcknowledging(this.config)
  }

  get isCompacted(): boolean {
    return this.cleanableEnd > 0
  }

  /** While something is cut off, the log says what it likes. */
  get isCutting(): boolean {
    return this.#cuttingAt !== Number.POSITIVE_INFINITY
  }

  append(batch: ModelBatch): void {
    assert(
      batch.firstOffset >= this.endOffset,
      () => `L3 ${this.name}: a batch got offset ${batch.firstOffset}, the log ended at ${this.endOffset}`,
    )
    this.batches.push(batch)
    this.producers.append(batch)
    this.endOffset = batch.lastOffset + 1
  }

  /** The log says that everything below `writtenEndOffset` may be acknowledged. */
  written(writtenEndOffset: number): void {
    if (this.isCutting) return
    assert(
      writtenEndOffset <= this.endOffset,
      () => `L7 ${this.name}: written to ${writtenEndOffset} of ${this.endOffset}`,
    )
    this.acknowledgedEnd = Math.max(this.acknowledgedEnd, writtenEndOffset)
    if (this.syncs) this.durable(writtenEndOffset)
    // So many are synced before the last of them is acknowledged.
    else this.durable(Math.max(0, writtenEndOffset - this.config.flushMessages + 1))
  }

  durable(endOffset: number): void {
    this.durableEnd = Math.max(this.durableEnd, Math.min(endOffset, this.endOffset, this.#cuttingAt))
    this.acknowledgedEnd = Math.max(this.acknowledgedEnd, this.durableEnd)
  }

  /** Nobody may be told of a start that could move back. */
  started(logStartOffset: number): void {
    this.durableStart = Math.max(this.durableStart, logStartOffset)
  }

  /** A new leader. */
  nextEpoch(): number {
    this.leaderEpoch += 1
    this.#epochStarts.push({ epoch: this.leaderEpoch, offset: this.endOffset })
    return this.leaderEpoch
  }

  /** Of the newest batch, or of the leader that is to write the next one; undefined where nothing tells. */
  get latestEpoch(): number | undefined {
    const latest = Math.max(this.#epochStarts.at(-1)?.epoch ?? -1, this.batches.at(-1)?.leaderEpoch ?? -1)
    return latest < 0 ? undefined : latest
  }

  /** Compares what a log that is running says of itself with what it may say. */
  observe(bounds: LogBounds): void {
    if (this.isCutting) return
    const { logStartOffset, logEndOffset, highWatermark } = bounds
    if (logEndOffset !== this.endOffset) this.#fellBack(logEndOffset)
    this.written(bounds.writtenEndOffset)
    assert(
      bounds.recoveryPoint <= bounds.logEndOffset,
      () => `L10 ${this.name}: recovery point ${bounds.recoveryPoint} of ${logEndOffset}`,
    )
    this.durable(bounds.recoveryPoint)
    assert(
      logStartOffset >= this.logStartOffset && logStartOffset <= highWatermark,
      () => `L9 ${this.name}: start ${logStartOffset}, was ${this.logStartOffset}; high watermark ${highWatermark}`,
    )
    this.logStartOffset = logStartOffset
    this.started(logStartOffset)
    assert(
      highWatermark === this.highWatermark && highWatermark <= bounds.writtenEndOffset,
      () =>
        `L7 ${this.name}: high watermark ${highWatermark}, was ${this.highWatermark}, written to ${bounds.writtenEndOffset}`,
    )
    this.highWatermark = highWatermark
    this.#observeStable(bounds.lastStableOffset)
  }

  /** What is at and above `offset` is being cut off; until that is done, nobody knows where the log ends. */
  cutting(offset: number): void {
    this.#cuttingAt = offset
    this.acknowledgedEnd = Math.min(this.acknowledgedEnd, offset)
    this.durableEnd = Math.min(this.durableEnd, offset)
  }

  /** It is cut off, and does not come back. True when no batch ends there. */
  cutTo(offset: number): boolean {
    this.cutCount += 1
    this.#readTo = offset
    this.savedHighWatermark = 0
    if (this.highWatermark > offset) this.#highWatermarkBefore = Math.max(this.#highWatermarkBefore, this.highWatermark)
    if (this.cleaning !== undefined && this.cleaning.endOffset > offset) this.cleaning = undefined
    // It began before, and what its first batch left out behind that is not cut off with it.
    this.#epochStarts = this.#epochStarts.filter(start => start.offset < offset)
    this.#cuttingAt = Number.POSITIVE_INFINITY
    this.startingOverAt = undefined
    // A marker that is cut off, or is read again and lies above the high watermark, leaves its transaction undecided again.
    this.stableOffset = 0
    if (this.isCompacted) this.producers.compacted(this.batches)
    this.batches = this.batches.filter(batch => batch.lastOffset < offset)
    this.producers = ProducersModel.of(this.batches, this.producers)
    this.endOffset = offset
    this.acknowledgedEnd = Math.min(this.acknowledgedEnd, offset)
    this.durableEnd = Math.min(this.durableEnd, offset)
    this.highWatermark = Math.min(this.highWatermark, offset)
    this.stableOffset = Math.min(this.stableOffset, offset)
    this.cleanableEnd = Math.min(this.cleanableEnd, offset)
    const contentEnd = this.#contentEnd(offset)
    this.#endsInGap = this.#endsInGap.filter(end => end < offset)
    if (contentEnd < offset) this.#endsInGap.push(offset)
    return contentEnd < offset
  }

  /** The log is empty and goes on at `offset`. */
  startOver(offset: number): void {
    this.cutTo(0)
    this.endOffset = offset
    this.acknowledgedEnd = offset
    this.logStartOffset = offset
    this.durableStart = offset
    this.highWatermark = offset
    this.stableOffset = offset
    this.emptyAt = offset
    this.producers = new ProducersModel()
    this.rotFrom = Number.POSITIVE_INFINITY
  }

  /** The log has been opened again. */
  reopened(bounds: LogBounds, after: Downfall): void {
    const { logStartOffset: start, logEndOffset: end } = bounds
    const told = `${this.name} begins at ${start} and ends at ${end} after a ${after}`
    if (this.startingOverAt === start && end === start) return this.startOver(start)
    const isEmptied = start === end && !this.#isBoundary(end)
    if (after === 'stop') {
      assert(
        start === this.logStartOffset || (this.mayMoveStart && start > this.logStartOffset),
        () => `L9 ${told}, began at ${this.logStartOffset}`,
      )
      assert(end === this.endOffset, () => `L10 ${told}, ended at ${this.endOffset}`)
      assert(
        bounds.highWatermark === this.highWatermark,
        () => `L7 ${told}: high watermark ${bounds.highWatermark}, was ${this.highWatermark}`,
      )
    }
    const leastStart =
      this.startingOverAt === undefined ? this.durableStart : Math.min(this.durableStart, this.startingOverAt)
    assert(start >= leastStart, () => `L9 ${told}; the start at ${leastStart} was durable`)
    assert(
      start <= Math.max(this.highWatermark, this.startingOverAt ?? 0),
      () => `L9 ${told}; the high watermark was ${this.highWatermark}`,
    )
    const least =
      this.startingOverAt !== undefined
        ? 0
        : Math.min(this.rotFrom, after === 'power cut' ? this.durableEnd : this.acknowledgedEnd)
    assert(
      end >= this.#contentEnd(least),
      () => `L10 ${told}; everything below ${least} was ${after === 'power cut' ? 'durable' : 'written'}`,
    )
    assert(end <= this.endOffset || isEmptied, () => `L10 ${told}; it was written to ${this.endOffset}`)
    assert(isEmptied || this.#isBoundary(end), () => `L10 ${told}, in the middle of a batch`)
    const mostHighWatermark = Math.max(this.highWatermark, this.#highWatermarkBefore)
    assert(
      bounds.highWatermark <= Math.max(start, Math.min(end, mostHighWatermark)) && bounds.highWatermark >= start,
      () => `L7 ${told}: high watermark ${bounds.highWatermark}, was ${this.highWatermark}`,
    )
    assert(
      bounds.highWatermark >= Math.min(end, this.savedHighWatermark),
      () =>
        `L7 ${told}: high watermark ${bounds.highWatermark}, and ${this.savedHighWatermark} was reached seconds ago`,
    )
    this.#wentOnAt(bounds, after, isEmptied)
  }

  /** The cleaner has been at work since then, and may have got as far as the last stable offset. */
  noteCleaning(startedMs: number): void {
    if (!isCompacted(this.config)) return
    // Nobody asks what is decided of a log with batches that may not be readable.
    const decidedEnd = this.rotFrom === Number.POSITIVE_INFINITY ? this.stableOffset : this.highWatermark
    this.cleanableEnd = Math.max(this.cleanableEnd, decidedEnd)
    for (const batch of this.batches) batch.cleanedMs ??= startedMs
  }

  /** Some offset to cut off from, a share of the way from `from` to the end. */
  boundaryAt(from: number, share: number): number {
    const wanted = from + share * (this.endOffset - from)
    if (share === 1) return this.endOffset
    const endBefore = (index: number): number =>
      Math.max(from, (this.batches[index - 1]?.lastOffset ?? this.emptyAt - 1) + 1)
    const isBehindGap = ({ firstOffset }: ModelBatch, index: number): boolean => firstOffset > endBefore(index)
    const behindGap = (share * 1000) % 1 < 0.3 ? this.batches.findLastIndex(isBehindGap) : -1
    const index = behindGap >= 0 ? behindGap : this.batches.findIndex(each => each.firstOffset >= wanted)
    if (index < 0) return Math.max(from, this.endOffset)
    const behind = endBefore(index)
    const gap = this.batches[index]!.firstOffset - behind
    // Replicas of compacted logs have gaps: into one, or to where it ends.
    return gap > 0 ? behind + Math.floor(((share * 10) % 1) * (gap + 1)) : behind
  }

  /** Where to start over. Not where it ends: until its files are gone nobody could tell that from a log whose records have been deleted. */
  newStart(share: number, goesBack: boolean): number {
    if (goesBack && this.endOffset > 0) return Math.floor(share * (this.endOffset - 1))
    return this.endOffset + 1 + Math.floor(share * 20)
  }

  /** The batch of which `offset` is a part, or the next one. */
  batchAt(offset: number): ModelBatch | undefined {
    return this.batches.find(batch => batch.lastOffset >= offset)
  }

  #wentOnAt(bounds: LogBounds, after: Downfall, isEmptied: boolean): void {
    const { logStartOffset, logEndOffset } = bounds
    this.cutTo(logEndOffset)
    if (logStartOffset === logEndOffset) this.producers.forgetAll(this.batches)
    if (isEmptied) {
      this.emptyAt = logEndOffset
      this.batches = []
    }
    if (after !== 'stop') this.producers.reread(logStartOffset, this.isCompacted)
    this.acknowledgedEnd = logEndOffset
    this.logStartOffset = logStartOffset
    this.started(logStartOffset)
    this.highWatermark = bounds.highWatermark
    this.stableOffset = Math.min(this.stableOffset, bounds.lastStableOffset)
    this.wasFull = false
    this.mayMoveStart = false
    this.observe(bounds)
  }

  /** Running logs lose nothing, but what could not be written because there was no room. */
  #fellBack(logEndOffset: number): void {
    const { acknowledgedEnd, endOffset } = this
    assert(
      this.wasFull && logEndOffset >= acknowledgedEnd && logEndOffset < endOffset && this.#isBoundary(logEndOffset),
      () => `L3 ${this.name} ends at ${logEndOffset} after ${endOffset}, and ${acknowledgedEnd} was acknowledged`,
    )
    const { highWatermark, cleanableEnd } = this
    this.cutTo(logEndOffset)
    this.highWatermark = highWatermark
    this.cleanableEnd = cleanableEnd
    this.producers.reread(this.logStartOffset, this.isCompacted)
  }

  /** P4: nothing undecided is below it, nothing decided is held back, and it does not move back. */
  #observeStable(lastStableOffset: number): void {
    // Who cannot read a batch does not know whose it is.
    if (this.rotFrom !== Number.POSITIVE_INFINITY) return
    const { transactions, producers } = this.producers
    const open = transactions.filter(({ lastOffset, producerId, knownFrom }) => {
      return lastOffset === undefined && knownFrom !== undefined && producers.get(producerId)?.mayBeForgotten !== true
    })
    const undecided = this.producers.undecidedAt(this.highWatermark)
    // Whose marker was there when the log was read passes for decided, as in Kafka.
    const unreplicated = undecided.filter(({ lastOffset }) => lastOffset !== undefined && lastOffset >= this.#readTo)
    const firstOf = (each: { firstOffset: number }): number => Math.max(this.logStartOffset, each.firstOffset)
    const holders = [...open, ...unreplicated.filter(({ knownFrom }) => knownFrom !== undefined)]
    const most = Math.min(
      this.highWatermark,
      ...holders.map(({ knownFrom }) => Math.max(this.logStartOffset, knownFrom!)),
    )
    const least = Math.min(this.highWatermark, ...undecided.map(firstOf))
    assert(
      lastStableOffset >= least && lastStableOffset <= most && lastStableOffset >= this.stableOffset,
      () =>
        `P4 ${this.name}: last stable offset ${lastStableOffset}, between ${least} and ${most} is right, ${this.stableOffset} was said`,
    )
    this.stableOffset = lastStableOffset
  }

  /** The offset behind the last batch below: offsets that nothing has are not kept. */
  #contentEnd(offset: number): number {
    const last = this.batches.findLast(batch => batch.lastOffset < offset)
    return Math.min(offset, last === undefined ? this.emptyAt : last.lastOffset + 1)
  }

  #isBoundary(offset: number): boolean {
    return (
      offset === this.endOffset ||
      offset === this.emptyAt ||
      offset === this.#cuttingAt ||
      this.#endsInGap.includes(offset) ||
      this.batches.some(batch => batch.lastOffset + 1 === offset)
    )
  }
}
