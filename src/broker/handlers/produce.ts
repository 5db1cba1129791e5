/**
 * Produce (key 0): appends record batches.
 *
 * v3 transactional id and magic 2 only; v5 log start offset; v8 record errors (KIP-467); v9 flexible; v10 current leader (KIP-951);
 * v11 and v12 transactions (KIP-890); v13 topic ids (KIP-516). v0–v2 are named in ApiVersions, because old librdkafka turns compression off where
 * they are missing, and a request in them ends the connection, as at Kafka 4.
 */

import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import * as Batch from '../../protocol/records/batch-header.ts'
import type { Infer, Input } from '../../protocol/schema.ts'
import type { AppendTransaction, Partition } from '../../replication/partition.ts'
import type { RequestContext } from '../api-handler.ts'
import type { Appended, VerifiedBatch, Verdict, Verdicts } from '../coordinators/transaction-verification.ts'
import { Deadline } from '../deadlines.ts'
import { Later } from '../../std/later.ts'
import { readInt64 } from '../../protocol/records/int64.ts'
import type { PooledMemory } from '../../std/memory-pool.ts'
import { TransactionVerification } from '../coordinators/transaction-verification.ts'
import { apiHandler } from '../api-handler.ts'
import { leaderHints } from '../leader-hints.ts'
import type { LeaderHints } from '../leader-hints.ts'
import { isInternalTopic } from '../../metadata/internal-topics.ts'

type Request = Infer<typeof ProduceRequest>
type Response = Input<typeof ProduceResponse>
type PartitionData = Request['topicData'][number]['partitionData'][number]
type TopicAnswer = NonNullable<Response['responses']>[number]
/** Still to be changed when the outcome of waiting is known. */
type PartitionAnswer = {
  -readonly [K in keyof NonNullable<TopicAnswer['partitionResponses']>[number]]: NonNullable<
    TopicAnswer['partitionResponses']
  >[number][K]
}

export const produce = apiHandler({
  request: ProduceRequest,
  response: ProduceResponse,
  versions: [3, 13],
  advertisedSince: 0,
  startsEarly: true,
  borrowsFrame: true,
  handle: handleProduce,
})

/** The first version in which zstd may be produced (KIP-110). */
const zstdSince = 7
const noRecords = new Uint8Array(0)
/** Kafka lets a client of this name write to internal topics, and nobody else. */
const adminClientId = '__admin_client'

/** Errors with which Kafka does not say where the log starts. */
const withoutLogStart: ReadonlySet<ErrorName> = new Set([
  'CORRUPT_MESSAGE',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'KAFKA_STORAGE_ERROR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_LEADER_OR_FOLLOWER',
])

type Answered = Response | undefined | Later<Response | undefined>

function handleProduce(received: Request, context: RequestContext): Answered | Promise<Response | undefined> {
  const request = namesTwice(received) ? withoutRepeats(received) : received
  const producer = transactionalProducerOf(request)
  if (producer === undefined) {
    return produceAll(request, context, undefined, context.frameMemory ?? 'lent', context.startedMs).answer
  }
  if (typeof producer === 'string') return refuseAll(request, context, producer)
  const { verification } = context.broker.transactions
  let batches = request
  let memory: PooledMemory | 'lent' | undefined = context.frameMemory ?? 'lent'
  let beganMs: number | undefined
  let waits = false
  const answer = verification.inOrder<Answered>(
    context.connection,
    () =>
      verification.verify(
        producer,
        transactionalBatches(batches, context),
        TransactionVerification.styleOfProduce(context.apiVersion),
      ),
    verdicts => {
      beganMs = waits ? context.broker.io.clock.monotonicMs() : context.startedMs
      const { answer: answered, rest } = produceAll(batches, context, verdicts, memory, beganMs)
      return { answer: waits && answered instanceof Later ? answered.toPromise() : answered, rest }
    },
  )
  if (beganMs === undefined) {
    // The coordinator is asked, or an earlier request waits for it, and by then the frame is gone.
    waits = true
    batches = withOwnRecords(request)
    memory = undefined
  }
  return answer as Answered | Promise<Response | undefined>
}

/** Whether a topic, or a partition of one, is in it more than once. */
function namesTwice({ topicData }: Request): boolean {
  if (topicData.length > 1) {
    // By whichever of the two its version has.
    const topics = new Set(topicData.map(({ name, topicId }) => `${topicId}/${name}`))
    if (topics.size < topicData.length) return true
  }
  return topicData.some(
    ({ partitionData }) =>
      partitionData.length > 1 && new Set(partitionData.map(({ index }) => index)).size < partitionData.length,
  )
}

