/** Brings the checkpoints of a log directory in line with partitions that have been repaired. */
import type { Disk } from '../../io/io.ts'
import { replaceFile } from '../atomic-file.ts'
import { formatOffsetCheckpoint } from '../checkpoint-file.ts'
import type { OffsetEntry } from '../checkpoint-file.ts'
import * as names from '../file-names.ts'
import { DAMAGED_SUFFIX } from './damaged-files.ts'
import type { RepairedPartition } from './repair-partition.ts'
import type { DirectoryFiles } from './verify-directory.ts'

/** What a checkpoint is to say of a partition; `undefined` for nothing. `before` is what it says. */
type Correction = (partition: RepairedPartition, before: number | undefined) => number | undefined

const atMost = (end: number, before: number | undefined): number | undefined =>
  before === undefined ? undefined : Math.min(before, end)

const corrections: ReadonlyMap<string, Correction> = new Map<string, Correction>([
  // All of it has been read, and synced.
  [names.RECOVERY_POINT_CHECKPOINT, ({ logEndOffset }) => logEndOffset],
  [
    names.LOG_START_OFFSET_CHECKPOINT,
    ({ logStartOffset }, before) => (before === undefined ? undefined : logStartOffset),
  ],
  [names.HIGH_WATERMARK_CHECKPOINT, ({ logEndOffset }, before) => atMost(logEndOffset, before)],
  [names.CLEANER_OFFSET_CHECKPOINT, ({ logEndOffset }, before) => atMost(logEndOffset, before)],
])

/** A checkpoint that cannot be read is kept under another name, and begun anew. Rejects with a `DiskError`. */
export async function correctCheckpoints(
  disk: Disk,
  { path, offsets, malformed }: DirectoryFiles,
  repaired: readonly RepairedPartition[],
): Promise<void> {
  for (const [file, correction] of corrections) {
    const before = offsets.get(file)!
    const after = new Map(before)
    for (const partition of repaired) {
      const offset = correction(partition, before.get(partition.name))
      if (offset !== undefined) after.set(partition.name, offset)
    }
    const isMalformed = malformed.includes(file)
    if (isMalformed) await disk.rename(`${path}/${file}`, `${path}/${file}${DAMAGED_SUFFIX}`)
    const isSame = after.size === before.size && [...after].every(([name, offset]) => before.get(name) === offset)
    if (!isSame || isMalformed) await replaceFile(disk, path, file, formatOffsetCheckpoint([...after].flatMap(entryOf)))
  }
}

function entryOf([name, offset]: readonly [string, number]): OffsetEntry[] {
  const parsed = names.parsePartitionDirectory(name)
  return parsed === undefined ? [] : [{ topic: parsed.topic, partition: parsed.partition, offset }]
}
