/**
 * Keys that can be set only while a broker runs: the throttles of replication (KIP-73) that tools set and delete around a reassignment.
 */
import { LONG_MAX, enforced, long, notYet, type KeyTable, type Status } from '../definition.ts'

const throttle = (documentation: string, status: Status = notYet) =>
  long({ default: LONG_MAX, min: 0, importance: 'medium', updateMode: 'cluster-wide', status, documentation })

export const quotaKeys = {
  'follower.replication.throttled.rate': throttle('Bytes per second that a follower fetches of throttled replicas.'),
  'leader.replication.throttled.rate': throttle(
    'Bytes per second that a leader serves to followers of throttled replicas.',
  ),
} satisfies KeyTable

/** Those that have their effect. */
export const enforcedQuotaKeys = {
  'replica.alter.log.dirs.io.max.bytes.per.second': throttle(
    'Bytes per second that are copied when replicas move between the log directories of a broker.',
    enforced,
  ),
} satisfies KeyTable