/** Of a partition that is in it twice the last batch counts and the others are not there, as at Kafka. */
function withoutRepeats(request: Request): Request {
  const topics = new Map<string, Request['topicData'][number] & { batches: Map<number, PartitionData> }>()
  for (const topic of request.topicData) {
    const key = `${topic.topicId}/${topic.name}`
    const known = topics.get(key) ?? { ...topic, batches: new Map<number, PartitionData>() }
    topics.set(key, known)
    for (const partition of topic.partitionData) known.batches.set(partition.index, partition)
  }
  const topicData = [...topics.values()].map(({ batches, ...topic }) => ({
    ...topic,
    partitionData: [...batches.values()],
  }))
  return { ...request, topicData }
}

/** With copies of the record batches. */
function withOwnRecords(request: Request): Request {
  return {
    ...request,
    topicData: request.topicData.map(topic => ({
      ...topic,
      partitionData: topic.partitionData.map(partition => ({
        ...partition,
        records: partition.records === null ? null : Buffer.from(partition.records),
      })),
    })),
  }
}

/**
 * `verdicts` are there where any of the batches is transactional, of those that are; `memory` is what the batches are in. Where it takes long the answer comes later, and so does
 * the end of `rest`.
 */
function produceAll(
  request: Request,
  context: RequestContext,
  verdicts: Verdicts | undefined,
  memory: PooledMemory | 'lent' | undefined,
  beganMs: number,
): Appended<Answered> {
  const appending = new Appending(request, context, verdicts, memory)
  return appending.goOn(beganMs) ? { answer: appending.answer(), rest: undefined } : appending.goOnLater()
}

/**
 * After so long, other connections have their turn between two batches: a hundred bytes may decompress to a hundred megabytes, and a request may have thousands of
 * such batches.
 */
const appendingMs = 8

/** The batches of one request, on their way into the logs of their partitions: one after the other in their order. */
class Appending {
  readonly #context: RequestContext
  readonly #verdicts: Verdicts | undefined
  readonly #hints: LeaderHints
  readonly #waits: AcknowledgeWaits
  readonly #responses: { name: string; topicId: string; partitionResponses: PartitionAnswer[] }[] = []
  #request: Request
  #memory: PooledMemory | 'lent' | undefined
  /** Which batch is next. */
  #topicIndex = 0
  #partitionIndex = 0

