/**
 * Mends a partition's folder after it has been checked: first a plan, then what it says.
 *
 * What is derived from the batches is made anew by the code that recovers a log after a crash, for the whole log. What cannot be read is taken out and kept aside:
 * below the recovery point only that, since what comes behind was durable once; above it everything to the end of the log, as recovery does, since a later
 * batch counts for nothing without those before it. Nothing is ever removed that could be read and was synced.
 *
 * Each step may be interrupted and done again.
 */
import type { Disk, Io } from '../../io/io.ts'
import type { Uuid } from '../../protocol/uuid.ts'
import { silentLogging } from '../../std/logger.ts'
import { replaceFile } from '../atomic-file.ts'
import { BoundedDisk } from '../bounded-disk.ts'
import { DiskPace } from '../disk-pace.ts'
import { ReadAheads } from '../read-ahead.ts'
import { WriteRounds } from '../recent-writes.ts'
import * as names from '../file-names.ts'
import { DEFAULT_LOG_CONFIG } from '../log-config.ts'
import type { LogContext, LogDirectoryHost } from '../log-context.ts'
import { loadLog } from '../log-loader.ts'
import { OpenFiles } from '../open-files.ts'
import { formatPartitionMetadata } from '../partition-metadata.ts'
import { sealText } from '../sealed-text.ts'
import { WorkLimit } from '../work-limit.ts'
import { TailCache } from '../tail-cache.ts'
import { damagedFileName } from './damaged-files.ts'
import type { FindingCode } from './finding.ts'
import { keepAside } from './keep-aside.ts'
import { isDurable } from './partition-state.ts'
import type { DamagedRange, DirectoryState } from './partition-state.ts'
import type { PartitionFolder } from './verify-directory.ts'
import type { VerifiedPartition } from './verify-partition.ts'

export type RepairStep =
  /** Bytes in the middle of a log, or at its end, that cannot be read. */
  | { readonly kind: 'keep-aside'; readonly range: DamagedRange }
  /** Everything from there to the end of the log: it had not been synced. */
  | { readonly kind: 'cut-off'; readonly range: DamagedRange; readonly laterSegments: readonly number[] }
  /** Segments that a compaction has left half in place. */
  | { readonly kind: 'finish-compaction' }
  /** Indexes, producer snapshots and leader epochs, from the batches. */
  | { readonly kind: 'rebuild'; readonly what: readonly FindingCode[] }
  | { readonly kind: 'restore-topic-id'; readonly topicId: Uuid }
  /** What the log directory's checkpoints say of the partition, where that cannot be. */
  | { readonly kind: 'correct-checkpoints'; readonly losesRecords: boolean }

export interface RepairPlan {
  readonly partition: PartitionFolder
  readonly verified: VerifiedPartition
  readonly directory: DirectoryState | undefined
  readonly steps: readonly RepairStep[]
}

const rebuilt: ReadonlySet<FindingCode> = new Set([
  'offset-index',
  'time-index',
  'transaction-index',
  'producer-snapshot',
  'leader-epochs',
])

/** Whether somebody has to agree: bytes leave the log, or it is taken for granted that records are lost. */
export function needsConsent({ steps }: RepairPlan): boolean {
  return steps.some(
    step =>
      step.kind === 'keep-aside' ||
      step.kind === 'cut-off' ||
      (step.kind === 'correct-checkpoints' && step.losesRecords),
  )
}

/** `topicId` is that of the topic's other partitions. */
export function planRepair(
  partition: PartitionFolder,
  verified: VerifiedPartition,
  directory: DirectoryState | undefined,
  topicId: Uuid | undefined,
): RepairPlan {
  const { findings, ranges, bases } = verified
  const steps: RepairStep[] = []
  if (findings.some(({ code }) => code === 'unfinished-compaction')) steps.push({ kind: 'finish-compaction' })
  const cut = ranges.find(range => !isDurable(directory, range.nextOffset))
  for (const range of ranges) {
    if (range === cut) break
    steps.push({ kind: 'keep-aside', range })
  }
  if (cut !== undefined) {
    steps.push({ kind: 'cut-off', range: cut, laterSegments: bases.filter(base => base > cut.baseOffset) })
  }
  const mine = findings.filter(({ path, severity }) => severity !== 'note' && path.startsWith(`${partition.path}/`))
  const what = [...new Set(mine.map(({ code }) => code))].filter(code => rebuilt.has(code))
  const hasLostLog = mine.some(({ code }) => code === 'missing-records')
  if (steps.length > 0 || what.length > 0 || hasLostLog) steps.push({ kind: 'rebuild', what })
  if (topicId !== undefined && mine.some(({ code }) => code === 'identity'))
    steps.push({ kind: 'restore-topic-id', topicId })
  const claims = findings.filter(({ path, severity }) => severity !== 'note' && !path.startsWith(partition.path))
  if (claims.length > 0) {
    steps.push({ kind: 'correct-checkpoints', losesRecords: claims.some(({ severity }) => severity === 'damage') })
  }
  return { partition, verified, directory, steps }
}

/** What the checkpoints are to say afterwards. */
export interface RepairedPartition {
  readonly name: string
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly highWatermark: number
}

