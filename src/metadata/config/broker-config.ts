/**
 * A broker's settings as a typed object: what the layers above read instead of names and texts.
 *
 * A snapshot: where settings change at run time there is a new one (`DynamicBrokerConfig`). Sizes in bytes, times in milliseconds.
 */
import type { ConsumerGroupSetting } from './group-config.ts'
import { type BrokerLayers, BrokerSettings } from './broker-settings.ts'
import { type ListenerLimits, listenerLimitsOf } from './connection-limits.ts'
import type { TopicDefaults } from './topic-config.ts'
import { parseConnectionOverrides } from './validators.ts'

export interface LogCleanerConfig {
  readonly enable: boolean
  /** Logs compacted at the same time; 0 means that none is. */
  readonly threads: number
  readonly backoffMs: number
  /** For the maps from key to offset, over all cleaners. */
  readonly dedupeBufferBytes: number
  /** How full a map may become, between 0 and 1. */
  readonly ioBufferLoadFactor: number
  /** For reading and writing, over all cleaners. */
  readonly ioBufferBytes: number
  readonly ioMaxBytesPerSecond: number
}

/** How a topic is made that the broker needs for itself. */
export interface InternalTopicConfig {
  readonly partitions: number
  readonly segmentBytes: number
  /** As it is set; where it is not, three, or fewer where there are fewer brokers. */
  replicationFactor(brokers: number): number
  /** As it is set; where it is not, what Kafka takes, or fewer where there are fewer replicas. Undefined: as for any topic. */
  minInSyncReplicas(brokers: number): number | undefined
}

/** `transaction.*` and what belongs to it. */
export interface TransactionsConfig {
  /** `transaction.max.timeout.ms` */
  readonly timeoutMsMax: number
  readonly transactionalIdExpirationMs: number
  /** `ottla.transactional.ids.max` */
  readonly transactionalIdsMax: number
  readonly abortTimedOutIntervalMs: number
  readonly removeExpiredIntervalMs: number
  readonly partitionVerificationEnable: boolean
  /** `add.partitions.to.txn.retry.backoff.ms` and `.max.ms` */
  readonly addPartitionsRetryBackoffMs: number
  readonly addPartitionsRetryMsMax: number
  /** `transaction.state.log.load.buffer.size` */
  readonly loadBufferBytes: number
}

/** Of consumer groups and their committed offsets. */
export interface GroupsConfig {
  /** `ottla.groups.max`, `ottla.group.members.max`, `ottla.group.offsets.max` */
  readonly groupsMax: number
  readonly membersMax: number
  readonly offsetsMax: number
  readonly minSessionTimeoutMs: number
  readonly maxSessionTimeoutMs: number
  readonly initialRebalanceDelayMs: number
  readonly maxSize: number
  readonly offsetMetadataMaxBytes: number
  readonly offsetsRetentionMs: number
  readonly offsetsRetentionCheckIntervalMs: number
  /** Negative: until the end of the turn. */
  readonly appendLingerMs: number
  readonly commitTimeoutMs: number
  readonly loadBufferBytes: number
  /** The code of a compression. */
  readonly compression: number
}

/** What a group may set for itself, between two bounds. */
export interface BoundedSetting {
  readonly min: number
  readonly usual: number
  readonly max: number
}

/** Of groups of the consumer protocol (KIP-848). */
export interface ConsumerGroupsConfig {
  /** `group.coordinator.rebalance.protocols` names the protocol. */
  readonly isOffered: boolean
  /** Names; the first is the default. */
  readonly assignors: readonly string[]
  readonly maxSize: number
  /** As it was written, in any case. */
  readonly migrationPolicy: string
  readonly regexRefreshIntervalMs: number
  readonly sessionTimeoutMs: BoundedSetting
  readonly heartbeatIntervalMs: BoundedSetting
  readonly assignmentIntervalMs: BoundedSetting
}

export interface BrokerConfig {
  /** Every key by its name, with where it was set. */
  readonly settings: BrokerSettings

  readonly nodeId: number
  readonly rack: string | null
  /** `log.dirs`, or `log.dir`. */
  readonly logDirs: readonly string[]

  readonly socketRequestMaxBytes: number
  readonly socketListenBacklogSize: number
  /** Over all connections; negative or 0: a share of the memory that the process may use. */
  readonly queuedMaxRequestBytes: number
  readonly connectionsMaxIdleMs: number
  readonly maxConnections: number
  readonly maxConnectionsPerIp: number
  /** By address. */
  readonly maxConnectionsPerIpOverrides: ReadonlyMap<string, number>
  /** Per second. */
  readonly maxConnectionCreationRate: number
  /** By listener name in lower case; a listener that is absent has no limits of its own. */
  readonly listenerLimits: ReadonlyMap<string, ListenerLimits>

  readonly fetchMaxBytes: number
  readonly maxIncrementalFetchSessionCacheSlots: number
  /** Of DescribeTopicPartitions. */
  readonly maxRequestPartitionSizeLimit: number

