/**
 * Lets things happen to one log, by seed, and keeps what is true of it meanwhile (`log-truth.ts`): which batches it was given, and what must be found again after a crash at
 * any moment.
 */
import type { Log } from '../../log/log.ts'
import type { LogConfig } from '../../log/log-config.ts'
import type { BatchOptions } from '../../protocol/records/builder.ts'
import { BatchBuilder } from '../../protocol/records/builder.ts'
import { buildEndTransactionBatch } from '../../protocol/records/control.ts'
import { assert } from '../../std/assert.ts'
import type { SeededRandom } from '../../std/random.ts'
import { emptyContent, endOf } from './log-truth.ts'
import type { Content, LogTruth, TruthBatch, TruthProducer, TruthRecord } from './log-truth.ts'

/** Transactional producers have ids from here on; below, idempotent ones. */
const transactionalFrom = 100

export class LogTeller {
  readonly #random: SeededRandom
  #log: Log
  #content: Content = emptyContent
  /** What the log held before a cut that is under way. */
  #before: Content | undefined
  #durableEnd = 0
  #startLeast = 0
  #startMost = 0
  #compactedBelow = 0
  #values = 0
  #timestampMs = 1000
  #leaderEpoch = 0
  readonly #nextSequences = new Map<number, number>()
  readonly #open = new Set<number>()

  constructor(log: Log, random: SeededRandom) {
    this.#log = log
    this.#random = random
  }

  get log(): Log {
    return this.#log
  }

  /** The same log, opened again. */
  reopened(log: Log): void {
    this.#log = log
    this.#durableEnd = log.logEndOffset
  }

