/**
 * Opens every partition in the log directories when a broker starts: one after the other where nothing has to be read, several at a time where logs must be recovered, with
 * lines in the log that tell how far it has got.
 */
import type { Logger } from '../std/logger.ts'
import type { LogManagerOpenError, OpenedDirectory } from './directory-opening.ts'
import { PARTITION_METADATA, parsePartitionDirectory, partitionDirectoryName, segmentFileName } from './file-names.ts'
import type { PartitionDirectory } from './file-names.ts'
import type { LogConfig } from './log-config.ts'
import { diskErrorOf } from './log-context.ts'
import type { LogContext } from './log-context.ts'
import type { LogDirectory } from './log-directory.ts'
import { loadLog } from './log-loader.ts'
import type { Log } from './log.ts'
import { WorkLimit } from './work-limit.ts'

export interface LoadingSource {
  readonly source: OpenedDirectory
  readonly directory: LogDirectory
}

export interface LoadingOptions {
  readonly context: LogContext
  readonly logger: Logger
  readonly sources: readonly LoadingSource[]
  readonly configFor: (topic: string) => LogConfig
  readonly recoveryThreads: number
}

export type LoadedDirectories =
  | {
      readonly ok: true
      readonly logs: readonly { log: Log; directory: LogDirectory }[]
      /** Paths of partitions that were being deleted. */
      readonly deleted: readonly string[]
      readonly litter: readonly Litter[]
      /** Moves between log directories that were interrupted, with where they were going. */
      readonly unfinishedMoves: readonly { topic: string; partition: number; directory: LogDirectory }[]
    }
  | { readonly ok: false; readonly error: LogManagerOpenError }

/** Names of files in the folder of a log that are no part of it, and can be removed at any time. */
export interface Litter {
  readonly log: Log
  readonly names: readonly string[]
}

interface Folder extends PartitionDirectory, LoadingSource {
  readonly folderName: string
}

/** Kafka's own metadata, in a directory that a Kafka broker and controller in one has used. It is no partition of ours. */
const kafkaMetadataTopic = '__cluster_metadata'
const progressIntervalMs = 5000
/** Logs with little to be read are recovered so many at a time for each thread: nearly all of it is waiting for the disk, which syncs many files in little more time than one. */
const smallLogsPerThread = 8

export async function loadDirectories(options: LoadingOptions): Promise<LoadedDirectories> {
  const found: Folder[] = []
  const { disk } = options.context.io
  for (const source of options.sources) {
    for (const { name, directory } of disk.listSync(source.source.path)) {
      const parsed = directory ? parsePartitionDirectory(name) : undefined
      if (parsed !== undefined && parsed.topic !== kafkaMetadataTopic)
        found.push({ ...source, ...parsed, folderName: name })
    }
  }
  const current = new Map<string, Folder>()
  for (const folder of found.filter(each => each.kind === 'current')) {
    const other = current.get(folder.folderName)
    const leftOver = other === undefined ? undefined : await unusedOf(options.context, folder, other)
    if (other !== undefined && leftOver === undefined) return { ok: false, error: duplicate(folder, other) }
    if (leftOver !== folder) current.set(folder.folderName, folder)
    if (leftOver !== undefined) await disk.removeDirectory(pathOf(leftOver))
  }
  const unfinishedMoves: { topic: string; partition: number; directory: LogDirectory }[] = []
  for (const folder of found.filter(each => each.kind === 'future')) {
    const name = partitionDirectoryName(folder.topic, folder.partition)
    // A part of a copy lacks its id, which comes last; its original was lost with its name, and nothing of it had been durable.
    const isWhole = (): boolean => disk.statSync(`${pathOf(folder)}/${PARTITION_METADATA}`) !== undefined
    if (folder.partition >= 0 && !current.has(name) && isWhole())
      current.set(name, await promote(options.context, folder))
    else {
      await disk.removeDirectory(pathOf(folder))
      // Alone, because the original has been deleted since, it would be taken for the partition.
      await disk.syncDirectory(folder.directory.path)
      if (folder.partition >= 0) unfinishedMoves.push(folder)
    }
  }
  for (const { source, directory } of options.sources) noteGone(source, directory, current)
  const loaders = options.sources.map(({ directory }) => {
    const folders = [...current.values()].filter(folder => folder.directory === directory)
    return new DirectoryLoader(options, directory, folders)
  })
  const logs = await Promise.all(loaders.map(loader => loader.load()))
  const deleted = found.filter(each => each.kind === 'deleted')
  return {
    ok: true,
    logs: logs.flat(),
    deleted: deleted.map(folder => `${folder.directory.path}/${folder.folderName}`),
    litter: loaders.flatMap(loader => loader.litter),
    unfinishedMoves,
  }
}

/**
 * The copy of a partition that was being moved, and whose original has been given up: that is done only when the copy is whole and durable, so it takes
 * its place. Nothing is known of it here, so it is recovered from its start.
 */
async function promote(context: LogContext, folder: Folder): Promise<Folder> {
  const { disk } = context.io
  const folderName = partitionDirectoryName(folder.topic, folder.partition)
  await disk.rename(`${folder.directory.path}/${folder.folderName}`, `${folder.directory.path}/${folderName}`)
  await disk.syncDirectory(folder.directory.path)
  return {
    ...folder,
    kind: 'current',
    folderName,
    source: { ...folder.source, isClean: false, shutdownStates: undefined },
  }
}

