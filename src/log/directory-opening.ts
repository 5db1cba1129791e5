/**
 * Takes possession of the log directories when a broker starts: locks them, sees that they belong to this cluster and this broker and were not written by something newer,
 * and reads what the last shutdown left about their logs. Expected problems are values, each with one line for a person.
 */
import type { Disk, DiskError, DiskLock, Io } from '../io/io.ts'
import type { Logger } from '../std/logger.ts'
import { uuidOf } from '../protocol/uuid.ts'
import type { Uuid } from '../protocol/uuid.ts'
import { makeDurableDirectory, readTextSync, replaceFile } from './atomic-file.ts'
import { MalformedFile, parseOffsetCheckpoint } from './checkpoint-file.ts'
import { parseCleanShutdown } from './clean-shutdown.ts'
import type { CleanShutdown } from './clean-shutdown.ts'
import {
  CLEAN_SHUTDOWN,
  CLEANER_OFFSET_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LOCK_FILE,
  LOG_START_OFFSET_CHECKPOINT,
  META_PROPERTIES,
  partitionDirectoryName,
  RECOVERY_POINT_CHECKPOINT,
  SHUTDOWN_STATE,
} from './file-names.ts'
import { formatMetaProperties, parseMetaProperties } from './meta-properties.ts'
import type { MetaProperties } from './meta-properties.ts'
import { diskErrorOf } from './log-context.ts'
import { sealText } from './sealed-text.ts'
import { parseShutdownState } from './shutdown-state.ts'
import type { LogShutdownState } from './shutdown-state.ts'

export interface OpenedDirectory {
  readonly path: string
  readonly lock: DiskLock
  readonly directoryId: Uuid
  /** It was closed in order. The mark of that is gone now. */
  readonly isClean: boolean
  /** From that mark; −1 when there was none. */
  readonly brokerEpoch: number
  /** Offsets by the partition's directory name. */
  readonly recoveryPoints: ReadonlyMap<string, number>
  readonly logStartOffsets: ReadonlyMap<string, number>
  readonly highWatermarks: ReadonlyMap<string, number>
  readonly firstDirtyOffsets: ReadonlyMap<string, number>
  /** What the last shutdown left about each log, by the same; undefined when it left nothing that can be believed. */
  readonly shutdownStates: ReadonlyMap<string, LogShutdownState> | undefined
}

/** Why the logs cannot be opened: one line for a person each, without a stack. */
export interface LogManagerOpenError {
  readonly kind:
    | 'locked'
    | 'not-writable'
    | 'other-cluster'
    | 'other-node'
    | 'newer-format'
    | 'corrupt-metadata'
    | 'duplicate-directory'
    | 'duplicate-partition'
  readonly directory: string
  readonly message: string
}

export interface DirectoriesOptions {
  readonly directories: readonly string[]
  readonly nodeId: number
  readonly clusterId: string | undefined
}

export type OpenedDirectories =
  | {
      readonly ok: true
      readonly clusterId: string
      readonly opened: readonly OpenedDirectory[]
      /** Those that the disk does not give; never all of them. */
      readonly offline: readonly { readonly path: string; readonly cause: DiskError }[]
    }
  | { readonly ok: false; readonly error: LogManagerOpenError }

class Refusal {
  readonly error: LogManagerOpenError

  constructor(kind: LogManagerOpenError['kind'], directory: string, message: string) {
    this.error = { kind, directory, message }
  }
}

interface Locked {
  readonly path: string
  readonly lock: DiskLock
  readonly properties: MetaProperties | undefined
}

/** On a refusal, everything is unlocked again. */
export async function openDirectories(io: Io, options: DirectoriesOptions, logger: Logger): Promise<OpenedDirectories> {
  const twice = options.directories.find((path, index) => options.directories.indexOf(path) !== index)
  if (twice !== undefined) {
    return { ok: false, error: new Refusal('duplicate-directory', twice, `log.dirs names ${twice} twice`).error }
  }
  const locked: Locked[] = []
  const offline: { path: string; cause: DiskError }[] = []
  const refuse = async ({ error }: Refusal): Promise<OpenedDirectories> => {
    for (const { lock } of locked) await lock.release()
    return { ok: false, error }
  }
  for (const path of options.directories) {
    const taken = await lockDirectory(io, path, options)
    if (taken instanceof Refusal) return refuse(taken)
    if ('cause' in taken) offline.push(taken)
    else locked.push(taken)
  }
  if (locked.length === 0) return refuse(notWritable(offline[0]!.path, offline[0]!.cause))
  for (const { path, cause } of offline) logger.error('a log directory is offline', { directory: path }, cause)

  const clusterId =
    options.clusterId ?? locked.find(each => each.properties?.clusterId)?.properties?.clusterId ?? newUuid(io)
  const opened: OpenedDirectory[] = []
  for (const each of locked) {
    const taken = await takeOver(io, each, clusterId, options.nodeId, logger).catch((error: unknown) =>
      notWritable(each.path, diskErrorOf(error)),
    )
    if (taken instanceof Refusal) return refuse(taken)
    if (opened.some(other => other.directoryId === taken.directoryId)) {
      return refuse(
        new Refusal(
          'corrupt-metadata',
          each.path,
          `${each.path} has the same directory.id as another log directory: it is a copy`,
        ),
      )
    }
    opened.push(taken)
  }
  return { ok: true, clusterId, opened, offline }
}

