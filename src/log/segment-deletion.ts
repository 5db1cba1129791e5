/**
 * Segments that are no part of their log any more: their files are renamed at once and removed after `file.delete.delay.ms`, so that who still reads them can
 * finish. What a shutdown leaves under the new names is removed when the log is opened again.
 */
import type { Clock, Disk, DiskError, Timer } from '../io/io.ts'
import { DELETED_SUFFIX, offsetName, PRODUCER_SNAPSHOT_SUFFIX } from './file-names.ts'
import type { LogSegment } from './log-segment.ts'
import { diskErrorOf } from './log-context.ts'

export class SegmentDeletion {
  readonly #clock: Clock
  readonly #disk: Disk
  readonly #onError: (error: DiskError) => void
  readonly #timers = new Set<Timer>()

  constructor(clock: Clock, disk: Disk, onError: (error: DiskError) => void) {
    this.#clock = clock
    this.#disk = disk
    this.#onError = onError
  }

  /**
   * Renames the files of a segment and its producer snapshot, and removes them later; the snapshot stays where another segment begins at the same offset. Rejects with a
   * `DiskError`.
   */
  async delete(segment: LogSegment, folder: string, delayMs: number, keepsSnapshot = false): Promise<void> {
    await segment.markDeleted()
    const snapshot = `${folder}/${offsetName(segment.baseOffset)}${PRODUCER_SNAPSHOT_SUFFIX}`
    const deletedSnapshot = snapshot + DELETED_SUFFIX
    const hasSnapshot = !keepsSnapshot && (await this.#disk.stat(snapshot)) !== undefined
    if (hasSnapshot) await this.#disk.rename(snapshot, deletedSnapshot)
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#timers.delete(timer)
      void this.#remove(segment, hasSnapshot ? deletedSnapshot : undefined)
    })
    this.#timers.add(timer)
  }

  /** The log is closed: nothing may be touched any more. */
  cancel(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  async #remove(segment: LogSegment, snapshot: string | undefined): Promise<void> {
    try {
      await segment.remove()
      if (snapshot !== undefined) await this.#disk.remove(snapshot)
    } catch (error) {
      this.#onError(diskErrorOf(error))
    }
  }
}
