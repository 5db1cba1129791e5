/**
 * Takes ranges of bytes out of a log file and keeps them in files of their own. First these are durable, then the log file is cut or written anew without them and put in place: at each
 * moment everything is there at least once, and doing it again does no harm.
 */
import type { Disk, DiskFile } from '../../io/io.ts'
import { temporarySuffix } from '../atomic-file.ts'
import { LOG_SUFFIX, offsetName } from '../file-names.ts'

export interface AsideRange {
  readonly position: number
  readonly sizeBytes: number
  /** Of the file that is to keep it. */
  readonly name: string
}

const copyBytes = 1024 * 1024

/** The ranges are in order and do not overlap. Rejects with a `DiskError`. */
export async function keepAside(
  disk: Disk,
  folder: string,
  baseOffset: number,
  ranges: readonly AsideRange[],
): Promise<void> {
  const name = offsetName(baseOffset) + LOG_SUFFIX
  const file = await disk.open(`${folder}/${name}`, { write: true })
  try {
    const sizeBytes = await file.size()
    for (const range of ranges) await writeWhole(disk, folder, range.name, file, [range])
    await disk.syncDirectory(folder)
    const kept = rest(ranges, sizeBytes)
    const isTail = kept.length === 0 || (kept.length === 1 && kept[0]!.position === 0)
    if (isTail) {
      await file.truncate(kept[0]?.sizeBytes ?? 0)
      await file.sync()
    } else await writeWhole(disk, folder, name, file, kept)
  } finally {
    await file.close()
  }
  await disk.syncDirectory(folder)
}

interface Span {
  readonly position: number
  readonly sizeBytes: number
}

/** What is left of a file without some ranges. */
function rest(ranges: readonly Span[], sizeBytes: number): Span[] {
  const kept: Span[] = []
  let position = 0
  for (const range of ranges) {
    if (range.position > position) kept.push({ position, sizeBytes: range.position - position })
    position = range.position + range.sizeBytes
  }
  if (position < sizeBytes) kept.push({ position, sizeBytes: sizeBytes - position })
  return kept
}

/** Writes spans of a file one behind the other into another, which gets its name once it is whole and durable. */
async function writeWhole(
  disk: Disk,
  folder: string,
  name: string,
  source: DiskFile,
  spans: readonly Span[],
): Promise<void> {
  const path = `${folder}/${name}`
  const target = await disk.open(path + temporarySuffix, { write: true, create: true })
  try {
    await target.truncate(0)
    const buffer = Buffer.allocUnsafeSlow(copyBytes)
    let to = 0
    for (const { position, sizeBytes } of spans) {
      for (let copied = 0; copied < sizeBytes;) {
        const wanted = buffer.subarray(0, Math.min(buffer.length, sizeBytes - copied))
        const read = await source.read(wanted, position + copied)
        if (read === 0) break
        await target.writev([wanted.subarray(0, read)], to)
        copied += read
        to += read
      }
    }
    await target.sync()
  } finally {
    await target.close()
  }
  await disk.rename(path + temporarySuffix, path)
}