/** What the checkpoints say of partitions that are not there must not be believed of later ones of the same names. */
function noteGone(source: OpenedDirectory, directory: LogDirectory, current: ReadonlyMap<string, Folder>): void {
  const { recoveryPoints, logStartOffsets, highWatermarks, firstDirtyOffsets } = source
  for (const offsets of [recoveryPoints, logStartOffsets, highWatermarks, firstDirtyOffsets]) {
    for (const name of offsets.keys()) if (current.get(name)?.directory !== directory) directory.partitionGone(name)
  }
}

class DirectoryLoader {
  readonly #options: LoadingOptions
  readonly #directory: LogDirectory
  readonly #folders: readonly Folder[]
  readonly #loaded: { log: Log; directory: LogDirectory }[] = []
  readonly #litter: Litter[] = []
  /** For logs of which more is to be read. */
  readonly #recoveries: WorkLimit
  #next = 0

  constructor(options: LoadingOptions, directory: LogDirectory, folders: readonly Folder[]) {
    this.#options = options
    this.#directory = directory
    this.#folders = folders
    this.#recoveries = new WorkLimit(Math.max(1, options.recoveryThreads))
  }

  /** Of the logs that were loaded. */
  get litter(): readonly Litter[] {
    return this.#litter
  }

  async load(): Promise<readonly { log: Log; directory: LogDirectory }[]> {
    const { logger, recoveryThreads, context } = this.#options
    const { path } = this.#directory
    const startMs = context.io.clock.monotonicMs()
    const unclean = this.#folders.filter(folder => !folder.source.isClean).length
    if (unclean > 0) logger.info('recovering logs that were not closed in order', { directory: path, logs: unclean })
    const workers = unclean > 0 ? smallLogsPerThread * Math.max(1, recoveryThreads) : 1
    await Promise.all(Array.from({ length: workers }, () => this.#loadSome()))
    logger.info('opened the logs', {
      directory: path,
      logs: this.#loaded.length,
      milliseconds: Math.round(context.io.clock.monotonicMs() - startMs),
    })
    return this.#loaded
  }

  async #loadSome(): Promise<void> {
    const { context, configFor } = this.#options
    for (let folder = this.#take(); folder !== undefined; folder = this.#take()) {
      const { topic, partition, folderName, source } = folder
      const name = partitionDirectoryName(topic, partition)
      try {
        const { log, litter } = await loadLog(context, this.#directory, {
          topic,
          partition,
          folderName,
          config: configFor(topic),
          isClean: source.isClean,
          recoveryPoint: source.recoveryPoints.get(name),
          logStartOffset: source.logStartOffsets.get(name) ?? 0,
          highWatermark: source.highWatermarks.get(name) ?? 0,
          firstDirtyOffset: source.firstDirtyOffsets.get(name),
          shutdownState: source.shutdownStates?.get(name),
          recoveries: this.#recoveries,
          onProgress: this.#reporterOf(name),
        })
        this.#loaded.push({ log, directory: this.#directory })
        if (litter.length > 0) this.#litter.push({ log, names: litter })
      } catch (error) {
        // The rest of the directory is not to be touched any more.
        this.#directory.failed(diskErrorOf(error))
        return
      }
    }
  }

  /** Nothing of a directory that has failed is looked at any more. */
  #take(): Folder | undefined {
    return this.#directory.offline === undefined ? this.#folders[this.#next++] : undefined
  }

  /** Says now and then how far the recovery of one log has got, when that takes long enough for somebody to wonder. */
  #reporterOf(name: string): (doneBytes: number, totalBytes: number) => void {
    const { clock } = this.#options.context.io
    const startMs = clock.monotonicMs()
    let lastMs = startMs
    return (doneBytes, totalBytes) => {
      const nowMs = clock.monotonicMs()
      if (nowMs - lastMs < progressIntervalMs || doneBytes === 0) return
      lastMs = nowMs
      const percent = Math.floor((100 * doneBytes) / totalBytes)
      const leftSeconds = Math.ceil(((nowMs - startMs) * (totalBytes - doneBytes)) / doneBytes / 1000)
      // A warning, because a broker that is waited for is to say what it does.
      this.#options.logger.warn(
        `recovering ${name}: ${percent} % of ${sizeText(totalBytes)}, about ${leftSeconds} s left`,
        { directory: this.#directory.path, logs: this.#loaded.length, of: this.#folders.length },
      )
    }
  }
}

/**
 * Of two folders of one partition, one that has never had a segment: a directory that failed while the partition was made in it, so that it was made in the other
 * one. Of two such, the one that was not even given its topic id. `undefined` when both have been written to.
 */
async function unusedOf({ io }: LogContext, ...folders: readonly Folder[]): Promise<Folder | undefined> {
  let unused: Folder | undefined
  for (const folder of folders) {
    const names = (await io.disk.list(pathOf(folder))).map(({ name }) => name)
    if (names.some(name => segmentFileName(name) !== undefined)) continue
    if (!names.includes(PARTITION_METADATA)) return folder
    unused ??= folder
  }
  return unused
}

function pathOf({ directory, folderName }: Folder): string {
  return `${directory.path}/${folderName}`
}

function sizeText(bytes: number): string {
  const [size, unit] = bytes >= 1e9 ? [bytes / 1e9, 'GB'] : bytes >= 1e6 ? [bytes / 1e6, 'MB'] : [bytes / 1e3, 'kB']
  return `${size.toFixed(1)} ${unit}`
}

function duplicate(folder: Folder, other: Folder): LogManagerOpenError {
  const { path } = folder.directory
  const message = `partition ${folder.folderName} is in two log directories, ${other.directory.path} and ${path}; remove the older one`
  return { kind: 'duplicate-partition', directory: path, message }
}
