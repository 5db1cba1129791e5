/**
 * Finds out what a log holds after it was not closed in order: what lies above the recovery point is read and checked batch by batch, and the log ends before the first
 * that is not whole (L10). Indexes, producer state and leader epochs are rebuilt on the way.
 *
 * Below the recovery point headers are read at most: records, indexes and snapshots of it are durable, and nothing of it is ever cut off. What the disk has spoiled there is passed
 * over: reading it gives CORRUPT_MESSAGE (L11), and everything behind it is as it was. Recovery can be interrupted at any moment and begins anew.
 */
import { verifyChecksum } from '../protocol/records/decode.ts'
import { temporarySuffix } from './atomic-file.ts'
import { endsBeforeNext, nextSoundBatch } from './damage.ts'
import { IndexBuilder, rebuildIndexes } from './index-recovery.ts'
import type { LeaderEpochCache } from './leader-epoch-cache.ts'
import { baseOffsetOf, hasPlausibleHeader, lastOffsetOf, leaderEpochOf } from './log-batch.ts'
import { isCompacted } from './log-config.ts'
import type { LogConfig } from './log-config.ts'
import { diskErrorOf, isPassing } from './log-context.ts'
import type { LogSegment } from './log-segment.ts'
import { RELATIVE_OFFSET_MAX } from './offset-index.ts'
import type { OffsetPosition } from './offset-index.ts'
import { replayProducers, restoreNewest } from './producer-recovery.ts'
import type { ProducerRecovery } from './producer-recovery.ts'
import { confirmsLastTimestamp } from './segment-tail.ts'
import type { TimestampOffset } from './time-index.ts'

export interface RecoveryInput extends ProducerRecovery {
  readonly config: LogConfig
  readonly epochs: LeaderEpochCache
  readonly recoveryPoint: number
  /** Offsets of the producer snapshots that are there, ascending. */
  readonly snapshots: readonly number[]
  /** Where the log is to begin, as far as the checkpoint says. */
  readonly statedStartOffset: number
  /** Base offsets of the segments that have more than a log file: what came before them was durable once. */
  readonly confirmed: ReadonlySet<number>
  /** Base offsets of the segments that have an offset index and a time index. */
  readonly indexed: ReadonlySet<number>
  /** Keeps a producer snapshot for the start of a segment. */
  readonly saveSnapshot: (offset: number, snapshot: Uint8Array) => Promise<void>
  /** Removes segments that are no part of the log any more, which are its last ones, durably. */
  readonly drop: (segments: readonly LogSegment[]) => Promise<void>
  /** Called now and then: of the bytes that are to be looked at, how many have been. */
  readonly onProgress: (doneBytes: number, totalBytes: number) => void
}

export interface RecoveryResult {
  readonly logEndOffset: number
  /** Base offsets of the segments that were dropped. */
  readonly dropped: readonly number[]
  readonly truncatedBytes: number
  /** The last segment ends in bytes that cannot be read and must not be cut off: what is appended next belongs in a new one. */
  readonly endsDamaged: boolean
}

const batchesPerWrite = 10_000
const rewrittenBytes = 1024 * 1024
/** A gap of fewer offsets is as likely as any other. */
const nearOffsets = 2 ** 16
/** Progress is reported about so often. */
const reportedBytes = 8 * 1024 * 1024

/** The producer state is at the log end offset afterwards. Rejects with a `DiskError`. */
export async function recoverLog(input: RecoveryInput): Promise<RecoveryResult> {
  const { segments, producers, recoveryPoint } = input
  const unflushed = unflushedSegments(input)
  await rebuildMissingIndexes(input, segments.all.slice(0, -unflushed.length))
  const start = Math.max(recoveryPoint, unflushed[0]!.baseOffset)
  await restoreNewest(
    input,
    input.snapshots.filter(offset => offset <= start),
  )
  // Where the first segment of the log is to begin; of any other one, what comes before it lies below the recovery point.
  const isFirst = unflushed.length === segments.all.length
  let logEndOffset = isFirst ? input.statedStartOffset : unflushed[0]!.baseOffset
  let endsDamaged = false
  let doneBytes = 0
  const totalBytes = unflushed.reduce((sum, segment) => sum + segment.sizeBytes, 0)
  const report = (bytes: number): void => input.onProgress((doneBytes += bytes), totalBytes)
  for (const [index, segment] of unflushed.entries()) {
    if (!follows(input, segment, logEndOffset)) return end(0, unflushed.slice(index))
    if (index > 0) {
      producers.advanceTo(segment.baseOffset)
      await input.saveSnapshot(segment.baseOffset, producers.snapshot())
    }
    const recovery = new SegmentRecovery(input, segment, unflushed[index + 1]?.baseOffset, report)
    const truncatedBytes = await recovery.scan()
    logEndOffset = recovery.endOffset
    // Nothing is missing where the next segment goes on: behind the last batch lies what was allocated and never written.
    const isWhole = truncatedBytes === 0 || unflushed[index + 1]?.baseOffset === logEndOffset
    if (!isWhole) return end(truncatedBytes, unflushed.slice(index + 1), recovery)
    await recovery.finish(truncatedBytes)
    endsDamaged = recovery.endsDamaged
  }
  return end(0, [])

  async function end(
    truncatedBytes: number,
    dropped: readonly LogSegment[],
    last?: SegmentRecovery,
  ): Promise<RecoveryResult> {
    // Before the end is cut off: a later segment that is still there after another crash would be taken for one that follows.
    if (dropped.length > 0) await input.drop(dropped)
    await last?.finish(truncatedBytes)
    producers.advanceTo(logEndOffset)
    return { logEndOffset, dropped: dropped.map(segment => segment.baseOffset), truncatedBytes, endsDamaged }
  }
}

