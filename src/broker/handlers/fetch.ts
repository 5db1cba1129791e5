/**
 * Fetch (key 1): record batches of many partitions, with long poll.
 *
 * v4 isolation level and aborted transactions; v5 log start offset; v7 sessions (KIP-227); v9 leader epoch (KIP-320); v11 rack;
 * v12 divergence; v13 topic ids; v15 replica state as a tagged field; v16 current leader (KIP-951); v17 directory ids; v18 follower's high watermark.
 * v0–v3 would need message conversion, which Kafka 4 removed.
 */

import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { FetchRequest, FetchResponse } from '../../protocol/messages/fetch.ts'
import type { Infer, Input } from '../../protocol/schema.ts'
import { ZERO_UUID } from '../../protocol/uuid.ts'
import type { Isolation, Partition } from '../../replication/partition.ts'
import { apiHandler } from '../api-handler.ts'
import type { RequestContext } from '../api-handler.ts'
import type { ConnectionMemory } from '../connection-memory.ts'
import type { FetchContext, FetchedPartition } from '../fetch-session.ts'
import { leaderHints } from '../leader-hints.ts'
import type { LeaderHints } from '../leader-hints.ts'
import { WaitingFetch } from '../waiting-fetch.ts'
import type { Readiness } from '../waiting-fetch.ts'

type PartitionAnswer = NonNullable<NonNullable<Input<typeof FetchResponse>['responses']>[number]['partitions']>[number]

/** The first version whose clients know zstd (KIP-110). */
const zstdSince = 10

interface ReadPartition {
  readonly answer: PartitionAnswer
  readonly recordsBytes: number
}

export const fetch = apiHandler({
  request: FetchRequest,
  response: FetchResponse,
  versions: [4, 18],
  handle: handleFetch,
})

async function handleFetch(
  request: Infer<typeof FetchRequest>,
  context: RequestContext,
): Promise<Input<typeof FetchResponse>> {
  const { broker } = context
  const replicaId = context.apiVersion >= 15 ? request.replicaState.replicaId : request.replicaId
  const session = broker.fetchSessions.open(
    {
      sessionId: request.sessionId,
      sessionEpoch: request.sessionEpoch,
      usesTopicIds: context.apiVersion >= 13,
      fromFollower: replicaId >= 0,
      partitions: askedPartitions(request, context),
      forgotten: forgottenPartitions(request, context),
    },
    broker.io.clock.monotonicMs(),
  )
  if (typeof session === 'string') return { errorCode: ErrorCode[session], sessionId: 0, responses: [] }

  const reading = new FetchReading(request, context, session)
  const wait = reading.untilReady()
  if (wait !== undefined) await wait
  return reading.answer()
}

function askedPartitions(request: Infer<typeof FetchRequest>, context: RequestContext): FetchedPartition[] {
  const usesTopicIds = context.apiVersion >= 13
  const asked: FetchedPartition[] = []
  for (const topic of request.topics) {
    const name = usesTopicIds ? (context.broker.image.topicById(topic.topicId)?.name ?? '') : topic.topic
    for (const partition of topic.partitions) {
      asked.push({
        topic: name,
        topicId: topic.topicId,
        partition: partition.partition,
        fetchOffset: partition.fetchOffset,
        partitionBytesMax: partition.partitionMaxBytes,
        currentLeaderEpoch: partition.currentLeaderEpoch,
        lastFetchedEpoch: partition.lastFetchedEpoch,
        followerLogStartOffset: partition.logStartOffset,
      })
    }
  }
  return asked
}

function forgottenPartitions(request: Infer<typeof FetchRequest>, context: RequestContext) {
  return request.forgottenTopicsData.flatMap(topic => {
    const name = context.apiVersion >= 13 ? (context.broker.image.topicById(topic.topicId)?.name ?? '') : topic.topic
    return topic.partitions.map(partition => ({ topic: name, topicId: topic.topicId, partition }))
  })
}

/** One fetch while it is served: where each partition stands, the wait, and the reads. */
class FetchReading {
  readonly #context: RequestContext
  readonly #session: FetchContext
  readonly #isolation: Isolation
  readonly #maxWaitMs: number
  readonly #minBytes: number
  readonly #maxBytes: number
  /** Each partition that can be read, by what was asked of it. A partition that is asked for twice is one entry here, the last. */
  readonly #asked = new Map<Partition, FetchedPartition>()
  /** Give back the memory of what was read. */
  readonly #releases: (() => void)[] = []

