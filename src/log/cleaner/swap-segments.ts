/**
 * Puts a cleaned segment in the place of those that it was made from, so that a crash at any moment leaves either.
 *
 * 1. The cleaned files are durable, names included. They become `.swap`: as long as one of them is still called `.cleaned`, recovery removes them all.
 * 2. Once all new names are durable, there is no way back: recovery removes what is replaced and finishes.
 * 3. What is replaced becomes `.deleted`. Only when that is durable does the log file get its final name, or a power cut could leave both in the log.
 * 4. Only when that is durable do the indexes get theirs: an index without suffix beside a log that has one belongs to what is replaced.
 *
 * Readers have the old segments or the new one: who still reads the old ones has `file.delete.delay.ms` to finish.
 */
import type { DiskError } from '../../io/io.ts'
import { SWAP_SUFFIX } from '../file-names.ts'
import type { LogCore } from '../log-core.ts'
import type { LogSegment } from '../log-segment.ts'
import { CleaningAborted } from './cleaning-pace.ts'

/** What the segments were when they were read, so that nothing is replaced that has changed since. */
export interface Replaced {
  readonly folder: string
  readonly segments: readonly LogSegment[]
  readonly sizesBytes: readonly number[]
  readonly cuts: number
}

/** `cuts` is that of the log when its cleaning began, plus the swaps since. */
export function willBeReplaced(core: LogCore, segments: readonly LogSegment[], cuts: number): Replaced {
  const sizesBytes = segments.map(segment => segment.sizeBytes)
  return { folder: core.folder, segments, sizesBytes, cuts }
}

/** Within `exclusive`. Rejects with `CleaningAborted` when the log has changed, and nothing has happened; with a `DiskError` when the disk fails. */
export async function swapSegments(
  core: LogCore,
  replaced: Replaced,
  cleaned: LogSegment,
  endOffset: number,
): Promise<void> {
  checkUnchanged(core, replaced)
  try {
    await swapFiles(core, replaced, cleaned, endOffset)
  } catch (error) {
    // Also where only room was lacking: halfway the files on disk are not what is in memory, and only the next start can finish.
    throw Object.assign(new Error(`putting a cleaned segment in place: ${(error as DiskError).message}`), {
      code: 'EIO',
    })
  }
}

async function swapFiles(core: LogCore, replaced: Replaced, cleaned: LogSegment, endOffset: number): Promise<void> {
  const { disk } = core.context.io
  const { folder, segments } = replaced
  await cleaned.renameLog(SWAP_SUFFIX)
  await cleaned.renameIndexes()
  await disk.syncDirectory(folder)

  core.segments.replace(segments, cleaned)
  core.cuts += 1
  core.reader.forget()
  // Readers of committed records may find what is aborted only as long as the transaction index speaks of it.
  core.tail?.forgetBelow(endOffset)
  for (const segment of segments) {
    const keepsSnapshot = segment.baseOffset === cleaned.baseOffset
    await core.deletion.delete(segment, folder, core.config.fileDeleteDelayMs, keepsSnapshot)
  }
  await disk.syncDirectory(folder)
  await cleaned.renameLog('')
  await disk.syncDirectory(folder)
  await cleaned.renameIndexes()
  await disk.syncDirectory(folder)
}

/** Retention, a truncation or a move may have come in between. */
function checkUnchanged(core: LogCore, { folder, segments, sizesBytes, cuts }: Replaced): void {
  const { all, active } = core.segments
  const at = all.indexOf(segments[0]!)
  const isSame =
    core.folder === folder &&
    core.cuts === cuts &&
    !core.closed &&
    core.failure === undefined &&
    at >= 0 &&
    segments.every(
      (segment, index) => all[at + index] === segment && segment !== active && segment.sizeBytes === sizesBytes[index],
    )
  if (!isSame) throw new CleaningAborted('the log has changed')
}
