/** One topic in a story about logs: its log while there is one, the model of that, and what a client does with it. */

import type { AppendOutcome } from '../../log/log-types.ts'
import { isCompacted } from '../../log/log-config.ts'
import type { Log } from '../../log/log.ts'
import { buildBatch } from '../../protocol/records/builder.ts'
import type { CompressionType } from '../../protocol/records/compression/index.ts'
import { buildEndTransactionBatch } from '../../protocol/records/control.ts'
import { assert } from '../../std/assert.ts'
import type { LogModel } from './log-model.ts'
import { LogPromises } from './log-promises.ts'
import { keyCount, type StepOf, type TopicPlan } from './log-steps.ts'
import type { ModelBatch, ModelRecord } from './model-batch.ts'
import { lastSequenceOf } from './model-batch.ts'
import type { SentBatch, Verdict } from './producer-model.ts'

type ProduceStep = StepOf<'produce'>

/** A batch as a client has it before the log gives it offsets. */
interface Prepared extends SentBatch {
  readonly records: readonly Omit<ModelRecord, 'offset'>[]
  readonly codec: CompressionType
}

export class TopicState {
  readonly plan: TopicPlan
  readonly #count: (kind: string) => void
  model: LogModel | undefined
  log: Log | undefined
  /** The topic of this name that is being deleted. */
  deleting: LogModel | undefined
  /** Until this settles nothing else may be asked of the log. */
  busy: Promise<void> | undefined
  /** Where it is to be cut off, as long as that has not been done. */
  cutAt: number | undefined
  /** It may be found to be damaged, and be offline for that. */
  mayBeDamaged = false
  /** Something is wrong with its index files or snapshots. */
  hasRottenIndexes = false
  /** A producer snapshot is. */
  hasRottenSnapshot = false
  /** So is something of its indexes of aborted transactions. */
  hasRottenTransactions = false
  readonly promises = new LogPromises()
  /** The highest start that somebody asked for. */
  deletedTo = 0
  /** Called when the log is no more. */
  readonly onLeave: (() => void)[] = []
  #values = 0
  #unwatch: (() => void) | undefined

  constructor(plan: TopicPlan, count: (kind: string) => void) {
    this.plan = plan
    this.#count = count
  }

  get name(): string {
    return this.plan.name
  }

