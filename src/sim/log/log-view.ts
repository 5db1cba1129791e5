/**
 * What a reader gets from a log, held against its model: every batch is one that was appended (L11), nothing is missing but what compaction may remove (L9), and who
 * reads committed records sees exactly those (P4).
 */

import * as header from '../../protocol/records/batch-header.ts'
import { decodeBatch, verifyChecksum } from '../../protocol/records/decode.ts'
import { batchSizeAt, forEachBatch } from '../../protocol/records/walk.ts'
import { assert } from '../../std/assert.ts'
import type { Log } from '../../log/log.ts'
import type { LogModel } from './log-model.ts'
import type { ModelBatch, ModelRecord } from './model-batch.ts'

export interface SeenBatch {
  readonly bytes: Buffer
  readonly firstOffset: number
  readonly lastOffset: number
  readonly isControl: boolean
  readonly records: readonly ModelRecord[]
}

export interface SeenRange {
  readonly batches: readonly SeenBatch[]
  /** Where a reader goes on. */
  readonly nextOffset: number
}

/** `failed` when the log says that it cannot read. */
export type ReadResult = SeenRange | 'failed' | 'out of range'

/** One read, decoded; nothing is compared but checksums. */
export async function readOnce(log: Log, offset: number, maxBytes: number, upTo: number): Promise<ReadResult> {
  const outcome = await log.read({ offset, maxBytes, minOneBatch: true, upTo })
  if (outcome.kind === 'failed') return 'failed'
  if (outcome.kind === 'out-of-range') return 'out of range'
  const bytes = Buffer.concat(outcome.slices)
  assert(
    bytes.length <= maxBytes || batchSizeAt(bytes, 0, bytes.length) === bytes.length,
    () => `a reader of at most ${maxBytes} bytes at ${offset} gets ${bytes.length}`,
  )
  assert(
    bytes.length === outcome.sizeBytes,
    () => `${bytes.length} bytes were read, and ${outcome.sizeBytes} announced`,
  )
  const batches: SeenBatch[] = []
  const end = forEachBatch(bytes, 0, bytes.length, (at, size) => {
    batches.push(seen(bytes.subarray(at, at + size)))
  })
  assert(
    end.position === bytes.length,
    () => `L11: what was read at ${offset} is no batch from byte ${end.position} on`,
  )
  outcome.release()
  return { batches, nextOffset: outcome.nextOffset }
}

function seen(bytes: Buffer): SeenBatch {
  assert(verifyChecksum(bytes, 0), () => `L11: a batch that does not match its checksum was read`)
  const records = decodeBatch(bytes, 0)
  assert(Array.isArray(records), () => `L11: records of batch ${header.baseOffset(bytes, 0)} cannot be decoded`)
  const text = (part: Uint8Array | null): string | null => (part === null ? null : Buffer.from(part).toString('latin1'))
  return {
    bytes,
    firstOffset: header.baseOffset(bytes, 0),
    lastOffset: header.lastOffset(bytes, 0),
    isControl: header.isControl(bytes, 0),
    records: records.map(({ offset, timestampMs, key, value, headers }) => ({
      offset,
      timestampMs,
      key: text(key),
      value: text(value),
      headers: headers.map(each => `${each.key}=${text(each.value)}`).join(),
    })),
  }
}

/** Compares what was read from `offset` on with what is in the model. `isWhole` unless a disk that misreads may have hidden something. */
export function checkRange(model: LogModel, offset: number, range: SeenRange, nowMs: number, isWhole = true): void {
  let next = offset
  for (const batch of range.batches) {
    const original = model.batches.find(each => each.firstOffset === batch.firstOffset)
    assert(
      original !== undefined && original.lastOffset === batch.lastOffset,
      () => `L11 ${model.name}: nobody appended a batch with offsets ${batch.firstOffset} to ${batch.lastOffset}`,
    )
    assert(batch.lastOffset >= next, () => `L3 ${model.name}: batch ${batch.firstOffset} came after ${next}`)
    checkBatch(model, original, batch, nowMs)
    if (isWhole) checkMissing(model, next, batch.firstOffset, nowMs)
    next = batch.lastOffset + 1
  }
  assert(range.nextOffset >= next, () => `${model.name}: a reader of ${next} is sent to ${range.nextOffset}`)
}

/** The records that were appended in [from, to) and that nobody finds there: all of them must be such as compaction removes. */
export function checkMissing(model: LogModel, from: number, to: number, nowMs: number): void {
  for (const batch of model.batches) {
    if (batch.lastOffset < from || batch.firstOffset >= to) continue
    checkGone(model, batch, batch.records, nowMs)
  }
}

function checkBatch(model: LogModel, original: ModelBatch, found: SeenBatch, nowMs: number): void {
  const { bytes } = original
  const told = (): string => `${model.name}, batch ${found.firstOffset}`
  assert(
    header.partitionLeaderEpoch(found.bytes, 0) === original.leaderEpoch,
    () => `L2 ${told()}: leader epoch ${header.partitionLeaderEpoch(found.bytes, 0)}, not ${original.leaderEpoch}`,
  )
  if (original.producerId >= 0) {
    const producer = [
      header.producerId(found.bytes, 0),
      header.producerEpoch(found.bytes, 0),
      header.baseSequence(found.bytes, 0),
    ]
    const wanted = [
      original.producerId,
      original.producerEpoch,
      original.marker === undefined ? original.baseSequence : -1,
    ]
    assert(producer.join() === wanted.join(), () => `P1 ${told()}: producer ${producer.join()}, not ${wanted.join()}`)
  }
  if (!model.isCompacted && bytes !== undefined) {
    assert(found.bytes.equals(bytes), () => `L2 ${told()}: not the bytes that were appended`)
    return
  }
  const gone: ModelRecord[] = []
  const left = new Map(found.records.map(record => [record.offset, record]))
  for (const record of original.records) {
    const there = left.get(record.offset)
    left.delete(record.offset)
    if (there === undefined) gone.push(record)
    else
      assert(
        there.timestampMs === record.timestampMs &&
          there.key === record.key &&
          there.value === record.value &&
          there.headers === record.headers,
        () => `L2 ${told()}: ${JSON.stringify(there)}, not ${JSON.stringify(record)}`,
      )
  }
  assert(left.size === 0, () => `L11 ${told()}: nobody wrote ${JSON.stringify([...left.values()])}`)
  checkGone(model, original, gone, nowMs)
}

