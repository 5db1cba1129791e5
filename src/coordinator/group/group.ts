/**
 * What every group is to the rest of the group coordinator, whichever protocol its members speak: classic groups are in `classic/`, groups of the new
 * protocol (KIP-848) in `consumer/`.
 *
 * Kafka's rules for committed offsets differ by the kind of group, so each kind answers for itself.
 */

import type { ErrorName } from '../../protocol/errors.ts'
import type { Uuid } from '../../protocol/uuid.ts'
import type { GroupRecord } from './group-records.ts'

export type GroupType = 'classic' | 'consumer' | 'share' | 'streams'

/** Whether the answer may rest on what is not committed yet: writes want the latest, describing and listing want what is committed. */
export type View = 'latest' | 'committed'

/** Who commits offsets, as its request says. */
export interface Committer {
  readonly memberId: string
  readonly groupInstanceId: string | null
  /** A member epoch where the group is of the new protocol; −1 of somebody who is no member. */
  readonly generationIdOrMemberEpoch: number
  readonly isTransactional: boolean
  /** Of OffsetCommit or TxnOffsetCommit: what a client understands decides the error. */
  readonly apiVersion: number
  /**
   * What is committed; the zero uuid where there is no such topic. A member of the new protocol may commit in an epoch that is past for partitions
   * that it has had since (KIP-1251).
   */
  readonly partitions: Iterable<{ readonly topicId: Uuid; readonly partition: number }>
}

export interface ListedGroup {
  readonly groupId: string
  readonly protocolType: string
  /** As Kafka spells it: `PreparingRebalance`. */
  readonly groupState: string
  readonly groupType: GroupType
}

/** A committed offset, as far as its expiry goes. */
export interface ExpirableOffset {
  readonly commitTimestampMs: number
  /** Set by clients that could still say how long to keep it (OffsetCommit v2 to v4); −1: not set. */
  readonly expireTimestampMs: number
}

export interface Group {
  readonly type: GroupType
  readonly groupId: string
  /** Without members. */
  isEmpty(): boolean
  /** Ids that were given out to join with count as well, and who makes us remember much counts as several. */
  readonly memberCount: number
  state(view: View): string
  listed(view: View): ListedGroup
  hasMember(memberId: string): boolean
  /** Why this one may not commit (G2). */
  validateOffsetCommit(committer: Committer): ErrorName | undefined
  /** `memberId` is null, and the epoch negative, where the client does not say who it is. */
  validateOffsetFetch(memberId: string | null, memberEpoch: number, view: View): ErrorName | undefined
  validateOffsetDelete(): ErrorName | undefined
  validateDelete(): ErrorName | undefined
  isSubscribedTo(topic: string): boolean
  /** When the retention of an offset begins to count (KIP-211); undefined: at present none of the group's offsets expires. */
  expiryBase(): ((offset: ExpirableOffset) => number) | undefined
  /** What makes the log forget the group. */
  tombstones(): readonly GroupRecord[]
}
