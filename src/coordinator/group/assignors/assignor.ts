/**
 * What the broker's own assignors are given and give (KIP-848): which partitions each member of a consumer group shall have in the end.
 *
 * An assignor is a pure function, and for the same input gives what Kafka's of the same name gives, partition for partition. Where Kafka's
 * goes through a hash table, the order of that table decides which of several equally good assignments comes out; `hash-order.ts` has it.
 * Racks are part of the input, as they are in Kafka, where no assignor makes use of them yet; a change of racks only has assignments computed
 * anew (metadata-hash.ts).
 */

import type { Uuid } from '../../../protocol/uuid.ts'

/** Partitions by topic. Never changed once it is made. */
export type Assignment = ReadonlyMap<Uuid, ReadonlySet<number>>

export const EMPTY_ASSIGNMENT: Assignment = new Map()

export interface MemberSpec {
  readonly instanceId: string | null
  readonly rackId: string | null
  /** All that it subscribes to, by name or by a regular expression; topics that do not exist may be among them. */
  readonly topicNames: ReadonlySet<string>
  /** Its target assignment so far. */
  readonly assignment: Assignment
}

export interface GroupSpec {
  /** By member id. */
  readonly members: ReadonlyMap<string, MemberSpec>
  /** All members subscribe to the same topics. */
  readonly isHomogeneous: boolean
  /** Whether the partition is in the target assignment of some member. */
  isAssigned(topicId: Uuid, partition: number): boolean
}

export interface AssignableTopic {
  readonly id: Uuid
  readonly partitionCount: number
}

/** Only topics that exist. */
export interface AssignableTopics {
  byName(name: string): AssignableTopic | undefined
}

export interface Assignor {
  readonly name: string
  /** By member id; a member that is not in it has nothing. */
  assign(group: GroupSpec, topics: AssignableTopics): ReadonlyMap<string, Assignment>
}

/** The topics that a member subscribes to and that exist, in the order of the names. */
export function subscribedTopics(topicNames: Iterable<string>, topics: AssignableTopics): AssignableTopic[] {
  const found: AssignableTopic[] = []
  for (const name of topicNames) {
    const topic = topics.byName(name)
    if (topic !== undefined) found.push(topic)
  }
  return found
}
