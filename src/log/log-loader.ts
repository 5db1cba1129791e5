/**
 * Opens a partition's directory as a log.
 *
 * After a clean shutdown, names and sizes of files and a few small files are read, and nothing of the segments: where the log ends is what the recovery point says, confirmed
 * by the producer snapshot that the shutdown left at that offset. Anything else is recovered (`recovery.ts`).
 */
import type { DiskError, FileStat } from '../io/io.ts'
import type { Uuid } from '../protocol/uuid.ts'
import { temporarySuffix, textOf } from './atomic-file.ts'
import { MalformedFile, parseEpochCheckpoint } from './checkpoint-file.ts'
import type { EpochEntry } from './checkpoint-file.ts'
import * as names from './file-names.ts'
import { LeaderEpochCache } from './leader-epoch-cache.ts'
import { baseOffsetOf, leaderEpochOf } from './log-batch.ts'
import { randomRollJitterMs } from './log-config.ts'
import type { LogConfig } from './log-config.ts'
import { damaged, diskErrorOf, isDamage } from './log-context.ts'
import type { LogContext, LogDirectoryHost } from './log-context.ts'
import { LogSegment } from './log-segment.ts'
import { LogSegments } from './log-segments.ts'
import { Log } from './log.ts'
import { parsePartitionMetadata } from './partition-metadata.ts'
import { removeSnapshots, replayProducers, restoreNewest, snapshotPath, writeSnapshot } from './producer-recovery.ts'
import { ProducerState } from './producer-state.ts'
import { recoverLog } from './recovery.ts'
import type { RecoveryInput } from './recovery.ts'
import { filesChecksumOf } from './shutdown-state.ts'
import type { LogShutdownState } from './shutdown-state.ts'
import { finishSwaps } from './swap-files.ts'
import type { WorkLimit } from './work-limit.ts'

/** Reading so much takes no longer than what recovery waits for besides. */
const smallRecoveryBytesMax = 256 * 1024

export interface LoadOptions {
  readonly topic: string
  readonly partition: number
  /** Name of the partition's directory within the log directory. */
  readonly folderName: string
  readonly config: LogConfig
  /** The log directory was closed in order. */
  readonly isClean: boolean
  /** From the checkpoints; undefined, or 0, where they say nothing. */
  readonly recoveryPoint: number | undefined
  readonly logStartOffset: number
  readonly highWatermark: number
  /** Where compaction is to go on; `undefined` where it has not begun. */
  readonly firstDirtyOffset?: number | undefined
  /** What the shutdown left about it. */
  readonly shutdownState?: LogShutdownState | undefined
  /** Has a place for each log of which much must be read. */
  readonly recoveries?: WorkLimit | undefined
  /** Called now and then during recovery: of the bytes that are to be looked at, how many have been. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

interface Loading {
  readonly context: LogContext
  readonly options: LoadOptions
  readonly folder: string
  readonly segments: LogSegments
  /** Offsets of the producer snapshots that are there, ascending. */
  readonly snapshots: number[]
  /** Base offsets of the segments that have more than a log file. */
  readonly confirmed: ReadonlySet<number>
  /** Base offsets of the segments that have an offset index and a time index. */
  readonly indexed: ReadonlySet<number>
  /** What the shutdown left about it, where the folder is as it was then. */
  readonly known: LogShutdownState | undefined
  readonly epochs: LeaderEpochCache
  readonly producers: ProducerState
  readonly logStartOffset: number
}

interface LogEnd {
  readonly logEndOffset: number
  readonly recoveryPoint: number
  readonly snapshotOffset: number
  /** Where the log begins, when that is not where its first file does. */
  readonly logStartOffset?: number
}

export interface LoadedLog {
  readonly log: Log
  /** Names of files that are no part of it, to be removed when there is time. */
  readonly litter: readonly string[]
}

