/**
 * The embedded store's files on `Disk`: opened and recovered, appended to with a sync, folded into a snapshot.
 *
 * They are plain files in the first log directory, because Kafka's log manager takes every folder there for a partition and refuses to start over
 * one that is not, while it passes over files. A log of its own, and not a `Log` of the log layer: it needs none of the indexes, segments and
 * retention of that, must be readable before the log manager opens, and its recovery is strict where that of a partition's log is lenient.
 *
 * Lifecycle: `open` reads what is there; the first `append` makes the files where there are none. After a failed sync nothing is known of the disk
 * any more, so nothing may be called but `close`. The next process cannot know of that: what it reads may be in the system's memory only, believed
 * clean, and never be written. But only the last record can be such a one, since no record is written before the one in front of it is synced; so
 * `open` writes the last record again before it trusts it.
 */

import { dirname } from 'node:path/posix'
import type { Disk, DiskError, DiskFile, DiskLock, Io } from '../io/io.ts'
import { assert } from '../std/assert.ts'
import {
  CorruptStoreError,
  decodeLogHeader,
  decodeRecords,
  decodeSnapshot,
  encodeLogHeader,
  encodeRecord,
  encodeSnapshot,
  HEADER_BYTES,
  revisionAfter,
} from './embedded-format.ts'
import type { LogRecord, StoreContent } from './embedded-format.ts'
import type { StoreEntry } from './store.ts'

export const LOG_FILE = 'ottla-metadata.log'
export const SNAPSHOT_FILE = 'ottla-metadata.snapshot'
export const LOCK_FILE = 'ottla-metadata.lock'
const TEMPORARY_SUFFIX = '.tmp'

/** Another process, or another store of this one, has the files. */
export class StoreLockedError extends Error {
  override readonly name = 'StoreLockedError'
}

/** A sync failed: what was written since the last one may be on the disk or not, and no later sync will tell (see RELIABILITY). */
export class SyncFailedError extends Error {
  override readonly name = 'SyncFailedError'
}

/** An open log file and what is needed to append to it. */
interface OpenLog {
  readonly file: DiskFile
  readonly salt: number
}

export interface RecoveredContent {
  /** The last transaction's; 0 before the first. */
  readonly revision: number
  readonly entries: Map<string, StoreEntry>
}

/** Rejects with a DiskError. */
export async function embeddedFilesExist(disk: Disk, directory: string): Promise<boolean> {
  const found = await Promise.all([LOG_FILE, SNAPSHOT_FILE].map(name => disk.stat(`${directory}/${name}`)))
  return found.some(stat => stat !== undefined)
}

export class EmbeddedFiles {
  readonly #io: Io
  readonly #disk: Disk
  readonly #directory: string
  #lock: DiskLock | undefined
  #log: OpenLog | undefined
  /** Where the next record goes. */
  #endPosition = HEADER_BYTES
  #snapshotBytes = 0

  private constructor(io: Io, directory: string) {
    this.#io = io
    this.#disk = io.disk
    this.#directory = directory
  }

