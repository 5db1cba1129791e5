/**
 * Keys of the broker for threads, metrics, quotas and plugins.
 */
import { awaits, int, javaClass, list, long, meansNothingHere, notYet, string, type KeyTable } from '../definition.ts'

export const operationsKeys = {
  'alter.log.dirs.replication.quota.window.num': int({
    default: 11,
    min: 1,
    importance: 'low',
    status: awaits('quotas'),
    documentation: 'Samples over which the rate of moves between log directories is measured.',
  }),
  'alter.log.dirs.replication.quota.window.size.seconds': int({
    default: 1,
    min: 1,
    importance: 'low',
    status: awaits('quotas'),
    documentation: 'Seconds of each sample of that rate.',
  }),
  'background.threads': int({
    default: 10,
    min: 1,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: meansNothingHere,
    documentation: 'Threads for background work in Kafka. Ottla does it on the event loop.',
  }),
  'client.quota.callback.class': javaClass({
    default: null,
    importance: 'low',
    status: notYet,
    documentation: 'Java class that decides on quotas. Ottla runs no Java, so setting it is refused.',
  }),
  'config.providers': list({
    default: [],
    importance: 'low',
    updateMode: 'cluster-wide',
    status: notYet,
    documentation:
      'Java classes that resolve references inside configuration values. References are not resolved, so setting it is refused.',
  }),
  'controller.quota.window.num': int({
    default: 11,
    min: 1,
    importance: 'low',
    status: awaits('quotas'),
    documentation: 'Samples over which the rate of metadata changes is measured.',
  }),
  'controller.quota.window.size.seconds': int({
    default: 1,
    min: 1,
    importance: 'low',
    status: awaits('quotas'),
    documentation: 'Seconds of each sample of that rate.',
  }),
  'kafka.metrics.polling.interval.secs': int({
    default: 10,
    min: 1,
    importance: 'low',
    status: meansNothingHere,
    documentation: "How often Kafka's metrics reporters poll. Ottla serves its metrics when it is asked for them.",
  }),
  'kafka.metrics.reporters': list({
    default: [],
    importance: 'low',
    status: meansNothingHere,
    documentation: 'Java classes that report metrics. Ottla serves them to Prometheus.',
  }),
  'metric.reporters': list({
    default: ['org.apache.kafka.common.metrics.JmxReporter'],
    importance: 'low',
    updateMode: 'cluster-wide',
    status: meansNothingHere,
    documentation: 'Java classes that report metrics. Ottla serves them to Prometheus.',
  }),
  'metrics.num.samples': int({
    default: 2,
    min: 1,
    importance: 'low',
    status: meansNothingHere,
    documentation:
      'Samples over which Kafka averages its metrics. Ottla serves counters and leaves averages to Prometheus.',
  }),
  'metrics.recording.level': string({
    default: 'INFO',
    importance: 'low',
    status: meansNothingHere,
    documentation: "How detailed Kafka's metrics are. Ottla always serves all of its own.",
  }),
  'metrics.sample.window.ms': long({
    default: 30_000,
    min: 1,
    importance: 'low',
    status: meansNothingHere,
    documentation: "Length of one sample of Kafka's metrics. Ottla serves counters and leaves averages to Prometheus.",
  }),
  'num.io.threads': int({
    default: 8,
    min: 1,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: meansNothingHere,
    documentation: 'Threads that serve requests in Kafka. Ottla serves them on the event loop.',
  }),
  'num.network.threads': int({
    default: 3,
    min: 1,
    importance: 'high',
    updateMode: 'cluster-wide',
    status: meansNothingHere,
    documentation: 'Threads that move bytes in Kafka. Ottla moves them on the event loop.',
  }),
  'quota.window.num': int({
    default: 11,
    min: 1,
    importance: 'low',
    status: awaits('quotas'),
    documentation: "Samples over which a client's rates are measured.",
  }),
  'quota.window.size.seconds': int({
    default: 1,
    min: 1,
    importance: 'low',
    status: awaits('quotas'),
    documentation: "Seconds of each sample of a client's rates.",
  }),
  'replication.quota.window.num': int({
    default: 11,
    min: 1,
    importance: 'low',
    status: awaits('quotas'),
    documentation: 'Samples over which the rate of replication is measured.',
  }),
  'replication.quota.window.size.seconds': int({
    default: 1,
    min: 1,
    importance: 'low',
    status: awaits('quotas'),
    documentation: 'Seconds of each sample of that rate.',
  }),
  'telemetry.max.bytes': int({
    default: 1_048_576,
    min: 1,
    importance: 'low',
    status: awaits('client telemetry'),
    documentation: 'Largest set of metrics that a client may push.',
  }),
} satisfies KeyTable
