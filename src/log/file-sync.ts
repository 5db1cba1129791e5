/**
 * Makes what is written to one file durable, one sync at a time. Who asks while a sync runs that covers everything shares it; for what has been written meanwhile one more follows.
 *
 * They never run side by side: of two the system tells only one that something could not be written, whichever of them was to make it durable. And after a failure there is no other: nobody
 * knows then what is on the disk, and the next one would say that all is well.
 */
import type { LazyFile } from './open-files.ts'
import { diskErrorOf, isPassing, syncFile } from './log-context.ts'

export class FileSync {
  #isChanged = false
  #failure: Error | undefined
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  /** Whether something is in the file that is not durable. */
  set isChanged(isChanged: boolean) {
    this.#isChanged = isChanged
  }

  /** Resolves when all is durable that was written before, always to the same file; rejects with a `DiskError`. */
  sync(file: LazyFile): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (!this.#isChanged) return this.#running ?? Promise.resolve()
    if (this.#running !== undefined) return (this.#next ??= this.#syncAfter(this.#running, file))
    this.#isChanged = false
    const running = file
      .use(syncFile)
      .catch((error: unknown) => {
        // When the file could not even be opened, nothing has happened.
        if (isPassing(diskErrorOf(error))) this.#isChanged = true
        else this.#failure = error as Error
        throw error
      })
      .finally(() => (this.#running = undefined))
    this.#running = running
    return running
  }

  async #syncAfter(running: Promise<void>, file: LazyFile): Promise<void> {
    // Its failure is looked at again.
    await running.catch(() => {})
    this.#next = undefined
    return this.sync(file)
  }
}