/**
 * A power cut may bring the log file back of a segment that was being deleted, or replaced, and not its indexes. Without them each lookup would walk through the whole segment. Until both are
 * durable the offset index has another name: what a crash leaves of them is not there for the next start.
 */
async function rebuildMissingIndexes(input: RecoveryInput, segments: readonly LogSegment[]): Promise<void> {
  const { context, folder } = input
  const { disk } = context.io
  for (const [index, segment] of segments.entries()) {
    // What lies before the start of the log is read by nobody, and goes with the next retention.
    const isBeforeStart = (segments[index + 1]?.baseOffset ?? Infinity) <= input.statedStartOffset
    if (isBeforeStart || segment.sizeBytes === 0 || input.indexed.has(segment.baseOffset)) continue
    context.logger.info('an index is missing and is built anew', { folder, segment: segment.baseOffset })
    const { file } = segment.offsetIndex.entries
    const { path } = file
    await disk.remove(path)
    await disk.syncDirectory(folder)
    file.moveTo(path + temporarySuffix)
    await rebuildIndexes(input, segment)
    await file.rename(path)
    await disk.syncDirectory(folder)
  }
}

/**
 * Those that something may be missing of: of which some lies above the recovery point, and one before them whose end has been flushed, and which was perhaps being closed: its last index entry
 * is durable once the next one has more than its log file.
 */
function unflushedSegments({ segments, recoveryPoint, confirmed }: RecoveryInput): readonly LogSegment[] {
  const index = Math.max(0, segments.floorIndex(recoveryPoint))
  const isClosed = index === 0 || segments.all[index]!.baseOffset < recoveryPoint || confirmed.has(recoveryPoint)
  return segments.all.slice(isClosed ? index : index - 1)
}

/**
 * Whether a segment belongs behind what ends at `endOffset`. One that begins before that is left over from an earlier life of the log; one that begins after it follows what
 * compaction has removed, or what a power cut has taken.
 */
function follows(input: RecoveryInput, segment: LogSegment, endOffset: number): boolean {
  const isFirst = segment === input.segments.first
  if (segment.baseOffset <= endOffset) return isFirst || segment.baseOffset === endOffset
  return input.confirmed.has(segment.baseOffset)
}

class SegmentRecovery {
  readonly #input: RecoveryInput
  readonly #segment: LogSegment
  /** Of the next segment, if there is one. */
  readonly #nextBaseOffset: number | undefined
  #position = 0
  /** Where the scan began. */
  #startPosition = 0
  #endOffset: number
  #maxTimestamp: TimestampOffset
  #isSound = true
  /** Of a batch behind a gap, which has been found to fit. */
  #fittingAt = -1
  /** Of the last batch, if a new leader epoch begins with it that nothing else tells of. */
  #epochBeganAt = -1
  #endsDamaged = false
  readonly #report: (bytes: number) => void
  /** Up to where in the file has been reported. */
  #reportedTo = 0

  constructor(
    input: RecoveryInput,
    segment: LogSegment,
    nextBaseOffset: number | undefined,
    report: (bytes: number) => void,
  ) {
    this.#report = report
    this.#input = input
    this.#segment = segment
    this.#nextBaseOffset = nextBaseOffset
    this.#endOffset = segment.baseOffset
    this.#maxTimestamp = { timestampMs: -1, offset: segment.baseOffset }
  }

  get endOffset(): number {
    return this.#endOffset
  }

  /** The segment ends in bytes that cannot be read, and lie below the recovery point. */
  get endsDamaged(): boolean {
    return this.#endsDamaged
  }

