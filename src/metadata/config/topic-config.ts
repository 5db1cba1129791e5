/**
 * A topic's settings as a typed object: its own overrides, over what the broker's settings make the default.
 *
 * Made anew whenever either changes; cheap enough to be made per topic and change. Validating new overrides is `alter-topic.ts`'s work.
 */
import type { LogConfig } from '../../log/log-config.ts'
import { assert } from '../../std/assert.ts'
import { ConfigDef, type ConfigValue, type ValueOf } from './definition.ts'
import type { ParsedValue } from './parse.ts'
import { type Overrides, parseOverrides } from './settings.ts'
import { topicKeys } from './topic-keys.ts'

type TopicKeys = typeof topicKeys
export type TopicKeyName = keyof TopicKeys

export const topicConfigDef = new ConfigDef(topicKeys)

/**
 * Every setting of a topic. Sizes in bytes, times in milliseconds; "never" is `Number.MAX_SAFE_INTEGER`, since Kafka's largest long is only
 * ever compared with.
 */
export interface TopicConfig extends LogConfig {
  /** `min.insync.replicas` */
  readonly minInSyncReplicas: number
  readonly uncleanLeaderElectionEnable: boolean
  /** −2: as `retentionBytes`. */
  readonly localRetentionBytes: number
  /** −2: as `retentionMs`. */
  readonly localRetentionMs: number
  readonly remoteStorageEnable: boolean
  readonly remoteLogCopyDisable: boolean
  readonly remoteLogDeleteOnDisable: boolean
  /** `partition:broker` pairs, or `*` alone. */
  readonly leaderReplicationThrottledReplicas: readonly string[]
  readonly followerReplicationThrottledReplicas: readonly string[]
}

/** What each key of a topic is where the topic says nothing: `BrokerConfig.topicDefaults`. */
export type TopicDefaults = ReadonlyMap<string, ParsedValue>

/** Overrides that this version cannot read any more count as absent; `parseOverrides` names them. */
export function resolveTopicConfig(defaults: TopicDefaults, overrides: Overrides): TopicConfig {
  const { values } = parseOverrides(topicConfigDef, overrides)
  return build(name => {
    const parsed = values.get(name) ?? defaults.get(name)
    assert(parsed !== undefined, () => `topic setting without a default: ${name}`)
    return parsed.value
  })
}

function build(read: (name: TopicKeyName) => ConfigValue): TopicConfig {
  // The table gives each key its type; the parser has made a value of it.
  const get = <K extends TopicKeyName>(name: K): ValueOf<TopicKeys[K]> => read(name) as ValueOf<TopicKeys[K]>
  return {
    cleanupPolicy: get('cleanup.policy') as LogConfig['cleanupPolicy'],
    compressionType: get('compression.type') as LogConfig['compressionType'],
    compressionGzipLevel: get('compression.gzip.level'),
    compressionLz4Level: get('compression.lz4.level'),
    compressionZstdLevel: get('compression.zstd.level'),
    deleteRetentionMs: get('delete.retention.ms'),
    fileDeleteDelayMs: get('file.delete.delay.ms'),
    flushMessages: get('flush.messages'),
    flushMs: get('flush.ms'),
    indexIntervalBytes: get('index.interval.bytes'),
    localRetentionBytes: get('local.retention.bytes'),
    localRetentionMs: get('local.retention.ms'),
    maxCompactionLagMs: get('max.compaction.lag.ms'),
    maxMessageBytes: get('max.message.bytes'),
    messageTimestampAfterMaxMs: get('message.timestamp.after.max.ms'),
    messageTimestampBeforeMaxMs: get('message.timestamp.before.max.ms'),
    messageTimestampType: get('message.timestamp.type') as LogConfig['messageTimestampType'],
    minCleanableDirtyRatio: get('min.cleanable.dirty.ratio'),
    minCompactionLagMs: get('min.compaction.lag.ms'),
    minInSyncReplicas: get('min.insync.replicas'),
    preallocate: get('preallocate'),
    remoteLogCopyDisable: get('remote.log.copy.disable'),
    remoteLogDeleteOnDisable: get('remote.log.delete.on.disable'),
    remoteStorageEnable: get('remote.storage.enable'),
    retentionBytes: get('retention.bytes'),
    retentionMs: get('retention.ms'),
    segmentBytes: get('segment.bytes'),
    segmentIndexBytes: get('segment.index.bytes'),
    segmentJitterMs: get('segment.jitter.ms'),
    segmentMs: get('segment.ms'),
    uncleanLeaderElectionEnable: get('unclean.leader.election.enable'),
    leaderReplicationThrottledReplicas: get('leader.replication.throttled.replicas'),
    followerReplicationThrottledReplicas: get('follower.replication.throttled.replicas'),
  }
}
