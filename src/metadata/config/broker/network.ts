/**
 * Keys of the broker for listeners, connections and requests.
 */
import { awaits, enforced, int, list, long, meansNothingHere, string, type KeyTable } from '../definition.ts'
import { connectionOverrides, listOf } from '../validators.ts'

export const networkKeys = {
  'advertised.listeners': list({
    default: null,
    validator: listOf({ nullable: true }),
    importance: 'high',
    status: enforced,
    documentation:
      'Addresses that clients are told to connect to, per listener name. Without it a client is told the address that it dialled.',
  }),
  'connections.max.idle.ms': long({
    default: 600_000,
    importance: 'medium',
    status: enforced,
    documentation: 'A connection on which nothing happened for so long is closed.',
  }),
  'delete.records.purgatory.purge.interval.requests': int({
    default: 1,
    importance: 'medium',
    status: meansNothingHere,
    documentation:
      'How many answered DeleteRecords requests Kafka keeps listed before it sweeps them out. Ottla forgets them when they are answered.',
  }),
  'fetch.max.bytes': int({
    default: 57_671_680,
    min: 1024,
    importance: 'medium',
    status: enforced,
    documentation:
      'Most bytes that one fetch response carries, whatever the client asks for; its first batch is always sent whole.',
  }),
  'fetch.purgatory.purge.interval.requests': int({
    default: 1000,
    importance: 'medium',
    status: meansNothingHere,
    documentation:
      'How many answered fetches Kafka keeps listed before it sweeps them out. Ottla forgets a waiting fetch when it is answered.',
  }),
  'inter.broker.listener.name': string({
    default: null,
    importance: 'medium',
    status: enforced,
    documentation: 'Name of the listener over which brokers speak to each other; must be among the advertised ones.',
  }),
  'listener.security.protocol.map': string({
    default: 'SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
    importance: 'low',
    updateMode: 'per-broker',
    status: enforced,
    documentation: 'Which security protocol each listener name stands for, as NAME:PROTOCOL pairs.',
  }),
  listeners: list({
    default: ['PLAINTEXT://:9092'],
    validator: listOf({}),
    importance: 'high',
    updateMode: 'per-broker',
    status: enforced,
    documentation:
      "Addresses to listen on, as NAME://host:port separated by commas. Ottla's default is port 9092 on the loopback addresses only.",
  }),
  'max.connection.creation.rate': int({
    default: 2_147_483_647,
    min: 0,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Most connections that are accepted per second; further ones wait. May be set for one listener by its prefix.',
  }),
  'max.connections': int({
    default: 2_147_483_647,
    min: 0,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Most connections that are open at a time; a further one is not accepted until another ends. May be set for one listener by its prefix.',
  }),
  'max.connections.per.ip': int({
    default: 2_147_483_647,
    min: 0,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation: 'Most connections that are open from one address at a time; further ones are closed at once.',
  }),
  'max.connections.per.ip.overrides': string({
    default: '',
    validator: connectionOverrides,
    importance: 'medium',
    updateMode: 'cluster-wide',
    status: enforced,
    documentation:
      'Limits for single addresses instead of max.connections.per.ip, as address:count pairs. Unlike Kafka, Ottla takes no host names.',
  }),
  'max.incremental.fetch.session.cache.slots': int({
    default: 1000,
    min: 0,
    importance: 'medium',
    status: enforced,
    documentation:
      'Most fetch sessions that the broker remembers; a client without one repeats its partitions in each fetch.',
  }),
  'max.request.partition.size.limit': int({
    default: 2000,
    min: 1,
    importance: 'medium',
    status: enforced,
    documentation: 'Most partitions that one DescribeTopicPartitions response lists.',
  }),
  'producer.purgatory.purge.interval.requests': int({
    default: 1000,
    importance: 'medium',
    status: meansNothingHere,
    documentation:
      'How many answered produce requests Kafka keeps listed before it sweeps them out. Ottla forgets them when they are answered.',
  }),
  'queued.max.request.bytes': long({
    default: -1,
    importance: 'medium',
    status: enforced,
    documentation:
      'Bytes of requests that are received or served, over all connections, above which nothing more is read. Unless it is above 0, a share of the memory that the process may use.',
  }),
  'queued.max.requests': int({
    default: 500,
    min: 1,
    importance: 'high',
    status: meansNothingHere,
    documentation:
      "Requests that may wait between Kafka's network and request threads. Ottla has no such queue: it bounds what each connection may have waiting.",
  }),
  'request.timeout.ms': int({
    default: 30_000,
    importance: 'high',
    status: awaits('cluster'),
    documentation: "How long a broker waits for another broker's answer before it tries again.",
  }),
  'socket.connection.setup.timeout.max.ms': long({
    default: 30_000,
    importance: 'medium',
    status: awaits('cluster'),
    documentation: 'Upper bound to which the time allowed for connecting to another broker grows while attempts fail.',
  }),
  'socket.connection.setup.timeout.ms': long({
    default: 10_000,
    importance: 'medium',
    status: awaits('cluster'),
    documentation: 'Time allowed for the first attempt to connect to another broker.',
  }),
  'socket.listen.backlog.size': int({
    default: 50,
    min: 1,
    importance: 'medium',
    status: enforced,
    documentation: 'Connections that the kernel keeps waiting to be accepted; the operating system may cap it.',
  }),
  'socket.receive.buffer.bytes': int({
    default: 102_400,
    importance: 'high',
    status: meansNothingHere,
    documentation: "Size of a connection's kernel buffer for incoming data. Node leaves it to the operating system.",
  }),
  'socket.request.max.bytes': int({
    default: 104_857_600,
    min: 1,
    importance: 'high',
    status: enforced,
    documentation: 'Largest request that is accepted; a connection that announces a larger one is closed.',
  }),
  'socket.send.buffer.bytes': int({
    default: 102_400,
    importance: 'high',
    status: meansNothingHere,
    documentation: "Size of a connection's kernel buffer for outgoing data. Node leaves it to the operating system.",
  }),
} satisfies KeyTable
