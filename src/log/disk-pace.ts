/**
 * Whether a disk is quick enough at present for writes that the whole process waits for. One that has just been slow is left alone by them for a while.
 */

/** A synchronous write that takes longer than this is followed by asynchronous ones for `asyncAfterSlowMs`. */
const slowWriteMs = 20
const asyncAfterSlowMs = 1000

/** What all logs of a log directory know of the disk's speed. */
export class DiskPace {
  #asyncUntilMs = -1

  allowsSyncWrite(monotonicMs: number): boolean {
    return monotonicMs >= this.#asyncUntilMs
  }

  syncWriteTook(startMs: number, endMs: number): void {
    if (endMs - startMs > slowWriteMs) this.#asyncUntilMs = endMs + asyncAfterSlowMs
  }
}