/** Rejects with a `DiskError`. A log whose files contradict each other comes back with its `failure` set: it must not be mistaken for one that is not there. */
export async function loadLog(context: LogContext, host: LogDirectoryHost, options: LoadOptions): Promise<LoadedLog> {
  const folder = `${host.path}/${options.folderName}`
  let failure: DiskError | undefined
  const orFail = <T>(value: T | MalformedFile, file: string): T | undefined => {
    if (!(value instanceof MalformedFile)) return value
    failure = damaged(`${folder}/${file}: ${value.message}`)
    return undefined
  }
  const found = await findFiles(context, folder, options)
  const { segments, snapshots, names: present, litter, known } = found
  const topicId = known ? known.topicId : orFail(readTopicId(context, folder, present), names.PARTITION_METADATA)
  const epochEntries = known?.epochs ?? readEpochs(context, folder, present)
  const loading: Loading = {
    context,
    options,
    folder,
    segments,
    snapshots,
    confirmed: found.confirmed,
    indexed: found.indexed,
    known,
    epochs: new LeaderEpochCache(context.io.disk, folder, epochEntries instanceof MalformedFile ? [] : epochEntries),
    producers: new ProducerState(context.producerOptions, 0),
    logStartOffset: Math.max(options.logStartOffset, segments.first.baseOffset),
  }
  // Of a log without a file, which was being started over, they are those of what is gone.
  if (segments.first.isNew) loading.epochs.clear()
  const guess = Math.max(options.recoveryPoint ?? 0, loading.logStartOffset, segments.active.baseOffset)
  // What the checkpoints say stays as it is when the log cannot be opened.
  let end: LogEnd = { logEndOffset: guess, recoveryPoint: options.recoveryPoint ?? 0, snapshotOffset: 0 }
  try {
    if (epochEntries instanceof MalformedFile) await rebuildEpochs(loading, epochEntries)
    end = await findEnd(loading)
  } catch (error) {
    const cause = diskErrorOf(error)
    if (!isDamage(cause)) throw cause
    failure ??= cause
  }
  // Of an end that a power cut has taken.
  const tellsOfMore =
    !(epochEntries instanceof MalformedFile) && epochEntries.some(entry => entry.startOffset > end.logEndOffset)
  const log = makeLog(loading, host, topicId, end)
  if (failure !== undefined) {
    context.logger.error('a log cannot be opened', { log: options.folderName, directory: host.path }, failure)
    log.fail(failure)
  } else if (log.recoveryPoint < log.logEndOffset) {
    await log.flush()
  } else if (tellsOfMore) {
    await loading.epochs.flush()
  }
  return { log, litter }
}

function makeLog(loading: Loading, host: LogDirectoryHost, topicId: Uuid | undefined, end: LogEnd): Log {
  const { context, options, segments, epochs, producers } = loading
  const logStartOffset = end.logStartOffset ?? loading.logStartOffset
  const { topic, partition, folderName, config } = options
  const { logEndOffset, snapshotOffset } = end
  epochs.truncateFromEnd(logEndOffset)
  epochs.truncateFromStart(logStartOffset)
  return new Log(context, {
    topic,
    partition,
    topicId,
    host,
    folderName,
    config,
    segments,
    logStartOffset,
    logEndOffset,
    recoveryPoint: Math.min(end.recoveryPoint, logEndOffset),
    highWatermark: Math.max(logStartOffset, Math.min(options.highWatermark, logEndOffset)),
    epochs,
    producers,
    snapshotOffset,
    // What was compacted was durable, so a log that ends before was damaged: all of it counts as dirty.
    firstDirtyOffset: (options.firstDirtyOffset ?? 0) <= logEndOffset ? options.firstDirtyOffset : undefined,
    unsyncedFolder: options.isClean ? 'nothing' : 'all',
  })
}

/** A log without records in a directory that has just been made, whose content is durable. */
export function newLog(
  context: LogContext,
  host: LogDirectoryHost,
  identity: { topic: string; partition: number; topicId: Uuid; folderName: string; config: LogConfig },
): Log {
  const folder = `${host.path}/${identity.folderName}`
  const segment = newSegment(context, folder, identity.config, 0)
  return new Log(context, {
    ...identity,
    host,
    segments: new LogSegments([segment]),
    logStartOffset: 0,
    logEndOffset: 0,
    recoveryPoint: 0,
    highWatermark: 0,
    epochs: new LeaderEpochCache(context.io.disk, folder, []),
    producers: new ProducerState(context.producerOptions, 0),
    snapshotOffset: 0,
    unsyncedFolder: 'name',
  })
}

/** `undefined` in directories of a Kafka before topic ids. */
function readTopicId(
  context: LogContext,
  folder: string,
  present: readonly string[],
): Uuid | undefined | MalformedFile {
  if (!present.includes(names.PARTITION_METADATA)) return undefined
  return parsePartitionMetadata(textOf(context.io.disk.readFileSync(`${folder}/${names.PARTITION_METADATA}`)))
}

