/**
 * What changes the files of a log as a whole: rolling, deleting old segments, moving the start, cutting off the end, closing. Each runs alone of its kind
 * (`LogCore.exclusive`), beside the appends. All reject with a `DiskError`.
 */
import { assert } from '../std/assert.ts'
import type { DiskError } from '../io/io.ts'
import type { LogCore } from './log-core.ts'
import type { LogSegment } from './log-segment.ts'
import type { AppendRejected, TopicPartition } from './log-types.ts'
import { ensureSnapshot, rebuildProducerState, removeSnapshots } from './producer-recovery.ts'
import { deletableSegments } from './retention.ts'
import { offsetOfFileName, PRODUCER_SNAPSHOT_SUFFIX } from './file-names.ts'
import { diskErrorOf, isPassing } from './log-context.ts'
import { filesChecksumOf } from './shutdown-state.ts'
import type { LogShutdownState } from './shutdown-state.ts'

export async function rollLog(core: LogCore): Promise<void> {
  for (let isDone = false; !isDone;) {
    await core.writer.idle()
    isDone = await core.exclusive(async () => {
      // Batches that have come meanwhile, and wait for the active segment to become warm, belong into it.
      if (core.writer.hasUnplaced) return false
      if (core.closed) return true
      if (core.segments.active.sizeBytes > 0) core.writer.startSegment(core.logEndOffset)
      await core.writer.finishRolls()
      return true
    })
  }
}

export function applyRetention(core: LogCore, nowMs: number): Promise<number> {
  return core.exclusive(async () => {
    if (core.closed || core.failure !== undefined) return 0
    const deletable = await settledDeletable(core, nowMs)
    if (deletable.length === 0) return 0
    if (deletable.length === core.segments.all.length) core.writer.startSegment(core.logEndOffset)
    // The segment that is to be the first gets its producer snapshot: what its producers did before it is known from nowhere else afterwards.
    await core.writer.finishRolls()
    const newStart = core.segments.all[deletable.length]!.baseOffset
    assert(newStart <= core.highWatermark, () => `L9: retention of ${core.name} reaches ${newStart}`)
    await ensureSnapshot(core, newStart)
    await core.moveLogStart(newStart)
    // A recovery that began below would not know what producers did before, nor read what tells it.
    await core.host.saveRecoveryPoints()
    await removeSegments(core, deletable)
    core.context.logger.info('deleted segments', {
      log: core.name,
      segments: deletable.map(segment => segment.baseOffset),
      logStartOffset: core.logStartOffset,
    })
    return deletable.length
  })
}

const looksMax = 3

/** When something has come to the active segment while timestamps were read, it is looked at again, and stays when that happens time after time. */
async function settledDeletable(core: LogCore, nowMs: number): Promise<LogSegment[]> {
  for (let looks = 1; ; looks++) {
    const { segments, config, logStartOffset, logEndOffset, highWatermark } = core
    const { all, active } = segments
    const deletable = await deletableSegments({
      segments: all,
      config,
      logStartOffset,
      logEndOffset,
      highWatermark,
      nowMs,
    })
    if (deletable.at(-1) !== active || core.logEndOffset === logEndOffset) return deletable
    if (looks === looksMax) return deletable.slice(0, -1)
  }
}

export async function deleteRecordsBefore(core: LogCore, offset: number): Promise<AppendRejected | undefined> {
  if (offset > core.highWatermark) {
    return core.rejected('OFFSET_OUT_OF_RANGE', `${offset} is above the high watermark ${core.highWatermark}`)
  }
  try {
    await core.exclusive(() => core.moveLogStart(offset))
    return undefined
  } catch (error) {
    return core.rejected('KAFKA_STORAGE_ERROR', diskErrorOf(error).message)
  }
}

export async function truncateTo(core: LogCore, offset: number): Promise<void> {
  await core.writer.idle()
  await core.exclusive(() => truncateNow(core, offset))
}

export async function truncateFullyAndStartAt(core: LogCore, offset: number): Promise<void> {
  await core.writer.idle()
  await core.exclusive(() => startOverAt(core, offset))
}

