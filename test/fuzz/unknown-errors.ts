/**
 * UNKNOWN_SERVER_ERROR is what a broker says that has met what it did not expect, and so a finding. Three answers of group coordinators are the exception, in which real
 * Kafka says the same, and nothing else is let through.
 */

import { readSubscription } from '../../src/coordinator/group/consumer/consumer-protocol.ts'
import type { Reached } from './oracle.ts'

/** Of requests below this size it would take thousands of members at a time to make a group too large to be stored, and a run has a handful. */
const largeBytes = 16 * 1024
/** Half of what a record of a group may have: `max.message.bytes` of the topic that it is kept in. */
const groupBytes = 512 * 1024

export class UnknownErrors {
  /** What members have said in large requests, by group: a group may remember it for as long as their sessions last. */
  readonly #saidBytes = new Map<string, number>()

  /** A request that reached a handler is sent, in so many bytes. */
  sent(asked: Reached, bytes: number): void {
    if (bytes < largeBytes || !isMembers(asked)) return
    const groupId = groupOf(asked)
    this.#saidBytes.set(groupId, (this.#saidBytes.get(groupId) ?? 0) + bytes)
  }

  /** Whether Kafka may answer so as well. */
  areKafkas(asked: Reached): boolean {
    if (!isMembers(asked)) return false
    // A group that is too large for a record cannot be stored: each member hears of it that joins, or waits for its assignment.
    if ((this.#saidBytes.get(groupOf(asked)) ?? 0) >= groupBytes) return true
    return asked.api.name === 'JoinGroup' && (comesWithGivenIdAndInstance(asked) || hasUnreadableSubscription(asked))
  }
}

function isMembers({ api }: Reached): boolean {
  return api.name === 'JoinGroup' || api.name === 'SyncGroup'
}

function groupOf({ request }: Reached): string {
  return request['groupId'] as string
}

/** Ids are given out, to come back with, to dynamic members only. */
function comesWithGivenIdAndInstance({ request }: Reached): boolean {
  return request['memberId'] !== '' && (request['groupInstanceId'] ?? null) !== null
}

/** A group of the new protocol has to know what its classic members have subscribed to. */
function hasUnreadableSubscription({ request }: Reached): boolean {
  const [first] = request['protocols'] as readonly { readonly metadata: Uint8Array }[]
  return first !== undefined && readSubscription(first.metadata) === undefined
}
