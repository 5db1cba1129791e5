/**
 * Rebuilds what a log knows of its producers, from the newest snapshot that is not above an offset and the batches behind it. A snapshot that cannot be read is removed, and the one
 * before it serves.
 */
import type { Disk, DiskError, DiskFile } from '../io/io.ts'
import { replaceFile } from './atomic-file.ts'
import { visitSoundBatches } from './damage.ts'
import { lastOffsetOf } from './log-batch.ts'
import { offsetName, offsetOfFileName, PRODUCER_SNAPSHOT_SUFFIX } from './file-names.ts'
import { syncFile } from './log-context.ts'
import type { LogContext } from './log-context.ts'
import type { LogSegment } from './log-segment.ts'
import type { LogSegments } from './log-segments.ts'
import { decodeProducerSnapshot } from './producer-snapshot.ts'
import { ProducerState } from './producer-state.ts'

export interface ProducerRecovery {
  readonly context: LogContext
  /** The partition's directory. */
  readonly folder: string
  readonly segments: LogSegments
  readonly producers: ProducerState
}

/**
 * Brings the producer state to `offset`, all at once, since readers go on meanwhile: with a part of it they would be shown what is not decided (P4). Removes snapshots above. Gives back the offset
 * of the newest snapshot that is left. Rejects with a `DiskError`.
 */
export async function rebuildProducerState(
  recovery: ProducerRecovery & { readonly highWatermark: number },
  offset: number,
): Promise<number> {
  const { context, folder, segments } = recovery
  const { disk } = context.io
  const names = await disk.list(folder)
  const snapshots = snapshotOffsets(names.map(entry => entry.name))
  const above = snapshots.filter(snapshot => snapshot > offset)
  for (const snapshot of above) await disk.remove(snapshotPath(folder, snapshot))
  // One that came back after a power cut would tell of batches that are not there any more.
  if (above.length > 0) await disk.syncDirectory(folder)
  const producers = new ProducerState(context.producerOptions, segments.first.baseOffset)
  const from = await restoreNewest(
    { context, folder, segments, producers },
    snapshots.filter(snapshot => snapshot <= offset),
  )
  await replayProducers(segments, producers, offset)
  producers.onHighWatermark(recovery.highWatermark)
  recovery.producers.become(producers)
  return from
}

/** Removes all snapshots, durably. Rejects with a `DiskError`. */
export async function removeSnapshots({
  context,
  folder,
}: Pick<ProducerRecovery, 'context' | 'folder'>): Promise<void> {
  const { disk } = context.io
  const names = await disk.list(folder)
  const snapshots = snapshotOffsets(names.map(entry => entry.name))
  for (const snapshot of snapshots) await disk.remove(snapshotPath(folder, snapshot))
  if (snapshots.length > 0) await disk.syncDirectory(folder)
}

/** Offsets of the snapshot files among the names, ascending. */
export function snapshotOffsets(names: readonly string[]): number[] {
  return names
    .map(name => offsetOfFileName(name, PRODUCER_SNAPSHOT_SUFFIX))
    .filter(offset => offset !== undefined)
    .sort((a, b) => a - b)
}

/**
 * Restores the newest of these snapshots that can be read; without any, the state is that of a log which has just begun with its first segment: batches in it that lie below the
 * log start count too, as they do until the log is closed. Gives back its offset.
 */
export async function restoreNewest(recovery: ProducerRecovery, snapshots: readonly number[]): Promise<number> {
  const { context, folder, producers, segments } = recovery
  for (const offset of snapshots.toReversed()) {
    const path = snapshotPath(folder, offset)
    const bytes = await context.io.disk.readFile(path)
    if (producers.restore(bytes, offset)) return offset
    context.logger.warn('a producer snapshot cannot be read and is removed', { file: path })
    await context.io.disk.remove(path)
  }
  const { baseOffset } = segments.first
  producers.reset(baseOffset)
  return baseOffset
}

