/** The second half of a cleaning, for one group of segments: writes what is left of them into one, and puts that in their place. */
import * as header from '../../protocol/records/batch-header.ts'
import { isDamage, isPassing } from '../log-context.ts'
import type { LogSegment } from '../log-segment.ts'
import type { LastBatch } from '../producer-state.ts'
import { BatchSource } from './batch-source.ts'
import { cleanBatch } from './clean-batch.ts'
import type { BatchPlan, JudgedRecord } from './clean-batch.ts'
import type { CleanedTransactions } from './cleaned-transactions.ts'
import { CleanedSegment } from './cleaned-segment.ts'
import { abortedTransactions, endOffsetOf } from './cleaning.ts'
import type { Cleaning } from './cleaning.ts'
import type { OffsetMap } from './offset-map.ts'
import { swapSegments, willBeReplaced } from './swap-segments.ts'

/** What decides about records, besides the cleaning itself. */
export interface Filter {
  readonly map: OffsetMap
  readonly transactions: CleanedTransactions
  /** By producer id, as it was when the cleaning began. */
  readonly lastBatches: ReadonlyMap<number, LastBatch>
  /** Tombstones of magic 0 and 1 go from segments whose newest record is not younger. */
  readonly legacyHorizonMs: number
}

/** `expectedCuts` is that of the log when the cleaning began, plus the swaps since. Rejects with a `DiskError`, also for damage, or with `CleaningAborted`. */
export async function cleanSegments(
  cleaning: Cleaning,
  group: readonly LogSegment[],
  filter: Filter,
  expectedCuts: number,
): Promise<void> {
  const { core, pace, readBuffer } = cleaning
  const replaced = willBeReplaced(core, group, expectedCuts)
  const endOffset = endOffsetOf(core, group.at(-1)!)
  const cleaned = new CleanedSegment(core, group[0]!.baseOffset, pace, readBuffer.bytes.length)
  try {
    await cleaned.removeLeftOver()
    filter.transactions.onRetainedAbort = entry => cleaned.appendAborted(entry)
    for (const segment of group) {
      filter.transactions.add(await abortedTransactions(core, segment.baseOffset, endOffsetOf(core, segment)))
      await cleanInto(cleaning, segment, filter, cleaned)
    }
    await cleaned.finish()
    pace.check()
    await core.exclusive(() => swapSegments(core, replaced, cleaned.segment, endOffset))
  } catch (error) {
    // After a failing disk nothing is touched any more; the next start removes what is left. On one that is only full, its room is needed.
    const { failure } = core
    if (failure === undefined || isDamage(failure) || isPassing(failure)) await cleaned.removeLeftOver().catch(() => {})
    throw error
  }
}

async function cleanInto(
  cleaning: Cleaning,
  segment: LogSegment,
  filter: Filter,
  cleaned: CleanedSegment,
): Promise<void> {
  const { pace, stats } = cleaning
  const keepsLegacyTombstones = (await newestMs(segment)) > filter.legacyHorizonMs
  const source = new BatchSource(segment, 0, pace, cleaning.readBuffer)
  while (await source.next()) {
    const { bytes, at, sizeBytes } = source
    const plan = planFor(cleaning, bytes, at, filter, keepsLegacyTombstones)
    const batch = await pace.run(cleanBatch(bytes, at, plan))
    stats.bytesRead += sizeBytes
    stats.recordsRead += batch.recordsRead
    stats.recordsWritten += batch.recordsRetained
    if (batch.kind === 'dropped') continue
    const written = batch.kind === 'kept' ? bytes.subarray(at, at + sizeBytes) : batch.bytes
    stats.bytesWritten += written.length
    await cleaned.append(written)
  }
}

function planFor(
  cleaning: Cleaning,
  bytes: Uint8Array,
  at: number,
  filter: Filter,
  keepsLegacyTombstones: boolean,
): BatchPlan {
  const { core, nowMs, firstUncleanableOffset } = cleaning
  const isLegacy = header.magic(bytes, at) < 2
  const horizonMs = isLegacy ? undefined : header.deleteHorizonMs(bytes, at)
  const isPastHorizon = horizonMs !== undefined && horizonMs <= nowMs
  const isControl = !isLegacy && header.isControl(bytes, at)
  const isUseless = isControl ? filter.transactions.onControlBatch(bytes, at) : filter.transactions.onBatch(bytes, at)
  const keepsTombstones = isLegacy ? keepsLegacyTombstones : !isPastHorizon
  return {
    dropsRecords: isUseless && (!isControl || isPastHorizon),
    // The last batch of the round tells where the cleaned part of the log ends.
    keepsEmpty:
      !isLegacy &&
      (isLastOfProducer(bytes, at, isControl, filter) || header.nextOffset(bytes, at) === firstUncleanableOffset),
    endsEmptyTransaction: isControl && isUseless,
    deleteHorizonMs: nowMs + core.config.deleteRetentionMs,
    retains: isControl
      ? () => true
      : (offset, record) => isRetained(cleaning, filter.map, keepsTombstones, offset, record),
  }
}

function isRetained(
  { stats }: Cleaning,
  map: OffsetMap,
  keepsTombstones: boolean,
  offset: number,
  { bytes, keyAt, keyLength, valueLength }: JudgedRecord,
): boolean {
  // Nothing is known of what lies behind the part that the map had room for.
  if (offset > map.latestOffset) return true
  if (keyLength < 0) {
    stats.recordsWithoutKey += 1
    return false
  }
  return (valueLength >= 0 || keepsTombstones) && offset >= map.get(bytes, keyAt, keyAt + keyLength)
}

/**
 * Whether a producer's epoch and sequence are read from this batch when its state is rebuilt: from its last batch with records, or, when only a marker is known of
 * it, from the marker of its epoch, which keeps older ones out.
 */
function isLastOfProducer(bytes: Uint8Array, at: number, isControl: boolean, filter: Filter): boolean {
  const last = filter.lastBatches.get(header.producerId(bytes, at))
  if (last === undefined) return false
  return last.lastOffset !== undefined
    ? header.lastOffset(bytes, at) === last.lastOffset
    : isControl && header.producerEpoch(bytes, at) === last.producerEpoch
}

/** Of the newest record; where records have no timestamps, when the file was last written. */
export async function newestMs(segment: LogSegment): Promise<number> {
  const { timestampMs } = await segment.loadMaxTimestamp()
  return timestampMs >= 0 ? timestampMs : ((await segment.lastModifiedMs()) ?? 0)
}
