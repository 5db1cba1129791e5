/** What all operations on consumer groups share: the shard that they belong to, its groups, and settings. */

import type { ErrorName } from '../../../protocol/errors.ts'
import type { Logger } from '../../../std/logger.ts'
import type { ShardContext } from '../../runtime/coordinator.ts'
import type { TimelineMap } from '../../runtime/timeline.ts'
import type { Assignor } from '../assignors/assignor.ts'
import type { Group } from '../group.ts'
import type { GroupRecord } from '../group-records.ts'
import type { TopicHashes } from './metadata-hash.ts'

/** `group.consumer.migration.policy`: which way a group may change its protocol while it has members. */
export type MigrationPolicy = 'bidirectional' | 'upgrade' | 'downgrade' | 'disabled'

/** Settings of groups by Kafka's names; each is asked for anew at each use. */
export interface ConsumerGroupConfig {
  /** `group.consumer.assignors`; the first is the default. */
  readonly assignors: readonly Assignor[]
  /** `group.consumer.max.size`. */
  readonly maxSize: number
  /** `group.max.size`: of a classic group, which a consumer group may have to become. */
  readonly classicMaxSize: number
  readonly migrationPolicy: MigrationPolicy
  /** Internal to Kafka: `group.consumer.regex.refresh.interval.ms`. */
  readonly regexRefreshIntervalMs: number
  /** `consumer.session.timeout.ms` of the group, else the broker's. */
  sessionTimeoutMs(groupId: string): number
  /** `consumer.heartbeat.interval.ms` of the group, else the broker's. */
  heartbeatIntervalMs(groupId: string): number
  /** `consumer.assignment.interval.ms` of the group, else the broker's. */
  assignmentIntervalMs(groupId: string): number
}

export interface ConsumerGroupContext {
  readonly shard: ShardContext<GroupRecord, never>
  /** Of all kinds. */
  readonly groups: TimelineMap<string, Group>
  readonly config: ConsumerGroupConfig
  readonly topicHashes: TopicHashes
  readonly logger: Logger
}

/** Why an operation is not done: an expected failure, told to the client. */
export interface Refusal {
  readonly error: ErrorName
  readonly message: string
}

export function refuse(error: ErrorName, message: string): Refusal {
  return { error, message }
}

export function isRefusal(value: object): value is Refusal {
  return 'error' in value && 'message' in value
}
