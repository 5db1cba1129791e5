/**
 * Compacts one log: of its records up to some offset, the newest of each key stays. The dirty part is read twice, once to learn which records these are, and once together with the part that was
 * compacted before, to write what stays.
 */
import { SIPHASH_KEY_BYTES } from '../../std/siphash.ts'
import type { LogCore } from '../log-core.ts'
import { buildOffsetMap } from './build-offset-map.ts'
import { CleanedTransactions } from './cleaned-transactions.ts'
import { cleanSegments, newestMs } from './clean-segments.ts'
import type { Cleaning } from './cleaning.ts'
import { CleaningAborted } from './cleaning-pace.ts'
import { OffsetMap } from './offset-map.ts'
import { groupSegments, sizesOf } from './segment-groups.ts'

export interface MapOptions {
  readonly bytesMax: number
  /** Above 0, at most 1. */
  readonly loadFactor: number
}

/** Gives back the offset up to which the log is compacted now; that is durable. Rejects with a `DiskError`, also for damage, or with `CleaningAborted`. */
export async function cleanLog(cleaning: Cleaning, options: MapOptions): Promise<number> {
  const { core, firstDirtyOffset, firstUncleanableOffset, stats } = cleaning
  const { clock } = core.context.io
  const startMs = clock.monotonicMs()
  let expectedCuts = core.cuts
  const lastBatches = core.producers.lastBatches()
  const offsetsMax = firstUncleanableOffset - firstDirtyOffset
  const secret = core.context.io.random.bytes(SIPHASH_KEY_BYTES)
  const map = new OffsetMap(options.bytesMax, options.loadFactor, offsetsMax, secret)
  await buildOffsetMap(cleaning, map)
  const endOffset = map.latestOffset + 1
  stats.mapUtilization = map.utilization

  const segments = core.segments.all.filter(segment => segment.baseOffset < Math.min(endOffset, firstUncleanableOffset))
  const sizes = []
  for (const segment of segments) sizes.push(await sizesOf(segment))
  const { segmentBytes, segmentIndexBytes } = core.config
  const groups = groupSegments(sizes, { segmentBytes, segmentIndexBytes, endOffset: firstUncleanableOffset })
  const filter = {
    map,
    transactions: new CleanedTransactions(),
    lastBatches,
    legacyHorizonMs: await legacyHorizonOf(core, firstDirtyOffset),
  }
  if (groups.length > 0) await saveProgress(core)
  for (const group of groups) {
    await cleanSegments(cleaning, group, filter, expectedCuts)
    expectedCuts += 1
  }
  await core.exclusive(async () => {
    if (core.cuts !== expectedCuts || core.closed) throw new CleaningAborted('the log has changed')
    core.firstDirtyOffset = endOffset
    await core.host.saveCleanerOffsets()
  })
  stats.durationMs = clock.monotonicMs() - startMs
  return endOffset
}

/**
 * A recovery that began below what is compacted would learn of each producer only what compaction keeps, its last batch, and refuse retries of the four before it (P1). So it
 * must not begin there: the recovery point is durable first, and with it the producers' snapshot. And so are the markers that have told what of it was aborted, or committed and newer than
 * something else, wherever they are: a power cut that took one would open a transaction again of which records are gone.
 */
async function saveProgress(core: LogCore): Promise<void> {
  await core.exclusive(() => core.writer.flush())
  await core.host.saveRecoveryPoints()
}

/** Tombstones without a horizon of their own are kept for `delete.retention.ms` after the newest record of the part that was compacted before. */
async function legacyHorizonOf(core: LogCore, firstDirtyOffset: number): Promise<number> {
  const lastClean = core.segments.all.findLast(segment => segment.baseOffset < firstDirtyOffset)
  return lastClean === undefined ? 0 : (await newestMs(lastClean)) - core.config.deleteRetentionMs
}