  constructor(request: Infer<typeof FetchRequest>, context: RequestContext, session: FetchContext) {
    this.#context = context
    this.#session = session
    this.#isolation = request.isolationLevel === 1 ? 'read-committed' : 'read-uncommitted'
    this.#maxWaitMs = request.maxWaitMs
    this.#maxBytes = Math.min(request.maxBytes, context.broker.config.fetchMaxBytes)
    this.#minBytes = Math.min(request.minBytes, this.#maxBytes)
  }

  /** Settles when there is something to answer, or the time that the client gives is over; `undefined` when that is so now. */
  untilReady(): Promise<void> | undefined {
    const available = new Map<Partition, number>()
    let availableBytes = 0
    let answerNow = this.#maxWaitMs <= 0 || this.#session.partitionCount === 0
    for (const fetched of this.#session.partitions) {
      const partition = this.#find(fetched)
      const readiness = typeof partition === 'string' ? 'answer-now' : this.#readinessOf(partition, fetched)
      if (readiness === 'answer-now') answerNow = true
      else {
        this.#asked.set(partition as Partition, fetched)
        available.set(partition as Partition, readiness)
        availableBytes += readiness
      }
    }
    return answerNow || availableBytes >= this.#minBytes ? undefined : this.#wait(available)
  }

  async #wait(availableBytes: ReadonlyMap<Partition, number>): Promise<void> {
    const { broker, connection } = this.#context
    const waiting = new WaitingFetch({
      clock: broker.io.clock,
      maxWaitMs: this.#maxWaitMs,
      minBytes: this.#minBytes,
      availableBytes,
      readinessOf: partition => this.#readinessOf(partition, this.#asked.get(partition)!),
    })
    broker.waitingFetches.add(waiting)
    connection.onceClosed(waiting, () => waiting.end())
    await waiting.over
    connection.forgetOnceClosed(waiting)
    broker.waitingFetches.delete(waiting)
  }

  #find(fetched: FetchedPartition): Partition | ErrorName {
    const { partitions } = this.#context.broker
    if (fetched.topicId === ZERO_UUID) return partitions.lookup(fetched.topic, fetched.partition)
    return partitions.lookupById(fetched.topicId, fetched.partition)
  }

  #readinessOf(partition: Partition, fetched: FetchedPartition): Readiness {
    if (partition.leaderError(fetched.currentLeaderEpoch) !== undefined) return 'answer-now'
    const { log } = partition
    if (fetched.fetchOffset < log.logStartOffset || fetched.fetchOffset > log.logEndOffset) return 'answer-now'
    if (divergence(partition, fetched) !== undefined) return 'answer-now'
    const end = partition.readableEnd(this.#isolation)
    if (fetched.fetchOffset >= end) return 0
    return Math.min(log.bytesAvailable(fetched.fetchOffset, end), fetched.partitionBytesMax)
  }

  async answer(): Promise<Input<typeof FetchResponse>> {
    const held = new HeldBytes(this.#context.broker.connectionMemory)
    this.#context.sent = () => {
      for (const release of this.#releases.splice(0)) release()
    }
    try {
      return await this.#readAll(held)
    } finally {
      // From here on the connection counts what of it is not sent.
      held.release()
    }
  }

  /** Reads the partitions in their order until `maxBytes` are full; the first batch of all is given whole, however large (KIP-74). */
  async #readAll(held: HeldBytes): Promise<Input<typeof FetchResponse>> {
    const topics: { topic: string; topicId: string; partitions: PartitionAnswer[] }[] = []
    const hints = leaderHints(this.#context, 16)
    let restBytes = this.#maxBytes
    let gaveRecords = false
    // A copy: a later request of the same session may change the order while a read from disk is under way.
    for (const fetched of [...this.#session.partitions]) {
      const roomBytes = Math.min(restBytes, held.roomBytes)
      const { answer, recordsBytes } = await this.#read(fetched, roomBytes, !gaveRecords, hints)
      held.add(recordsBytes)
      if (recordsBytes > 0) gaveRecords = true
      restBytes = Math.max(0, restBytes - recordsBytes)
      const named = this.#session.include(fetched, {
        errorCode: answer.errorCode ?? 0,
        highWatermark: answer.highWatermark ?? -1,
        logStartOffset: answer.logStartOffset ?? -1,
        recordsBytes,
        diverging: answer.divergingEpoch !== undefined,
        preferredReadReplica: answer.preferredReadReplica ?? -1,
      })
      if (!named) continue
      const last = topics.at(-1)
      if (last !== undefined && last.topic === fetched.topic && last.topicId === fetched.topicId)
        last.partitions.push(answer)
      else topics.push({ topic: fetched.topic, topicId: fetched.topicId, partitions: [answer] })
    }
    return { sessionId: this.#session.finish(), responses: topics, nodeEndpoints: hints.endpoints() }
  }

  async #read(
    fetched: FetchedPartition,
    restBytes: number,
    isFirst: boolean,
    hints: LeaderHints,
  ): Promise<ReadPartition> {
    const partition = this.#find(fetched)
    // Kafka's answer where there is no such partition has an empty list, every other one has null.
    if (typeof partition === 'string') return failed(fetched, partition, [])
    const error = partition.leaderError(fetched.currentLeaderEpoch)
    if (error !== undefined) return failed(fetched, error, null, hints.currentLeader(partition, error))
    const diverging = divergence(partition, fetched)
    if (diverging === 'OFFSET_OUT_OF_RANGE') return failed(fetched, diverging, null)

    // A client that old cannot read what the topic holds.
    if (
      this.#context.apiVersion < zstdSince &&
      this.#context.broker.topicConfig(partition.topic).compressionType === 'zstd'
    ) {
      return failed(fetched, 'UNSUPPORTED_COMPRESSION_TYPE', null)
    }
    const { log } = partition
    const highWatermark = log.highWatermark
    const upTo = partition.readableEnd(this.#isolation)
    const state = {
      partitionIndex: fetched.partition,
      highWatermark,
      lastStableOffset: log.lastStableOffset,
      logStartOffset: log.logStartOffset,
    }
    if (diverging !== undefined) {
      return {
        answer: { ...state, abortedTransactions: null, divergingEpoch: diverging, records: [] },
        recordsBytes: 0,
      }
    }
    const maxBytes = Math.min(restBytes, fetched.partitionBytesMax)
    // Where there is no room left, only whether the offset is in the log is asked: with many partitions most are not read.
    const hasRoom = isFirst || maxBytes > 0
    const reading = log.read({
      offset: fetched.fetchOffset,
      maxBytes,
      minOneBatch: isFirst,
      upTo: hasRoom ? upTo : Math.min(upTo, fetched.fetchOffset),
    })
    const outcome = reading instanceof Promise ? await reading : reading
    if (outcome.kind === 'out-of-range') return failed(fetched, 'OFFSET_OUT_OF_RANGE', null)
    if (outcome.kind === 'failed') return failed(fetched, outcome.error, null)
    this.#releases.push(outcome.release)
    // Not of a topic that was deleted meanwhile, whose series are gone.
    if (partition.isLeader) this.#context.broker.topicMetrics.fetched(partition.topic, outcome.sizeBytes)
    const isCommitted = this.#isolation === 'read-committed'
    // Where nothing is read there is nothing to leave out.
    const hasRecords = outcome.slices.length > 0
    const aborted =
      isCommitted && hasRecords ? await log.abortedTransactions(fetched.fetchOffset, outcome.nextOffset) : []
    const abortedTransactions = isCommitted ? aborted : null
    return { answer: { ...state, abortedTransactions, records: outcome.slices }, recordsBytes: outcome.sizeBytes }
  }
}

