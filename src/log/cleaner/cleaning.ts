/** What the parts of one cleaning of one log share: what is to be done, with what, and how far it has got. */
import type { LogCore } from '../log-core.ts'
import type { LogSegment } from '../log-segment.ts'
import { damaged } from '../log-context.ts'
import type { AbortedTransactionEntry } from '../transaction-index.ts'
import type { ReadBuffer } from './batch-source.ts'
import type { CleaningPace } from './cleaning-pace.ts'

/** Counted for people and metrics. */
export interface CleaningStats {
  mapBytesRead: number
  mapRecordsRead: number
  bytesRead: number
  bytesWritten: number
  recordsRead: number
  recordsWritten: number
  /** Records without a key, which no compacted topic should have. */
  recordsWithoutKey: number
  /** Of the slots of the map, from 0 to 1. */
  mapUtilization: number
  durationMs: number
}

export function newStats(): CleaningStats {
  return {
    mapBytesRead: 0,
    mapRecordsRead: 0,
    bytesRead: 0,
    bytesWritten: 0,
    recordsRead: 0,
    recordsWritten: 0,
    recordsWithoutKey: 0,
    mapUtilization: 0,
    durationMs: 0,
  }
}

export interface Cleaning {
  readonly core: LogCore
  readonly pace: CleaningPace
  readonly readBuffer: ReadBuffer
  readonly stats: CleaningStats
  /** Compacted up to here; records from here on go into the map. */
  readonly firstDirtyOffset: number
  /** Base offset of the first segment that is left alone. */
  readonly firstUncleanableOffset: number
  /** When it began. */
  readonly nowMs: number
}

/** The offset behind the last that a segment, which is not the active one, may hold. */
export function endOffsetOf(core: LogCore, segment: LogSegment): number {
  const { all } = core.segments
  const next = all[all.indexOf(segment) + 1]
  // Whoever removed it meanwhile aborts the cleaning when it comes to replacing it.
  return next?.baseOffset ?? segment.baseOffset
}

/** What the transaction indexes know of aborted transactions among [from, to). Rejects with a `DiskError`. */
export async function abortedTransactions(core: LogCore, from: number, to: number): Promise<AbortedTransactionEntry[]> {
  const found: AbortedTransactionEntry[] = []
  const first = Math.max(0, core.segments.floorIndex(from))
  for (const segment of core.segments.all.slice(first)) {
    for (const entry of await entriesOf(core, segment)) {
      if (entry.lastOffset >= from && entry.firstOffset < to) found.push(entry)
      if (entry.lastStableOffset >= to) return found
    }
  }
  return found
}

async function entriesOf(core: LogCore, segment: LogSegment): Promise<AbortedTransactionEntry[]> {
  await core.indexesSettled(segment)
  await segment.loadIndexes()
  let entries = await segment.transactionIndex.all()
  if (entries === undefined) {
    await core.rebuildIndexes(segment)
    entries = await segment.transactionIndex.all()
  }
  if (entries === undefined) throw damaged(`transaction index of segment ${segment.baseOffset} of ${core.name}`)
  return entries
}
