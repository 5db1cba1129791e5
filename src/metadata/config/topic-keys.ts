/**
 * The keys of a topic: all that CreateTopics and AlterConfigs accept.
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
} from './definition.ts'
import { gzipLevel, listOf, oneOf, throttledReplicas } from './validators.ts'

export const topicKeys = {
  'cleanup.policy': list({
    default: ['delete'],
    validator: listOf({ empty: true, in: ['compact', 'delete'] }),
    importance: 'medium',
    status: enforced,
    documentation:
      'What happens to old segments: delete drops them by age and size, compact keeps the newest record of each key, both do both, and nothing keeps all.',
  }),
  'compression.gzip.level': int({
    default: -1,
    validator: gzipLevel,
    importance: 'medium',
    status: enforced,
    documentation: 'Level of gzip where the broker compresses with it; -1 leaves it to zlib.',
  }),
  'compression.lz4.level': int({
    default: 9,
    min: 1,
    max: 17,
    importance: 'medium',
    status: enforced,
    documentation: 'Level of lz4 where the broker compresses with it; higher is smaller and slower.',
  }),
  'compression.type': string({
    default: 'producer',
    validator: oneOf('uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'),
    importance: 'medium',
    status: enforced,
    documentation:
      'What batches are compressed with on disk: a codec, uncompressed, or producer for whatever the producer chose.',
  }),
  'compression.zstd.level': int({
    default: 3,
    min: -131_072,
    max: 22,
    importance: 'medium',
    status: enforced,
    documentation: 'Level of zstd where the broker compresses with it; negative levels trade size for speed.',
  }),
  'delete.retention.ms': long({
    default: 86_400_000,
    min: 0,
    importance: 'medium',
    status: enforced,
    documentation:
      'How long compaction keeps tombstones. A reader who starts at offset 0 has this long to see every deletion.',
  }),
  'file.delete.delay.ms': long({
    default: 60_000,
    min: 0,
    importance: 'medium',
    status: enforced,
    documentation: "Time between a segment's removal from the log and the deletion of its files.",
  }),
  'flush.messages': long({
    default: LONG_MAX,
    min: 1,
    importance: 'medium',
    status: enforced,
    documentation:
      'The log is synced to disk after so many new messages; 1 syncs every append before it is acknowledged.',
  }),
  'flush.ms': long({
    default: LONG_MAX,
    min: 0,
    importance: 'medium',
    status: enforced,
    documentation: 'Longest time that a message stays in memory only.',
  }),
  'follower.replication.throttled.replicas': list({
    default: [],
    validator: throttledReplicas,
    importance: 'medium',
    status: notYet,
    documentation: 'Replicas, as partition:broker pairs or * for all, whose fetching is throttled.',
  }),
  'index.interval.bytes': int({
    default: 4096,
    min: 0,
    importance: 'medium',
    status: enforced,
    documentation:
      'Bytes of log between two entries of the offset index; fewer make lookups quicker and indexes larger.',
  }),
  'leader.replication.throttled.replicas': list({
    default: [],
    validator: throttledReplicas,
    importance: 'medium',
    status: notYet,
    documentation: 'Replicas, as partition:broker pairs or * for all, whose being fetched from is throttled.',
  }),
  'local.retention.bytes': long({
    default: -2,
    min: -2,
    importance: 'medium',
    status: awaits('tiered storage'),
    documentation:
      'Bytes of a partition kept on local disks once they are in remote storage; -2 stands for retention.bytes.',
  }),
  'local.retention.ms': long({
    default: -2,
    min: -2,
    importance: 'medium',
    status: awaits('tiered storage'),
    documentation:
      'Time that segments stay on local disks once they are in remote storage; -2 stands for retention.ms.',
  }),
  'max.compaction.lag.ms': long({
    default: LONG_MAX,
    min: 1,
    importance: 'medium',
    status: enforced,
    documentation: 'Longest time that a record may wait for compaction.',
  }),
  'max.message.bytes': int({
    default: 1_048_588,
    min: 0,
    importance: 'medium',
    status: enforced,
    documentation: 'Largest record batch, as compressed by its producer, that the topic accepts.',
  }),
  'message.timestamp.after.max.ms': long({
    default: 3_600_000,
    min: 0,
    importance: 'medium',
    status: enforced,
    documentation: "How far in the future a record's timestamp may lie where timestamps are the producer's.",
  }),
  'message.timestamp.before.max.ms': long({
    default: LONG_MAX,
    min: 0,
    importance: 'medium',
    status: enforced,
    documentation: "How far in the past a record's timestamp may lie where timestamps are the producer's.",
  }),
  'message.timestamp.type': string({
    default: 'CreateTime',
    validator: oneOf('CreateTime', 'LogAppendTime'),
    importance: 'medium',
    status: enforced,
    documentation: 'Whether records carry the time given by their producer or that of the append.',
  }),
  'min.cleanable.dirty.ratio': double({
    default: 0.5,
    min: 0,
    max: 1,
    importance: 'medium',
    status: enforced,
    documentation: 'Share of a log that must be uncompacted before it is worth compacting.',
  }),
  'min.compaction.lag.ms': long({
    default: 0,
    min: 0,
    importance: 'medium',
    status: enforced,
    documentation: 'Shortest time that a record stays uncompacted.',
  }),
  'min.insync.replicas': int({
    default: 1,
    min: 1,
    importance: 'medium',
    status: enforced,
    documentation: 'In-sync replicas that a write with acks=all needs; with fewer it is refused.',
  }),
  preallocate: boolean({
    default: false,
    importance: 'medium',
    status: enforced,
    documentation: 'Whether a new segment gets its full size on disk at once.',
  }),
  'remote.log.copy.disable': boolean({
    default: false,
    importance: 'medium',
    status: notYet,
    documentation: 'Whether no more segments are copied to remote storage.',
  }),
  'remote.log.delete.on.disable': boolean({
    default: false,
    importance: 'medium',
    status: notYet,
    documentation: 'Whether what lies in remote storage is deleted when remote.storage.enable is switched off.',
  }),
  'remote.storage.enable': boolean({
    default: false,
    importance: 'medium',
    status: notYet,
    documentation: 'Whether old segments are moved to remote storage.',
  }),
  'retention.bytes': long({
    default: -1,
    importance: 'medium',
    status: enforced,
    documentation: 'Size of a partition above which its oldest segments are deleted; negative for no limit.',
  }),
  'retention.ms': long({
    default: 604_800_000,
    min: -1,
    importance: 'medium',
    status: enforced,
    documentation: 'How long segments are kept after their newest record; -1 for no limit.',
  }),
  'segment.bytes': int({
    default: 1_073_741_824,
    min: 1_048_576,
    importance: 'medium',
    status: enforced,
    documentation:
      'Size of a segment file at which the next one is begun. What is deleted or compacted is always whole segments.',
  }),
  'segment.index.bytes': int({
    default: 10_485_760,
    min: 4,
    importance: 'medium',
    status: enforced,
    documentation: 'Largest size of an offset index; a full index begins a new segment.',
  }),
  'segment.jitter.ms': long({
    default: 0,
    min: 0,
    importance: 'medium',
    status: enforced,
    documentation: 'Upper bound of what is taken at random off segment.ms, so that segments do not all roll at once.',
  }),
  'segment.ms': long({
    default: 604_800_000,
    min: 1,
    importance: 'medium',
    status: enforced,
    documentation: 'Time after which a new segment is begun although the old one is not full.',
  }),
  'unclean.leader.election.enable': boolean({
    default: false,
    importance: 'medium',
    status: enforced,
    documentation:
      'Whether a replica outside the in-sync set may become leader when no other is left, which loses what only the others had.',
  }),
} satisfies KeyTable
