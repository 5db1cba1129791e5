/**
 * ListOffsets (key 2): the offset of a timestamp, or of one of the special points of a log.
 *
 * v2 isolation level; v4 leader epoch (KIP-320); v6 flexible; v7 −3 the largest timestamp (KIP-734); v8 −4 the earliest local offset (KIP-405);
 * v9 −5 the latest tiered offset (KIP-1005); v10 a timeout, for tiered reads only; v11 −6 the earliest offset that is not tiered yet (KIP-1023).
 * v0 answered lists of segment offsets; Kafka 4 removed it.
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
  versions: [1, 11],
  handle: handleListOffsets,
})

async function handleListOffsets(
  request: Infer<typeof ListOffsetsRequest>,
  context: RequestContext,
): Promise<Input<typeof ListOffsetsResponse>> {
  const isolation: Isolation = request.isolationLevel === 1 ? 'read-committed' : 'read-uncommitted'
  const topics = []
  for (const topic of request.topics) {
    const counts = new Map<number, number>()
    for (const { partitionIndex } of topic.partitions) counts.set(partitionIndex, (counts.get(partitionIndex) ?? 0) + 1)
    // A partition that is asked about twice is answered once, with an error.
    const asked = new Map(topic.partitions.map(partition => [partition.partitionIndex, partition]))
    const partitions = []
    for (const { partitionIndex, currentLeaderEpoch, timestamp } of asked.values()) {
      const found =
        counts.get(partitionIndex)! > 1
          ? 'INVALID_REQUEST'
          : await lookUp(
              context,
              topic.name,
              partitionIndex,
              currentLeaderEpoch,
              timestamp,
              isolation,
              request.replicaId,
            )
      const { offset, timestamp: foundAt, leaderEpoch } = typeof found === 'string' ? nothingFound : found
      const errorCode = ErrorCode[typeof found === 'string' ? found : 'NONE']
      const answer = { partitionIndex, errorCode, offset, timestamp: foundAt }
      partitions.push(context.apiVersion >= leaderEpochSince ? { ...answer, leaderEpoch } : answer)
    }
    topics.push({ name: topic.name, partitions })
  }
  return { topics }
}

async function lookUp(
  context: RequestContext,
  topic: string,
  index: number,
  currentLeaderEpoch: number,
  timestamp: number,
  isolation: Isolation,
  replicaId: number,
): Promise<FoundOffset | ErrorName> {
  if (timestamp < 0) {
    const since = specialSince.get(timestamp)
    if (since === undefined || context.apiVersion < since) return 'UNSUPPORTED_VERSION'
  }
  const partition = context.broker.partitions.lookup(topic, index)
  if (typeof partition === 'string') return partition
  const error = partition.leaderError(currentLeaderEpoch)
  if (error !== undefined) return error
  // A follower asks for the end of the log itself, a consumer for the end of what it may read.
  const end = replicaId >= 0 ? partition.log.logEndOffset : partition.readableEnd(isolation)
  return find(partition, timestamp, end)
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