  readonly autoCreateTopicsEnable: boolean
  readonly deleteTopicEnable: boolean
  readonly numPartitions: number
  readonly defaultReplicationFactor: number
  /** What topics that say nothing get; `resolveTopicConfig` takes it. */
  readonly topicDefaults: TopicDefaults

  readonly logFlushOffsetCheckpointIntervalMs: number
  readonly logFlushStartOffsetCheckpointIntervalMs: number
  readonly logRetentionCheckIntervalMs: number
  readonly replicaHighWatermarkCheckpointIntervalMs: number
  readonly numRecoveryThreadsPerDataDir: number
  readonly logCleaner: LogCleanerConfig

  /** Copied between log directories at most. */
  readonly moveBytesPerSecondMax: number
  readonly producerIdExpirationMs: number
  /** `ottla.partitions.max` */
  readonly partitionsMax: number
  /** `ottla.producer.ids.max` */
  readonly producerIdsMax: number
  readonly producerIdExpirationCheckIntervalMs: number
  readonly offsetsTopic: InternalTopicConfig
  readonly transactionStateTopic: InternalTopicConfig
  readonly shareStateTopic: InternalTopicConfig
  readonly transactions: TransactionsConfig
  readonly groups: GroupsConfig
  readonly consumerGroups: ConsumerGroupsConfig

  /** Null: a share of the memory that the process may use. */
  readonly logCacheBytes: number | null
  /** `host:port`; null: metrics are not served. */
  readonly metricsListener: string | null
}

export function resolveBrokerConfig(layers: BrokerLayers): BrokerConfig {
  const settings = new BrokerSettings(layers)
  return {
    settings,
    nodeId: nodeIdOf(settings),
    rack: settings.get('broker.rack'),
    logDirs: settings.get('log.dirs') ?? settings.get('log.dir'),
    ...networkOf(settings),
    ...topicsOf(settings),
    ...logsOf(settings),
    offsetsTopic: internalTopic(settings, 'offsets.topic', undefined),
    transactionStateTopic: internalTopic(settings, 'transaction.state.log', 'transaction.state.log.min.isr'),
    shareStateTopic: internalTopic(settings, 'share.coordinator.state.topic', 'share.coordinator.state.topic.min.isr'),
    transactions: transactionsOf(settings),
    groups: groupsOf(settings),
    consumerGroups: consumerGroupsOf(settings),
    logCacheBytes: settings.get('ottla.log.cache.bytes'),
    metricsListener: settings.get('ottla.metrics.listener'),
  }
}

/** `node.id`, or its older name, or 1: a single broker needs no number. */
function nodeIdOf(settings: BrokerSettings): number {
  if (settings.isSet('node.id')) return settings.get('node.id') ?? 1
  return settings.isSet('broker.id') && settings.get('broker.id') >= 0 ? settings.get('broker.id') : 1
}

function networkOf(settings: BrokerSettings) {
  return {
    socketRequestMaxBytes: settings.get('socket.request.max.bytes'),
    socketListenBacklogSize: settings.get('socket.listen.backlog.size'),
    queuedMaxRequestBytes: settings.get('queued.max.request.bytes'),
    connectionsMaxIdleMs: settings.get('connections.max.idle.ms'),
    maxConnections: settings.get('max.connections'),
    maxConnectionsPerIp: settings.get('max.connections.per.ip'),
    maxConnectionsPerIpOverrides:
      parseConnectionOverrides(settings.get('max.connections.per.ip.overrides')) ?? new Map(),
    maxConnectionCreationRate: settings.get('max.connection.creation.rate'),
    listenerLimits: listenerLimitsOf(settings.layers),
    fetchMaxBytes: settings.get('fetch.max.bytes'),
    maxIncrementalFetchSessionCacheSlots: settings.get('max.incremental.fetch.session.cache.slots'),
    maxRequestPartitionSizeLimit: settings.get('max.request.partition.size.limit'),
  }
}

function topicsOf(settings: BrokerSettings) {
  return {
    autoCreateTopicsEnable: settings.get('auto.create.topics.enable'),
    deleteTopicEnable: settings.get('delete.topic.enable'),
    numPartitions: settings.get('num.partitions'),
    defaultReplicationFactor: settings.get('default.replication.factor'),
    topicDefaults: settings.topicDefaults,
  }
}

