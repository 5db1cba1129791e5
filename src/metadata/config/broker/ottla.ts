/**
 * Ottla's own keys of the broker, for what Kafka has no key. All begin with `ottla.`.
 */
import { enforced, int, long, string, type KeyTable } from '../definition.ts'
import { hostAndPort } from '../validators.ts'

export const ottlaKeys = {
  'ottla.group.members.max': int({
    default: 100_000,
    min: 1,
    importance: 'low',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Members that all groups coordinated here have together, ids that were given out to join with among them. Who makes the broker remember more than 4 KiB, or 32 names of topics, counts as several. Who would be one more is told COORDINATOR_NOT_AVAILABLE and tries again.',
  }),
  'ottla.group.offsets.max': int({
    default: 2_000_000,
    min: 1,
    importance: 'low',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Offsets that all groups coordinated here have committed together, those of open transactions among them; 256 characters of metadata count as one more. Who would commit more is told COORDINATOR_NOT_AVAILABLE and tries again; what is committed already may be committed again.',
  }),
  'ottla.groups.max': int({
    default: 100_000,
    min: 1,
    importance: 'low',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Groups that are coordinated here. Ids longer than 1 KiB have as many KiB together. Who would begin one more, by joining or by committing offsets, is told COORDINATOR_NOT_AVAILABLE and tries again; groups end with their last offset. As many groups may have settings of their own, which they may have before they exist.',
  }),
  'ottla.log.cache.bytes': long({
    default: null,
    validator: {
      valid: '[0,...]',
      check: value => (typeof value === 'number' && value < 0 ? 'must be at least 0' : undefined),
    },
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Memory in bytes, over all partitions, for the newest batches, from which consumers at the end of a log are served. Unless it is set, a share of the memory that the process may use.',
  }),
  'ottla.partitions.max': int({
    default: 100_000,
    min: 1,
    importance: 'low',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Partitions of all topics together. Topics and partitions that would make them more are refused with POLICY_VIOLATION, internal topics apart.',
  }),
  'ottla.producer.ids.max': int({
    default: 250_000,
    min: 1,
    importance: 'low',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Producer ids that all partitions here remember together. When there are a tenth more, those that have not written for the longest are forgotten before producer.id.expiration.ms; none that has a transaction open is.',
  }),
  'ottla.transactional.ids.max': int({
    default: 100_000,
    min: 1,
    importance: 'low',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Transactional ids that are coordinated here. Who comes with one more takes the place of one that has not been used for long, before transactional.id.expiration.ms; none that has a transaction open is forgotten. Ids longer than 1 KiB have as many KiB together, and open transactions ten times as many partitions: who would take more is told COORDINATOR_NOT_AVAILABLE and tries again.',
  }),
  'ottla.metrics.listener': string({
    default: null,
    validator: hostAndPort,
    importance: 'medium',
    status: enforced,
    documentation:
      "Address, as host:port, at which metrics are served in Prometheus' format under /metrics and the state of the broker under /health. Unless it is set, neither is served.",
  }),
} satisfies KeyTable
