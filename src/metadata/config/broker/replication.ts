/**
 * Keys of the broker for its identity, for replication and for leadership.
 */
import { awaits, boolean, enforced, int, long, meansNothingHere, notYet, string, type KeyTable } from '../definition.ts'

export const replicationKeys = {
  'auto.leader.rebalance.enable': boolean({
    default: true,
    importance: 'high',
    status: awaits('cluster'),
    documentation: 'Whether leadership is moved back to preferred replicas now and then.',
  }),
  'broker.heartbeat.interval.ms': int({
    default: 2000,
    importance: 'medium',
    status: awaits('cluster'),
    documentation: 'Time between two signs of life that a broker gives.',
  }),
  'broker.id': int({
    default: -1,
    importance: 'high',
    status: enforced,
    documentation: 'Number of this broker, the older name of node.id; where both are set they must agree.',
  }),
  'broker.rack': string({
    default: null,
    importance: 'medium',
    status: enforced,
    documentation: 'Rack or zone in which this broker stands; told to clients and used to spread replicas.',
  }),
  'broker.session.timeout.ms': int({
    default: 9000,
    importance: 'medium',
    status: awaits('cluster'),
    documentation: 'How long a broker counts as alive after its last sign of life.',
  }),
  'controlled.shutdown.enable': boolean({
    default: true,
    importance: 'medium',
    status: awaits('cluster'),
    documentation: 'Whether a broker that stops first hands its leaderships to other replicas.',
  }),
  'controller.socket.timeout.ms': int({
    default: 30_000,
    importance: 'medium',
    status: meansNothingHere,
    documentation:
      "How long Kafka's controller waits on a connection to a broker. Ottla's controller uses request.timeout.ms.",
  }),
  'follower.fetch.last.tiered.offset.enable': boolean({
    default: false,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: awaits('tiered storage'),
    documentation: 'Whether an empty follower begins behind what is already in remote storage.',
  }),
  'initial.broker.registration.timeout.ms': int({
    default: 60_000,
    importance: 'medium',
    status: awaits('cluster'),
    documentation: 'How long a starting broker tries to register before it gives up.',
  }),
  'leader.imbalance.check.interval.seconds': long({
    default: 300,
    min: 1,
    importance: 'high',
    status: awaits('cluster'),
    documentation: 'How often the spread of leaders is looked at.',
  }),
  'node.id': int({
    default: null,
    min: 0,
    required: true,
    importance: 'high',
    status: enforced,
    documentation:
      'Number of this node; unique in its cluster and kept with its data. Ottla takes 1 where nothing is set.',
  }),
  'num.replica.alter.log.dirs.threads': int({
    default: null,
    importance: 'high',
    status: meansNothingHere,
    documentation: 'Threads that move replicas between log directories in Kafka. Ottla moves them on the event loop.',
  }),
  'num.replica.fetchers': int({
    default: 1,
    min: 1,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: awaits('cluster'),
    documentation: 'Connections over which a follower fetches from one leader.',
  }),
  'replica.fetch.backoff.ms': int({
    default: 1000,
    min: 0,
    importance: 'medium',
    status: awaits('cluster'),
    documentation: 'Pause of a follower after a fetch that failed.',
  }),
  'replica.fetch.max.bytes': int({
    default: 1_048_576,
    min: 0,
    importance: 'medium',
    status: awaits('cluster'),
    documentation: 'Bytes that a follower asks for per partition; a larger first batch is sent all the same.',
  }),
  'replica.fetch.min.bytes': int({
    default: 1,
    importance: 'high',
    status: awaits('cluster'),
    documentation: "Bytes for which a leader lets a follower's fetch wait.",
  }),
  'replica.fetch.response.max.bytes': int({
    default: 10_485_760,
    min: 0,
    importance: 'medium',
    status: awaits('cluster'),
    documentation: 'Bytes that a follower asks for in one fetch; a larger first batch is sent all the same.',
  }),
  'replica.fetch.wait.max.ms': int({
    default: 500,
    importance: 'high',
    status: awaits('cluster'),
    documentation: "Longest time that a leader lets a follower's fetch wait. Keep it below replica.lag.time.max.ms.",
  }),
  'replica.high.watermark.checkpoint.interval.ms': long({
    default: 5000,
    importance: 'high',
    status: enforced,
    documentation: 'How often high watermarks are written to their checkpoint file.',
  }),
  'replica.lag.time.max.ms': long({
    default: 30_000,
    importance: 'high',
    status: awaits('cluster'),
    documentation: 'A follower that has not caught up for so long leaves the in-sync set.',
  }),
  'replica.selector.class': string({
    default: null,
    importance: 'medium',
    status: notYet,
    documentation:
      'Java class that picks the replica a consumer reads from. Ottla runs no Java, so setting it is refused.',
  }),
  'replica.socket.receive.buffer.bytes': int({
    default: 65_536,
    importance: 'high',
    status: meansNothingHere,
    documentation: "Size of a follower's kernel buffer for incoming data. Node leaves it to the operating system.",
  }),
  'replica.socket.timeout.ms': int({
    default: 30_000,
    importance: 'high',
    status: awaits('cluster'),
    documentation: "How long a follower waits for a leader's answer; at least replica.fetch.wait.max.ms.",
  }),
} satisfies KeyTable
