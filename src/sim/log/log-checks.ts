/** Compares everything that a log answers about its content with its model: records, epochs, producers, transactions, timestamps. */

import { isCompacted } from '../../log/log-config.ts'
import type { Log } from '../../log/log.ts'
import { assert } from '../../std/assert.ts'
import { checkCompacted } from './log-compacted.ts'
import type { LogModel } from './log-model.ts'
import type { TopicState } from './log-topic.ts'
import {
  checkCommitted,
  checkMissing,
  checkNewest,
  checkRange,
  committedOf,
  readOnce,
  type SeenBatch,
  whyKept,
} from './log-view.ts'
import { lastSequenceOf, type ModelBatch } from './model-batch.ts'

/** Reads it from its start to where it is written to. Undefined when something of it cannot be read, because bits of it have been changed. */
export async function checkAll(topic: TopicState, maxBytes: number, nowMs: () => number): Promise<void> {
  const log = topic.log!
  const model = topic.model!
  const { firstDirtyOffset = 0 } = log
  const batches = await readWhole(topic, log, model, maxBytes, nowMs)
  if (log.failure !== undefined) return
  if (!topic.mayBeDamaged) checkEpochs(log, model)
  if (!topic.mayBeDamaged) checkProducers(log, model)
  topic.repeatAll()
  if (batches === undefined) return
  if (model.isCompacted) checkLastBatches(log, model, batches)
  if (model.isCompacted) checkCompacted(model, batches, firstDirtyOffset)
  const upTo = log.lastStableOffset
  const aborted = await log.abortedTransactions(log.logStartOffset, upTo).catch(() => undefined)
  if (aborted === undefined) {
    assert(isExcused(topic), () => `P4 ${model.name}: it does not say which transactions are aborted`)
    return
  }
  const visible = batches.filter(batch => batch.lastOffset < upTo)
  const committed = committedOf(visible, aborted)
  checkCommitted(model, visible, committed)
  if (model.isCompacted) checkNewest(model, committed, upTo)
}

async function readWhole(
  topic: TopicState,
  log: Log,
  model: LogModel,
  maxBytes: number,
  nowMs: () => number,
): Promise<SeenBatch[] | undefined> {
  const start = log.logStartOffset
  const end = log.writtenEndOffset
  const all: SeenBatch[] = []
  let isWhole = true
  let next = start
  while (next < end) {
    const range = await readOnce(log, next, maxBytes, end)
    if (log.logStartOffset > next) {
      // Retention was faster.
      next = log.logStartOffset
      all.splice(0, all.findLastIndex(batch => batch.lastOffset < next) + 1)
      continue
    }
    if (typeof range === 'string') {
      assert(
        isExcused(topic),
        () =>
          `L11 ${model.name}: a read at ${next} of ${start} to ${end} is answered ${range}: ${log.refusal?.message ?? ''}`,
      )
      if (log.refusal !== undefined) return undefined
      isWhole = false
      next = (model.batchAt(next)?.lastOffset ?? end) + 1
      continue
    }
    checkRange(model, next, range, nowMs(), isWhole)
    if (range.batches.length === 0) break
    all.push(...range.batches)
    next = range.nextOffset
  }
  if (isWhole) checkMissing(model, next, end, nowMs())
  return isWhole ? all : undefined
}

/** Whether somebody has spoilt the bits of it. */
function isExcused(topic: TopicState): boolean {
  return topic.mayBeDamaged || topic.log?.refusal !== undefined
}

/** Reads [from, upTo) as a consumer of committed records would. */
export async function checkReadCommitted(
  topic: TopicState,
  batches: readonly SeenBatch[],
  from: number,
  upTo: number,
): Promise<void> {
  const aborted = await topic.log!.abortedTransactions(from, upTo).catch(() => undefined)
  assert(aborted !== undefined || isExcused(topic), () => `P4 ${topic.name}: aborted transactions are not told`)
  if (aborted !== undefined) checkCommitted(topic.model!, batches, committedOf(batches, aborted))
}

