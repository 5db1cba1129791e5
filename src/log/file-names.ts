/**
 * How Kafka names what it keeps on disk: files of a segment after its base offset in 20 digits, directories of a partition after topic and number.
 */
import { assert } from '../std/assert.ts'
import type { TopicPartition } from './log-types.ts'

export const LOG_SUFFIX = '.log'
export const OFFSET_INDEX_SUFFIX = '.index'
export const TIME_INDEX_SUFFIX = '.timeindex'
export const TRANSACTION_INDEX_SUFFIX = '.txnindex'
/** Ottla's own, behind the name of a transaction index: see transaction-index.ts. */
export const CHECKSUM_SUFFIX = '.crc'
export const PRODUCER_SNAPSHOT_SUFFIX = '.snapshot'

/** Waits for `file.delete.delay.ms`; whatever still bears it when a log is opened goes at once. */
export const DELETED_SUFFIX = '.deleted'
/** Compaction's output before it is whole, and once it is whole and takes the place of what it was made from. */
export const CLEANED_SUFFIX = '.cleaned'
export const SWAP_SUFFIX = '.swap'

export const LEADER_EPOCH_CHECKPOINT = 'leader-epoch-checkpoint'
export const PARTITION_METADATA = 'partition.metadata'
export const META_PROPERTIES = 'meta.properties'
export const CLEAN_SHUTDOWN = '.kafka_cleanshutdown'
export const SHUTDOWN_STATE = '.ottla_shutdown_state'
export const LOCK_FILE = '.lock'
export const RECOVERY_POINT_CHECKPOINT = 'recovery-point-offset-checkpoint'
export const LOG_START_OFFSET_CHECKPOINT = 'log-start-offset-checkpoint'
export const HIGH_WATERMARK_CHECKPOINT = 'replication-offset-checkpoint'
export const CLEANER_OFFSET_CHECKPOINT = 'cleaner-offset-checkpoint'

const DELETE_DIRECTORY_SUFFIX = '-delete'
const FUTURE_DIRECTORY_SUFFIX = '-future'
const STRAY_DIRECTORY_SUFFIX = '-stray'
const DIRECTORY_NAME_BYTES_MAX = 255

/** The part of a file's name before its suffix. */
export function offsetName(offset: number): string {
  assert(Number.isSafeInteger(offset) && offset >= 0, () => `offset ${offset} names no file`)
  return String(offset).padStart(20, '0')
}

/** The base offset in `00000000000000000042.log`; `undefined` for a name that is not an offset followed by `suffix`. */
export function offsetOfFileName(name: string, suffix: string): number | undefined {
  if (!name.endsWith(suffix)) return undefined
  const file = segmentFileName(name)
  return file?.suffix === suffix ? file.offset : undefined
}

/** A file of a segment, by its name: the segment's base offset, or the offset of a snapshot, and everything behind the digits. */
export interface SegmentFileName {
  readonly offset: number
  readonly suffix: string
}

const zero = '0'.charCodeAt(0)
const nine = '9'.charCodeAt(0)
const offsetDigitsMax = 20

/** `undefined` for a name that is not an offset followed by a dot and more. Looked at once for each file of a directory, since a start looks at all of them. */
export function segmentFileName(name: string): SegmentFileName | undefined {
  const digits = name.indexOf('.')
  if (digits < 1 || digits > offsetDigitsMax) return undefined
  for (let index = 0; index < digits; index += 1) {
    const letter = name.charCodeAt(index)
    if (letter < zero || letter > nine) return undefined
  }
  const offset = Number(name.slice(0, digits))
  return Number.isSafeInteger(offset) ? { offset, suffix: name.slice(digits) } : undefined
}

export type PartitionDirectoryKind = 'current' | 'future' | 'deleted' | 'stray'

export interface PartitionDirectory extends TopicPartition {
  readonly kind: PartitionDirectoryKind
}

export function partitionDirectoryName(topic: string, partition: number): string {
  return `${topic}-${partition}`
}

/** The name under which a partition waits for its deletion; the topic's name is cut where the whole would not fit into a file system's limit. */
export function deletedDirectoryName(topic: string, partition: number, unique: string): string {
  return suffixedDirectoryName(topic, partition, unique, DELETE_DIRECTORY_SUFFIX)
}

/** The name of the copy that is being made in another log directory. */
export function futureDirectoryName(topic: string, partition: number, unique: string): string {
  return suffixedDirectoryName(topic, partition, unique, FUTURE_DIRECTORY_SUFFIX)
}

/** `unique` is what tells several of the same partition apart: 32 hexadecimal digits, as Kafka makes them. */
function suffixedDirectoryName(topic: string, partition: number, unique: string, suffix: string): string {
  assert(/^[0-9a-f]{32}$/.test(unique), () => `not 32 hexadecimal digits: ${unique}`)
  const end = `.${unique}${suffix}`
  const name = partitionDirectoryName(topic, partition)
  // Topic names are ASCII, so characters are bytes.
  return name.slice(0, DIRECTORY_NAME_BYTES_MAX - end.length) + end
}

/**
 * What a directory within a log directory is; `undefined` where the name is none that Kafka gives to a partition. Names of deleted ones may have
 * lost their partition number to the limit on length; they are told by their suffix alone and have the partition −1.
 */
export function parsePartitionDirectory(name: string): PartitionDirectory | undefined {
  const suffixed = /^(.*)\.[0-9a-zA-Z]+-(delete|future|stray)$/.exec(name)
  const plain = suffixed === null ? name : suffixed[1]!
  const kind = suffixed === null ? 'current' : kindOf(suffixed[2]!)
  const dash = plain.lastIndexOf('-')
  const digits = plain.slice(dash + 1)
  const topic = plain.slice(0, dash)
  const named = dash > 0 && /^(0|[1-9][0-9]{0,9})$/.test(digits) && isTopicName(topic) && Number(digits) <= 0x7fff_ffff
  if (named) return { topic, partition: Number(digits), kind }
  return kind === 'current' ? undefined : { topic: plain, partition: -1, kind }
}

function kindOf(suffix: string): PartitionDirectoryKind {
  if (suffix === FUTURE_DIRECTORY_SUFFIX.slice(1)) return 'future'
  return suffix === STRAY_DIRECTORY_SUFFIX.slice(1) ? 'stray' : 'deleted'
}

/** The names that may become part of a path. */
function isTopicName(topic: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(topic) && topic !== '.' && topic !== '..'
}
