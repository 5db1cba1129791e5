/**
 * Keys of the broker that decide what new topics are like, and who may make and delete them.
 */
import { boolean, enforced, int, javaClass, notYet, string, type KeyTable } from '../definition.ts'
import { gzipLevel, oneOf } from '../validators.ts'

export const topicsKeys = {
  'alter.config.policy.class.name': javaClass({
    default: null,
    importance: 'low',
    status: notYet,
    documentation: 'Java class that vetoes changes of configuration. Ottla runs no Java, so setting it is refused.',
  }),
  'auto.create.topics.enable': boolean({
    default: true,
    importance: 'high',
    status: enforced,
    documentation: 'Whether a metadata request that allows it creates the topics it names and that do not exist.',
  }),
  'compression.gzip.level': int({
    default: -1,
    validator: gzipLevel,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'Level at which the broker compresses with gzip where a topic asks for gzip; -1 leaves it to zlib.',
  }),
  'compression.lz4.level': int({
    default: 9,
    min: 1,
    max: 17,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Level at which the broker compresses with lz4 where a topic asks for lz4; higher is smaller and slower.',
  }),
  'compression.type': string({
    default: 'producer',
    validator: oneOf('uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'),
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'What batches are compressed with on disk unless the topic says otherwise; producer keeps what the producer chose.',
  }),
  'compression.zstd.level': int({
    default: 3,
    min: -131_072,
    max: 22,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Level at which the broker compresses with zstd where a topic asks for zstd; negative levels trade size for speed.',
  }),
  'create.topic.policy.class.name': javaClass({
    default: null,
    importance: 'low',
    status: notYet,
    documentation: 'Java class that vetoes the creation of topics. Ottla runs no Java, so setting it is refused.',
  }),
  'default.replication.factor': int({
    default: 1,
    importance: 'medium',
    status: enforced,
    documentation: 'Replicas of a topic whose creator leaves the number to the broker.',
  }),
  'delete.topic.enable': boolean({
    default: true,
    importance: 'high',
    status: enforced,
    documentation: 'Whether clients may delete topics.',
  }),
  'message.max.bytes': int({
    default: 1_048_588,
    min: 0,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Largest record batch, as compressed by the producer, that a topic accepts unless it sets max.message.bytes.',
  }),
  'min.insync.replicas': int({
    default: 1,
    min: 1,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'In-sync replicas that a write with acks=all needs; with fewer it is refused. Topics may set their own number.',
  }),
  'num.partitions': int({
    default: 1,
    min: 1,
    importance: 'medium',
    status: enforced,
    documentation: 'Partitions of a topic whose creator leaves the number to the broker.',
  }),
  'unclean.leader.election.enable': boolean({
    default: false,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Whether a replica outside the in-sync set may become leader when no other is left, which loses what only the others had.',
  }),
} satisfies KeyTable