  get endOffset(): number {
    return endOf(this.#content)
  }

  get truth(): LogTruth {
    const { writtenEndOffset, config } = this.#log
    const flushes = config.flushMessages === 1
    return {
      contents: this.#before === undefined ? [this.#content] : [this.#content, this.#before],
      durableEnd: flushes ? Math.max(this.#durableEnd, this.#boundedByCut(writtenEndOffset)) : this.#durableEnd,
      writtenEnd: this.#boundedByCut(writtenEndOffset),
      startLeast: this.#startLeast,
      startMost: this.#startMost,
      compactedBelow: this.#compactedBelow,
    }
  }

  /** Appends some batches of all kinds; they are on their way when this returns. */
  append(batches: number): void {
    for (let left = batches; left > 0; left--) this.#appendOne()
  }

  /** The same, and settles when they are written, all below the high watermark. */
  async commit(batches: number): Promise<void> {
    this.append(batches)
    await this.written()
    this.#log.updateHighWatermark(this.#log.writtenEndOffset)
  }

  async written(): Promise<void> {
    const log = this.#log
    if (log.writtenEndOffset === log.logEndOffset) return
    await new Promise<void>(resolve => {
      const stop = log.onAdvance(() => {
        if (log.writtenEndOffset < log.logEndOffset && log.refusal === undefined) return
        stop()
        resolve()
      })
    })
  }

  async flush(): Promise<void> {
    const { writtenEndOffset } = this.#log
    await this.#log.flush()
    this.#durableEnd = Math.max(this.#durableEnd, writtenEndOffset)
  }

  async roll(): Promise<void> {
    await this.written()
    const { writtenEndOffset } = this.#log
    await this.#log.roll()
    this.#durableEnd = Math.max(this.#durableEnd, writtenEndOffset)
  }

  /** Everything that was appended is durable, for another reason than a flush: the log was closed. */
  closed(): void {
    this.#durableEnd = this.endOffset
  }

  newLeaderEpoch(): void {
    this.#leaderEpoch += this.#random.between(1, 3)
  }

  async deleteRecords(offset: number): Promise<void> {
    this.#startMost = Math.max(this.#startMost, offset)
    const refused = await this.#log.deleteRecordsBefore(offset)
    assert(refused === undefined, () => `records below ${offset} are not deleted: ${refused!.message}`)
    this.#startLeast = Math.max(this.#startLeast, offset)
  }

  async retention(config: Partial<LogConfig>, nowMs: number): Promise<number> {
    const before = this.#log.config
    this.#log.updateConfig({ ...before, ...config })
    this.#startMost = Math.max(this.#startMost, this.#log.highWatermark)
    // Rolling is a part of it, when all is old.
    const deleted = await this.#log.applyRetention(nowMs)
    this.#startLeast = Math.max(this.#startLeast, this.#log.logStartOffset)
    this.#log.updateConfig(before)
    return deleted
  }

  /** To the beginning of a batch that is not below the log start. */
  async truncate(offset: number): Promise<void> {
    await this.written()
    const kept = { ...this.#content, batches: this.#content.batches.filter(batch => batch.lastOffset < offset) }
    await this.#cut(kept, offset, () => this.#log.truncateTo(offset))
  }

  async startOver(offset: number): Promise<void> {
    await this.written()
    this.#startMost = Math.max(this.#startMost, offset)
    await this.#cut({ batches: [], emptyAt: offset }, 0, () => this.#log.truncateFullyAndStartAt(offset))
    this.#startLeast = offset
    this.#startMost = offset
    this.#durableEnd = offset
  }

  /** Compaction may begin: below the active segment, and the last stable offset. */
  compacts(): void {
    const { segments } = this.#log.forCleaner()
    this.#compactedBelow = Math.min(segments.active.baseOffset, this.#log.lastStableOffset)
  }

  /** The base offset of a batch, chosen by seed, at or above `from` and at most `to`; `to` where there is none. */
  batchAt(from: number, to: number): number {
    const bases = this.#content.batches.map(batch => batch.baseOffset).filter(base => base >= from && base <= to)
    return bases.length === 0 ? to : this.#random.pick(bases)
  }

  async #cut(content: Content, durableTo: number, work: () => Promise<void>): Promise<void> {
    this.#before = this.#content
    this.#content = content
    this.#durableEnd = Math.min(this.#durableEnd, durableTo)
    await work()
    this.#before = undefined
    // Of producers whose batches are cut off, nothing is known any more.
    this.#nextSequences.clear()
    this.#open.clear()
    for (const { producer, marker, records } of content.batches) {
      if (producer === undefined) continue
      if (marker === undefined) this.#nextSequences.set(producer.id, producer.baseSequence + records.length)
      if (producer.isTransactional && marker === undefined) this.#open.add(producer.id)
      if (marker !== undefined) this.#open.delete(producer.id)
    }
  }

  /** Until a cut has ended, the log may have any end down to where it cuts. */
  #boundedByCut(offset: number): number {
    return this.#before === undefined ? offset : Math.min(offset, this.#durableEnd)
  }

  #appendOne(): void {
    const random = this.#random
    const ending = this.#open.size > 0 && random.chance(0.25) ? random.pick([...this.#open]) : undefined
    if (ending !== undefined) return this.#endTransaction(ending)
    const kind = random.pick(['plain', 'idempotent', 'transactional'] as const)
    const id =
      kind === 'transactional' ? random.between(transactionalFrom, transactionalFrom + 1) : random.between(1, 2)
    const producer =
      kind === 'plain'
        ? undefined
        : { id, epoch: 0, baseSequence: this.#nextSequences.get(id) ?? 0, isTransactional: kind === 'transactional' }
    // Now and then one that does not fit into a sector, or a page.
    const wantedBytes = random.pick([20, 100, 100, 600, random.chance(0.4) ? 5000 : 30])
    const sizeBytes = Math.min(wantedBytes, Math.floor(this.#log.config.segmentBytes / 4))
    const records = Array.from({ length: random.between(1, 3) }, (): TruthRecord => this.#record(sizeBytes))
    if (random.chance(0.8)) this.#timestampMs += random.between(1, 20)
    else this.#timestampMs = Math.max(1000, this.#timestampMs - random.between(1, 50))
    this.#take(records, producer, undefined)
    if (producer !== undefined) {
      this.#nextSequences.set(id, producer.baseSequence + records.length)
      if (producer.isTransactional) this.#open.add(id)
    }
  }

  #record(sizeBytes: number): TruthRecord {
    const key = `key ${this.#random.below(6)}`
    const value = `${this.#values++} `.padEnd(sizeBytes, 'abcdefghijklmnopqrstuvwxyz')
    return { key, value }
  }

  #endTransaction(id: number): void {
    this.#open.delete(id)
    const producer = { id, epoch: 0, baseSequence: -1, isTransactional: true }
    this.#take([], producer, this.#random.chance(0.5) ? 'ABORT' : 'COMMIT')
  }

  #take(records: readonly TruthRecord[], producer: TruthProducer | undefined, marker: TruthBatch['marker']): void {
    const timestampMs = this.#timestampMs
    const leaderEpoch = this.#leaderEpoch
    const bytes =
      marker === undefined
        ? batchBytes(records, producer, timestampMs)
        : buildEndTransactionBatch(
            { type: marker, coordinatorEpoch: 0 },
            { producerId: producer!.id, producerEpoch: producer!.epoch, timestampMs },
          )
    const origin = marker === undefined ? 'client' : 'coordinator'
    const outcome = this.#log.appendAsLeader(bytes, { leaderEpoch, origin })
    assert(
      outcome.kind === 'appended',
      () => `an append is ${outcome.kind === 'rejected' ? outcome.message : 'one twice'}`,
    )
    const { firstOffset: baseOffset, lastOffset } = outcome
    const batch = { baseOffset, lastOffset, leaderEpoch, timestampMs, records, producer, marker }
    this.#content = { ...this.#content, batches: [...this.#content.batches, batch] }
  }
}

/** As a producer sends it. */
export function batchBytes(
  records: readonly TruthRecord[],
  producer: TruthProducer | undefined,
  timestampMs: number,
): Uint8Array {
  const options: BatchOptions =
    producer === undefined
      ? {}
      : {
          producerId: producer.id,
          producerEpoch: producer.epoch,
          baseSequence: producer.baseSequence,
          isTransactional: producer.isTransactional,
        }
  const builder = new BatchBuilder(options)
  for (const { key, value } of records) {
    builder.append(timestampMs, Buffer.from(key), value === null ? null : Buffer.from(value))
  }
  return Buffer.from(builder.build())
}