function readEpochs(context: LogContext, folder: string, present: readonly string[]): EpochEntry[] | MalformedFile {
  if (!present.includes(names.LEADER_EPOCH_CHECKPOINT)) return []
  return parseEpochCheckpoint(textOf(context.io.disk.readFileSync(`${folder}/${names.LEADER_EPOCH_CHECKPOINT}`)))
}

interface FoundFiles {
  readonly segments: LogSegments
  readonly snapshots: number[]
  readonly confirmed: ReadonlySet<number>
  readonly indexed: ReadonlySet<number>
  readonly names: readonly string[]
  readonly litter: readonly string[]
  readonly known: LogShutdownState | undefined
}

/** Segments and snapshots of a directory, after removing what is no part of the log. */
async function findFiles(context: LogContext, folder: string, options: LoadOptions): Promise<FoundFiles> {
  const { disk } = context.io
  const list = (): string[] => disk.listSync(folder).map(entry => entry.name)
  let files = list()
  const { shutdownState } = options
  const sizes = new Map<string, number>()
  const statOf = (name: string): FileStat | undefined => {
    const stat = disk.statSync(`${folder}/${name}`)
    if (stat !== undefined) sizes.set(name, stat.sizeBytes)
    return stat
  }
  const isKnown = shutdownState !== undefined && shutdownState.filesChecksum === filesChecksumOf(files, statOf)
  const known = isKnown ? shutdownState : undefined
  if (await finishSwaps(context, folder, files)) {
    files = list()
    sizes.clear()
  }
  const { bases, confirmed, indexed, snapshots } = offsetsOf(files)
  // Of a log without a file, which was being started over, none is true any more.
  const strays = bases.size === 0 ? new Set(snapshots) : straySnapshots(snapshots, bases)
  const litter: string[] = []
  for (const name of files) {
    if (!isLeftOver(name, bases, strays)) continue
    // What a crash has left must not meet what is going to be made under its name.
    if (known !== undefined && canWait(name)) litter.push(name)
    else await disk.remove(`${folder}/${name}`)
  }
  const found = [...bases]
    .sort((a, b) => a - b)
    .map(base => {
      const name = names.offsetName(base) + names.LOG_SUFFIX
      return openSegment(context, folder, options.config, base, sizes.get(name) ?? statOf(name)!.sizeBytes, false)
    })
  if (found.length === 0) found.push(newSegment(context, folder, options.config, options.logStartOffset))
  return {
    segments: new LogSegments(found),
    snapshots: snapshots.filter(offset => !strays.has(offset)),
    confirmed,
    indexed,
    names: files,
    litter,
    known,
  }
}

interface FoundOffsets {
  readonly bases: Set<number>
  readonly confirmed: Set<number>
  readonly indexed: Set<number>
  readonly snapshots: number[]
}

function offsetsOf(files: readonly string[]): FoundOffsets {
  const found: FoundOffsets = { bases: new Set(), confirmed: new Set(), indexed: new Set(), snapshots: [] }
  const hasOneIndex = new Set<number>()
  for (const name of files) {
    const file = names.segmentFileName(name)
    if (file === undefined) continue
    const { offset, suffix } = file
    if (suffix === names.LOG_SUFFIX) found.bases.add(offset)
    else if (suffix === names.OFFSET_INDEX_SUFFIX || suffix === names.TIME_INDEX_SUFFIX) {
      found.confirmed.add(offset)
      // Of two names of one offset, the second.
      if (hasOneIndex.has(offset)) found.indexed.add(offset)
      hasOneIndex.add(offset)
    } else if (suffix === names.PRODUCER_SNAPSHOT_SUFFIX) {
      found.confirmed.add(offset)
      found.snapshots.push(offset)
    }
  }
  found.snapshots.sort((a, b) => a - b)
  return found
}

function newSegment(context: LogContext, folder: string, config: LogConfig, baseOffset: number): LogSegment {
  return openSegment(context, folder, config, baseOffset, 0, true)
}

function openSegment(
  { openFiles, io }: LogContext,
  directory: string,
  config: LogConfig,
  baseOffset: number,
  sizeBytes: number,
  isNew: boolean,
): LogSegment {
  return new LogSegment({
    openFiles,
    directory,
    baseOffset,
    sizeBytes,
    isNew,
    createdMs: io.clock.nowMs(),
    rollJitterMs: randomRollJitterMs(config, io.random),
    preallocateBytes: isNew && config.preallocate ? config.segmentBytes : 0,
    isProvisional: false,
  })
}

