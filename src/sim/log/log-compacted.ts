/**
 * What compaction has to have removed, in what a reader gets: of the part that the log says is compacted, all but the newest record of each key, and all of aborted transactions; of what a cleaning went through, tombstones and
 * markers whose time was over when it began. The times are in the batches, where Kafka has them too (KIP-534).
 */

import * as header from '../../protocol/records/batch-header.ts'
import { assert } from '../../std/assert.ts'
import { isCompacted } from '../../log/log-config.ts'
import type { LogModel } from './log-model.ts'
import type { TopicState } from './log-topic.ts'
import { isAborted, type SeenBatch } from './log-view.ts'

/** `firstDirtyOffset` as the log said it before these were read. */
export function checkCompacted(model: LogModel, batches: readonly SeenBatch[], firstDirtyOffset: number): void {
  const newest = new Map<string | null, number>()
  for (const { records, isControl, lastOffset, firstOffset } of batches.toReversed()) {
    if (isControl || lastOffset >= firstDirtyOffset || records.length === 0) continue
    const original = model.batches.find(each => each.firstOffset === firstOffset)!
    assert(
      !isAborted(model, original),
      () => `L9 ${model.name}: batch ${firstOffset}, which was aborted, is there below ${firstDirtyOffset}`,
    )
    for (const { key, offset } of records.toReversed()) {
      // In a batch that goes on behind the start of the log: nobody asks what else has their keys, and nobody is given them.
      if (offset < model.logStartOffset) break
      const newer = newest.get(key)
      assert(
        newer === undefined,
        () => `L9 ${model.name}: ${key} is there at ${offset} and ${newer}, and compacted to ${firstDirtyOffset}`,
      )
      newest.set(key, offset)
    }
  }
  checkHorizons(model, batches)
}

function checkHorizons({ name, cleaning }: LogModel, batches: readonly SeenBatch[]): void {
  if (cleaning === undefined) return
  const { endOffset, startedMs } = cleaning
  for (const { bytes, records, isControl, firstOffset, lastOffset } of batches) {
    const isWaiting = isControl ? header.hasDeleteHorizon(bytes, 0) : true
    if (lastOffset >= endOffset || !isWaiting || !records.some(({ value }) => isControl || value === null)) continue
    const horizonMs = header.deleteHorizonMs(bytes, 0)
    assert(
      horizonMs !== undefined && horizonMs > startedMs,
      () =>
        `L9 ${name}: batch ${firstOffset} has a ${isControl ? 'marker' : 'tombstone'} that was to go at ${horizonMs}, and the log was compacted to ${endOffset} from ${startedMs} on`,
    )
  }
}

/** Which log has been compacted is known where there is one that may be. */
export function noteCleaned(topics: readonly TopicState[], startedMs: number): void {
  const [topic, ...others] = topics.filter(({ plan }) => isCompacted(plan.config))
  const endOffset = topic?.log?.firstDirtyOffset
  if (others.length === 0 && endOffset !== undefined) topic!.model!.cleaning = { endOffset, startedMs }
}

/** A log that there is no way around compacting, as it was. */
export interface DueCleaning {
  readonly folder: string
  readonly logStartOffset: number
}

/**
 * There is none when all of its segments have been rolled, all of it is decided, and what is not compacted has waited long enough, for as long as it must where it is not dirty enough
 * otherwise.
 */
export function dueCleaning({ log, model, mayBeDamaged }: TopicState, nowMs: number): DueCleaning | undefined {
  if (log === undefined || model === undefined || log.refusal !== undefined || mayBeDamaged) return undefined
  if (!isCompacted(model.config) || log.lastStableOffset < log.logEndOffset) return undefined
  const { minCompactionLagMs, maxCompactionLagMs, minCleanableDirtyRatio } = model.config
  const from = Math.max(log.firstDirtyOffset ?? 0, log.logStartOffset)
  const dirty = model.batches.filter(batch => batch.firstOffset >= from)
  const times = dirty.flatMap(({ records }) => records.map(({ timestampMs }) => timestampMs))
  const isOldEnough = times.every(timeMs => timeMs > 0 && timeMs < nowMs - minCompactionLagMs)
  const isOverdue = times.every(timeMs => timeMs < nowMs - maxCompactionLagMs)
  const isDue = dirty.length > 0 && isOldEnough && (minCleanableDirtyRatio === 0 || isOverdue)
  return isDue ? { folder: log.folder, logStartOffset: log.logStartOffset } : undefined
}

/** A cleaning of a log that was due has ended; `isSpoilt` where something has happened to a disk meanwhile. A log that moves, or loses its oldest segments, ends it. */
export function checkCleaned({ name, log }: TopicState, due: DueCleaning, isDone: boolean, isSpoilt: boolean): void {
  if (isDone || isSpoilt || log === undefined || log.refusal !== undefined) return
  const isSame = log.folder === due.folder && log.logStartOffset === due.logStartOffset
  assert(
    !isSame,
    () => `L9 ${name}: it was to be compacted from ${log.firstDirtyOffset} to ${log.logEndOffset}, and is not`,
  )
}
