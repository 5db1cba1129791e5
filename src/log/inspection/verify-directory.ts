/**
 * Checks a whole log directory: what lies in it beside the partitions, and each of these. A single partition's folder is checked with what the log directory around it says, if there
 * is one.
 */
import { basename, dirname } from 'node:path/posix'
import type { Disk } from '../../io/io.ts'
import { readTextSync } from '../atomic-file.ts'
import { MalformedFile, parseOffsetCheckpoint } from '../checkpoint-file.ts'
import * as names from '../file-names.ts'
import type { PartitionDirectory } from '../file-names.ts'
import { parseMetaProperties } from '../meta-properties.ts'
import { parsePartitionMetadata } from '../partition-metadata.ts'
import type { Report } from './finding.ts'
import type { DirectoryState } from './partition-state.ts'

export interface PartitionFolder extends PartitionDirectory {
  readonly name: string
  readonly path: string
  /** Of its log files. */
  readonly sizeBytes: number
}

/** What is to be checked under a path that somebody gave. */
export interface LogTarget {
  /** The log directory; `undefined` for a partition's folder that lies in none. */
  readonly directory: string | undefined
  readonly partitions: readonly PartitionFolder[]
  /** The whole directory was given, and not one partition in it. */
  readonly isWhole: boolean
}

/** `undefined` for a folder that is neither a partition's nor a log directory. Rejects with a `DiskError`. */
export async function findTarget(disk: Disk, path: string): Promise<LogTarget | undefined> {
  const entries = await disk.list(path)
  const parsed = names.parsePartitionDirectory(basename(path))
  const isPartition = entries.some(
    ({ name }) => name === names.PARTITION_METADATA || names.offsetOfFileName(name, names.LOG_SUFFIX) !== undefined,
  )
  if (isPartition) {
    const parent = dirname(path)
    const around = await disk.stat(`${parent}/${names.META_PROPERTIES}`)
    const partition = parsed ?? { topic: basename(path), partition: -1, kind: 'current' as const }
    const folder = { ...partition, name: basename(path), path, sizeBytes: await logBytesOf(disk, path) }
    return { directory: around === undefined ? undefined : parent, partitions: [folder], isWhole: false }
  }
  const partitions: PartitionFolder[] = []
  for (const { name, directory } of entries) {
    const partition = directory ? names.parsePartitionDirectory(name) : undefined
    if (partition === undefined) continue
    partitions.push({
      ...partition,
      name,
      path: `${path}/${name}`,
      sizeBytes: await logBytesOf(disk, `${path}/${name}`),
    })
  }
  const isLogDirectory = entries.some(({ name }) => name === names.META_PROPERTIES) || partitions.length > 0
  return isLogDirectory ? { directory: path, partitions, isWhole: true } : undefined
}

async function logBytesOf(disk: Disk, folder: string): Promise<number> {
  let sum = 0
  for (const { name } of await disk.list(folder)) {
    if (name.endsWith(names.LOG_SUFFIX)) sum += (await disk.stat(`${folder}/${name}`))?.sizeBytes ?? 0
  }
  return sum
}

const checkpointNames = [
  names.RECOVERY_POINT_CHECKPOINT,
  names.LOG_START_OFFSET_CHECKPOINT,
  names.HIGH_WATERMARK_CHECKPOINT,
  names.CLEANER_OFFSET_CHECKPOINT,
] as const

/** What a log directory says about all its partitions. */
export class DirectoryFiles {
  readonly path: string
  readonly wasClosedInOrder: boolean
  /** Names of checkpoints that cannot be read. */
  readonly malformed: readonly string[]
  /** By the name of the checkpoint, then by the partition's folder. */
  readonly offsets: ReadonlyMap<string, ReadonlyMap<string, number>>

  /** Throws a `DiskError`. */
  constructor(disk: Disk, path: string) {
    this.path = path
    this.wasClosedInOrder = disk.statSync(`${path}/${names.CLEAN_SHUTDOWN}`) !== undefined
    const malformed: string[] = []
    const offsets = new Map<string, Map<string, number>>()
    for (const name of checkpointNames) {
      const entries = parseOffsetCheckpoint(readTextSync(disk, `${path}/${name}`) ?? '')
      if (entries instanceof MalformedFile) malformed.push(name)
      const known = entries instanceof MalformedFile ? [] : entries
      offsets.set(
        name,
        new Map(known.map(each => [names.partitionDirectoryName(each.topic, each.partition), each.offset])),
      )
    }
    this.malformed = malformed
    this.offsets = offsets
  }

  stateOf(partition: string): DirectoryState {
    const [recoveryPoint, logStartOffset, highWatermark, firstDirtyOffset] = checkpointNames.map(name =>
      this.offsets.get(name)!.get(partition),
    )
    return {
      wasClosedInOrder: this.wasClosedInOrder,
      checkpoints: { recoveryPoint, logStartOffset, highWatermark, firstDirtyOffset },
    }
  }
}

/** What is wrong with the directory itself, and between its partitions. */
export function verifyDirectoryFiles(
  disk: Disk,
  files: DirectoryFiles,
  partitions: readonly PartitionFolder[],
  report: Report,
): void {
  const { path, wasClosedInOrder, malformed, offsets } = files
  if (!wasClosedInOrder && partitions.length > 0) {
    const message = 'the broker was not closed in order: the next start checks what had not been synced'
    report({ severity: 'note', code: 'unclean', path, message })
  }
  for (const name of malformed) {
    report({ severity: 'problem', code: 'checkpoint', path: `${path}/${name}`, message: 'it cannot be understood' })
  }
  const properties = readTextSync(disk, `${path}/${names.META_PROPERTIES}`)
  const parsed = properties === undefined ? undefined : parseMetaProperties(properties)
  if (parsed instanceof MalformedFile) {
    report({ severity: 'damage', code: 'identity', path: `${path}/${names.META_PROPERTIES}`, message: parsed.message })
  }
  const present = new Set(partitions.map(({ name }) => name))
  for (const [name, entries] of offsets) {
    for (const [partition, offset] of entries) {
      if (present.has(partition) || offset === 0) continue
      const message = `it knows ${partition} up to ${offset}, and there is no such folder`
      report({
        severity: wasClosedInOrder && name === names.RECOVERY_POINT_CHECKPOINT ? 'damage' : 'note',
        code: 'missing-records',
        path: `${path}/${name}`,
        message,
      })
    }
  }
  topicIds(disk, partitions, report)
}

/** All partitions of a topic have one id. */
function topicIds(disk: Disk, partitions: readonly PartitionFolder[], report: Report): void {
  const known = new Map<string, { topicId: string; folder: string }>()
  for (const { topic, kind, path } of partitions) {
    if (kind !== 'current') continue
    const text = readTextSync(disk, `${path}/${names.PARTITION_METADATA}`)
    const topicId = text === undefined ? undefined : parsePartitionMetadata(text)
    if (topicId === undefined || topicId instanceof MalformedFile) continue
    const other = known.get(topic)
    if (other === undefined) known.set(topic, { topicId, folder: path })
    else if (other.topicId !== topicId) {
      const message = `it belongs to topic ${topicId}, and ${other.folder} to ${other.topicId} of the same name`
      report({ severity: 'damage', code: 'identity', path, message })
    }
  }
}