function checkGone(model: LogModel, batch: ModelBatch, gone: readonly ModelRecord[], nowMs: number): void {
  for (const record of gone) {
    if (record.offset < model.logStartOffset) continue
    const reason = whyKept(model, batch, record, nowMs)
    assert(reason === undefined, () => `L9 ${model.name}: ${describe(record)} is gone, ${reason}`)
  }
}

/** Why compaction may not remove a record; undefined when it may. */
export function whyKept(model: LogModel, batch: ModelBatch, record: ModelRecord, nowMs: number): string | undefined {
  if (!model.isCompacted) return `and the log is read to ${model.endOffset}`
  if (batch.lastOffset >= model.cleanableEnd) return `above ${model.cleanableEnd}, where compaction may go to`
  const { deleteRetentionMs, minCompactionLagMs } = model.config
  const newestMs = Math.max(...batch.records.map(each => each.timestampMs))
  if (minCompactionLagMs > 0 && newestMs > nowMs - minCompactionLagMs) return 'and is too young'
  const goneMs = (batch.cleanedMs ?? Number.POSITIVE_INFINITY) + deleteRetentionMs
  if (batch.marker !== undefined) return nowMs >= goneMs ? undefined : 'a marker that is to be kept for some time'
  if (isAborted(model, batch)) return undefined
  if (isSuperseded(model, record)) return undefined
  if (record.value !== null) return 'the newest of its key'
  return nowMs >= goneMs ? undefined : `a tombstone that is to be kept until ${goneMs}, at ${nowMs}`
}

function describe({ offset, key, value }: ModelRecord): string {
  return `record ${offset} (${key}: ${value?.slice(0, 20) ?? 'null'})`
}

export function isAborted(model: LogModel, batch: ModelBatch): boolean {
  if (!batch.isTransactional) return false
  return model.producers.transactions.some(
    each =>
      each.isAborted &&
      each.producerId === batch.producerId &&
      each.firstOffset <= batch.firstOffset &&
      each.lastOffset! > batch.lastOffset,
  )
}

/** A newer record of the key is decided and where compaction may go to. */
function isSuperseded(model: LogModel, record: ModelRecord): boolean {
  return model.batches.some(
    batch =>
      batch.lastOffset > record.offset &&
      batch.lastOffset < model.cleanableEnd &&
      batch.marker === undefined &&
      batch.records.some(other => other.key === record.key && other.offset > record.offset) &&
      !isAborted(model, batch),
  )
}

/** What a consumer with `isolation.level=read_committed` makes of what it reads. */
export function committedOf(
  batches: readonly SeenBatch[],
  aborted: readonly { producerId: number; firstOffset: number }[],
): ModelRecord[] {
  const ahead = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const skipped = new Set<number>()
  const committed: ModelRecord[] = []
  for (const { bytes, lastOffset, isControl, records } of batches) {
    while (ahead.length > 0 && ahead[0]!.firstOffset <= lastOffset) skipped.add(ahead.shift()!.producerId)
    const producerId = header.producerId(bytes, 0)
    if (isControl) {
      if (records[0]?.key === '\0\0\0\0') skipped.delete(producerId)
    } else if (!header.isTransactional(bytes, 0) || !skipped.has(producerId)) committed.push(...records)
  }
  return committed
}

/** Of the records in [from, to), below the last stable offset: nothing aborted is shown, and nothing committed hidden that is there. */
export function checkCommitted(model: LogModel, batches: readonly SeenBatch[], shown: readonly ModelRecord[]): void {
  const offsets = new Set(shown.map(record => record.offset))
  for (const batch of batches) {
    if (batch.isControl) continue
    const original = model.batches.find(each => each.firstOffset === batch.firstOffset)!
    const aborted = isAborted(model, original)
    for (const { offset } of batch.records) {
      assert(
        offsets.has(offset) !== aborted,
        () => `P4 ${model.name}: ${aborted ? 'aborted record is shown' : 'committed record is hidden'}: ${offset}`,
      )
    }
  }
}

/** Of a compacted log as a whole: what a table that is read from it says of each key is what was written last (L9). */
export function checkNewest(model: LogModel, shown: readonly ModelRecord[], upTo: number): void {
  const table = new Map<string | null, ModelRecord>()
  for (const record of shown) table.set(record.key, record)
  const newest = new Map<string | null, ModelRecord>()
  for (const batch of model.batches) {
    if (batch.marker !== undefined || batch.lastOffset >= upTo || isAborted(model, batch)) continue
    for (const record of batch.records) newest.set(record.key, record)
  }
  for (const [key, record] of table) {
    const wanted = newest.get(key)
    assert(
      wanted === undefined || wanted.offset === record.offset,
      () => `L9 ${model.name}: ${key} is ${describe(record)}, and should be ${describe(wanted!)}`,
    )
  }
}
