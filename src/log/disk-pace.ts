/**
 * Whether a disk is quick enough at present for writes that the whole process waits for. One that has just been slow, or that owes an answer for long, is left alone by
 * them: such a call would take everybody along.
 */

/** A synchronous write that takes longer than this is followed by asynchronous ones for a while. */
const slowWriteMs = 20
/**
 * How long that while is: a single slow write may be no fault of the disk, but of a machine that stood still, and a process that has too little of it pays for every trip through the
 * thread pool. Where the next ones are slow as well it is twice as long each time.
 */
const firstAsyncMs = 125
const longestAsyncMs = 8000
/** When nothing that waits for the disk has settled for this long, it stalls. */
const stalledMs = 100

/** What all logs of a log directory know of the disk's speed. */
export class DiskPace {
  #asyncUntilMs = -1
  #asyncMs = 0
  #waiting = 0
  /** When the disk last showed that it works: an asynchronous call began where there was none, or ended. */
  #progressMs = -1

  allowsSyncWrite(monotonicMs: number): boolean {
    if (this.#waiting > 0 && monotonicMs - this.#progressMs > stalledMs) return false
    return monotonicMs >= this.#asyncUntilMs
  }

  syncWriteTook(startMs: number, endMs: number): void {
    if (endMs - startMs <= slowWriteMs) return
    // As long again without a slow write, and it is forgotten.
    const isAgain = startMs - this.#asyncUntilMs < this.#asyncMs
    this.#asyncMs = isAgain ? Math.min(2 * this.#asyncMs, longestAsyncMs) : firstAsyncMs
    this.#asyncUntilMs = endMs + this.#asyncMs
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