/** L3, KIP-101: the epoch of each batch is known, where each epoch ends, and none of what was cut off. */
function checkEpochs(log: Log, model: LogModel): void {
  const isEmpty = log.logStartOffset === log.logEndOffset
  assert(
    log.latestEpoch === model.latestEpoch || (isEmpty && log.latestEpoch === undefined),
    () => `L3 ${model.name}: its latest epoch is ${log.latestEpoch}, and ${model.latestEpoch} is right`,
  )
  if (!isCompacted(model.config)) checkFirstEpoch(log, model)
  for (const [index, batch] of model.batches.entries()) {
    if (batch.firstOffset < log.logStartOffset) continue
    const { leaderEpoch, firstOffset } = batch
    const told = log.epochForOffset(firstOffset)
    assert(
      told === leaderEpoch,
      () => `L2 ${model.name}: offset ${firstOffset} is of epoch ${told}, and was written in ${leaderEpoch}`,
    )
    const next = model.batches[index + 1]
    if (next !== undefined && next.leaderEpoch === leaderEpoch) continue
    checkUnusedEpoch(log, model, batch, next)
    const end = log.endOffsetForEpoch(leaderEpoch)
    const most = next?.firstOffset ?? log.logEndOffset
    assert(
      end !== undefined && end.leaderEpoch === leaderEpoch && end.endOffset > batch.lastOffset && end.endOffset <= most,
      () =>
        `L3 ${model.name}: epoch ${leaderEpoch} ends at ${JSON.stringify(end)}, between ${batch.lastOffset + 1} and ${most} is right`,
    )
  }
}

/** Of an epoch before all that there are, itself, and where the log begins: nothing is known of what has been removed. */
function checkFirstEpoch(log: Log, model: LogModel): void {
  const first = model.batches.find(batch => batch.lastOffset >= log.logStartOffset)
  if (first === undefined || first.leaderEpoch === 0) return
  const asked = first.leaderEpoch - 1
  const end = log.endOffsetForEpoch(asked)
  const start = Math.max(first.firstOffset, log.logStartOffset)
  assert(
    end?.leaderEpoch === asked && end.endOffset === start,
    () => `L3 ${model.name}: epoch ${asked} ends at ${JSON.stringify(end)}, and the log begins at ${start}`,
  )
}

/** KIP-279: of an epoch between those of two batches, the one before it, and where that ends. */
function checkUnusedEpoch(log: Log, model: LogModel, batch: ModelBatch, next: ModelBatch | undefined): void {
  const asked = batch.leaderEpoch + 1
  // Where a leader has left out offsets, it may have been known that an epoch began there.
  if (next === undefined || asked >= next.leaderEpoch || next.firstOffset > batch.lastOffset + 1) return
  const end = log.endOffsetForEpoch(asked)
  assert(
    end?.leaderEpoch === batch.leaderEpoch && end.endOffset === next.firstOffset,
    () =>
      `L3 ${model.name}: before epoch ${asked} is said to be ${JSON.stringify(end)}, and ${batch.leaderEpoch} to ${next.firstOffset} is right`,
  )
}

/** The last batch of a producer tells of its sequence numbers when nothing else does: compaction keeps it, if only its header. */
function checkLastBatches(log: Log, model: LogModel, batches: readonly SeenBatch[]): void {
  const found = new Set(batches.map(batch => batch.firstOffset))
  const end = batches.at(-1)?.lastOffset ?? -1
  for (const [producerId, { batches: kept, mayBeForgotten }] of model.producers.producers) {
    const last = kept.at(-1)
    if (last === undefined || mayBeForgotten || last.mayBeForgotten) continue
    const { firstOffset, lastOffset } = last.batch
    const isRead = firstOffset >= log.logStartOffset && lastOffset <= end
    assert(
      !isRead || found.has(firstOffset),
      () => `P1 ${model.name}: the last batch of producer ${producerId}, at ${firstOffset}, is gone`,
    )
  }
}

