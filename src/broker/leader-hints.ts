/**
 * Tells a client that asked the wrong broker who leads a partition, and where that is, in the same response (KIP-951), so that it need
 * not ask for metadata first.
 */

import type { ErrorName } from '../protocol/errors.ts'
import type { Partition } from '../replication/partition.ts'
import type { RequestContext } from './api-handler.ts'

export interface LeaderHints {
  /** The `currentLeader` of a partition's answer, or undefined (the field's default) where the error is another. */
  currentLeader(partition: Partition, error: ErrorName): { leaderId: number; leaderEpoch: number } | undefined
  /** The `nodeEndpoints` of the response: those of every leader that was named. */
  endpoints(): { nodeId: number; host: string; port: number; rack: string | null }[]
}

/** `since` is the first version of the API that has room for hints. */
export function leaderHints(context: RequestContext, since: number): LeaderHints {
  // Nearly no request needs any.
  let named: Set<number> | undefined
  return {
    currentLeader(partition, error) {
      if (context.apiVersion < since) return undefined
      if (error !== 'NOT_LEADER_OR_FOLLOWER' && error !== 'FENCED_LEADER_EPOCH') return undefined
      const { leader, leaderEpoch } = partition.state
      named ??= new Set()
      named.add(leader)
      return { leaderId: leader, leaderEpoch }
    },
    endpoints() {
      const leaders = named
      if (leaders === undefined) return []
      return context.broker.endpointsFor(context.connection).filter(endpoint => leaders.has(endpoint.nodeId))
    },
  }
}