/** `undefined` when nothing was done that a checkpoint speaks of. Rejects with a `DiskError`. */
export async function repairPartition(
  io: Io,
  { partition, verified, directory, steps }: RepairPlan,
  onProgress: (bytes: number) => void,
): Promise<RepairedPartition | undefined> {
  const { disk } = io
  const { path: folder, name } = partition
  const host = hostOf(partition, folder)
  // What is done here makes it untrue.
  await disk.remove(`${host.path}/${names.SHUTDOWN_STATE}`)
  await disk.syncDirectory(host.path)
  const aside = steps.filter(step => step.kind === 'keep-aside').map(({ range }) => range)
  for (const base of new Set(aside.map(range => range.baseOffset))) {
    const ranges = aside.filter(range => range.baseOffset === base)
    await keepAside(disk, folder, base, ranges.map(asideRange))
  }
  for (const step of steps) {
    if (step.kind === 'cut-off') await cutOff(disk, folder, step.range, step.laterSegments, aside)
    if (step.kind === 'restore-topic-id') {
      await replaceFile(disk, folder, names.PARTITION_METADATA, sealText(formatPartitionMetadata(step.topicId)))
    }
  }
  if (steps.every(step => step.kind === 'restore-topic-id')) return undefined
  await removeWrong(disk, folder, verified)
  const { logStartOffset, highWatermark } = directory?.checkpoints ?? {}
  const startsBehindEnd = logStartOffset !== undefined && logStartOffset > verified.logEndOffset
  const { log } = await loadLog(contextOf(io), host, {
    topic: partition.topic,
    partition: Math.max(0, partition.partition),
    folderName: name,
    config: DEFAULT_LOG_CONFIG,
    isClean: false,
    // All of it is looked at, and all that is derived from it made anew.
    recoveryPoint: 0,
    logStartOffset: startsBehindEnd ? (verified.bases[0] ?? 0) : (logStartOffset ?? 0),
    highWatermark: highWatermark ?? 0,
    onProgress,
  })
  const { failure } = log
  await log.close()
  if (failure !== undefined) throw failure
  return {
    name,
    logStartOffset: log.logStartOffset,
    logEndOffset: log.logEndOffset,
    highWatermark: Math.min(highWatermark ?? 0, log.logEndOffset),
  }
}

function asideRange(range: DamagedRange): { position: number; sizeBytes: number; name: string } {
  return { position: range.position, sizeBytes: range.sizeBytes, name: damagedFileName(range) }
}

/** From the end, each durably, so that an interruption leaves no segment behind a gap. Log files are kept under another name, what belongs to them goes. */
async function cutOff(
  disk: Disk,
  folder: string,
  range: DamagedRange,
  laterSegments: readonly number[],
  aside: readonly DamagedRange[],
): Promise<void> {
  for (const base of laterSegments.toReversed()) {
    const path = `${folder}/${names.offsetName(base)}`
    const kept = damagedFileName({ ...range, baseOffset: base, position: 0, nextOffset: base, claimed: undefined })
    await disk.rename(path + names.LOG_SUFFIX, `${folder}/${kept}`)
    for (const suffix of [
      names.OFFSET_INDEX_SUFFIX,
      names.TIME_INDEX_SUFFIX,
      names.TRANSACTION_INDEX_SUFFIX,
      names.PRODUCER_SNAPSHOT_SUFFIX,
    ]) {
      await disk.remove(path + suffix)
    }
    await disk.syncDirectory(folder)
  }
  // What was taken out of the same file before has moved what comes behind it.
  const shiftBytes = aside
    .filter(each => each.baseOffset === range.baseOffset && each.position < range.position)
    .reduce((sum, each) => sum + each.sizeBytes, 0)
  const position = range.position - shiftBytes
  const stat = await disk.stat(`${folder}/${names.offsetName(range.baseOffset)}${names.LOG_SUFFIX}`)
  const sizeBytes = (stat?.sizeBytes ?? 0) - position
  if (sizeBytes > 0) {
    await keepAside(disk, folder, range.baseOffset, [{ position, sizeBytes, name: damagedFileName(range) }])
  }
}

/** What recovery would believe. Every segment keeps an index, if an empty one: that tells recovery that what came before it was durable. */
async function removeWrong(disk: Disk, folder: string, { findings, bases }: VerifiedPartition): Promise<void> {
  for (const { code, path } of findings) {
    const isMine = path.startsWith(`${folder}/`)
    if (isMine && (code === 'producer-snapshot' || code === 'leader-epochs')) await disk.remove(path)
  }
  for (const base of bases) {
    const path = `${folder}/${names.offsetName(base)}`
    if ((await disk.stat(path + names.LOG_SUFFIX)) === undefined) continue
    const index = await disk.open(path + names.OFFSET_INDEX_SUFFIX, { write: true, create: true })
    await index.close()
  }
  await disk.syncDirectory(folder)
}

function contextOf(io: Io): LogContext {
  const openFilesMax = 500
  const disk = new BoundedDisk(io.disk, openFilesMax)
  return {
    io: { ...io, disk },
    openFiles: new OpenFiles(disk, openFilesMax),
    tailCache: new TailCache(0),
    producerOptions: {
      producerIdExpirationMs: Number.MAX_SAFE_INTEGER,
      verifyTransactions: false,
      nowMs: () => io.clock.nowMs(),
    },
    logger: silentLogging().logger('kafka.log.UnifiedLog'),
  }
}

/** Checkpoints are written when all partitions are done. */
function hostOf({ name }: PartitionFolder, folder: string): LogDirectoryHost {
  return {
    path: folder.slice(0, folder.length - name.length - 1),
    pace: new DiskPace(),
    readLimit: new WorkLimit(1),
    readAheads: new ReadAheads(),
    writeRounds: new WriteRounds(),
    rollLimit: new WorkLimit(1),
    failed: () => {},
    saveLogStartOffsets: async () => {},
    saveRecoveryPoints: async () => {},
    saveCleanerOffsets: async () => {},
    syncFolders: async () => {},
  }
}