/**
 * The disk is full, may not be written to, or there are no descriptors: who waits is told, what was not written is dropped, and the log goes on where its file ends. When not even
 * that can be done, it is tried again.
 */
export function cutBack(core: LogCore, error: DiskError): void {
  core.context.logger.warn('the disk refuses a write', { log: core.name, directory: core.host.path }, error)
  core.fail(error)
  tryToCutBack(core, error)
}

const cutBackAgainMs = 500

function tryToCutBack(core: LogCore, error: DiskError): void {
  const recovering = core.writer.exclusive(async () => {
    // It was closed, or its directory has failed for good.
    if (core.closed || core.failure !== error) return
    await core.writer.quiet()
    await cutToWritten(core)
    if (core.failure === error) core.failure = undefined
  })
  recovering.then(undefined, (thrown: unknown) => {
    const cause = diskErrorOf(thrown)
    if (isPassing(cause)) core.context.io.clock.setTimer(cutBackAgainMs, () => tryToCutBack(core, error))
    else core.host.failed(cause)
  })
}

/** Nothing that goes was ever acknowledged, or read: its room is needed at once. The leader epochs are written with the next flush, for which there may be room then. */
async function cutToWritten(core: LogCore): Promise<void> {
  const offset = core.writer.fileEndOffset
  const { segments } = core
  await cutOffSegments(
    core,
    segments.all.filter(segment => segment.baseOffset > offset),
    undefined,
    0,
  )
  await segments.active.truncate(offset, core.context.io.clock.nowMs())
  await segments.active.syncLog()
  core.forgetFrom(offset)
  core.epochs.truncateFromEnd(offset)
  cutOffsets(core, offset)
  core.snapshotOffset = await rebuildProducerState(core, offset)
}

export async function closeLog(core: LogCore): Promise<void> {
  if (core.closed) return
  core.closed = true
  if (core.failure === undefined) {
    core.closing = true
    await core.writer.idle()
    await core.exclusive(() => {
      // Where there is nobody to be remembered the shutdown state says so; without it, the end of the log is read.
      const snapshot = core.producers.producerCount > 0 ? core.producerSnapshotAt(core.logEndOffset) : undefined
      return core.writer.finish(snapshot)
    })
    core.writer.stop()
    core.closing = false
  }
  await core.releaseFiles()
}

export function shutdownStateOf(core: LogCore): (TopicPartition & LogShutdownState) | undefined {
  const { topic, partition, topicId, logEndOffset, snapshotOffset, producers } = core
  const epochs = core.epochs.savedBelow(logEndOffset)
  if (epochs === undefined) return undefined
  const filesChecksum = checksumOfFiles(core)
  if (filesChecksum === undefined) return undefined
  return {
    topic,
    partition,
    topicId,
    logEndOffset,
    snapshotOffset,
    hasProducers: producers.producerCount > 0,
    epochs,
    filesChecksum,
  }
}

/** `undefined` where the folder has another name by now: the partition is being deleted. */
function checksumOfFiles({ context, folder }: LogCore): number | undefined {
  const { disk } = context.io
  try {
    const files = disk.listSync(folder).map(({ name }) => name)
    return filesChecksumOf(files, file => disk.statSync(`${folder}/${file}`))
  } catch (error) {
    if (diskErrorOf(error).code === 'ENOENT') return undefined
    throw error
  }
}

/** Snapshots of earlier shutdowns and segments whose deletion was not over: they harm nobody, and a start does not wait for them. */
export function removeLitter(core: LogCore, names: readonly string[]): Promise<void> {
  return core.exclusive(async () => {
    if (core.closed || core.failure !== undefined) return
    for (const name of names) {
      const snapshot = offsetOfFileName(name, PRODUCER_SNAPSHOT_SUFFIX)
      const isInUse =
        snapshot !== undefined &&
        (snapshot === core.snapshotOffset || core.segments.all.some(({ baseOffset }) => baseOffset === snapshot))
      if (!isInUse) await core.context.io.disk.remove(`${core.folder}/${name}`)
    }
  })
}

