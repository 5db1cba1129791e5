/**
 * Keys of the broker for transactions and idempotent producers.
 */
import { boolean, enforced, int, notYet, short, type KeyTable } from '../definition.ts'

export const transactionKeys = {
  'add.partitions.to.txn.retry.backoff.max.ms': int({
    default: 100,
    min: 0,
    importance: 'high',
    status: enforced,
    documentation: 'Longest time for which the broker itself repeats adding a partition to a transaction.',
  }),
  'add.partitions.to.txn.retry.backoff.ms': int({
    default: 20,
    min: 1,
    importance: 'high',
    status: enforced,
    documentation: 'Pause before the broker itself repeats adding a partition to a transaction.',
  }),
  'producer.id.expiration.ms': int({
    default: 86_400_000,
    min: 1,
    importance: 'low',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'A partition forgets a producer id that wrote nothing for so long and has no open transaction; its duplicates are no longer found.',
  }),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': int({
    default: 10_000,
    min: 1,
    importance: 'low',
    status: enforced,
    documentation: 'How often transactions that have timed out are looked for and aborted.',
  }),
  'transaction.max.timeout.ms': int({
    default: 900_000,
    min: 1,
    importance: 'high',
    status: enforced,
    documentation: 'Longest transaction timeout that a producer may ask for.',
  }),
  'transaction.partition.verification.enable': boolean({
    default: true,
    importance: 'low',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Whether a partition checks with the coordinator that it belongs to a transaction before it takes its first batch.',
  }),
  'transaction.remove.expired.transaction.cleanup.interval.ms': int({
    default: 3_600_000,
    min: 1,
    importance: 'low',
    status: enforced,
    documentation: 'How often transactional ids that have expired are looked for and removed.',
  }),
  'transaction.state.log.load.buffer.size': int({
    default: 5_242_880,
    min: 1,
    importance: 'high',
    status: enforced,
    documentation: 'Bytes read at a time when a coordinator loads a partition of __transaction_state.',
  }),
  'transaction.state.log.min.isr': int({
    default: 2,
    min: 1,
    importance: 'high',
    status: enforced,
    documentation:
      'In-sync replicas that a write to __transaction_state needs. Unless it is set, Ottla takes two, or one with a single broker.',
  }),
  'transaction.state.log.num.partitions': int({
    default: 50,
    min: 1,
    importance: 'high',
    status: enforced,
    documentation: 'Partitions of __transaction_state; not to be changed once it exists.',
  }),
  'transaction.state.log.replication.factor': short({
    default: 3,
    min: 1,
    importance: 'high',
    status: enforced,
    documentation:
      'Replicas of __transaction_state. Unless it is set, Ottla takes three, or the number of brokers where that is smaller.',
  }),
  'transaction.state.log.segment.bytes': int({
    default: 104_857_600,
    min: 1,
    importance: 'high',
    status: enforced,
    documentation: 'Segment size of __transaction_state; small ones are compacted and loaded sooner.',
  }),
  'transaction.two.phase.commit.enable': boolean({
    default: false,
    importance: 'low',
    status: notYet,
    documentation: 'Whether an outside coordinator may prepare and later finish transactions.',
  }),
  'transactional.id.expiration.ms': int({
    default: 604_800_000,
    min: 1,
    importance: 'high',
    status: enforced,
    documentation: 'A transactional id that is not used for so long is forgotten.',
  }),
} satisfies KeyTable