/** Takes in the batches from where the state is to the one before `offset`. */
export async function replayProducers(segments: LogSegments, producers: ProducerState, offset: number): Promise<void> {
  const first = Math.max(0, segments.floorIndex(producers.mapEndOffset))
  for (const [index, segment] of segments.all.entries()) {
    if (index < first) continue
    if (segment.baseOffset >= offset || producers.mapEndOffset >= offset) break
    const endOffset = segments.all[index + 1]?.baseOffset ?? Number.MAX_SAFE_INTEGER
    await replaySegment(segment, endOffset, producers, offset)
  }
  producers.advanceTo(offset)
}

async function replaySegment(
  segment: LogSegment,
  endOffset: number,
  producers: ProducerState,
  offset: number,
): Promise<void> {
  const position = await segment.positionFor(producers.mapEndOffset, () => {})
  await visitSoundBatches(segment, { position, baseOffset: segment.baseOffset }, endOffset, (bytes, at) => {
    const lastOffset = lastOffsetOf(bytes, at)
    if (lastOffset >= offset) return false
    if (lastOffset >= producers.mapEndOffset) producers.append(bytes, at)
    return true
  })
}

/** Brings a producer state of its own to `offset`, where a segment begins. Rejects with a `DiskError`. */
export async function producersAt(log: Omit<ProducerRecovery, 'producers'>, offset: number): Promise<ProducerState> {
  const { context, folder, segments } = log
  const producers = new ProducerState(context.producerOptions, segments.first.baseOffset)
  const names = (await context.io.disk.list(folder)).map(entry => entry.name)
  const snapshots = snapshotOffsets(names).filter(snapshot => snapshot <= offset)
  await restoreNewest({ context, folder, segments, producers }, snapshots)
  await replayProducers(segments, producers, offset)
  return producers
}

/**
 * Before what comes before a segment is removed. Where a segment begins there is a snapshot already, unless it began in the very first batches after a start, which had been taken in before
 * they were placed; or a crash or a full disk has left a part of it. Rejects with a `DiskError`.
 */
export async function ensureSnapshot(log: Omit<ProducerRecovery, 'producers'>, baseOffset: number): Promise<void> {
  const { disk } = log.context.io
  const path = snapshotPath(log.folder, baseOffset)
  const isThere = (await disk.stat(path)) !== undefined
  if (isThere && decodeProducerSnapshot(await disk.readFile(path)) !== undefined) {
    // Perhaps by a process that ended before it was durable.
    await syncAgain(disk, path)
    return disk.syncDirectory(log.folder)
  }
  const producers = await producersAt(log, baseOffset)
  await writeSnapshot(disk, log.folder, baseOffset, producers.snapshot())
}

/** Rejects with a `DiskError`. */
export async function writeSnapshot(disk: Disk, folder: string, offset: number, snapshot: Uint8Array): Promise<void> {
  await writeSnapshotContent(disk, folder, offset, snapshot)
  await disk.syncDirectory(folder)
}

/**
 * The same for whoever syncs the directory afterwards. Written in place: what a crash leaves of it fails its checksum, and the one before serves. One of this name that is
 * there already, which may be all that is known of its producers, is replaced as a whole.
 */
export async function writeSnapshotContent(
  disk: Disk,
  folder: string,
  offset: number,
  snapshot: Uint8Array,
): Promise<void> {
  let file: DiskFile
  try {
    file = await disk.open(snapshotPath(folder, offset), { write: true, create: true, exclusive: true })
  } catch (error) {
    if ((error as DiskError).code !== 'EEXIST') throw error
    return replaceFile(disk, folder, offsetName(offset) + PRODUCER_SNAPSHOT_SUFFIX, snapshot)
  }
  try {
    await file.writev([snapshot], 0)
    await file.sync()
  } catch (error) {
    // A part of it may be there, on a full disk.
    await disk.remove(snapshotPath(folder, offset)).catch(() => {})
    throw error
  } finally {
    await file.close()
  }
}

async function syncAgain(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path, { write: true })
  try {
    await syncFile(file)
  } finally {
    await file.close()
  }
}

export function snapshotPath(folder: string, offset: number): string {
  return `${folder}/${offsetName(offset)}${PRODUCER_SNAPSHOT_SUFFIX}`
}
