/** What the files of a log directory and of a partition's folder are, by their names. */
import * as names from '../file-names.ts'

export type FileKind =
  | 'log'
  | 'offset-index'
  | 'time-index'
  | 'transaction-index'
  | 'producer-snapshot'
  | 'leader-epoch-checkpoint'
  | 'partition-metadata'
  | 'meta-properties'
  | 'offset-checkpoint'
  | 'clean-shutdown'

const kindOfSuffix: ReadonlyMap<string, FileKind> = new Map([
  [names.LOG_SUFFIX, 'log'],
  [names.OFFSET_INDEX_SUFFIX, 'offset-index'],
  [names.TIME_INDEX_SUFFIX, 'time-index'],
  [names.TRANSACTION_INDEX_SUFFIX, 'transaction-index'],
  [names.PRODUCER_SNAPSHOT_SUFFIX, 'producer-snapshot'],
])

const kindOfName: ReadonlyMap<string, FileKind> = new Map([
  [names.LEADER_EPOCH_CHECKPOINT, 'leader-epoch-checkpoint'],
  [names.PARTITION_METADATA, 'partition-metadata'],
  [names.META_PROPERTIES, 'meta-properties'],
  [names.CLEAN_SHUTDOWN, 'clean-shutdown'],
  [names.RECOVERY_POINT_CHECKPOINT, 'offset-checkpoint'],
  [names.LOG_START_OFFSET_CHECKPOINT, 'offset-checkpoint'],
  [names.HIGH_WATERMARK_CHECKPOINT, 'offset-checkpoint'],
  [names.CLEANER_OFFSET_CHECKPOINT, 'offset-checkpoint'],
])

/** Suffixes of files on their way in or out, which are read like those without. */
const passing = [names.DELETED_SUFFIX, names.CLEANED_SUFFIX, names.SWAP_SUFFIX]

export interface NamedFile {
  readonly kind: FileKind
  /** Of a file that is named after one: the base offset of a segment, or what a snapshot was taken at. */
  readonly offset: number | undefined
  /** `.deleted`, `.cleaned` or `.swap`; empty for a file that is in use. */
  readonly passing: string
}

/** `undefined` for a file that is none of Kafka's. */
export function fileKindOf(name: string): NamedFile | undefined {
  const suffix = passing.find(each => name.endsWith(each)) ?? ''
  const plain = name.slice(0, name.length - suffix.length)
  const byName = kindOfName.get(plain)
  if (byName !== undefined) return suffix === '' ? { kind: byName, offset: undefined, passing: '' } : undefined
  const file = names.segmentFileName(plain)
  const kind = file === undefined ? undefined : kindOfSuffix.get(file.suffix)
  return kind === undefined ? undefined : { kind, offset: file!.offset, passing: suffix }
}

/** In the order in which people look for them: what belongs to a segment together, in the order of offsets, then the rest. */
export function inReadingOrder(fileNames: readonly string[]): string[] {
  const kinds = [...kindOfSuffix.values()]
  const rank = (name: string): readonly [number, number, number] => {
    const file = fileKindOf(name)
    if (file === undefined || file.offset === undefined) return [1, 0, 0]
    return [0, file.offset, kinds.indexOf(file.kind)]
  }
  return fileNames.toSorted((one, other) => {
    const a = rank(one)
    const b = rank(other)
    return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || (one < other ? -1 : Number(one > other))
  })
}
