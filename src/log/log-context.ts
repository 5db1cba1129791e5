/** What all logs of a broker share, and what those of one log directory share. */
import type { DiskError, DiskFile, Io } from '../io/io.ts'
import type { Logger } from '../std/logger.ts'
import type { DiskPace } from './disk-pace.ts'
import type { OpenFiles } from './open-files.ts'
import type { ProducerStateOptions } from './producer-state.ts'
import type { WorkLimit } from './work-limit.ts'
import type { ReadAheads } from './read-ahead.ts'
import type { WriteRounds } from './recent-writes.ts'
import type { TailCache } from './tail-cache.ts'

export interface LogContext {
  readonly io: Io
  readonly openFiles: OpenFiles
  readonly tailCache: TailCache
  readonly producerOptions: ProducerStateOptions
  readonly logger: Logger
}

/** The log directory that a log lies in, as the log sees it. */
export interface LogDirectoryHost {
  readonly path: string
  readonly pace: DiskPace
  readonly readLimit: WorkLimit
  readonly readAheads: ReadAheads
  readonly writeRounds: WriteRounds
  /** Of segments that are finished in the background. */
  readonly rollLimit: WorkLimit
  /** The disk has failed under a log: the directory goes offline. */
  failed(error: DiskError): void
  /** Settles once the log start offsets of all logs in the directory are durable. */
  saveLogStartOffsets(): Promise<void>
  /** The same for their recovery points. */
  saveRecoveryPoints(): Promise<void>
  /** The same for where compaction of them is to go on. */
  saveCleanerOffsets(): Promise<void>
  /** The same for the names of their folders. */
  syncFolders(): Promise<void>
}

/** No room, no descriptors, no right to write. */
const passingCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EROFS', 'EACCES', 'EPERM'])

/** Whether a failure passes when somebody does something about its cause: the operation had no effect and may be tried again. A failed sync never does, see `syncFile`. */
export function isPassing(error: DiskError): boolean {
  return passingCodes.has(error.code)
}

/**
 * Makes a file durable. When that fails, whatever the reason, nobody knows what is on the disk, and trying again would tell a lie: the system may have dropped what it could not
 * write, and call the file clean (fsyncgate). So it rejects with EIO, which takes the directory offline.
 */
export async function syncFile(file: DiskFile): Promise<void> {
  try {
    await file.sync()
  } catch (error) {
    throw Object.assign(new Error(`sync failed: ${diskErrorOf(error).message}`), { code: 'EIO' })
  }
}

const damageCode = 'EDAMAGED'

/** For a log whose files contradict each other, in the form of what a failing disk gives. */
export function damaged(message: string): DiskError {
  return Object.assign(new Error(message), { code: damageCode })
}

/** Whether it is one log that is broken, and not its disk. */
export function isDamage(error: DiskError): boolean {
  return error.code === damageCode
}

/** What a disk operation failed with. Anything else that was thrown is a bug, and goes on: nobody may take it for a failing disk and carry on. */
export function diskErrorOf(thrown: unknown): DiskError {
  if (thrown instanceof Error && typeof (thrown as Partial<DiskError>).code === 'string') return thrown as DiskError
  throw thrown
}
