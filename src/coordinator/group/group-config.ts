/** The settings that rule classic groups and committed offsets, under Kafka's names; where they may change at run time each use asks anew. */

export interface GroupConfig {
  /** `group.min.session.timeout.ms`, `group.max.session.timeout.ms`. */
  readonly minSessionTimeoutMs: number
  readonly maxSessionTimeoutMs: number
  /** `group.initial.rebalance.delay.ms`. */
  readonly initialRebalanceDelayMs: number
  /** `group.max.size`: members of one classic group. */
  readonly maxSize: number
  /** `ottla.groups.max`, `ottla.group.members.max`, `ottla.group.offsets.max`: of all groups that this broker coordinates. */
  readonly groupsMax: number
  readonly membersMax: number
  readonly offsetsMax: number
  /** `offset.metadata.max.bytes`. */
  readonly offsetMetadataMaxBytes: number
  /** `offsets.retention.minutes`. */
  readonly offsetsRetentionMs: number
  /** `offsets.retention.check.interval.ms`. */
  readonly offsetsRetentionCheckIntervalMs: number
}

/** How long a member that has just joined may wait for the others before it is held for lost; a constant of Kafka. */
export const newMemberJoinTimeoutMs = 5 * 60 * 1000