/** Locks first: nothing of a directory that somebody else uses may be looked at or changed. */
async function lockDirectory(
  io: Io,
  path: string,
  { clusterId, nodeId }: DirectoriesOptions,
): Promise<Locked | Refusal | { path: string; cause: DiskError }> {
  const { disk } = io
  let lock: DiskLock | undefined
  try {
    await makeDurableDirectory(disk, path)
    lock = await disk.lock(`${path}/${LOCK_FILE}`)
    if (lock === undefined) {
      return new Refusal('locked', path, `${path} is in use by another broker; stop it, or choose another directory`)
    }
    const text = readTextSync(disk, `${path}/${META_PROPERTIES}`)
    const properties = text === undefined ? undefined : parseMetaProperties(text)
    const problem = propertiesProblem(path, properties, clusterId, nodeId)
    if (problem === undefined) return { path, lock, properties: properties as MetaProperties | undefined }
    await lock.release()
    return problem
  } catch (error) {
    await lock?.release()
    return { path, cause: diskErrorOf(error) }
  }
}

function propertiesProblem(
  path: string,
  properties: MetaProperties | MalformedFile | undefined,
  clusterId: string | undefined,
  nodeId: number,
): Refusal | undefined {
  if (properties === undefined) return undefined
  const file = `${path}/${META_PROPERTIES}`
  if (properties instanceof MalformedFile) {
    return properties.isNewer
      ? new Refusal('newer-format', path, `${file} was written by something newer: ${properties.message}`)
      : new Refusal('corrupt-metadata', path, `${file} cannot be understood: ${properties.message}`)
  }
  if (clusterId !== undefined && properties.clusterId !== undefined && properties.clusterId !== clusterId) {
    return new Refusal('other-cluster', path, `${path} belongs to cluster ${properties.clusterId}, not to ${clusterId}`)
  }
  if (properties.nodeId !== undefined && properties.nodeId !== nodeId) {
    return new Refusal(
      'other-node',
      path,
      `${path} belongs to node ${properties.nodeId}, this broker has node.id ${nodeId}`,
    )
  }
  return undefined
}

/** Rejects with a `DiskError`. */
async function takeOver(
  io: Io,
  { path, lock, properties }: Locked,
  clusterId: string,
  nodeId: number,
  logger: Logger,
): Promise<OpenedDirectory | Refusal> {
  const { disk } = io
  if (properties?.clusterId !== undefined && properties.clusterId !== clusterId) {
    return new Refusal('other-cluster', path, `${path} belongs to cluster ${properties.clusterId}, not to ${clusterId}`)
  }
  const directoryId = properties?.directoryId ?? newUuid(io)
  if (properties?.version !== 1 || properties.directoryId === undefined) {
    const content = formatMetaProperties({ clusterId, nodeId, directoryId }, io.clock.nowMs())
    await replaceFile(disk, path, META_PROPERTIES, sealText(`${content}#\n`))
  }
  const checkpoints = [
    RECOVERY_POINT_CHECKPOINT,
    LOG_START_OFFSET_CHECKPOINT,
    HIGH_WATERMARK_CHECKPOINT,
    CLEANER_OFFSET_CHECKPOINT,
  ]
  const offsets: Map<string, number>[] = []
  for (const name of checkpoints) {
    const entries = parseOffsetCheckpoint(readTextSync(disk, `${path}/${name}`) ?? '')
    if (entries instanceof MalformedFile && entries.isNewer) {
      return new Refusal('newer-format', path, `${path}/${name} was written by something newer: ${entries.message}`)
    }
    // Without it more is read, and the same is found.
    if (entries instanceof MalformedFile)
      logger.warn('a checkpoint file is ignored', { file: `${path}/${name}`, problem: entries.message })
    const known = entries instanceof MalformedFile ? [] : entries
    offsets.push(new Map(known.map(entry => [partitionDirectoryName(entry.topic, entry.partition), entry.offset])))
  }
  const text = readTextSync(disk, `${path}/${CLEAN_SHUTDOWN}`)
  const mark = text === undefined ? undefined : parseCleanShutdown(text)
  const shutdownStates = readShutdownState(disk, path, mark)
  if (mark !== undefined) {
    await disk.remove(`${path}/${CLEAN_SHUTDOWN}`)
    if (shutdownStates !== undefined) await disk.remove(`${path}/${SHUTDOWN_STATE}`)
  }
  // After a crash too: the names of the checkpoints, which may have got their content a moment before it, are told to others from now on.
  await disk.syncDirectory(path)
  return {
    path,
    lock,
    directoryId,
    isClean: mark !== undefined,
    brokerEpoch: mark?.brokerEpoch ?? -1,
    recoveryPoints: offsets[0]!,
    logStartOffsets: offsets[1]!,
    highWatermarks: offsets[2]!,
    firstDirtyOffsets: offsets[3]!,
    shutdownStates,
  }
}

function readShutdownState(
  disk: Disk,
  path: string,
  mark: CleanShutdown | undefined,
): Map<string, LogShutdownState> | undefined {
  const file = `${path}/${SHUTDOWN_STATE}`
  if (mark?.stateChecksum === undefined || disk.statSync(file) === undefined) return undefined
  return parseShutdownState(disk.readFileSync(file), mark.stateChecksum)
}

function notWritable(path: string, error: DiskError): Refusal {
  return new Refusal(
    'not-writable',
    path,
    `${path} cannot be written to (${error.code}); give this user the right to, or choose another directory`,
  )
}

/** Kafka gives no id that begins with a dash, which its tools would take for an option. */
function newUuid(io: Io): Uuid {
  for (;;) {
    const uuid = uuidOf(io.random.bytes(16))
    if (!uuid.startsWith('-')) return uuid
  }
}
