/** The state of a broker as gauges under Kafka's names, read only when somebody looks. */

import type { Log } from '../log/log.ts'
import type { MetricId, Metrics, MetricTags } from '../std/metrics.ts'
import type { Acceptor } from './acceptor.ts'
import type { BrokerContext } from './broker-context.ts'

const server = 'kafka.server'

export function registerBrokerGauges(metrics: Metrics, broker: BrokerContext, acceptor: Acceptor): void {
  const { image, partitions, fetchSessions, controller } = broker
  const gauge = (group: string, type: string, name: string, help: string, read: () => number): void => {
    metrics.gauge({ group, type, name }, help, read)
  }
  const count = (
    holds: (partition: { isLeader: boolean; isUnderReplicated: boolean; isUnderMinIsr: boolean }) => boolean,
  ): number => {
    let number = 0
    for (const partition of partitions.all()) if (holds(partition)) number += 1
    return number
  }
  gauge(server, 'ReplicaManager', 'PartitionCount', 'Partitions on this broker', () => count(() => true))
  gauge(server, 'ReplicaManager', 'LeaderCount', 'Partitions that this broker leads', () =>
    count(partition => partition.isLeader),
  )
  gauge(server, 'ReplicaManager', 'UnderReplicatedPartitions', 'Led partitions with replicas out of sync', () =>
    count(partition => partition.isUnderReplicated),
  )
  gauge(
    server,
    'ReplicaManager',
    'UnderMinIsrPartitionCount',
    'Led partitions with fewer in-sync replicas than min.insync.replicas',
    () => count(partition => partition.isUnderMinIsr),
  )
  gauge(server, 'ReplicaManager', 'OfflineReplicaCount', 'Partitions on log directories that have failed', () =>
    failedLogs(broker),
  )
  gauge(server, 'FetchSessionCache', 'NumIncrementalFetchSessions', 'Fetch sessions', () => fetchSessions.size)
  gauge(
    server,
    'FetchSessionCache',
    'NumIncrementalFetchPartitionsCached',
    'Partitions in fetch sessions',
    () => fetchSessions.partitionCount,
  )
  gauge(
    server,
    'DelayedOperationPurgatory',
    'NumDelayedOperations',
    'Fetches that wait for records',
    () => broker.waitingFetches.size,
  )
  gauge('kafka.controller', 'KafkaController', 'ActiveControllerCount', '1 where this broker is the controller', () =>
    controller.isActive ? 1 : 0,
  )
  gauge('kafka.controller', 'KafkaController', 'GlobalTopicCount', 'Topics of the cluster', () => image.topicCount)
  gauge(
    'kafka.controller',
    'KafkaController',
    'GlobalPartitionCount',
    'Partitions of the cluster',
    () => image.partitionCount,
  )
  metrics.collector(
    { group: server, type: 'SocketServerMetrics', name: 'ConnectionCount' },
    'gauge',
    'Open connections',
    emit => {
      for (const { name } of acceptor.bound) emit({ listener: name }, acceptor.connectionCountOf(name))
    },
  )
  metrics.collector(
    { group: 'kafka.network', type: 'SocketServer', name: 'RefusedConnections' },
    'counter',
    'Connections refused by a limit',
    emit => emit({}, acceptor.refusedCount),
  )
  registerLogGauges(metrics, broker)
  registerDirectoryGauges(metrics, broker)
  registerCleanerGauges(metrics, broker)
}

function registerDirectoryGauges(metrics: Metrics, { logs }: BrokerContext): void {
  metrics.gauge(
    { group: 'kafka.log', type: 'LogManager', name: 'OfflineLogDirectoryCount' },
    'Log directories that have failed',
    () => logs.offlineDirectories.length,
  )
  metrics.collector(
    { group: 'kafka.log', type: 'LogManager', name: 'LogDirectoryOffline' },
    'gauge',
    '1 for a log directory that has failed',
    emit => {
      for (const logDirectory of logs.directories) emit({ logDirectory }, 0)
      for (const logDirectory of logs.offlineDirectories) emit({ logDirectory }, 1)
    },
  )
}

function registerCleanerGauges(metrics: Metrics, { logs }: BrokerContext): void {
  const cleaner = logs.cleaner?.metrics
  if (cleaner === undefined) return
  const gauge = (type: 'LogCleaner' | 'LogCleanerManager', name: string, help: string, read: () => number): void =>
    metrics.gauge({ group: 'kafka.log', type, name }, help, read)
  gauge(
    'LogCleaner',
    'max-buffer-utilization-percent',
    'How full the map of the last cleaning was',
    () => cleaner.maxBufferUtilizationPercent,
  )
  gauge(
    'LogCleaner',
    'cleaner-recopy-percent',
    'Of the bytes that the last cleaning read, those that it kept',
    () => cleaner.cleanerRecopyPercent,
  )
  gauge('LogCleaner', 'max-clean-time-secs', 'Duration of the last cleaning', () => cleaner.maxCleanTimeSecs)
  gauge(
    'LogCleaner',
    'max-compaction-delay-secs',
    'The longest that a log has waited beyond max.compaction.lag.ms',
    () => cleaner.maxCompactionDelaySecs,
  )
  gauge(
    'LogCleanerManager',
    'max-dirty-percent',
    'How dirty the dirtiest log was at the last look',
    () => cleaner.maxDirtyPercent,
  )
  gauge(
    'LogCleanerManager',
    'time-since-last-run-ms',
    'Time since the cleaner last looked for a log to compact',
    () => cleaner.timeSinceLastRunMs,
  )
  const byDirectory = (name: string, help: string, read: (directory: string) => number): void =>
    metrics.collector({ group: 'kafka.log', type: 'LogCleanerManager', name }, 'gauge', help, emit => {
      for (const logDirectory of logs.directories) emit({ logDirectory }, read(logDirectory))
    })
  byDirectory('uncleanable-partitions-count', 'Logs that cannot be compacted', cleaner.uncleanablePartitionsCount)
  byDirectory('uncleanable-bytes', 'Size of the logs that cannot be compacted', cleaner.uncleanableBytes)
}

function registerLogGauges(metrics: Metrics, { logs }: BrokerContext): void {
  const collect = (name: string, help: string, read: (log: Log) => number): void => {
    const id: MetricId = { group: 'kafka.log', type: 'Log', name }
    metrics.collector(id, 'gauge', help, emit => {
      for (const log of logs.all()) emit(tagsOf(log), read(log))
    })
  }
  collect('Size', 'Bytes in a partition', log => log.sizeBytes)
  collect('LogStartOffset', 'The first offset of a partition', log => log.logStartOffset)
  collect('LogEndOffset', 'The next offset of a partition', log => log.logEndOffset)
  collect('NumLogSegments', 'Segments of a partition', log => log.segmentCount)
}

function failedLogs({ logs }: BrokerContext): number {
  let number = 0
  for (const log of logs.all()) if (log.failure !== undefined) number += 1
  return number
}

function tagsOf(log: Log): MetricTags {
  return { topic: log.topic, partition: String(log.partition) }
}