/** Snapshots that belong to no segment, except the newest one when it is above all segments: the one of the last shutdown. */
function straySnapshots(snapshots: readonly number[], bases: ReadonlySet<number>): Set<number> {
  const strays = snapshots.filter(offset => !bases.has(offset))
  const newest = strays.at(-1)
  if (newest !== undefined && newest > Math.max(...bases)) strays.pop()
  return new Set(strays)
}

function isLeftOver(name: string, bases: ReadonlySet<number>, strays: ReadonlySet<number>): boolean {
  if (name.endsWith(names.DELETED_SUFFIX) || name.endsWith(temporarySuffix)) return true
  const file = names.segmentFileName(name)
  if (file === undefined) return false
  if (file.suffix === names.PRODUCER_SNAPSHOT_SUFFIX) return strays.has(file.offset)
  return indexSuffixes.has(file.suffix) && !bases.has(file.offset)
}

/** After an orderly shutdown: snapshots of earlier ones, and segments whose deletion was not over. */
function canWait(name: string): boolean {
  return name.endsWith(names.DELETED_SUFFIX) || name.endsWith(names.PRODUCER_SNAPSHOT_SUFFIX)
}

const indexSuffixes: ReadonlySet<string> = new Set([
  names.OFFSET_INDEX_SUFFIX,
  names.TIME_INDEX_SUFFIX,
  names.TRANSACTION_INDEX_SUFFIX,
  names.TRANSACTION_INDEX_SUFFIX + names.CHECKSUM_SUFFIX,
])

/** Epochs are in every batch; reading them all is slow and seldom. */
async function rebuildEpochs(loading: Loading, problem: MalformedFile): Promise<void> {
  const { context, folder, segments, epochs } = loading
  context.logger.warn('leader epochs are read from the log itself', { folder, problem: problem.message })
  for (const segment of segments.all) {
    await segment.scan(0, (bytes, at) => {
      const leaderEpoch = leaderEpochOf(bytes, at)
      if (leaderEpoch > (epochs.latestEpoch ?? -1)) epochs.assign(leaderEpoch, baseOffsetOf(bytes, at))
    })
  }
}

async function findEnd(loading: Loading): Promise<LogEnd> {
  const { options, logStartOffset, segments } = loading
  // It was being started over, and gets the file that tells where it begins.
  if (segments.first.isNew && logStartOffset > 0) return startOver(loading, { logEndOffset: logStartOffset })
  const end = options.isClean
    ? ((await findCleanEnd(loading)) ?? (await recover(loading, true)))
    : await recover(loading, false)
  return end.logEndOffset >= (end.logStartOffset ?? logStartOffset) ? end : startOver(loading, end)
}

/** `undefined` when the log does not look as a clean shutdown leaves it. */
async function findCleanEnd(loading: Loading): Promise<LogEnd | undefined> {
  const { context, options, folder, segments, producers, snapshots, known } = loading
  const { active } = segments
  const stated = options.recoveryPoint
  if (known !== undefined && !known.hasProducers && known.logEndOffset === stated && stated >= active.baseOffset) {
    producers.reset(stated)
    return { logEndOffset: stated, recoveryPoint: stated, snapshotOffset: known.snapshotOffset }
  }
  const isConfirmed =
    stated !== undefined &&
    stated >= active.baseOffset &&
    (snapshots.includes(stated) || (stated === active.baseOffset && active.sizeBytes === 0))
  const logEndOffset = isConfirmed ? stated : await active.readTail()
  if (logEndOffset === undefined) return undefined
  // The files are others than those that we left, and have less: nobody is to learn of that by reading.
  if (options.shutdownState !== undefined && logEndOffset < (stated ?? 0))
    throw damaged(`${folder}: was closed at offset ${stated} and ends at ${logEndOffset}`)
  if (snapshots.includes(logEndOffset)) {
    const bytes = context.io.disk.readFileSync(snapshotPath(folder, logEndOffset))
    if (producers.restore(bytes, logEndOffset)) {
      return { logEndOffset, recoveryPoint: logEndOffset, snapshotOffset: logEndOffset }
    }
  }
  const usable = snapshots.filter(offset => offset <= logEndOffset)
  const snapshotOffset = await restoreNewest(loading, usable)
  await replayProducers(segments, producers, logEndOffset)
  return { logEndOffset, recoveryPoint: logEndOffset, snapshotOffset }
}

