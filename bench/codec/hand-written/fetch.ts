/** Fetch 12 and 13, written by hand. */

/* oxlint-disable unicorn/no-new-array -- one allocation of the right size, as whoever tunes by hand would do */

import type { FetchRequest, FetchResponse } from '../../../src/protocol/messages/fetch.ts'
import { INT64_MAX } from '../../../src/protocol/schema.ts'
import { ZERO_UUID } from '../../../src/protocol/uuid.ts'
import {
  count,
  int32s,
  int64,
  putInt32s,
  putInt64,
  putNoTags,
  putRecords,
  putString,
  putUuid,
  putVarint,
  records,
  skipTags,
  string,
  uuid,
  varint,
} from './primitives.ts'
import type { Source, Target } from './primitives.ts'

/** 12 names topics, 13 gives their ids. */
export const fetchRequest = (hasTopicIds: boolean) => ({
  decode(s: Source): FetchRequest {
    const { view } = s
    const at = s.at
    s.at = at + 25
    const topics: FetchRequest['topics'] = new Array(count(s, 3))
    for (let i = 0; i < topics.length; i++) {
      const topicId = hasTopicIds ? uuid(s) : ZERO_UUID
      const topic = hasTopicIds ? '' : string(s)
      const partitions: FetchRequest['topics'][number]['partitions'] = new Array(count(s, 33))
      for (let j = 0; j < partitions.length; j++) partitions[j] = fetchedPartition(s)
      skipTags(s)
      topics[i] = { topicId, topic, partitions }
    }
    const forgottenTopicsData: FetchRequest['forgottenTopicsData'] = new Array(count(s, 3))
    for (let i = 0; i < forgottenTopicsData.length; i++) {
      const topicId = hasTopicIds ? uuid(s) : ZERO_UUID
      const topic = hasTopicIds ? '' : string(s)
      const partitions = int32s(s)
      skipTags(s)
      forgottenTopicsData[i] = { topicId, topic, partitions }
    }
    const rackId = string(s)
    skipTags(s)
    return {
      replicaId: view.getInt32(at),
      maxWaitMs: view.getInt32(at + 4),
      minBytes: view.getInt32(at + 8),
      maxBytes: view.getInt32(at + 12),
      isolationLevel: view.getInt8(at + 16),
      sessionId: view.getInt32(at + 17),
      sessionEpoch: view.getInt32(at + 21),
      topics,
      forgottenTopicsData,
      rackId,
      clusterId: null,
      replicaState: { replicaId: -1, replicaEpoch: -1 },
    }
  },
  encode(value: FetchRequest, t: Target): void {
    t.room(25)
    const { view, at } = t
    view.setInt32(at, value.replicaId)
    view.setInt32(at + 4, value.maxWaitMs)
    view.setInt32(at + 8, value.minBytes)
    view.setInt32(at + 12, value.maxBytes)
    view.setInt8(at + 16, value.isolationLevel)
    view.setInt32(at + 17, value.sessionId)
    view.setInt32(at + 21, value.sessionEpoch)
    t.at = at + 25
    putVarint(t, value.topics.length + 1)
    for (const topic of value.topics) {
      if (hasTopicIds) putUuid(t, topic.topicId)
      else putString(t, topic.topic)
      putVarint(t, topic.partitions.length + 1)
      for (const partition of topic.partitions) putFetchedPartition(t, partition)
      putNoTags(t)
    }
    putVarint(t, value.forgottenTopicsData.length + 1)
    for (const topic of value.forgottenTopicsData) {
      if (hasTopicIds) putUuid(t, topic.topicId)
      else putString(t, topic.topic)
      putInt32s(t, topic.partitions)
      putNoTags(t)
    }
    putString(t, value.rackId)
    putNoTags(t)
  },
})

type FetchedPartition = FetchRequest['topics'][number]['partitions'][number]

function fetchedPartition(s: Source): FetchedPartition {
  const { view, at } = s
  s.at = at + 32
  const partition: FetchedPartition = {
    partition: view.getInt32(at),
    currentLeaderEpoch: view.getInt32(at + 4),
    fetchOffset: int64(view, at + 8),
    lastFetchedEpoch: view.getInt32(at + 16),
    logStartOffset: int64(view, at + 20),
    partitionMaxBytes: view.getInt32(at + 28),
    replicaDirectoryId: ZERO_UUID,
    highWatermark: INT64_MAX,
  }
  skipTags(s)
  return partition
}

function putFetchedPartition(t: Target, partition: FetchedPartition): void {
  t.room(33)
  const { view, at } = t
  view.setInt32(at, partition.partition)
  view.setInt32(at + 4, partition.currentLeaderEpoch)
  putInt64(view, at + 8, partition.fetchOffset)
  view.setInt32(at + 16, partition.lastFetchedEpoch)
  putInt64(view, at + 20, partition.logStartOffset)
  view.setInt32(at + 28, partition.partitionMaxBytes)
  t.at = at + 32
  putNoTags(t)
}