/** What one fetch has read and not handed over yet, in the account of all. */
class HeldBytes {
  readonly #memory: ConnectionMemory
  #bytes = 0

  constructor(memory: ConnectionMemory) {
    this.#memory = memory
  }

  get roomBytes(): number {
    return this.#memory.responseRoomBytes
  }

  add(bytes: number): void {
    this.#bytes += bytes
    this.#memory.responseBytesChanged(bytes)
  }

  release(): void {
    this.#memory.responseBytesChanged(-this.#bytes)
    this.#bytes = 0
  }
}

/** Where the reader's history left the leader's, when the epoch it read last says so (KIP-595); such a reader truncates or resets. */
function divergence(
  partition: Partition,
  fetched: FetchedPartition,
): { epoch: number; endOffset: number } | 'OFFSET_OUT_OF_RANGE' | undefined {
  if (fetched.lastFetchedEpoch < 0) return undefined
  const known = partition.log.endOffsetForEpoch(fetched.lastFetchedEpoch)
  if (known === undefined) return 'OFFSET_OUT_OF_RANGE'
  if (known.leaderEpoch < fetched.lastFetchedEpoch || known.endOffset < fetched.fetchOffset) {
    return { epoch: known.leaderEpoch, endOffset: known.endOffset }
  }
  return undefined
}

function failed(
  fetched: FetchedPartition,
  error: ErrorName,
  abortedTransactions: [] | null,
  currentLeader?: { leaderId: number; leaderEpoch: number },
): ReadPartition {
  const answer: PartitionAnswer = {
    partitionIndex: fetched.partition,
    errorCode: ErrorCode[error],
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    abortedTransactions,
    records: [],
    currentLeader,
  }
  return { answer, recordsBytes: 0 }
}
