/**
 * Whether a disk is quick enough at present for writes that the whole process waits for. One that has just been slow, or that owes an answer for long, is left alone by
 * them: such a call would take everybody along.
 */
import { SlowPause } from '../std/slow-pause.ts'
import { Stall } from '../std/stall.ts'

/** A synchronous write that takes longer than this is followed by asynchronous ones for a while. */
const slowWriteMs = 20
/** How long that while is: not long, since a process that has too little of a processor pays for every trip through the thread pool. */
const firstAsyncMs = 125
const longestAsyncMs = 8000

/** What all logs of a log directory know of the disk's speed. */
export class DiskPace {
  readonly #asyncPause = new SlowPause(firstAsyncMs, longestAsyncMs)
  readonly #stall = new Stall()

  allowsSyncWrite(monotonicMs: number): boolean {
    return !this.#stall.isNow(monotonicMs) && this.#asyncPause.isOver(monotonicMs)
  }

  syncWriteTook(startMs: number, endMs: number): void {
    if (endMs - startMs > slowWriteMs) this.#asyncPause.begin(startMs, endMs)
  }

  /** An asynchronous write or sync begins; `ended` is to follow, however it ends. */
  began(monotonicMs: number): void {
    this.#stall.began(monotonicMs)
  }

  ended(monotonicMs: number): void {
    this.#stall.ended(monotonicMs)
  }
}