export const fetchResponse = (hasTopicIds: boolean) => ({
  decode(s: Source): FetchResponse {
    const throttleTimeMs = s.view.getInt32(s.at)
    const errorCode = s.view.getInt16(s.at + 4)
    const sessionId = s.view.getInt32(s.at + 6)
    s.at += 10
    const responses: FetchResponse['responses'] = new Array(count(s, 3))
    for (let i = 0; i < responses.length; i++) {
      const topicId = hasTopicIds ? uuid(s) : ZERO_UUID
      const topic = hasTopicIds ? '' : string(s)
      const partitions: PartitionData[] = new Array(count(s, 37))
      for (let j = 0; j < partitions.length; j++) partitions[j] = partitionData(s)
      skipTags(s)
      responses[i] = { topicId, topic, partitions }
    }
    skipTags(s)
    return { throttleTimeMs, errorCode, sessionId, responses, nodeEndpoints: [] }
  },
  encode(value: FetchResponse, t: Target): void {
    t.room(10)
    t.view.setInt32(t.at, value.throttleTimeMs)
    t.view.setInt16(t.at + 4, value.errorCode)
    t.view.setInt32(t.at + 6, value.sessionId)
    t.at += 10
    putVarint(t, value.responses.length + 1)
    for (const topic of value.responses) {
      if (hasTopicIds) putUuid(t, topic.topicId)
      else putString(t, topic.topic)
      putVarint(t, topic.partitions.length + 1)
      for (const partition of topic.partitions) putPartitionData(t, partition)
      putNoTags(t)
    }
    putNoTags(t)
  },
})

type PartitionData = FetchResponse['responses'][number]['partitions'][number]

function partitionData(s: Source): PartitionData {
  const { view, at } = s
  s.at = at + 30
  const partitionIndex = view.getInt32(at)
  const errorCode = view.getInt16(at + 4)
  const highWatermark = int64(view, at + 6)
  const lastStableOffset = int64(view, at + 14)
  const logStartOffset = int64(view, at + 22)
  const abortedTransactions = aborted(s)
  const preferredReadReplica = view.getInt32(s.at)
  s.at += 4
  const batches = records(s)
  skipTags(s)
  return {
    partitionIndex,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    abortedTransactions,
    preferredReadReplica,
    records: batches,
    divergingEpoch: { epoch: -1, endOffset: -1 },
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
    snapshotId: { endOffset: -1, epoch: -1 },
  }
}

function aborted(s: Source): PartitionData['abortedTransactions'] {
  const length = varint(s) - 1
  if (length < 0) return null
  if (length * 17 > s.buffer.length - s.at) throw new Error('bad length')
  const transactions: NonNullable<PartitionData['abortedTransactions']> = new Array(length)
  for (let i = 0; i < length; i++) {
    transactions[i] = { producerId: int64(s.view, s.at), firstOffset: int64(s.view, s.at + 8) }
    s.at += 16
    skipTags(s)
  }
  return transactions
}

/** A hand-written codec looks at the tagged fields too: a leader that has diverged sends them. */
function hasNoTags(partition: PartitionData): boolean {
  const { divergingEpoch, currentLeader, snapshotId } = partition
  return (
    divergingEpoch.epoch === -1 &&
    divergingEpoch.endOffset === -1 &&
    currentLeader.leaderId === -1 &&
    currentLeader.leaderEpoch === -1 &&
    snapshotId.endOffset === -1 &&
    snapshotId.epoch === -1
  )
}

function putPartitionData(t: Target, partition: PartitionData): void {
  t.room(30)
  const { view, at } = t
  view.setInt32(at, partition.partitionIndex)
  view.setInt16(at + 4, partition.errorCode)
  putInt64(view, at + 6, partition.highWatermark)
  putInt64(view, at + 14, partition.lastStableOffset)
  putInt64(view, at + 22, partition.logStartOffset)
  t.at = at + 30
  putAborted(t, partition.abortedTransactions)
  t.room(4)
  t.view.setInt32(t.at, partition.preferredReadReplica)
  t.at += 4
  putRecords(t, partition.records)
  if (!hasNoTags(partition)) throw new Error('not in these benches')
  putNoTags(t)
}

function putAborted(t: Target, transactions: PartitionData['abortedTransactions']): void {
  if (transactions === null) {
    putVarint(t, 0)
    return
  }
  putVarint(t, transactions.length + 1)
  for (const { producerId, firstOffset } of transactions) {
    t.room(17)
    putInt64(t.view, t.at, producerId)
    putInt64(t.view, t.at + 8, firstOffset)
    t.at += 16
    putNoTags(t)
  }
}
