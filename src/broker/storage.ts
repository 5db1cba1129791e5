/**
 * Opens what a broker keeps on disk, its logs and the cluster's metadata, and decides which failures of a log directory it survives.
 *
 * The metadata lies in one of the log directories. A broker without it knows nothing any more, so it ends when that directory fails, or the last
 * one; when another one fails, the partitions in it answer KAFKA_STORAGE_ERROR and all others go on.
 */

import type { Io } from '../io/io.ts'
import { LogManager } from '../log/log-manager.ts'
import { resolveTopicConfig } from '../metadata/config/topic-config.ts'
import { holdsEmbeddedStore, openEmbeddedStore } from '../metadata/embedded.ts'
import { MetadataLog } from '../metadata/metadata-log.ts'
import { BrokerStartError } from './broker-start-error.ts'
import type { BrokerOptions } from './broker.ts'

export interface Storage {
  readonly logs: LogManager
  readonly metadataLog: MetadataLog
}

/** Puts into `undo` how each part is closed again. Rejects with a `BrokerStartError` for what a user can put right. */
export async function openStorage(io: Io, options: BrokerOptions, undo: (() => Promise<void>)[]): Promise<Storage> {
  const vital = new VitalDirectories(options)
  const logs = await openLogs(io, options, vital)
  undo.push(() => logs.close())
  if (logs.directories.length === 0)
    throw new BrokerStartError('not-writable', 'no log directory can be read: see the errors above')
  const directory = await metadataDirectory(io, logs)
  vital.opened(logs, directory)
  const opened = await openEmbeddedStore(io, directory, options.logging)
  if (!opened.ok) throw new BrokerStartError(opened.error.kind, opened.error.message)
  const metadataLog = await MetadataLog.open(io, opened.store, options.logging)
  undo.push(() => metadataLog.close())
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

  /** Failures before this are found when the metadata is looked for. */
  opened(logs: LogManager, metadataDirectory: string): void {
    this.#logs = logs
    this.#metadataDirectory = metadataDirectory
  }

  failed(directory: string, cause: Error): void {
    if (this.#logs === undefined) return
    if (directory !== this.#metadataDirectory && this.#logs.directories.length > 0) return
    this.#options.onFatal(new Error(`the log directory ${directory} has failed`, { cause }))
  }
}

async function openLogs(io: Io, options: BrokerOptions, vital: VitalDirectories): Promise<LogManager> {
  const { config, logging } = options
  // The metadata, which has the topics' own settings, is in a folder that is only ours once it is locked. Logs open by the defaults, and
  // get their settings when the partition table takes them up.
  const defaults = resolveTopicConfig(config.topicDefaults, new Map())
  const opened = await LogManager.open(io, {
    directories: config.logDirs,
    nodeId: config.nodeId,
    clusterId: undefined,
    configFor: () => defaults,
    logging,
    cacheBudgetBytes: config.logCacheBytes ?? options.logCacheBytes,
    retentionCheckIntervalMs: config.logRetentionCheckIntervalMs,
    flushOffsetCheckpointIntervalMs: config.logFlushOffsetCheckpointIntervalMs,
    flushStartOffsetCheckpointIntervalMs: config.logFlushStartOffsetCheckpointIntervalMs,
    highWatermarkCheckpointIntervalMs: config.replicaHighWatermarkCheckpointIntervalMs,
    producerIdExpirationMs: config.producerIdExpirationMs,
    recoveryThreadsPerDirectory: config.numRecoveryThreadsPerDataDir,
    onDirectoryOffline: (directory, cause) => vital.failed(directory, cause),
  })
  if (!opened.ok) throw new BrokerStartError(opened.error.kind, opened.error.message)
  return opened.manager
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