/** Stops everything and closes the files of a log that is to be deleted, or whose directory is offline. */
export async function abandonLog(core: LogCore): Promise<void> {
  core.closed = true
  core.writer.stop()
  await core.writer.quiet()
  await core.writer.exclusive(() => core.releaseFiles())
}

async function truncateNow(core: LogCore, offset: number): Promise<void> {
  const { segments, writer } = core
  if (offset < core.logStartOffset || offset < segments.first.baseOffset) return startOverAt(core, offset)
  if (offset > core.logEndOffset) return
  // Of a gap nothing is durable: until a segment begins there, a recovery would look for records that were never written.
  const end = await segments.all[segments.floorIndex(offset)]!.endBelow(offset)
  await writer.lowerRecoveryPoint(end.isCertain ? end.endOffset : offset)
  await core.lowerFirstDirtyOffset(offset)
  const cut = segments.all.filter(segment => segment.baseOffset > offset)
  await cutOffSegments(core, cut)
  await segments.active.truncate(offset, core.context.io.clock.nowMs(), end)
  // Before anything new is written: what was cut off must not come back after a power cut and follow it, nor may entries of the indexes that speak of it.
  await segments.active.syncLog()
  await segments.active.syncCutIndexes()
  core.forgetFrom(offset)
  core.epochs.truncateFromEnd(offset)
  await core.epochs.flush()
  cutOffsets(core, offset)
  core.snapshotOffset = await rebuildProducerState(core, offset)
  if (end.endOffset === offset) return
  // Within a gap, or behind one: no batch tells where the log ends, so the name of a segment does.
  writer.startSegment(offset)
  await writer.finishRolls()
}

async function startOverAt(core: LogCore, offset: number): Promise<void> {
  const { segments, writer } = core
  await writer.lowerRecoveryPoint(Math.min(offset, core.logStartOffset))
  await core.lowerFirstDirtyOffset(offset)
  const removed = segments.all
  const replacement = writer.newSegment(offset)
  // The start never moves back meanwhile, not even when it is to be before the old one: deleted records would be there again.
  await core.stateLogStart(Math.max(offset, core.logStartOffset))
  await cutOffSegments(core, removed, replacement)
  if (offset < core.logStartOffset) await core.stateLogStart(offset)
  core.forgetFrom(0)
  core.epochs.clear()
  await core.epochs.flush()
  // Before there is a segment that one of them could belong to; also one taken at the old end, which belongs to none.
  await removeSnapshots(core)
  await replacement.createFiles()
  core.startIsInFiles()
  core.logStartOffset = offset
  core.nextLogStartOffset = offset
  cutOffsets(core, offset)
  core.highWatermark = offset
  core.producers.reset(offset)
  core.snapshotOffset = offset
}

function cutOffsets(core: LogCore, endOffset: number): void {
  core.cuts += 1
  core.logEndOffset = endOffset
  core.highWatermark = Math.min(core.highWatermark, endOffset)
  core.writer.restart(endOffset)
}

/** The oldest segments, which lie below the log start offset. */
async function removeSegments(core: LogCore, removed: readonly LogSegment[]): Promise<void> {
  core.segments.remove(new Set(removed))
  core.reader.forget()
  for (const segment of removed) await core.deletion.delete(segment, core.folder, core.config.fileDeleteDelayMs)
  await core.context.io.disk.syncDirectory(core.folder)
  core.segmentsSynced()
}

/** The newest segments: one after the other from the end, each durably, so that a power cut in between leaves no segment behind a gap. */
async function cutOffSegments(
  core: LogCore,
  cut: readonly LogSegment[],
  replacement?: LogSegment,
  deleteDelayMs = core.config.fileDeleteDelayMs,
): Promise<void> {
  if (cut.length === 0) return
  core.segments.remove(new Set(cut), replacement)
  core.reader.forget()
  for (const segment of cut.toReversed()) {
    await core.deletion.delete(segment, core.folder, deleteDelayMs)
    await core.context.io.disk.syncDirectory(core.folder)
  }
  core.segmentsSynced()
}
