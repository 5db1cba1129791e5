/**
 * Whether a disk is quick enough at present for writes that the whole process waits for. One that has just been slow, or that owes an answer for long, is left alone by
 * them: such a call would take everybody along.
 */
import { SlowPause } from '../std/slow-pause.ts'

/** A synchronous write that takes longer than this is followed by asynchronous ones for a while. */
const slowWriteMs = 20
/** How long that while is: not long, since a process that has too little of a processor pays for every trip through the thread pool. */
const firstAsyncMs = 125
const longestAsyncMs = 8000
/** When nothing that waits for the disk has settled for this long, it stalls. */
const stalledMs = 100

/** What all logs of a log directory know of the disk's speed. */
export class DiskPace {
  readonly #asyncPause = new SlowPause(slowWriteMs, firstAsyncMs, longestAsyncMs)
  #waiting = 0
  /** When the disk last showed that it works: an asynchronous call began where there was none, or ended. */
  #progressMs = -1

  allowsSyncWrite(monotonicMs: number): boolean {
    if (this.#waiting > 0 && monotonicMs - this.#progressMs > stalledMs) return false
    return this.#asyncPause.isOver(monotonicMs)
  }

  syncWriteTook(startMs: number, endMs: number): void {
    this.#asyncPause.took(startMs, endMs)
  }

  /** An asynchronous write or sync begins; `ended` is to follow, however it ends. */
  began(monotonicMs: number): void {
    if (this.#waiting === 0) this.#progressMs = monotonicMs
    this.#waiting += 1
  }

  ended(monotonicMs: number): void {
    this.#waiting -= 1
    this.#progressMs = monotonicMs
  }
}
