/**
 * ListOffsets (key 2): the offset of a timestamp, or of one of the special points of a log.
 *
 * v2 isolation level; v4 leader epoch (KIP-320); v6 flexible; v7 −3 the largest timestamp (KIP-734); v8 −4 the earliest local offset (KIP-405);
 * v9 −5 the latest tiered offset (KIP-1005); v10 a timeout, for tiered reads only; v11 −6 the earliest offset that is not tiered yet (KIP-1023).
 * v0 answers lists of segments' offsets; Kafka 4 removed it.
 */

import type { ReadFailed, TimestampAndOffset } from '../../log/log-types.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { ListOffsetsRequest, ListOffsetsResponse } from '../../protocol/messages/list-offsets.ts'
import type { Infer, Input } from '../../protocol/schema.ts'
import type { Isolation, Partition } from '../../replication/partition.ts'
import { apiHandler } from '../api-handler.ts'
import type { RequestContext } from '../api-handler.ts'

interface FoundOffset {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

const latest = -1
const earliest = -2
const maxTimestamp = -3
const earliestLocal = -4
const latestTiered = -5
const earliestPendingUpload = -6

/** The first version in which each special timestamp means something. */
const specialSince = new Map([
  [latest, 0],
  [earliest, 0],
  [maxTimestamp, 7],
  [earliestLocal, 8],
  [latestTiered, 9],
  [earliestPendingUpload, 11],
])

/** The first version that tells the epoch of what was found (KIP-320). */
const leaderEpochSince = 4

/** There is no such offset: an empty log has no largest timestamp, and nothing here is tiered. */
const nothingFound: FoundOffset = { offset: -1, timestamp: -1, leaderEpoch: -1 }

export const listOffsets = apiHandler({
  request: ListOffsetsRequest,
  response: ListOffsetsResponse,
  versions: [0, 11],
  handle: handleListOffsets,
})

type Request = Infer<typeof ListOffsetsRequest>
type PartitionAsked = Request['topics'][number]['partitions'][number]
type PartitionAnswer = NonNullable<
  NonNullable<Input<typeof ListOffsetsResponse>['topics']>[number]['partitions']
>[number]

async function handleListOffsets(
  request: Request,
  context: RequestContext,
): Promise<Input<typeof ListOffsetsResponse>> {
  const topics = []
  for (const [name, asked] of askedOf(request)) {
    const partitions: PartitionAnswer[] = []
    for (const { partition, isRepeated } of asked.values()) {
      // Nobody is left to be told.
      if (context.connection.isClosed) return { topics: [] }
      partitions.push(
        isRepeated ? failed(partition, 'INVALID_REQUEST', context) : await answerOf(name, partition, request, context),
      )
    }
    topics.push({ name, partitions })
  }
  return { topics }
}

interface Asked {
  readonly partition: PartitionAsked
  readonly isRepeated: boolean
}

/** By topic and number, however often and wherever each is named: a partition that is asked about twice is answered once, with an error. */
function askedOf({ topics }: Request): Map<string, Map<number, Asked>> {
  const askedOfTopics = new Map<string, Map<number, Asked>>()
  for (const { name, partitions } of topics) {
    let asked = askedOfTopics.get(name)
    if (asked === undefined) askedOfTopics.set(name, (asked = new Map()))
    for (const partition of partitions) {
      asked.set(partition.partitionIndex, { partition, isRepeated: asked.has(partition.partitionIndex) })
    }
  }
  return askedOfTopics
}

async function answerOf(
  topic: string,
  asked: PartitionAsked,
  request: Request,
  context: RequestContext,
): Promise<PartitionAnswer> {
  const { partitionIndex, timestamp } = asked
  if (timestamp < 0) {
    const since = specialSince.get(timestamp)
    if (since === undefined || context.apiVersion < since) return failed(asked, 'UNSUPPORTED_VERSION', context)
  }
  const partition = context.broker.partitions.lookup(topic, partitionIndex)
  if (typeof partition === 'string') return failed(asked, partition, context)
  const error = partition.leaderError(asked.currentLeaderEpoch)
  if (error !== undefined) return failed(asked, error, context)

  const isolation: Isolation = request.isolationLevel === 1 ? 'read-committed' : 'read-uncommitted'
  // A follower asks for the end of the log itself, a consumer for the end of what it may read.
  const end = request.replicaId >= 0 ? partition.log.logEndOffset : partition.readableEnd(isolation)
  if (context.apiVersion === 0) {
    const oldStyleOffsets = await partition.log.legacyOffsetsBefore(timestamp, asked.maxNumOffsets, end)
    return { partitionIndex, errorCode: ErrorCode.NONE, oldStyleOffsets }
  }
  const found = await find(partition, timestamp, end)
  return typeof found === 'string' ? failed(asked, found, context) : answer(partitionIndex, 'NONE', found, context)
}

function failed({ partitionIndex }: PartitionAsked, error: ErrorName, context: RequestContext): PartitionAnswer {
  if (context.apiVersion === 0) return { partitionIndex, errorCode: ErrorCode[error] }
  return answer(partitionIndex, error, nothingFound, context)
}

function answer(
  partitionIndex: number,
  error: ErrorName,
  { offset, timestamp, leaderEpoch }: FoundOffset,
  { apiVersion }: RequestContext,
): PartitionAnswer {
  const common = { partitionIndex, errorCode: ErrorCode[error], offset, timestamp }
  return apiVersion >= leaderEpochSince ? { ...common, leaderEpoch } : common
}

async function find(partition: Partition, timestamp: number, end: number): Promise<FoundOffset | ErrorName> {
  const { log } = partition
  switch (timestamp) {
    case latest:
      return { offset: end, timestamp: -1, leaderEpoch: partition.leaderEpoch }
    case earliest:
    case earliestLocal:
      return {
        offset: log.logStartOffset,
        timestamp: -1,
        leaderEpoch: log.epochForOffset(log.logStartOffset) ?? partition.leaderEpoch,
      }
    case latestTiered:
    case earliestPendingUpload:
      return nothingFound
    case maxTimestamp:
      return toFound(await log.maxTimestamp(end))
    default:
      return toFound(await log.lookupTimestamp(timestamp, end))
  }
}

function toFound(found: TimestampAndOffset | ReadFailed | undefined): FoundOffset | ErrorName {
  if (found === undefined) return nothingFound
  if ('error' in found) return found.error
  return { offset: found.offset, timestamp: found.timestampMs, leaderEpoch: found.leaderEpoch }
}