  /** Goes on with this log. */
  use(log: Log, model: LogModel): void {
    this.#unwatch?.()
    this.log = log
    this.model = model
    this.#unwatch = log.onAdvance(() => {
      if (this.log === log) model.written(log.writtenEndOffset)
    })
  }

  leave(): void {
    this.#unwatch?.()
    for (const left of this.onLeave.splice(0)) left()
    this.log = undefined
    this.busy = undefined
  }

  produce(step: ProduceStep, nowMs: number): void {
    for (const keys of step.batches) {
      const { log, model } = this
      if (log!.refusal !== undefined) return
      const sent = this.#prepare(step, keys, nowMs)
      const verdicts = model!.producers.verdicts(sent)
      const bytes = encode(sent)
      const outcome = log!.appendAsLeader(bytes, { leaderEpoch: model!.leaderEpoch, origin: 'client' })
      this.#judge(sent, verdicts, outcome, bytes, nowMs)
    }
  }

  /** P1: each producer sends again what it has sent last, and gets the offsets that it got. */
  repeatAll(): void {
    const { log, model } = this
    for (const [producerId, { batches, mayBeForgotten }] of model!.producers.producers) {
      if (mayBeForgotten) continue
      for (const { batch, mayBeForgotten: isUncertain } of batches) {
        if (isUncertain) continue
        const { producerEpoch, baseSequence, isTransactional, records, firstOffset, lastOffset } = batch
        const sent = { producerId, producerEpoch, baseSequence, isTransactional, records, recordCount: records.length }
        const bytes = encode({ ...sent, codec: 'none' })
        // It was smaller when it was compressed.
        if (bytes.length > this.plan.config.segmentBytes) continue
        const outcome = log!.appendAsLeader(bytes, { leaderEpoch: model!.leaderEpoch, origin: 'client' })
        assert(
          outcome.kind === 'duplicate' && outcome.firstOffset === firstOffset && outcome.lastOffset === lastOffset,
          () =>
            `P1 ${this.name}: a retry of batch ${firstOffset} of producer ${producerId} was answered ${JSON.stringify(outcome)}`,
        )
      }
    }
  }

  endTransaction(producerId: number, commits: boolean, nowMs: number): void {
    const { log, model } = this
    const producer = model!.producers.producers.get(producerId)
    if (producer === undefined || log!.refusal !== undefined) return
    const marker = commits ? 'COMMIT' : 'ABORT'
    const { producerEpoch } = producer
    const bytes = buildEndTransactionBatch(
      { type: marker, coordinatorEpoch: 0 },
      { producerId, producerEpoch, timestampMs: nowMs },
    )
    const outcome = log!.appendAsLeader(bytes, { leaderEpoch: model!.leaderEpoch, origin: 'coordinator' })
    assert(outcome.kind === 'appended', () => `P2 ${this.name}: a marker was answered ${JSON.stringify(outcome)}`)
    this.#count(producer.openFrom === undefined ? 'marker without a transaction' : `transaction: ${marker}`)
    const { firstOffset, lastOffset, logAppendTimeMs } = outcome
    const key = commits ? '\0\0\0\u0001' : '\0\0\0\0'
    const timestampMs = logAppendTimeMs >= 0 ? logAppendTimeMs : nowMs
    model!.append({
      firstOffset,
      lastOffset,
      leaderEpoch: model!.leaderEpoch,
      producerId,
      producerEpoch,
      baseSequence: -1,
      isTransactional: true,
      marker,
      records: [{ offset: firstOffset, timestampMs, key, value: '\0\0\0\0\0\0', headers: '' }],
      bytes: this.#rewrites ? undefined : Buffer.from(bytes),
      appendedMs: nowMs,
      cleanedMs: undefined,
    })
  }

  /** As a follower, which takes what another replica has, gaps included. */
  replicate(mostGap: number, keys: readonly number[], nowMs: number): void {
    const { log, model } = this
    if (log!.refusal !== undefined) return
    const gap = isCompacted(this.plan.config) ? mostGap : 0
    const firstOffset = model!.endOffset + gap
    const records = keys.map(key => this.#record(key, 20, nowMs))
    const bytes = buildBatch(records.map(toInput), {
      baseOffset: firstOffset,
      partitionLeaderEpoch: model!.leaderEpoch,
    })
    const rejected = log!.appendAsFollower(bytes)
    assert(rejected === undefined, () => `L1 ${this.name}: replication was answered ${JSON.stringify(rejected)}`)
    this.#count(gap > 0 ? 'replicated with a gap' : 'replicated')
    model!.append({
      firstOffset,
      lastOffset: firstOffset + records.length - 1,
      leaderEpoch: model!.leaderEpoch,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      isTransactional: false,
      marker: undefined,
      records: records.map((record, index) => ({ offset: firstOffset + index, ...record })),
      bytes: Buffer.from(bytes),
      appendedMs: nowMs,
      cleanedMs: undefined,
    })
  }

  get #rewrites(): boolean {
    const { messageTimestampType, compressionType } = this.plan.config
    return messageTimestampType === 'LogAppendTime' || compressionType !== 'producer'
  }

  #prepare(step: ProduceStep, keys: readonly number[], nowMs: number): Prepared {
    const { producer: producerId, codec } = step
    // Mostly some batches go into one segment; now and then one is too large for any.
    const roomBytes = this.plan.config.segmentBytes / (step.share < 0.03 ? 1 : 4 * keys.length)
    const valueBytes = Math.min(step.valueBytes, Math.floor(roomBytes))
    const records = keys.map((key, index) => this.#record(key, valueBytes, nowMs - step.ageMs + ((index * 7) % 3)))
    const recordCount = records.length
    const isTransactional = producerId >= 3
    const fresh = { records, recordCount, codec, isTransactional }
    if (producerId === 0) return { ...fresh, producerId: -1, producerEpoch: -1, baseSequence: -1 }
    const known = this.model!.producers.producers.get(producerId)
    const last = known?.batches.at(-1)?.batch
    const producerEpoch = known?.producerEpoch ?? 0
    const next = last === undefined ? 0 : lastSequenceOf(last) + 1
    const send = (epoch: number, baseSequence: number): Prepared => ({
      ...fresh,
      producerId,
      producerEpoch: epoch,
      baseSequence,
    })
    switch (step.mode) {
      case 'next':
        return send(producerEpoch, next)
      case 'gap':
        return send(producerEpoch, next + 3)
      case 'old epoch':
        return send(Math.max(0, producerEpoch - 1), producerEpoch > 0 ? 0 : next)
      case 'new epoch':
        return known?.openFrom === undefined ? send(producerEpoch + 1, 0) : send(producerEpoch, next)
      case 'retry': {
        const kept = known?.batches ?? []
        const repeated = kept[Math.floor(step.share * kept.length)]?.batch
        if (repeated === undefined) return send(producerEpoch, next)
        // Now and then only the end of it, which is no repetition.
        const left = (step.share * 100) % 1 < 0.2 ? Math.min(1, repeated.records.length - 1) : 0
        const records = repeated.records.slice(left)
        return { ...send(repeated.producerEpoch, repeated.baseSequence + left), records, recordCount: records.length }
      }
    }
  }

  #record(key: number, valueBytes: number, timestampMs: number): Omit<ModelRecord, 'offset'> {
    const isTombstone = key >= keyCount
    const value = isTombstone ? null : `${this.name}/${this.#values++} `.padEnd(valueBytes, '.')
    const headers = key % keyCount === 3 ? `h=${this.#values}` : ''
    return { timestampMs, key: `key ${key % keyCount}`, value, headers }
  }

  #judge(sent: Prepared, verdicts: readonly Verdict[], outcome: AppendOutcome, bytes: Buffer, nowMs: number): void {
    const told = (): string =>
      `P1 ${this.name}: ${JSON.stringify({ ...sent, records: undefined })} was answered ${JSON.stringify(outcome)}; right is ${JSON.stringify(verdicts)}`
    switch (outcome.kind) {
      case 'appended':
        assert(verdicts.includes('appended'), told)
        this.#count(
          sent.producerId < 0 ? 'appended' : sent.isTransactional ? 'appended in a transaction' : 'appended once',
        )
        return this.#appended(sent, outcome, bytes, nowMs)
      case 'duplicate': {
        const { firstOffset, lastOffset } = outcome
        const isRight = verdicts.some(
          verdict =>
            typeof verdict === 'object' && verdict.firstOffset === firstOffset && verdict.lastOffset === lastOffset,
        )
        assert(isRight, told)
        return this.#count('duplicate recognized')
      }
      case 'rejected': {
        if (outcome.error === 'RECORD_LIST_TOO_LARGE' && bytes.length > this.plan.config.segmentBytes) {
          return this.#count('refused: too large')
        }
        // Its directory has gone offline just now; whether it had to is asked elsewhere.
        if (outcome.error === 'KAFKA_STORAGE_ERROR') return this.#count('refused: offline')
        const wanted = verdictOfError[outcome.error]
        assert(wanted !== undefined && verdicts.includes(wanted), told)
        return this.#count(`refused: ${wanted}`)
      }
    }
  }

  #appended(
    sent: Prepared,
    { firstOffset, lastOffset, logAppendTimeMs }: { firstOffset: number; lastOffset: number; logAppendTimeMs: number },
    bytes: Buffer,
    nowMs: number,
  ): void {
    const model = this.model!
    assert(
      firstOffset === model.endOffset && lastOffset === firstOffset + sent.recordCount - 1,
      () =>
        `L3 ${this.name}: ${sent.recordCount} records got offsets ${firstOffset} to ${lastOffset} after ${model.endOffset}`,
    )
    const isStamped = this.plan.config.messageTimestampType === 'LogAppendTime'
    model.append({
      firstOffset,
      lastOffset,
      leaderEpoch: model.leaderEpoch,
      producerId: sent.producerId,
      producerEpoch: sent.producerEpoch,
      baseSequence: sent.baseSequence,
      isTransactional: sent.isTransactional,
      marker: undefined,
      records: sent.records.map(({ key, value, headers, timestampMs }, index) => ({
        offset: firstOffset + index,
        timestampMs: isStamped ? logAppendTimeMs : timestampMs,
        key,
        value,
        headers,
      })),
      bytes: this.#rewrites ? undefined : Buffer.from(bytes),
      appendedMs: nowMs,
      cleanedMs: undefined,
    })
  }
}

const verdictOfError: Readonly<Record<string, Exclude<Verdict, ModelBatch>>> = {
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'out of order',
  INVALID_PRODUCER_EPOCH: 'old epoch',
  INVALID_TXN_STATE: 'outside of transaction',
}

function encode(sent: Prepared): Buffer {
  const { producerId, producerEpoch, baseSequence, isTransactional, codec } = sent
  const identity = producerId < 0 ? {} : { producerId, producerEpoch, baseSequence, isTransactional }
  return buildBatch(sent.records.map(toInput), { ...identity, compression: codec })
}

function toInput({ timestampMs, key, value, headers }: Omit<ModelRecord, 'offset'>) {
  const [name, text] = headers.split('=')
  return {
    timestampMs,
    headers: text === undefined ? [] : [{ key: name!, value: Buffer.from(text) }],
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
  }
}