  constructor(
    request: Request,
    context: RequestContext,
    verdicts: Verdicts | undefined,
    memory: PooledMemory | 'lent' | undefined,
  ) {
    this.#request = request
    this.#context = context
    this.#verdicts = verdicts
    this.#memory = memory
    this.#hints = leaderHints(context, 10)
    this.#waits = new AcknowledgeWaits(() => ({
      responses: this.#responses,
      nodeEndpoints: this.#hints.endpoints(),
    }))
  }

  /** Appends until that was all, or others have waited since `beganMs` for long enough, which is false; one batch in any case. */
  goOn(beganMs: number): boolean {
    const { topicData } = this.#request
    const { clock } = this.#context.broker.io
    let hasAppended = false
    for (; this.#topicIndex < topicData.length; this.#topicIndex++) {
      const topic = topicData[this.#topicIndex]!
      const { partitionData } = topic
      const answers = this.#answersOf(topic)
      const named = nameOf(topic, this.#context)
      for (; this.#partitionIndex < partitionData.length; this.#partitionIndex++) {
        if (hasAppended && clock.monotonicMs() - beganMs > appendingMs) return false
        answers.push(this.#appendOne(named, partitionData[this.#partitionIndex]!))
        hasAppended = true
      }
      this.#partitionIndex = 0
    }
    return true
  }

  goOnLater(): Appended<Answered> {
    const { clock } = this.#context.broker.io
    const answer = new Later<Response | undefined>()
    const { promise: rest, resolve } = Promise.withResolvers<void>()
    this.#keepMemory()
    const fail = (error: unknown): void => answer.fail(error)
    const settle = (): void => {
      const answered = this.answer()
      if (answered instanceof Later) answered.whenSettled(value => answer.settle(value), fail)
      else answer.settle(answered)
    }
    this.#context.connection.goOnLater(() => {
      let appended: () => void = settle
      try {
        if (!this.goOn(clock.monotonicMs())) return false
      } catch (error) {
        appended = () => fail(error)
      }
      this.#releaseMemory()
      resolve()
      appended()
      return true
    })
    return { answer, rest }
  }

  /** Once all is appended. */
  answer(): Answered {
    const { acks, timeoutMs } = this.#request
    if (acks !== 0) return this.#waits.settle(this.#context, timeoutMs)
    closeAfterFailure(this.#responses, this.#context)
    return this.#waits.settleUnanswered()
  }

  #answersOf({ name, topicId }: Request['topicData'][number]): PartitionAnswer[] {
    // It has been begun when the time was over in the middle of it.
    if (this.#responses.length > this.#topicIndex) return this.#responses[this.#topicIndex]!.partitionResponses
    const partitionResponses: PartitionAnswer[] = []
    this.#responses.push({ name, topicId, partitionResponses })
    return partitionResponses
  }

  #appendOne(named: string | undefined, { index, records }: PartitionData): PartitionAnswer {
    const { acks } = this.#request
    const context = this.#context
    if (acks !== -1 && acks !== 0 && acks !== 1) return failure(index, 'INVALID_REQUIRED_ACKS')
    if (named === undefined) return failure(index, 'UNKNOWN_TOPIC_ID')
    const found = context.broker.partitions.lookup(named, index)
    if (typeof found === 'string') return failure(index, found)
    if (isInternalTopic(named) && context.clientId !== adminClientId) return failure(index, 'INVALID_TOPIC_EXCEPTION')
    const verdict = this.#verdicts?.get(found)
    if (verdict?.kind === 'refused') return refusedByVerification(found, verdict, this.#hints, context)
    return append(
      found,
      { records, memory: this.#memory, acks, transaction: verdict },
      this.#waits,
      this.#hints,
      context,
    )
  }

  /** What the batches are in is the connection's again when the first of them are appended. */
  #keepMemory(): void {
    if (this.#memory === 'lent') {
      this.#request = withOwnRecords(this.#request)
      this.#memory = undefined
    } else this.#memory?.retain()
  }

  #releaseMemory(): void {
    if (this.#memory !== 'lent') this.#memory?.release()
  }
}

interface ProducedBatch {
  readonly records: Uint8Array | null
  readonly memory: PooledMemory | 'lent' | undefined
  readonly acks: number
  readonly transaction: AppendTransaction | undefined
}

function append(
  partition: Partition,
  batch: ProducedBatch,
  waits: AcknowledgeWaits,
  hints: LeaderHints,
  context: RequestContext,
): PartitionAnswer {
  const { records, memory, acks, transaction } = batch
  const index = partition.partition
  if (context.apiVersion < zstdSince && records !== null && holdsZstd(records))
    return failure(index, 'UNSUPPORTED_COMPRESSION_TYPE')
  const outcome = partition.append(records ?? noRecords, acks, 'client', transaction, memory)
  const { topicMetrics } = context.broker
  if (outcome.kind === 'rejected') {
    topicMetrics.produceFailed(partition.topic)
    const answer = failure(index, outcome.error, outcome.message)
    answer.recordErrors = outcome.recordErrors.map(({ batchIndex, message }) => ({
      batchIndex,
      batchIndexErrorMessage: message,
    }))
    answer.currentLeader = hints.currentLeader(partition, outcome.error)
    answer.logStartOffset = withoutLogStart.has(outcome.error) ? -1 : outcome.logStartOffset
    return answer
  }
  if (outcome.kind === 'appended')
    topicMetrics.produced(partition.topic, records!.length, outcome.lastOffset - outcome.firstOffset + 1)
  const answer: PartitionAnswer = {
    index,
    errorCode: ErrorCode.NONE,
    baseOffset: outcome.firstOffset,
    logAppendTimeMs: outcome.logAppendTimeMs,
    logStartOffset: outcome.logStartOffset,
  }
  if (acks === 0) {
    // Nobody is told; but what waits for the disk is the request's memory, and counts until it is written.
    const wait = waits.begin(answer)
    partition.whenAcknowledged(outcome.lastOffset, 1, () => waits.end(wait))
    return answer
  }
  // Not before the records are safe may the client be told so (L6); until then the answer says only what went wrong.
  const wait = waits.begin(answer)
  partition.whenAcknowledged(outcome.lastOffset, acks, error => {
    if (wait.isOver) return
    if (error !== undefined) becomeFailure(answer, error, hints.currentLeader(partition, error))
    waits.end(wait)
  })
  return answer
}

function nameOf(topic: Request['topicData'][number], context: RequestContext): string | undefined {
  return context.apiVersion >= 13 ? context.broker.image.topicById(topic.topicId)?.name : topic.name
}

interface TransactionalProducer {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

/** Whose transaction the request is of, by its transactional batches: undefined where there are none. All have to be of one producer, which says its transactional id. */
function transactionalProducerOf(request: Request): TransactionalProducer | ErrorName | undefined {
  let producer: TransactionalProducer | undefined
  for (const { partitionData } of request.topicData) {
    for (const { records } of partitionData) {
      if (records === null || !isTransactional(records)) continue
      const { transactionalId } = request
      if (transactionalId === null) return 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'
      const producerId = Batch.producerId(records, 0)
      const producerEpoch = Batch.producerEpoch(records, 0)
      producer ??= { transactionalId, producerId, producerEpoch }
      if (producer.producerId !== producerId || producer.producerEpoch !== producerEpoch)
        return 'INVALID_PRODUCER_ID_MAPPING'
    }
  }
  return producer
}

function transactionalBatches(request: Request, context: RequestContext): VerifiedBatch[] {
  const batches: VerifiedBatch[] = []
  for (const topic of request.topicData) {
    const named = nameOf(topic, context)
    for (const { index, records } of topic.partitionData) {
      if (named === undefined || records === null || !isTransactional(records)) continue
      const partition = context.broker.partitions.lookup(named, index)
      if (typeof partition === 'string') continue
      batches.push({ partition, baseSequence: Batch.baseSequence(records, 0) })
    }
  }
  return batches
}

function isTransactional(records: Uint8Array): boolean {
  return (
    records.length >= Batch.BATCH_HEADER_BYTES &&
    Batch.magic(records, 0) === 2 &&
    Batch.isTransactional(records, 0) &&
    // Beyond what is safe it is nobody's: the batch is refused where it would be appended.
    Number.isSafeInteger(readInt64(records, Batch.PRODUCER_ID_AT)) &&
    Batch.hasProducerId(records, 0)
  )
}

function refuseAll(request: Request, context: RequestContext, error: ErrorName): Response | undefined {
  const responses = request.topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => failure(index, error)),
  }))
  if (request.acks !== 0) return { responses }
  closeAfterFailure(responses, context)
  return undefined
}

