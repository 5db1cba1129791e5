/**
 * Opens what a broker keeps on disk, its logs and the cluster's metadata, and decides which failures of a log directory it survives.
 *
 * The metadata lies in one of the log directories, or is another process's. A broker without it knows nothing any more, so it ends when that directory fails, or the last
 * one; when another one fails, the partitions in it answer KAFKA_STORAGE_ERROR and all others go on.
 */

import type { Io } from '../io/io.ts'
import { LogManager } from '../log/log-manager.ts'
import type { LoadingSettings } from '../log/log-manager.ts'
import { ClusterImage } from '../metadata/cluster-image.ts'
import type { BrokerConfig } from '../metadata/config/broker-config.ts'
import { resolveTopicConfig } from '../metadata/config/topic-config.ts'
import { holdsEmbeddedStore, openEmbeddedStore } from '../metadata/embedded.ts'
import { ConfigResourceType } from '../metadata/config-resource.ts'
import { MetadataLog } from '../metadata/metadata-log.ts'
import { RemoteStore } from '../metadata/remote-store.ts'
import { assert } from '../std/assert.ts'
import { BrokerStartError } from './broker-start-error.ts'
import type { BrokerOptions } from './broker.ts'
import { resolveDynamicConfig } from './dynamic-config.ts'
import { refuseStrangers, refuseTransactions } from './strangers.ts'

export interface Storage {
  readonly logs: LogManager
  readonly metadataLog: MetadataLog
}

/** Puts into `undo` how each part is closed again. Rejects with a `BrokerStartError` for what a user can put right. */
export async function openStorage(io: Io, options: BrokerOptions, undo: (() => Promise<void>)[]): Promise<Storage> {
  const vital = new VitalDirectories(options)
  let metadataLog: MetadataLog | undefined
  if (options.metadata.kind === 'linked') {
    metadataLog = await MetadataLog.open(io, new RemoteStore(options.metadata.calls), options.logging)
    undo.push(() => metadataLog!.close())
  }
  // New directories join the cluster whose metadata this is.
  const logs = await openLogs(io, options, vital, metadataLog?.image.clusterId, async manager => {
    if (metadataLog === undefined) {
      metadataLog = await openMetadata(io, options, manager, vital)
      undo.push(() => metadataLog!.close())
    } else vital.opened(manager, undefined)
    return metadataLog.image
  })
  undo.push(() => logs.close())
  assert(metadataLog !== undefined, 'the metadata is open when the logs are')
  return { logs, metadataLog }
}

/** Tells the owner when a directory has failed that the broker cannot do without. */
class VitalDirectories {
  readonly #options: BrokerOptions
  #logs: LogManager | undefined
  #metadataDirectory: string | undefined

  constructor(options: BrokerOptions) {
    this.#options = options
  }

  /** `metadataDirectory` is undefined where the metadata is elsewhere. */
  opened(logs: LogManager, metadataDirectory: string | undefined): void {
    this.#logs = logs
    this.#metadataDirectory = metadataDirectory
  }

  failed(directory: string, cause: Error): void {
    // One that fails before the metadata has been looked for is found to be missing then.
    if (this.#logs === undefined) return
    if (directory !== this.#metadataDirectory && this.#logs.directories.length > 0) return
    this.#options.onFatal(new Error(`the log directory ${directory} has failed: ${cause.message}`, { cause }))
  }
}

async function openLogs(
  io: Io,
  options: BrokerOptions,
  vital: VitalDirectories,
  clusterId: string | undefined,
  readMetadata: (manager: LogManager) => Promise<ClusterImage>,
): Promise<LogManager> {
  const { config, logging } = options
  const opened = await LogManager.open(io, {
    ...loadingSettings(config, new ClusterImage()),
    directories: config.logDirs,
    nodeId: config.nodeId,
    clusterId,
    logging,
    cacheBudgetBytes: config.logCacheBytes ?? options.logCacheBytes,
    retentionCheckIntervalMs: config.logRetentionCheckIntervalMs,
    flushOffsetCheckpointIntervalMs: config.logFlushOffsetCheckpointIntervalMs,
    flushStartOffsetCheckpointIntervalMs: config.logFlushStartOffsetCheckpointIntervalMs,
    highWatermarkCheckpointIntervalMs: config.replicaHighWatermarkCheckpointIntervalMs,
    producerIdExpirationCheckIntervalMs: config.producerIdExpirationCheckIntervalMs,
    cleaner: config.logCleaner,
    openFilesMax: options.openFilesMax,
    settingsBeforeLoading: async manager => {
      const image = await readMetadata(manager)
      return loadingSettings(resolveDynamicConfig(config, image), image)
    },
    onDirectoryOffline: (directory, cause) => vital.failed(directory, cause),
  })
  if (!opened.ok) throw new BrokerStartError(opened.error.kind, opened.error.message)
  return opened.manager
}

function loadingSettings(config: BrokerConfig, image: ClusterImage): LoadingSettings {
  return {
    configFor: topic => {
      const topicConfig = resolveTopicConfig(config.topicDefaults, image.config(ConfigResourceType.TOPIC, topic))
      // What belongs to no topic is kept, until somebody has looked at it; see `PartitionTable`.
      return image.topicByName(topic) === undefined ? { ...topicConfig, cleanupPolicy: [] } : topicConfig
    },
    producerIdExpirationMs: config.producerIdExpirationMs,
    recoveryThreadsPerDirectory: config.numRecoveryThreadsPerDataDir,
  }
}

async function openMetadata(
  io: Io,
  options: BrokerOptions,
  logs: LogManager,
  vital: VitalDirectories,
): Promise<MetadataLog> {
  const directory = await metadataDirectory(io, logs)
  const opened = await openEmbeddedStore(io, directory, options.logging)
  if (!opened.ok) throw new BrokerStartError(opened.error.kind, opened.error.message)
  vital.opened(logs, directory)
  const log = await MetadataLog.open(io, opened.store, options.logging)
  try {
    refuseStrangers(log.image, options)
    refuseTransactions(log.image, options)
  } catch (error) {
    await log.close()
    throw error
  }
  return log
}

/**
 * The metadata lies beside the data: whoever copies or removes the one does so to the other. It begins in the first directory and stays where it
 * is, however `log.dirs` is ordered later; while it may be in a directory that cannot be read, none may be begun in another.
 */
async function metadataDirectory(io: Io, logs: LogManager): Promise<string> {
  const holding: string[] = []
  for (const directory of logs.directories) if (await holdsEmbeddedStore(io, directory)) holding.push(directory)
  if (holding.length > 1)
    throw new BrokerStartError(
      'duplicate-metadata',
      `the cluster's metadata is in several log directories, ${holding.join(' and ')}; remove the files ottla-metadata.* that are out of date`,
    )
  const [known] = holding
  if (known !== undefined) return known
  const [offline] = logs.offlineDirectories
  if (offline !== undefined)
    throw new BrokerStartError(
      'not-writable',
      `the log directory ${offline} cannot be used, and the cluster's metadata is in no other one; make it readable and writable, or take it out of log.dirs`,
    )
  return logs.directories[0]!
}
