/**
 * Keys of Kafka's own metadata quorum (KRaft). Ottla's metadata works otherwise, so none of them means anything here; a file that sets them is read all the same.
 */
import { boolean, int, list, long, meansNothingHere, string, type KeyTable } from '../definition.ts'
import { hostsAndPorts, listOf, quorumVoters } from '../validators.ts'

export const kraftKeys = {
  'controller.listener.names': list({
    default: null,
    validator: listOf({}),
    required: true,
    importance: 'high',
    status: meansNothingHere,
    documentation:
      "Names of the listeners of Kafka's controllers. Ottla has no controller listeners: those of a KRaft file are left out.",
  }),
  'controller.quorum.append.linger.ms': int({
    default: 25,
    min: 0,
    importance: 'medium',
    status: meansNothingHere,
    documentation: 'How long a KRaft leader gathers writes before it syncs them.',
  }),
  'controller.quorum.auto.join.enable': boolean({
    default: false,
    importance: 'low',
    status: meansNothingHere,
    documentation: 'Whether a KRaft controller adds itself to the voters.',
  }),
  'controller.quorum.bootstrap.servers': list({
    default: [],
    validator: hostsAndPorts,
    importance: 'high',
    status: meansNothingHere,
    documentation: 'Where a KRaft node finds the controllers. An Ottla broker needs none.',
  }),
  'controller.quorum.election.backoff.max.ms': int({
    default: 1000,
    min: 0,
    importance: 'high',
    status: meansNothingHere,
    documentation: 'Longest pause between two attempts at a KRaft election.',
  }),
  'controller.quorum.election.timeout.ms': int({
    default: 1000,
    min: 0,
    importance: 'high',
    status: meansNothingHere,
    documentation: 'How long a KRaft voter does without a leader before it calls an election.',
  }),
  'controller.quorum.fetch.max.bytes': int({
    default: 1_048_576,
    min: 1,
    importance: 'low',
    status: meansNothingHere,
    documentation: 'Bytes that a KRaft follower fetches at a time.',
  }),
  'controller.quorum.fetch.snapshot.max.bytes': int({
    default: 1_048_576,
    min: 1,
    importance: 'low',
    status: meansNothingHere,
    documentation: 'Bytes of a snapshot that a KRaft follower fetches at a time.',
  }),
  'controller.quorum.fetch.timeout.ms': int({
    default: 2000,
    min: 0,
    importance: 'high',
    status: meansNothingHere,
    documentation: 'How long a KRaft voter does without a successful fetch before it stands for election.',
  }),
  'controller.quorum.request.timeout.ms': int({
    default: 2000,
    min: 0,
    importance: 'medium',
    status: meansNothingHere,
    documentation: 'How long a KRaft node waits for an answer.',
  }),
  'controller.quorum.retry.backoff.ms': int({
    default: 20,
    min: 0,
    importance: 'low',
    status: meansNothingHere,
    documentation: 'Pause of a KRaft node before it repeats a failed request.',
  }),
  'controller.quorum.voters': list({
    default: [],
    validator: quorumVoters,
    importance: 'high',
    status: meansNothingHere,
    documentation: "The voters of a KRaft quorum as id@host:port. Ottla's metadata needs no quorum.",
  }),
  'early.start.listeners': list({
    default: null,
    validator: listOf({ empty: true, nullable: true }),
    importance: 'high',
    status: meansNothingHere,
    documentation: 'Listeners that Kafka opens before its authorizer is ready. Ottla opens all when it is ready.',
  }),
  'metadata.log.dir': string({
    default: null,
    importance: 'high',
    status: meansNothingHere,
    documentation: 'Directory of the KRaft metadata log. Ottla keeps its metadata in the first of log.dirs.',
  }),
  'metadata.log.max.record.bytes.between.snapshots': long({
    default: 20_971_520,
    min: 1,
    importance: 'high',
    status: meansNothingHere,
    documentation: 'Bytes of KRaft metadata after which a snapshot is taken.',
  }),
  'metadata.log.max.snapshot.interval.ms': long({
    default: 3_600_000,
    min: 0,
    importance: 'high',
    status: meansNothingHere,
    documentation: 'Time after which a KRaft snapshot is taken although little was written; 0 for never.',
  }),
  'metadata.log.segment.bytes': int({
    default: 1_073_741_824,
    min: 8_388_608,
    importance: 'high',
    status: meansNothingHere,
    documentation: 'Size of a segment of the KRaft metadata log.',
  }),
  'metadata.log.segment.ms': long({
    default: 604_800_000,
    importance: 'high',
    status: meansNothingHere,
    documentation: 'Time after which the KRaft metadata log begins a new segment.',
  }),
  'metadata.max.idle.interval.ms': int({
    default: 500,
    min: 0,
    importance: 'low',
    status: meansNothingHere,
    documentation: 'How often an idle KRaft controller writes an empty record.',
  }),
  'metadata.max.retention.bytes': long({
    default: 104_857_600,
    importance: 'high',
    status: meansNothingHere,
    documentation: 'Bytes of KRaft log and snapshots above which old ones are deleted.',
  }),
  'metadata.max.retention.ms': long({
    default: 604_800_000,
    importance: 'high',
    status: meansNothingHere,
    documentation: 'How long old parts of the KRaft log and old snapshots are kept.',
  }),
  'process.roles': list({
    default: null,
    validator: listOf({ in: ['broker', 'controller'] }),
    required: true,
    importance: 'high',
    status: meansNothingHere,
    documentation:
      'Whether a Kafka node is a broker, a controller or both. Every Ottla node is a broker and may be elected controller.',
  }),
} satisfies KeyTable
