/**
 * Finishes what compaction left half done: its output is written to `.cleaned` files, which are renamed to `.swap` once they are whole, and from `.swap` to their final
 * names once they may take the place of the segments that they were made from. So `.cleaned` files are of no use after a crash, and `.swap` files are to be put in place.
 */
import { lastOffsetOf } from './log-batch.ts'
import { CLEANED_SUFFIX, LOG_SUFFIX, SWAP_SUFFIX } from './file-names.ts'
import type { LogContext } from './log-context.ts'
import { LazyFile } from './open-files.ts'
import { scanBatches } from './segment-scan.ts'

/** True when files have been removed or renamed. Rejects with a `DiskError`. */
export async function finishSwaps(context: LogContext, folder: string, names: readonly string[]): Promise<boolean> {
  const cleaned = names.filter(name => name.endsWith(CLEANED_SUFFIX))
  const swaps = names.filter(name => name.endsWith(SWAP_SUFFIX))
  if (cleaned.length + swaps.length === 0) return false
  const { disk } = context.io
  // Swap files from the first cleaned one on belong to an operation whose output is not whole.
  const wholeBelow = Math.min(Infinity, ...cleaned.map(offsetOf))
  const unfinished = swaps.filter(name => offsetOf(name) >= wholeBelow)
  const remove = [...unfinished, ...cleaned]
  const keep = swaps.filter(name => offsetOf(name) < wholeBelow)
  // Durably before the cleaned ones: without these, what is left of them would pass for output that is whole, and replace the segments and their indexes.
  for (const name of unfinished) await disk.remove(`${folder}/${name}`)
  if (unfinished.length > 0) await disk.syncDirectory(folder)
  for (const name of cleaned) await disk.remove(`${folder}/${name}`)

  const logs = keep.filter(name => name.endsWith(LOG_SUFFIX + SWAP_SUFFIX))
  const from = Math.min(Infinity, ...logs.map(offsetOf))
  let to = -Infinity
  for (const name of logs) to = Math.max(to, await endOffsetOf(context, `${folder}/${name}`, offsetOf(name)))
  for (const name of names) {
    const isReplaced = /^[0-9]+\./.test(name) && offsetOf(name) >= from && offsetOf(name) < to
    if (isReplaced && !keep.includes(name) && !remove.includes(name)) await disk.remove(`${folder}/${name}`)
  }
  // Step by step, durably, as the cleaner itself does it: as long as there is a log file to be put in place, no index of the same segment has been, or the next start would
  // take that for one of what is replaced.
  await disk.syncDirectory(folder)
  for (const name of logs) await disk.rename(`${folder}/${name}`, finalPath(folder, name))
  await disk.syncDirectory(folder)
  for (const name of keep) if (!logs.includes(name)) await disk.rename(`${folder}/${name}`, finalPath(folder, name))
  await disk.syncDirectory(folder)
  context.logger.info('finished an interrupted compaction', { folder, files: keep })
  return true
}

function finalPath(folder: string, name: string): string {
  return `${folder}/${name.slice(0, -SWAP_SUFFIX.length)}`
}

function offsetOf(name: string): number {
  return Number(name.slice(0, name.indexOf('.')))
}

/** Behind the last record of a log file. */
async function endOffsetOf(context: LogContext, path: string, baseOffset: number): Promise<number> {
  const stat = await context.io.disk.stat(path)
  const file = new LazyFile(context.openFiles, path)
  let endOffset = baseOffset
  await scanBatches(file, 0, stat?.sizeBytes ?? 0, (bytes, at) => {
    endOffset = lastOffsetOf(bytes, at) + 1
  })
  await file.close()
  return endOffset
}
