/**
 * Keys of the broker for its logs: where they are, and the defaults of topics that do not say otherwise.
 */
import {
  LONG_MAX,
  awaits,
  boolean,
  double,
  enforced,
  int,
  list,
  long,
  notYet,
  string,
  type KeyTable,
} from '../definition.ts'
import { listOf, oneOf } from '../validators.ts'

export const logKeys = {
  'cordoned.log.dirs': list({
    default: [],
    validator: listOf({ empty: true, nullable: true }),
    importance: 'medium',
    updateMode: 'per-broker',
    status: notYet,
    documentation: 'Log directories that get no new partitions, or * for all of them.',
  }),
  'log.cleaner.backoff.ms': long({
    default: 15_000,
    min: 0,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'Pause of a cleaner that found nothing to compact.',
  }),
  'log.cleaner.dedupe.buffer.size': long({
    default: 134_217_728,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'Memory in bytes, shared by all cleaners, for the map from key to newest offset.',
  }),
  'log.cleaner.delete.retention.ms': long({
    default: 86_400_000,
    min: 0,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'How long compaction keeps tombstones, unless the topic sets delete.retention.ms. A reader who starts at offset 0 has this long to see every deletion.',
  }),
  'log.cleaner.enable': boolean({
    default: true,
    importance: 'medium',
    status: enforced,
    documentation: 'Whether compaction runs at all; without it compacted topics grow for ever.',
  }),
  'log.cleaner.io.buffer.load.factor': double({
    default: 0.9,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: "How full the cleaners' map may become, as a fraction.",
  }),
  'log.cleaner.io.buffer.size': int({
    default: 524_288,
    min: 0,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'Memory in bytes, shared by all cleaners, for reading and writing segments.',
  }),
  'log.cleaner.io.max.bytes.per.second': double({
    default: Number.MAX_VALUE,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'Upper bound on what the cleaners read and write together, averaged over time.',
  }),
  'log.cleaner.max.compaction.lag.ms': long({
    default: LONG_MAX,
    min: 1,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'Longest time that a record may wait for compaction, unless the topic sets max.compaction.lag.ms.',
  }),
  'log.cleaner.min.cleanable.ratio': double({
    default: 0.5,
    min: 0,
    max: 1,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Share of a log that must be uncompacted before it is worth compacting, unless the topic sets min.cleanable.dirty.ratio.',
  }),
  'log.cleaner.min.compaction.lag.ms': long({
    default: 0,
    min: 0,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'Shortest time that a record stays uncompacted, unless the topic sets min.compaction.lag.ms.',
  }),
  'log.cleaner.threads': int({
    default: 1,
    min: 0,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'How many logs are compacted at the same time.',
  }),
  'log.cleanup.policy': list({
    default: ['delete'],
    validator: listOf({ empty: true, in: ['compact', 'delete'] }),
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'What happens to old segments unless the topic sets cleanup.policy: delete drops them by age and size, compact keeps the newest record of each key, nothing keeps all.',
  }),
  'log.dir': list({
    default: ['/tmp/kafka-logs'],
    validator: listOf({}),
    importance: 'high',
    status: enforced,
    documentation: 'Directories that hold the logs, separated by commas. Read only where log.dirs is not set.',
  }),
  'log.dir.failure.timeout.ms': long({
    default: 30_000,
    min: 1,
    importance: 'low',
    status: awaits('cluster'),
    documentation:
      'How long a broker that cannot report a failed log directory to the controller goes on before it stops.',
  }),
  'log.dirs': list({
    default: null,
    validator: listOf({ nullable: true }),
    importance: 'high',
    status: enforced,
    documentation: 'Directories that hold the logs, separated by commas; takes precedence over log.dir.',
  }),
  'log.flush.interval.messages': long({
    default: LONG_MAX,
    min: 1,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'A log is synced to disk after so many new messages, unless the topic sets flush.messages.',
  }),
  'log.flush.interval.ms': long({
    default: null,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Longest time that a message stays in memory only, unless the topic sets flush.ms. Without a value log.flush.scheduler.interval.ms counts.',
  }),
  'log.flush.offset.checkpoint.interval.ms': int({
    default: 60_000,
    min: 0,
    importance: 'high',
    status: enforced,
    documentation: 'How often the recovery points, up to which logs are synced, are written to their checkpoint file.',
  }),
  'log.flush.scheduler.interval.ms': long({
    default: LONG_MAX,
    importance: 'high',
    status: enforced,
    documentation:
      'Takes the place of log.flush.interval.ms where that is not set. Ottla syncs a log when it is due, and looks for none in between.',
  }),
  'log.flush.start.offset.checkpoint.interval.ms': int({
    default: 60_000,
    min: 0,
    importance: 'high',
    status: enforced,
    documentation: 'How often the log start offsets are written to their checkpoint file.',
  }),
  'log.index.interval.bytes': int({
    default: 4096,
    min: 0,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'Bytes of log between two entries of the offset index, unless the topic sets index.interval.bytes.',
  }),
  'log.index.size.max.bytes': int({
    default: 10_485_760,
    min: 4,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Largest size of an offset index; a full index rolls the segment. Topics may set segment.index.bytes.',
  }),
  'log.local.retention.bytes': long({
    default: -2,
    min: -2,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: awaits('tiered storage'),
    documentation:
      'Bytes of a partition kept on local disks once they are in remote storage; -2 stands for the total retention.',
  }),
  'log.local.retention.ms': long({
    default: -2,
    min: -2,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: awaits('tiered storage'),
    documentation:
      'Time that segments stay on local disks once they are in remote storage; -2 stands for the total retention.',
  }),
  'log.message.timestamp.after.max.ms': long({
    default: 3_600_000,
    min: 0,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      "How far in the future a record's timestamp may lie where timestamps are the producer's, unless the topic says otherwise.",
  }),
  'log.message.timestamp.before.max.ms': long({
    default: LONG_MAX,
    min: 0,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      "How far in the past a record's timestamp may lie where timestamps are the producer's, unless the topic says otherwise.",
  }),
  'log.message.timestamp.type': string({
    default: 'CreateTime',
    validator: oneOf('CreateTime', 'LogAppendTime'),
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Whether records carry the time given by their producer or that of the append, unless the topic says otherwise.',
  }),
  'log.preallocate': boolean({
    default: false,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'Whether a new segment gets its full size on disk at once, unless the topic says otherwise.',
  }),
  'log.retention.bytes': long({
    default: -1,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Size of a partition above which its oldest segments are deleted, unless the topic sets retention.bytes; negative for no limit.',
  }),
  'log.retention.check.interval.ms': long({
    default: 300_000,
    min: 1,
    importance: 'medium',
    status: enforced,
    documentation: 'How often logs are looked at for segments that are due to be deleted.',
  }),
  'log.retention.hours': int({
    default: 168,
    importance: 'high',
    status: enforced,
    documentation:
      'Hours that a segment is kept. Read only where neither log.retention.ms nor log.retention.minutes is set.',
  }),
  'log.retention.minutes': int({
    default: null,
    importance: 'high',
    status: enforced,
    documentation: 'Minutes that a segment is kept. Read only where log.retention.ms is not set.',
  }),
  'log.retention.ms': long({
    default: null,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'Milliseconds that a segment is kept, unless the topic sets retention.ms; -1 for no limit.',
  }),
  'log.roll.hours': int({
    default: 168,
    min: 1,
    importance: 'high',
    status: enforced,
    documentation: 'Hours after which a new segment is begun. Read only where log.roll.ms is not set.',
  }),
  'log.roll.jitter.hours': int({
    default: 0,
    min: 0,
    importance: 'high',
    status: enforced,
    documentation:
      'Upper bound in hours of what is taken at random off the roll time. Read only where log.roll.jitter.ms is not set.',
  }),
  'log.roll.jitter.ms': long({
    default: null,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Upper bound of what is taken at random off the roll time, so that segments do not all roll at once.',
  }),
  'log.roll.ms': long({
    default: null,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Time after which a new segment is begun although the old one is not full, unless the topic sets segment.ms.',
  }),
  'log.segment.bytes': int({
    default: 1_073_741_824,
    min: 1_048_576,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'Size of a segment file at which the next one is begun, unless the topic sets segment.bytes.',
  }),
  'log.segment.delete.delay.ms': long({
    default: 60_000,
    min: 0,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      "Time between a segment's removal from its log and the deletion of its files, unless the topic sets file.delete.delay.ms.",
  }),
  'num.recovery.threads.per.data.dir': int({
    default: 2,
    min: 1,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'How many logs of one directory are recovered at the same time at the start. Changed at run time it counts from the next start.',
  }),
} satisfies KeyTable