  /** Finds the end of what is sound, or was durable; gives back how many bytes are behind it. */
  async scan(): Promise<number> {
    const { segments, producers, config, recoveryPoint } = this.#input
    const segment = this.#segment
    const kept = await this.#prepareIndexes()
    // From the start of the file, or again through the batch of the last index entry.
    await replayProducers(segments, producers, kept.offset)
    this.#position = kept.position
    this.#startPosition = kept.position
    // An entry of the index, which the log confirms, has led to the first batch: nothing needs to be known of those before it.
    if (kept.position > 0) this.#fittingAt = kept.position
    const builder = new IndexBuilder(segment, producers, config, this.#position)
    do {
      while (await this.#scanSome(builder)) await segment.rewriteIndexes(this.#endOffset)
    } while (this.#position < segment.sizeBytes && this.#endOffset < recoveryPoint && (await this.#passDamage()))
    this.#maxTimestamp = builder.maxTimestamp
    return segment.sizeBytes - this.#position
  }

  /** Cuts off what is not sound, and makes the segment durable with its indexes. */
  async finish(truncatedBytes: number): Promise<void> {
    const segment = this.#segment
    if (truncatedBytes > 0) await segment.logFile.use(file => file.truncate(this.#position))
    // Of one that is empty not even the names are known to be durable: it may have been made just before the crash.
    const isEmpty = this.#endOffset === segment.baseOffset
    const isBelow = truncatedBytes === 0 && !isEmpty && this.#endOffset <= this.#input.recoveryPoint
    // The last one may have been cut off before a crash, and not durably: what was cut off would come back after a power cut.
    const durableBelow = this.#nextBaseOffset === undefined ? 'names' : 'all'
    segment.recovered(this.#position, this.#maxTimestamp, isBelow ? durableBelow : 'nothing')
    if (!isBelow && this.#position > this.#startPosition) await this.#writeAgain()
    segment.seal()
    // Some of it may be below the recovery point, and is not looked at by the next recovery, if this one is interrupted.
    await segment.rewriteIndexes(this.#endOffset)
    // Before the next segment gets its index files.
    if (!segment.isNew) await segment.syncAll(this.#endOffset)
  }

  /** Keeps what the indexes say about batches below the recovery point, as far as the log agrees. Where to read on from. */
  async #prepareIndexes(): Promise<OffsetPosition> {
    const { recoveryPoint } = this.#input
    const segment = this.#segment
    await segment.loadIndexes()
    segment.indexesMayBeUnsynced()
    const kept = recoveryPoint > segment.baseOffset ? await segment.keepIndexesBelow(recoveryPoint) : undefined
    if (kept !== undefined && (await confirmsLastTimestamp(segment))) return kept
    // What is built anew takes all transactions of the segment.
    const { producers, segments, snapshots } = this.#input
    if (producers.mapEndOffset > segment.baseOffset) {
      await restoreNewest(
        this.#input,
        snapshots.filter(offset => offset <= segment.baseOffset),
      )
      await replayProducers(segments, producers, segment.baseOffset)
    }
    await segment.clearIndexes(Math.max(segment.baseOffset, recoveryPoint))
    return { offset: segment.baseOffset, position: 0 }
  }

  /** True when there may be more. */
  async #scanSome(builder: IndexBuilder): Promise<boolean> {
    let visited = 0
    let gap: { position: number; size: number; baseOffset: number; lastOffset: number } | undefined
    const start = this.#position
    await this.#segment.scan(start, (bytes, at, size, position) => {
      this.#isSound = this.#isValid(bytes, at)
      if (!this.#isSound) return false
      if (baseOffsetOf(bytes, at) > this.#endOffset && this.#fittingAt !== position) {
        gap = { position, size, baseOffset: baseOffsetOf(bytes, at), lastOffset: lastOffsetOf(bytes, at) }
        return false
      }
      builder.visit(bytes, at, position)
      this.#noteEpoch(bytes, at)
      this.#endOffset = builder.endOffset
      this.#position = position + size
      visited += 1
      if (this.#position - this.#reportedTo >= reportedBytes) this.#reportProgress()
      return visited < batchesPerWrite
    })
    this.#reportProgress()
    if (gap === undefined) return this.#isSound && visited === batchesPerWrite
    if (!(await endsBeforeNext(this.#segment, gap, this.#lastEndOf(gap.baseOffset)))) return false
    this.#fittingAt = gap.position
    return true
  }

  /**
   * Where a batch behind a gap may end, if it is the last one. The last segment of a log is not compacted, unless it was once followed by others: then all of it is durable. But a
   * replica of a compacted log is written with the gaps that its leader has.
   */
  #lastEndOf(baseOffset: number): number {
    if (this.#nextBaseOffset !== undefined) return this.#nextBaseOffset
    const { recoveryPoint, config } = this.#input
    if (this.#endOffset < recoveryPoint) return recoveryPoint
    return isCompacted(config) && !isFarByOneBit(this.#endOffset, baseOffset) ? Number.MAX_SAFE_INTEGER : 0
  }

  /**
   * Writes what is not known to be durable once more, as it is. A sync of it may have failed in an earlier life of the broker, after which the system holds its pages for clean:
   * another sync would succeed and write nothing, and a power cut would take what is served and counted as durable from now on.
   */
  async #writeAgain(): Promise<void> {
    const buffer = Buffer.allocUnsafeSlow(Math.min(rewrittenBytes, Math.max(1, this.#position - this.#startPosition)))
    try {
      await this.#segment.logFile.use(async file => {
        for (let position = this.#startPosition; position < this.#position;) {
          const chunk = buffer.subarray(0, Math.min(buffer.length, this.#position - position))
          const read = await file.read(chunk, position)
          if (read === 0) return
          await file.writev([chunk.subarray(0, read)], position)
          position += read
        }
      })
    } catch (error) {
      const cause = diskErrorOf(error)
      if (!isPassing(cause)) throw cause
      const { context, folder } = this.#input
      context.logger.warn('what was not synced could not be written once more', { folder }, cause)
    }
  }

  #reportProgress(): void {
    this.#report(this.#position - this.#reportedTo)
    this.#reportedTo = this.#position
  }

  /** A batch that belongs here: unbroken, behind the one before, and not too far from the base of the segment. */
  #isValid(bytes: Uint8Array, at: number): boolean {
    if (!hasPlausibleHeader(bytes, at) || baseOffsetOf(bytes, at) < this.#endOffset) return false
    const lastOffset = lastOffsetOf(bytes, at)
    if (lastOffset - this.#segment.baseOffset > RELATIVE_OFFSET_MAX) return false
    return verifyChecksum(bytes, at)
  }

  /**
   * What begins here was durable and is not sound. Goes on with the next batch that is, or, where there is none, regards all that is left of the segment as durable and spoiled.
   * False when the segment is done.
   */
  async #passDamage(): Promise<boolean> {
    const { recoveryPoint, context, folder } = this.#input
    const position = this.#position
    const from = this.#endOffset
    const to = this.#nextBaseOffset ?? Number.MAX_SAFE_INTEGER
    const next = await nextSoundBatch(this.#segment, position, { from: from + 1, to })
    // Behind the recovery point it must follow without a gap: what is missing there may never have been written.
    const isPart = next !== undefined && next.baseOffset <= Math.max(recoveryPoint, from + 1)
    this.#endOffset = isPart ? next.baseOffset : Math.min(recoveryPoint, to)
    this.#position = isPart ? next.position : this.#segment.sizeBytes
    this.#endsDamaged = !isPart
    this.#fittingAt = this.#position
    context.logger.error('records that were durable cannot be read any more; they are answered with CORRUPT_MESSAGE', {
      folder,
      segment: this.#segment.baseOffset,
      position,
      fromOffset: from,
      toOffset: this.#endOffset,
    })
    return isPart
  }

  #noteEpoch(bytes: Uint8Array, at: number): void {
    const leaderEpoch = leaderEpochOf(bytes, at)
    const baseOffset = baseOffsetOf(bytes, at)
    const { epochs, recoveryPoint } = this.#input
    // Below the recovery point all epochs are known, and one that differs is a broken header's, which no checksum covers.
    if (baseOffset < recoveryPoint && epochs.latestEpoch !== undefined) return
    // Epochs only grow (L3): one that a single batch had, before they went on as they were, is a broken header's too.
    if (this.#epochBeganAt >= 0 && leaderEpoch < epochs.latestEpoch!) epochs.truncateFromEnd(this.#epochBeganAt)
    this.#epochBeganAt = -1
    if (epochs.epochFor(baseOffset) === leaderEpoch) return
    // The file tells of what an earlier power cut has taken.
    epochs.truncateFromEnd(baseOffset)
    if (leaderEpoch <= (epochs.latestEpoch ?? -1)) return
    epochs.assign(leaderEpoch, baseOffset)
    this.#epochBeganAt = baseOffset
  }
}

/** What a bit of an offset makes of it that has flipped; gaps are of any size, and mostly smaller. */
function isFarByOneBit(offset: number, other: number): boolean {
  const difference = other - offset
  const isOneBit = Number.isInteger(Math.log2(difference)) && Math.floor(offset / difference) % 2 === 0
  return difference >= nearOffsets && isOneBit
}