function refusedByVerification(
  partition: Partition,
  { error, message }: Verdict & { kind: 'refused' },
  hints: LeaderHints,
  context: RequestContext,
): PartitionAnswer {
  context.broker.topicMetrics.produceFailed(partition.topic)
  const answer = failure(partition.partition, error, message)
  answer.currentLeader = hints.currentLeader(partition, error)
  return answer
}

/** Whether the batch, if it is one, is compressed with zstd. */
function holdsZstd(records: Uint8Array): boolean {
  return records.length >= Batch.BATCH_HEADER_BYTES && Batch.compression(records, 0) === 'zstd'
}

/** With acks=0 a client learns of an error only by losing its connection, which makes it ask for metadata anew. */
function closeAfterFailure(responses: readonly TopicAnswer[], context: RequestContext): void {
  const failed = responses.flatMap(topic =>
    topic.partitionResponses!.filter(partition => partition.errorCode !== ErrorCode.NONE),
  )
  if (failed.length > 0) {
    context.broker.logger.info('closing the connection of an acks=0 producer after an error', {
      client: context.clientId,
      errorCodes: [...new Set(failed.map(partition => partition.errorCode!))],
    })
    context.connection.destroy()
  }
}

interface AcknowledgeWait {
  readonly answer: PartitionAnswer
  isOver: boolean
}

/** The partitions of one request, until all of them are acknowledged or the request's time is over. */
class AcknowledgeWaits {
  readonly #respond: () => Response
  readonly #waits: AcknowledgeWait[] = []
  #leftCount = 0
  #later: Later<Response | undefined> | undefined
  #deadline: Deadline | undefined

  constructor(respond: () => Response) {
    this.#respond = respond
  }

  begin(answer: PartitionAnswer): AcknowledgeWait {
    const wait = { answer, isOver: false }
    this.#waits.push(wait)
    this.#leftCount += 1
    return wait
  }

  end(wait: AcknowledgeWait): void {
    wait.isOver = true
    this.#leftCount -= 1
    if (this.#leftCount > 0 || this.#later === undefined) return
    this.#deadline?.cancel()
    this.#later.settle(this.#deadline === undefined ? undefined : this.#respond())
  }

  /** With acks=0: nothing comes of it, as soon as none is left. */
  settleUnanswered(): undefined | Later<Response | undefined> {
    if (this.#leftCount === 0) return undefined
    this.#later = new Later<Response | undefined>()
    return this.#later
  }

  /** Answers when none is left, or after `timeoutMs`, when those that are left become errors: their outcome is unknown. */
  settle(context: RequestContext, timeoutMs: number): Response | Later<Response | undefined> {
    if (this.#leftCount === 0) return this.#respond()
    const later = new Later<Response | undefined>()
    this.#later = later
    this.#deadline = new Deadline(() => {
      for (const wait of this.#waits) {
        if (!wait.isOver) becomeFailure(wait.answer, 'REQUEST_TIMED_OUT', undefined)
        wait.isOver = true
      }
      later.settle(this.#respond())
    })
    context.broker.produceDeadlines.add(this.#deadline, Math.max(0, timeoutMs), context.startedMs)
    return later
  }
}

function failure(index: number, error: ErrorName, message?: string): PartitionAnswer {
  return {
    index,
    errorCode: ErrorCode[error],
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    errorMessage: message ?? null,
  }
}

function becomeFailure(
  answer: PartitionAnswer,
  error: ErrorName,
  currentLeader: PartitionAnswer['currentLeader'],
): void {
  Object.assign(answer, failure(answer.index!, error))
  answer.currentLeader = currentLeader
}