function logsOf(settings: BrokerSettings) {
  return {
    logFlushOffsetCheckpointIntervalMs: settings.get('log.flush.offset.checkpoint.interval.ms'),
    logFlushStartOffsetCheckpointIntervalMs: settings.get('log.flush.start.offset.checkpoint.interval.ms'),
    logRetentionCheckIntervalMs: settings.get('log.retention.check.interval.ms'),
    replicaHighWatermarkCheckpointIntervalMs: settings.get('replica.high.watermark.checkpoint.interval.ms'),
    numRecoveryThreadsPerDataDir: settings.get('num.recovery.threads.per.data.dir'),
    logCleaner: {
      enable: settings.get('log.cleaner.enable'),
      threads: settings.get('log.cleaner.threads'),
      backoffMs: settings.get('log.cleaner.backoff.ms'),
      dedupeBufferBytes: settings.get('log.cleaner.dedupe.buffer.size'),
      ioBufferLoadFactor: settings.get('log.cleaner.io.buffer.load.factor'),
      ioBufferBytes: settings.get('log.cleaner.io.buffer.size'),
      ioMaxBytesPerSecond: settings.get('log.cleaner.io.max.bytes.per.second'),
    },
    moveBytesPerSecondMax: settings.get('replica.alter.log.dirs.io.max.bytes.per.second'),
    producerIdExpirationMs: settings.get('producer.id.expiration.ms'),
    partitionsMax: settings.get('ottla.partitions.max'),
    producerIdsMax: settings.get('ottla.producer.ids.max'),
    producerIdExpirationCheckIntervalMs: settings.get('producer.id.expiration.check.interval.ms'),
  }
}

function transactionsOf(settings: BrokerSettings): TransactionsConfig {
  return {
    timeoutMsMax: settings.get('transaction.max.timeout.ms'),
    transactionalIdExpirationMs: settings.get('transactional.id.expiration.ms'),
    transactionalIdsMax: settings.get('ottla.transactional.ids.max'),
    abortTimedOutIntervalMs: settings.get('transaction.abort.timed.out.transaction.cleanup.interval.ms'),
    removeExpiredIntervalMs: settings.get('transaction.remove.expired.transaction.cleanup.interval.ms'),
    partitionVerificationEnable: settings.get('transaction.partition.verification.enable'),
    addPartitionsRetryBackoffMs: settings.get('add.partitions.to.txn.retry.backoff.ms'),
    addPartitionsRetryMsMax: settings.get('add.partitions.to.txn.retry.backoff.max.ms'),
    loadBufferBytes: settings.get('transaction.state.log.load.buffer.size'),
  }
}

function groupsOf(settings: BrokerSettings): GroupsConfig {
  return {
    minSessionTimeoutMs: settings.get('group.min.session.timeout.ms'),
    maxSessionTimeoutMs: settings.get('group.max.session.timeout.ms'),
    initialRebalanceDelayMs: settings.get('group.initial.rebalance.delay.ms'),
    maxSize: settings.get('group.max.size'),
    groupsMax: settings.get('ottla.groups.max'),
    membersMax: settings.get('ottla.group.members.max'),
    offsetsMax: settings.get('ottla.group.offsets.max'),
    offsetMetadataMaxBytes: settings.get('offset.metadata.max.bytes'),
    offsetsRetentionMs: settings.get('offsets.retention.minutes') * 60_000,
    offsetsRetentionCheckIntervalMs: settings.get('offsets.retention.check.interval.ms'),
    appendLingerMs: settings.get('group.coordinator.append.linger.ms'),
    commitTimeoutMs: settings.get('offsets.commit.timeout.ms'),
    loadBufferBytes: settings.get('offsets.load.buffer.size'),
    compression: settings.get('offsets.topic.compression.codec'),
  }
}

function consumerGroupsOf(settings: BrokerSettings): ConsumerGroupsConfig {
  const bounded = (name: ConsumerGroupSetting): BoundedSetting => ({
    min: settings.get(`group.consumer.min.${name}`),
    usual: settings.get(`group.consumer.${name}`),
    max: settings.get(`group.consumer.max.${name}`),
  })
  return {
    isOffered: settings.get('group.coordinator.rebalance.protocols').includes('consumer'),
    assignors: settings.get('group.consumer.assignors'),
    maxSize: settings.get('group.consumer.max.size'),
    migrationPolicy: settings.get('group.consumer.migration.policy'),
    regexRefreshIntervalMs: settings.get('group.consumer.regex.refresh.interval.ms'),
    sessionTimeoutMs: bounded('session.timeout.ms'),
    heartbeatIntervalMs: bounded('heartbeat.interval.ms'),
    assignmentIntervalMs: bounded('assignment.interval.ms'),
  }
}

function internalTopic(
  settings: BrokerSettings,
  prefix: 'offsets.topic' | 'transaction.state.log' | 'share.coordinator.state.topic',
  minIsrKey: 'transaction.state.log.min.isr' | 'share.coordinator.state.topic.min.isr' | undefined,
): InternalTopicConfig {
  const replicationFactorKey = `${prefix}.replication.factor` as const
  const replicas = settings.get(replicationFactorKey)
  const replicationFactor = (brokers: number): number =>
    settings.isSet(replicationFactorKey) ? replicas : Math.min(replicas, brokers)
  const minIsr = minIsrKey === undefined ? undefined : settings.get(minIsrKey)
  const minInSyncReplicas = (brokers: number): number | undefined => {
    if (minIsrKey === undefined || minIsr === undefined) return undefined
    return settings.isSet(minIsrKey) ? minIsr : Math.min(minIsr, replicationFactor(brokers))
  }
  return {
    partitions: settings.get(`${prefix}.num.partitions`),
    segmentBytes: settings.get(`${prefix}.segment.bytes`),
    replicationFactor,
    minInSyncReplicas,
  }
}