  /** Rejects with StoreLockedError, NewerFormatError, CorruptStoreError or a DiskError. */
  static async open(io: Io, directory: string): Promise<{ files: EmbeddedFiles; content: RecoveredContent }> {
    const files = new EmbeddedFiles(io, directory)
    if (!(await embeddedFilesExist(io.disk, directory))) return { files, content: { revision: 0, entries: new Map() } }
    try {
      await files.#takeLock()
      return { files, content: await files.#recover() }
    } catch (error) {
      await files.close()
      throw error
    }
  }

  get logBytes(): number {
    return this.#endPosition
  }

  get snapshotBytes(): number {
    return this.#snapshotBytes
  }

  /**
   * Writes a record and syncs it: then it is committed. When it rejects the record counts as never written as long as this process
   * lives, though a later one may find it; with SyncFailedError the files are not to be used any more.
   */
  async append(record: LogRecord): Promise<void> {
    this.#log ??= await this.#create()
    const { file, salt } = this.#log
    const bytes = encodeRecord(record, salt)
    // A record that failed to be written is overwritten by the next one, since its position is the same.
    await file.writev([bytes], this.#endPosition)
    await syncing(file.sync())
    this.#endPosition += bytes.length
  }

  /**
   * Puts `content` into a snapshot and begins a new log. At each step what is there is whole: records that the snapshot holds too are told by their
   * revisions.
   */
  async snapshot(content: StoreContent): Promise<void> {
    assert(this.#log !== undefined, 'a snapshot of a store that has no files')
    const bytes = encodeSnapshot(content)
    await this.#writeTemporary(SNAPSHOT_FILE, bytes)
    await this.#putInPlace(SNAPSHOT_FILE)
    this.#snapshotBytes = bytes.length
    // A log that is cut could grow back in a power cut; a new one has another salt, under which no old record is valid.
    const salt = await this.#writeEmptyLog()
    await syncing(this.#closeLog())
    this.#log = { file: await syncing(this.#openNewLog()), salt }
    this.#endPosition = HEADER_BYTES
  }

  async close(): Promise<void> {
    await this.#closeLog()
    const lock = this.#lock
    this.#lock = undefined
    await lock?.release()
  }

  async #closeLog(): Promise<void> {
    const log = this.#log
    this.#log = undefined
    await log?.file.close()
  }

  #path(name: string): string {
    return `${this.#directory}/${name}`
  }

  async #takeLock(): Promise<void> {
    const lock = await this.#disk.lock(this.#path(LOCK_FILE))
    if (lock === undefined) {
      throw new StoreLockedError(`the cluster metadata in ${this.#directory} is in use by another process`)
    }
    this.#lock = lock
  }

  async #recover(): Promise<RecoveredContent> {
    const snapshot = await this.#readSnapshot()
    if ((await this.#disk.stat(this.#path(LOG_FILE))) === undefined) {
      const salt = await this.#writeEmptyLog()
      this.#log = { file: await this.#openNewLog(), salt }
      return snapshot
    }
    // The log, or the snapshot, may have got its name a moment before the last process died.
    await syncing(this.#disk.syncDirectory(this.#directory))
    const file = await this.#openLog()
    try {
      return await this.#replay(file, snapshot)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async #replay(file: DiskFile, snapshot: RecoveredContent): Promise<RecoveredContent> {
    const bytes = new Uint8Array(await file.size())
    assert((await file.read(bytes, 0)) === bytes.length, () => `${LOG_FILE} has shrunk while it was read`)
    const salt = decodeLogHeader(bytes)
    const { records, lastPosition, endPosition } = decodeRecords(bytes, salt)
    const content = contentAfter(snapshot, records)
    if (endPosition < bytes.length) await file.truncate(endPosition)
    await file.writev([bytes.subarray(lastPosition, endPosition)], lastPosition)
    await syncing(file.sync())
    this.#log = { file, salt }
    this.#endPosition = endPosition
    return content
  }

  async #readSnapshot(): Promise<RecoveredContent> {
    for (const name of [SNAPSHOT_FILE, LOG_FILE]) await this.#disk.remove(this.#path(name + TEMPORARY_SUFFIX))
    const path = this.#path(SNAPSHOT_FILE)
    if ((await this.#disk.stat(path)) === undefined) return { revision: 0, entries: new Map() }
    const bytes = await this.#disk.readFile(path)
    this.#snapshotBytes = bytes.length
    return decodeSnapshot(bytes)
  }

  async #create(): Promise<OpenLog> {
    await this.#disk.makeDirectory(this.#directory)
    if (this.#lock === undefined) {
      await this.#takeLock()
      if (await embeddedFilesExist(this.#disk, this.#directory)) {
        throw new StoreLockedError(`another process has made cluster metadata in ${this.#directory}`)
      }
    }
    // Before there is a log: who finds one need not do it again.
    await this.#syncAncestors()
    const salt = await this.#writeEmptyLog()
    return { file: await this.#openNewLog(), salt }
  }

  /** The folder, or some above it, may be as new as the file. Those that we may not read are not ours and were there before. */
  async #syncAncestors(): Promise<void> {
    let path = this.#directory
    for (let parent = dirname(path); parent !== path; parent = dirname(path)) {
      await syncing(this.#disk.syncDirectory(parent).catch(ignoreForbidden))
      path = parent
    }
  }

  #openLog(): Promise<DiskFile> {
    return this.#disk.open(this.#path(LOG_FILE), { write: true })
  }

  /** A log without records, under its temporary name. Returns its salt. */
  async #writeEmptyLog(): Promise<number> {
    const salt = new DataView(this.#io.random.bytes(4).slice().buffer).getUint32(0)
    await this.#writeTemporary(LOG_FILE, encodeLogHeader(salt))
    return salt
  }

  /** Gives it its name, for good, and opens it. */
  async #openNewLog(): Promise<DiskFile> {
    await this.#putInPlace(LOG_FILE)
    return this.#openLog()
  }

  async #writeTemporary(name: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#disk.open(this.#path(name + TEMPORARY_SUFFIX), { write: true, create: true })
    try {
      await file.truncate(0)
      await file.writev([bytes], 0)
      await syncing(file.sync())
    } finally {
      await file.close()
    }
  }

  async #putInPlace(name: string): Promise<void> {
    await this.#disk.rename(this.#path(name + TEMPORARY_SUFFIX), this.#path(name))
    await syncing(this.#disk.syncDirectory(this.#directory))
  }
}

/** For what leaves us in the dark when it fails. */
async function syncing<T>(sync: Promise<T>): Promise<T> {
  try {
    return await sync
  } catch (error) {
    throw new SyncFailedError(`syncing the cluster metadata failed: ${(error as Error).message}`, { cause: error })
  }
}

function ignoreForbidden(error: unknown): void {
  const { code } = error as DiskError
  if (code !== 'EACCES' && code !== 'EPERM') throw error
}

/** The log may still hold what the snapshot covers, when the process died between the two; from there on nothing may be missing. */
function contentAfter(snapshot: RecoveredContent, records: readonly LogRecord[]): RecoveredContent {
  const { entries } = snapshot
  let { revision } = snapshot
  for (const record of records) {
    if (revisionAfter(record) - 1 <= snapshot.revision) continue
    if (record.firstRevision !== revision + 1) {
      throw new CorruptStoreError(
        `the metadata log goes on with revision ${record.firstRevision}, where ${revision + 1} is expected`,
      )
    }
    for (const operations of record.transactions) {
      revision += 1
      for (const { key, value } of operations) {
        if (value === null) entries.delete(key)
        else entries.set(key, { value, version: revision })
      }
    }
  }
  return { revision, entries }
}
