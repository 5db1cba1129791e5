/** OffsetCommit, TxnOffsetCommit and OffsetDelete: what changes the committed offsets of a group (G2, G3). */

import { ErrorCode } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import { ZERO_UUID } from '../../../protocol/uuid.ts'
import type { Uuid } from '../../../protocol/uuid.ts'
import type { CoordinatorResult } from '../../runtime/coordinator.ts'
import type { GroupConfig } from '../group-config.ts'
import type { GroupRecord, GroupRecordOf } from '../group-records.ts'
import type { Committer, Group } from '../group.ts'
import type { OffsetStore } from './offset-store.ts'

/** What is committed of a topic, which exists, with its id. */
export interface TopicCommit {
  readonly name: string
  readonly topicId: Uuid
  readonly partitions: readonly PartitionCommit[]
}

export interface PartitionCommit {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly committedMetadata: string | null
  /** OffsetCommit v1 only; −1: now. */
  readonly commitTimestamp?: number
}

export interface OffsetCommit extends Omit<Committer, 'partitions'> {
  readonly groupId: string
  /** OffsetCommit v2 to v4 only; −1: as the broker's setting says. */
  readonly retentionTimeMs: number
  readonly topics: readonly TopicCommit[]
}

export interface TopicOutcome {
  readonly name: string
  readonly topicId: Uuid
  readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[]
}

/** An error is one of the whole request. */
export type CommitOutcome = ErrorName | readonly TopicOutcome[]

export interface OffsetDelete {
  readonly groupId: string
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partitionIndex: number }[]
  }[]
}

/** Surely fit into a batch, with names as they are usual. What is committed with more than these is not one step, as each offset stands for itself. */
const batchRecords = 1000

/** One answer for all partitions that are committed, which nearly all are. */
const committed = ErrorCode.NONE

export class OffsetCommits {
  readonly #store: OffsetStore
  readonly #config: () => GroupConfig
  readonly #nowMs: () => number

  constructor(store: OffsetStore, config: () => GroupConfig, nowMs: () => number) {
    this.#store = store
    this.#config = config
    this.#nowMs = nowMs
  }

  /** `group` is undefined where there is none: somebody who is no member may make one by committing. */
  commit(group: Group | undefined, request: OffsetCommit): CoordinatorResult<GroupRecord, CommitOutcome> {
    const error = group === undefined ? absentGroupError(request) : this.#committerError(group, request)
    if (error !== undefined) return { records: [], response: error }
    const nowMs = this.#nowMs()
    const { retentionTimeMs } = request
    const expireTimestamp = retentionTimeMs === -1 || request.isTransactional ? -1 : expiryOf(nowMs, retentionTimeMs)
    const { offsetMetadataMaxBytes } = this.#config()
    const records: GroupRecord[] = []
    const outcome = request.topics.map(({ name, topicId, partitions }): TopicOutcome => ({
      name,
      topicId,
      partitions: partitions.map(partition => {
        const { partitionIndex, committedMetadata } = partition
        // Kafka counts UTF-16 units, as a string's length does here.
        if (committedMetadata !== null && committedMetadata.length > offsetMetadataMaxBytes)
          return { partitionIndex, errorCode: ErrorCode.OFFSET_METADATA_TOO_LARGE }
        records.push(commitRecord(request.groupId, name, topicId, partition, nowMs, expireTimestamp))
        return { partitionIndex, errorCode: committed }
      }),
    }))
    return { records, response: outcome, isDivisible: records.length > batchRecords }
  }

  delete(group: Group | undefined, request: OffsetDelete): CoordinatorResult<GroupRecord, CommitOutcome> {
    const error = group === undefined ? 'GROUP_ID_NOT_FOUND' : group.validateOffsetDelete()
    if (error !== undefined) return { records: [], response: error }
    const { groupId } = request
    const records: GroupRecord[] = []
    const outcome = request.topics.map(({ name, partitions }): TopicOutcome => {
      const isSubscribed = group!.isSubscribedTo(name)
      const errorCode = isSubscribed ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE
      for (const { partitionIndex } of isSubscribed ? [] : partitions) {
        const there = this.#store.committed.get(groupId, name, partitionIndex) !== undefined
        if (there || this.#store.isPending(groupId, name, partitionIndex))
          records.push(offsetTombstone(groupId, name, partitionIndex))
      }
      return {
        name,
        topicId: ZERO_UUID,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      }
    })
    return { records, response: outcome, isDivisible: true }
  }

  /** All of a group that is deleted, pending ones too. */
  tombstonesOf(groupId: string): GroupRecord[] {
    const records: GroupRecord[] = []
    for (const { topic, partition } of this.#store.committed.offsets(groupId))
      records.push(offsetTombstone(groupId, topic, partition))
    for (const { topic, partition } of this.#store.pendingOffsets(groupId))
      if (this.#store.committed.get(groupId, topic, partition) === undefined)
        records.push(offsetTombstone(groupId, topic, partition))
    return records
  }

  #committerError(group: Group, request: OffsetCommit): ErrorName | undefined {
    const { topics } = request
    const error = group.validateOffsetCommit({ ...request, partitions: partitionsOf(topics) })
    // TxnOffsetCommit is older than member epochs.
    return request.isTransactional && error === 'STALE_MEMBER_EPOCH' ? 'ILLEGAL_GENERATION' : error
  }
}

/** A retention of nearly 2^63 ms is for ever, and not a number that the record cannot hold. */
function expiryOf(nowMs: number, retentionTimeMs: number): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(nowMs + retentionTimeMs, Number.MAX_SAFE_INTEGER))
}

/** Since version 9 a client knows what it means that there is no such group. */
function absentGroupError(request: OffsetCommit): ErrorName | undefined {
  if (request.generationIdOrMemberEpoch < 0) return undefined
  return !request.isTransactional && request.apiVersion >= 9 ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION'
}

function* partitionsOf(topics: readonly TopicCommit[]): Generator<{ topicId: Uuid; partition: number }> {
  for (const { topicId, partitions } of topics)
    for (const { partitionIndex: partition } of partitions) yield { topicId, partition }
}

function commitRecord(
  group: string,
  topic: string,
  topicId: Uuid,
  commit: PartitionCommit,
  nowMs: number,
  expireTimestamp: number,
): GroupRecordOf<'offset-commit'> {
  const {
    partitionIndex: partition,
    committedOffset,
    committedLeaderEpoch,
    committedMetadata,
    commitTimestamp,
  } = commit
  return {
    type: 'offset-commit',
    key: { group, topic, partition },
    value: {
      offset: committedOffset,
      leaderEpoch: committedLeaderEpoch,
      metadata: committedMetadata ?? '',
      commitTimestamp: commitTimestamp === undefined || commitTimestamp === -1 ? nowMs : commitTimestamp,
      topicId,
      expireTimestamp,
    },
  }
}

export function offsetTombstone(group: string, topic: string, partition: number): GroupRecordOf<'offset-commit'> {
  return { type: 'offset-commit', key: { group, topic, partition }, value: null }
}
