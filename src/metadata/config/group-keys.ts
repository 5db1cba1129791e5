/**
 * The keys of a group resource: what a single group may have of its own, in the place of the broker's `group.*` settings (KIP-848, KIP-932, KIP-1071).
 */
import { boolean, enforced, int, notYet, string, type KeyTable } from './definition.ts'
import { oneOf } from './validators.ts'

export const groupKeys = {
  'consumer.assignment.interval.ms': int({
    default: 1000,
    min: 0,
    importance: 'medium',
    status: enforced,
    documentation: 'Shortest time between two assignments of the consumer group.',
  }),
  'consumer.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    importance: 'medium',
    status: enforced,
    documentation: 'Heartbeat interval that the members of the consumer group are given.',
  }),
  'consumer.session.timeout.ms': int({
    default: 45_000,
    min: 1,
    importance: 'medium',
    status: enforced,
    documentation: 'How long a member of the consumer group may be silent.',
  }),
  'share.assignment.interval.ms': int({
    default: 1000,
    min: 0,
    importance: 'medium',
    status: notYet,
    documentation: 'Shortest time between two assignments of the share group.',
  }),
  'share.auto.offset.reset': string({
    default: 'latest',
    importance: 'medium',
    status: notYet,
    documentation: 'Where the share group begins to read: latest, earliest or by_duration: with a time.',
  }),
  'share.delivery.count.limit': int({
    default: 5,
    min: 2,
    importance: 'medium',
    status: notYet,
    documentation: 'How often a record is delivered to the share group at most.',
  }),
  'share.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    importance: 'medium',
    status: notYet,
    documentation: 'Heartbeat interval that the members of the share group are given.',
  }),
  'share.isolation.level': string({
    default: 'read_uncommitted',
    validator: oneOf('read_committed', 'read_uncommitted'),
    importance: 'medium',
    status: notYet,
    documentation: 'Whether the share group reads records of transactions that are not committed.',
  }),
  'share.partition.max.record.locks': int({
    default: 2000,
    min: 100,
    importance: 'medium',
    status: notYet,
    documentation: 'Most records of a partition that the members of the share group hold at a time.',
  }),
  'share.record.lock.duration.ms': int({
    default: 30_000,
    min: 1000,
    importance: 'medium',
    status: notYet,
    documentation: 'How long a member of the share group may hold a record.',
  }),
  'share.renew.acknowledge.enable': boolean({
    default: true,
    importance: 'medium',
    status: notYet,
    documentation: 'Whether a member of the share group may hold a record for longer by saying so.',
  }),
  'share.session.timeout.ms': int({
    default: 45_000,
    min: 1,
    importance: 'medium',
    status: notYet,
    documentation: 'How long a member of the share group may be silent.',
  }),
  'streams.assignment.interval.ms': int({
    default: 1000,
    min: 0,
    importance: 'medium',
    status: notYet,
    documentation: 'Shortest time between two assignments of the streams group.',
  }),
  'streams.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    importance: 'medium',
    status: notYet,
    documentation: 'Heartbeat interval that the members of the streams group are given.',
  }),
  'streams.initial.rebalance.delay.ms': int({
    default: 3000,
    min: 0,
    importance: 'medium',
    status: notYet,
    documentation: 'How long the first assignment of the streams group waits for more members.',
  }),
  'streams.num.standby.replicas': int({
    default: 0,
    min: 0,
    importance: 'medium',
    status: notYet,
    documentation: 'Standby replicas of each task of the streams group.',
  }),
  'streams.session.timeout.ms': int({
    default: 45_000,
    min: 1,
    importance: 'medium',
    status: notYet,
    documentation: 'How long a member of the streams group may be silent.',
  }),
} satisfies KeyTable