/** P1, L10: what the log knows of its producers. */
function checkProducers(log: Log, model: LogModel): void {
  const told = new Map(log.activeProducers().map(producer => [producer.producerId, producer]))
  for (const [producerId, producer] of model.producers.producers) {
    const found = told.get(producerId)
    told.delete(producerId)
    if (producer.mayBeForgotten) continue
    const last = producer.batches.at(-1)
    const lastSequence = last === undefined ? -1 : lastSequenceOf(last.batch)
    // What lies below the start may have been forgotten.
    const openFrom = producer.openFrom ?? -1
    const foundFrom = found?.currentTransactionStartOffset ?? -1
    const isRight = foundFrom === openFrom || (openFrom >= 0 && openFrom < log.logStartOffset && foundFrom > openFrom)
    assert(
      found !== undefined &&
        found.producerEpoch === producer.producerEpoch &&
        (found.lastSequence === lastSequence || last?.mayBeForgotten === true) &&
        isRight,
      () =>
        `P1 ${model.name}: of producer ${producerId} it knows ${JSON.stringify(found)}, and epoch ${producer.producerEpoch}, sequence ${lastSequence}, transaction from ${openFrom} is right`,
    )
  }
  assert(told.size === 0, () => `P1 ${model.name}: nobody has heard of producers ${[...told.keys()].join()}`)
}

/** By timestamp, against what is found by reading everything. */
export async function checkLookups(topic: TopicState, share: number, nowMs: () => number): Promise<void> {
  const log = topic.log!
  const model = topic.model!
  const start = log.logStartOffset
  const end = log.writtenEndOffset
  const batches = await readWhole(topic, log, model, 5000, nowMs)
  if (batches === undefined || batches.length === 0) return
  const records = batches.flatMap(batch => batch.records).filter(record => record.offset >= start)
  if (records.length === 0) return
  const times = records.map(record => record.timestampMs)
  const least = Math.min(...times)
  const most = Math.max(...times)
  // The largest are what the last entry of an index tells of.
  const some = Math.floor(least - 2 + share * (most - least + 4))
  for (const wanted of model.isCompacted ? [most + 1] : [some, most, most - 1, most + 1]) {
    const expected = records.find(record => record.timestampMs >= wanted)
    const found = await log.lookupTimestamp(wanted)
    if (log.logStartOffset !== start || log.writtenEndOffset !== end || log.refusal !== undefined) return
    const told = found !== undefined && 'offset' in found ? found : undefined
    if (found !== undefined && told === undefined && isExcused(topic)) return
    assert(
      told?.offset === expected?.offset && told?.timestampMs === expected?.timestampMs,
      () => `L10 ${model.name}: at ${wanted} is ${JSON.stringify(found)}, and ${JSON.stringify(expected)} is right`,
    )
  }
  // What is not readable yet, or not any more, counts too, and hides what is.
  if (log.firstSegmentOffset < start || log.logEndOffset > end) return
  const largest = most
  const newest = await log.maxTimestamp()
  if (log.logStartOffset !== start || log.writtenEndOffset !== end || log.refusal !== undefined) return
  // Of several, which one is said depends on how the indexes came to be.
  if (newest !== undefined && 'kind' in newest && isExcused(topic)) return
  const offset = newest !== undefined && 'offset' in newest ? newest.offset : undefined
  const said = records.find(record => record.offset === offset)?.timestampMs
  // A reader may be served from memory what compaction has removed from the files already.
  const kept = model.batches.flatMap(batch =>
    batch.records.filter(record => record.offset >= start && whyKept(model, batch, record, nowMs()) !== undefined),
  )
  const leastLargest = Math.max(...kept.map(record => record.timestampMs))
  assert(
    said !== undefined && said <= largest && said >= leastLargest,
    () => `L10 ${model.name}: the largest timestamp is said to be ${JSON.stringify(newest)}, and it is ${largest}`,
  )
}
