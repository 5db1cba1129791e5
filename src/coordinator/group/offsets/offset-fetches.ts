/** OffsetFetch: where a group's consumers go on. */

import { ErrorCode } from '../../../protocol/errors.ts'
import type { ErrorName } from '../../../protocol/errors.ts'
import { ZERO_UUID } from '../../../protocol/uuid.ts'
import type { Uuid } from '../../../protocol/uuid.ts'
import type { Group, View } from '../group.ts'
import type { OffsetStore } from './offset-store.ts'
import type { CommittedOffset } from './offset-table.ts'

export interface OffsetFetch {
  readonly groupId: string
  /** Null and −1 of a client that does not say who it is. */
  readonly memberId: string | null
  readonly memberEpoch: number
  /** Null: all topics of which there are offsets. The id is zero where the client names the topic. */
  readonly topics:
    | readonly { readonly name: string; readonly topicId: Uuid; readonly partitionIndexes: readonly number[] }[]
    | null
}

export interface FetchedTopic {
  readonly name: string
  readonly topicId: Uuid
  readonly partitions: readonly FetchedOffset[]
}

export interface FetchedOffset {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly metadata: string
  readonly errorCode: number
}

/**
 * `latest` where the client wants offsets that no open transaction is about to change: it is answered when all that is seen is committed. An error is one of the
 * whole group.
 */
export function fetchOffsets(
  store: OffsetStore,
  group: Group | undefined,
  request: OffsetFetch,
  view: View,
): ErrorName | readonly FetchedTopic[] {
  const { groupId, memberId, memberEpoch, topics } = request
  const error = group?.validateOffsetFetch(memberId, memberEpoch, view)
  // There is no such group: then nothing is committed, which is no error.
  const isAbsent = group === undefined || error === 'GROUP_ID_NOT_FOUND'
  if (error !== undefined && !isAbsent) return error
  if (topics === null) return isAbsent ? [] : fetchAll(store, groupId, view)
  return topics.map(({ name, topicId, partitionIndexes }) => {
    const offsets = isAbsent ? undefined : store.committed.topic(groupId, name, view)
    const read = (partition: number): CommittedOffset | undefined =>
      view === 'latest' ? offsets?.get(partition) : offsets?.getCommitted(partition)
    return {
      name,
      topicId,
      partitions: partitionIndexes.map(partition => {
        if (view === 'latest' && store.isPending(groupId, name, partition)) return unstable(partition)
        const found = read(partition)
        return found === undefined || isOfAnother(found.topicId, topicId) ? none(partition) : fetched(partition, found)
      }),
    }
  })
}

function fetchAll(store: OffsetStore, groupId: string, view: View): FetchedTopic[] {
  const topics: FetchedTopic[] = []
  for (const [name, offsets] of store.committed.topics(groupId, view)) {
    const partitions = offsets.map(([partition, offset]) =>
      view === 'latest' && store.isPending(groupId, name, partition) ? unstable(partition) : fetched(partition, offset),
    )
    topics.push({ name, topicId: ZERO_UUID, partitions })
  }
  return topics
}

/** The topic has been deleted and made again since: the offset means nothing in it. */
function isOfAnother(committed: Uuid, asked: Uuid): boolean {
  return committed !== ZERO_UUID && asked !== ZERO_UUID && committed !== asked
}

function fetched(partitionIndex: number, { offset, leaderEpoch, metadata }: CommittedOffset): FetchedOffset {
  return {
    partitionIndex,
    committedOffset: offset,
    committedLeaderEpoch: leaderEpoch,
    metadata,
    errorCode: ErrorCode.NONE,
  }
}

function none(partitionIndex: number): FetchedOffset {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: ErrorCode.NONE }
}

function unstable(partitionIndex: number): FetchedOffset {
  return { ...none(partitionIndex), errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT }
}