/** Of the segments that hold what is at or above `offset`. */
function bytesFrom(segments: LogSegments, offset: number): number {
  const unflushed = segments.all.slice(Math.max(0, segments.floorIndex(offset)))
  return unflushed.reduce((sum, segment) => sum + segment.sizeBytes, 0)
}

async function recover(loading: Loading, wasClean: boolean): Promise<LogEnd> {
  const { context, options, folder, segments, snapshots, producers } = loading
  const { disk } = context.io
  // A clean shutdown whose active segment does not end well: what came before is as durable as it ever was.
  const recoveryPoint = wasClean ? segments.active.baseOffset : (options.recoveryPoint ?? 0)
  const recovery: RecoveryInput = {
    ...loading,
    config: options.config,
    statedStartOffset: options.logStartOffset,
    recoveryPoint,
    saveSnapshot: (offset, snapshot) => writeSnapshot(disk, folder, offset, snapshot),
    drop: gone => dropSegments(loading, gone),
    onProgress: options.onProgress ?? (() => {}),
  }
  const isSmall = bytesFrom(segments, recoveryPoint) <= smallRecoveryBytesMax
  const { recoveries } = options
  const { logEndOffset, dropped, truncatedBytes, endsDamaged } =
    isSmall || recoveries === undefined ? await recoverLog(recovery) : await recoveries.run(() => recoverLog(recovery))
  // The first file that is left is no part of the log, so that it says nothing about where the log starts.
  if (dropped.includes(segments.first.baseOffset)) return startOver(loading, { logEndOffset }, options.logStartOffset)
  if (dropped.length > 0 || truncatedBytes > 0) {
    const { highWatermark } = options
    const details = { folder, logEndOffset, truncatedBytes, droppedSegments: dropped, highWatermark }
    context.logger.warn('cut off what was not whole', details)
  }
  // Also where nothing had to be cut off: a power cut may take the end of a log between two batches, and the log that grows to such an offset again is another one.
  const above = snapshots.filter(offset => offset > logEndOffset)
  for (const offset of above) await disk.remove(snapshotPath(folder, offset))
  if (above.length > 0) await disk.syncDirectory(folder)
  if (endsDamaged) {
    const segment = newSegment(context, folder, options.config, logEndOffset)
    segments.add(segment)
    await segment.createFiles()
  }
  // Also one that is there: perhaps whoever wrote it was killed before it was durable.
  if (logEndOffset > segments.first.baseOffset) {
    await writeSnapshot(disk, folder, logEndOffset, producers.snapshot())
  }
  return { logEndOffset, recoveryPoint: Math.min(recoveryPoint, logEndOffset), snapshotOffset: logEndOffset }
}

/** One after the other from the end, each durably: a power cut in between must leave no segment behind a gap. */
async function dropSegments({ context, folder, segments }: Loading, gone: readonly LogSegment[]): Promise<void> {
  for (const segment of gone.toReversed()) {
    await segment.remove()
    await context.io.disk.syncDirectory(folder)
  }
  if (gone.length < segments.all.length) segments.remove(new Set(gone))
}

/** Files are missing, at the start of the log or more than all it is known to hold. It goes on, empty, where it is known to start. */
async function startOver(
  loading: Loading,
  end: { logEndOffset: number },
  logStartOffset = loading.logStartOffset,
): Promise<LogEnd> {
  const { context, folder, segments, epochs, producers } = loading
  context.logger.warn('files of the log are missing, and it is emptied', { folder, logStartOffset, ...end })
  const old = segments.all
  const replacement = newSegment(context, folder, loading.options.config, logStartOffset)
  segments.remove(new Set(old), replacement)
  for (const segment of old) await segment.remove()
  // Durably, and before there is a segment that any of it could belong to.
  await removeSnapshots({ context, folder })
  epochs.clear()
  await epochs.flush()
  await replacement.createFiles()
  producers.reset(logStartOffset)
  return {
    logEndOffset: logStartOffset,
    recoveryPoint: logStartOffset,
    snapshotOffset: logStartOffset,
    logStartOffset,
  }
}
