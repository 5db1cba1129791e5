/**
 * The files in which a repair keeps what it takes out of a log: beside the log file, named after it, the offsets that went with them and where they were. No broker looks at
 * files of such names, neither ours nor Kafka's, and they go with the partition.
 */
import { LOG_SUFFIX, offsetName } from '../file-names.ts'
import type { DamagedRange, KeptRange } from './partition-state.ts'

export const DAMAGED_SUFFIX = '.damaged'

const kept = /^\d+\.log\.offsets-(\d+)-(\d+)\.position-\d+\.damaged$/

/** `00000000000000000000.log.offsets-2-3.position-209.damaged`. */
export function damagedFileName({ baseOffset, position, nextOffset, claimed, followingOffset }: DamagedRange): string {
  const to = followingOffset === undefined ? (claimed?.last ?? nextOffset) : followingOffset - 1
  const offsets = `${nextOffset}-${Math.max(nextOffset, to)}`
  return `${offsetName(baseOffset)}${LOG_SUFFIX}.offsets-${offsets}.position-${position}${DAMAGED_SUFFIX}`
}

/** Which offsets earlier repairs have taken out, as the names in a folder tell. */
export function keptRanges(fileNames: Iterable<string>): KeptRange[] {
  const ranges: KeptRange[] = []
  for (const name of fileNames) {
    const match = kept.exec(name)
    if (match !== null) ranges.push({ from: Number(match[1]), to: Number(match[2]) })
  }
  return ranges
}
