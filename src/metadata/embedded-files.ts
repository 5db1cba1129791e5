/**
 * The embedded store's files on `Disk`: opened and recovered, appended to with a sync, folded into a snapshot.
 *
 * They are plain files in the first log directory, because Kafka's log manager takes every folder there for a partition and refuses to start over
 * one that is not, while it passes over files. A log of its own, and not a `Log` of the log layer: it needs none of the indexes, segments and
 * retention of that, must be readable before the log manager opens, and its recovery is strict where that of a partition's log is lenient.
 *
 * Lifecycle: `open` reads what is there and writes nothing; the first `append` makes the files where there are none. After a failed sync
 * nothing is known of the disk any more, so nothing may be called but `close`.
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
  readonly lock: DiskLock
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
    const lock = await files.#takeLock()
    try {
      return { files, content: await files.#recover(lock) }
    } catch (error) {
      await files.close()
      await lock.release()
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
   * Puts `content` into a snapshot and empties the log. At each step what is there is whole: records that the snapshot holds too are told by their
   * revisions.
   */
  async snapshot(content: StoreContent): Promise<void> {
    assert(this.#log !== undefined, 'a snapshot of a store that has no files')
    const bytes = encodeSnapshot(content)
    await this.#replace(SNAPSHOT_FILE, bytes)
    this.#snapshotBytes = bytes.length
    const { file } = this.#log
    await syncing(file.truncate(HEADER_BYTES))
    await syncing(file.sync())
    this.#endPosition = HEADER_BYTES
  }

  async close(): Promise<void> {
    const log = this.#log
    this.#log = undefined
    if (log === undefined) return
    await log.file.close()
    await log.lock.release()
  }

  #path(name: string): string {
    return `${this.#directory}/${name}`
  }

  async #takeLock(): Promise<DiskLock> {
    const lock = await this.#disk.lock(this.#path(LOCK_FILE))
    if (lock === undefined)
      throw new StoreLockedError(`the cluster metadata in ${this.#directory} is in use by another process`)
    return lock
  }

  async #recover(lock: DiskLock): Promise<RecoveredContent> {
    const snapshot = await this.#readSnapshot()
    const file = await this.#disk.open(this.#path(LOG_FILE), { write: true, create: true })
    try {
      const bytes = new Uint8Array(await file.size())
      assert((await file.read(bytes, 0)) === bytes.length, () => `${LOG_FILE} has shrunk while it was read`)
      const salt = decodeLogHeader(bytes)
      if (salt === undefined) {
        this.#log = { file, lock, salt: await this.#writeHeader(file) }
        return snapshot
      }
      const { records, endPosition } = decodeRecords(bytes, salt)
      if (endPosition < bytes.length) {
        await file.truncate(endPosition)
        await file.sync()
      }
      const content = replay(snapshot, records)
      this.#log = { file, lock, salt }
      this.#endPosition = endPosition
      return content
    } catch (error) {
      this.#log = undefined
      await file.close()
      throw error
    }
  }

  async #readSnapshot(): Promise<RecoveredContent> {
    await this.#disk.remove(this.#path(SNAPSHOT_FILE + TEMPORARY_SUFFIX))
    const path = this.#path(SNAPSHOT_FILE)
    if ((await this.#disk.stat(path)) === undefined) return { revision: 0, entries: new Map() }
    const bytes = await this.#disk.readFile(path)
    this.#snapshotBytes = bytes.length
    return decodeSnapshot(bytes)
  }

  async #create(): Promise<OpenLog> {
    await this.#disk.makeDirectory(this.#directory)
    const lock = await this.#takeLock()
    try {
      if (await embeddedFilesExist(this.#disk, this.#directory))
        throw new StoreLockedError(`another process has made cluster metadata in ${this.#directory}`)
      const file = await this.#disk.open(this.#path(LOG_FILE), { write: true, create: true })
      return { file, lock, salt: await this.#writeHeader(file) }
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** The file's name and its folder's are made durable before the header is written: who finds a header need not do it again. */
  async #writeHeader(file: DiskFile): Promise<number> {
    const salt = new DataView(this.#io.random.bytes(4).slice().buffer).getUint32(0)
    await syncing(this.#disk.syncDirectory(this.#directory))
    await this.#syncAncestors()
    await file.truncate(0)
    await file.writev([encodeLogHeader(salt)], 0)
    await syncing(file.sync())
    return salt
  }

  /** The folder, or some above it, may be as new as the file. Those that we may not read are not ours and were there before. */
  async #syncAncestors(): Promise<void> {
    let path = this.#directory
    for (let parent = dirname(path); parent !== path; parent = dirname(path)) {
      await syncing(this.#disk.syncDirectory(parent).catch(ignoreForbidden))
      path = parent
    }
  }

  async #replace(name: string, bytes: Uint8Array): Promise<void> {
    const temporary = this.#path(name + TEMPORARY_SUFFIX)
    const file = await this.#disk.open(temporary, { write: true, create: true })
    try {
      await file.truncate(0)
      await file.writev([bytes], 0)
      await syncing(file.sync())
    } finally {
      await file.close()
    }
    await this.#disk.rename(temporary, this.#path(name))
    await syncing(this.#disk.syncDirectory(this.#directory))
  }
}

async function syncing(sync: Promise<void>): Promise<void> {
  try {
    await sync
  } catch (error) {
    throw new SyncFailedError(`syncing the cluster metadata failed: ${(error as Error).message}`, { cause: error })
  }
}

function ignoreForbidden(error: unknown): void {
  const { code } = error as DiskError
  if (code !== 'EACCES' && code !== 'EPERM') throw error
}

/** The log may still hold what the snapshot covers, when the process died between the two; from there on nothing may be missing. */
function replay(snapshot: RecoveredContent, records: readonly LogRecord[]): RecoveredContent {
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
