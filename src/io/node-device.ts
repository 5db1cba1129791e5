/**
 * What all calls of this process to one device share, so that a slow or stalled one takes neither all threads of the pool nor the thread that everything waits for.
 */
import { Fifo } from '../std/fifo.ts'
import { Stall } from '../std/stall.ts'
import type { Clock } from './io.ts'
import { QuickReads } from './node-quick-reads.ts'

type Callback<T> = (error: NodeJS.ErrnoException | null, value: T) => void

/** What is shared by all calls that concern one device. */
export interface Device {
  /** For calls on open files, and syncs. */
  readonly files: Gate
  /** For calls that name a path, which are rare once a broker runs, except for opening cold files. */
  readonly paths: Gate
  readonly quickReads: QuickReads
}

/** Together three quarters of the threads, so that a second device finds some when the first one stalls. */
export function deviceFor(threads: number, clock: Clock): Device {
  return {
    files: new Gate(Math.max(2, threads >> 1), clock),
    paths: new Gate(Math.max(2, threads >> 2), clock),
    quickReads: new QuickReads(clock),
  }
}

/** Above this an operation is a large one: megabytes take milliseconds, which those who move a few kilobytes are not to wait for. */
const smallBytesMax = 128 * 1024

/**
 * Lets at most so many operations run at a time; the others wait in order. Small ones go before large ones, and large ones leave a quarter of the places to them: else
 * a batch of a kilobyte would wait for all that is read from cold segments.
 */
export class Gate {
  readonly #clock: Clock
  readonly #runningMax: number
  readonly #largeRunningMax: number
  readonly #waiting = new Fifo<() => void>()
  readonly #largeWaiting = new Fifo<() => void>()
  #running = 0
  #largeRunning = 0
  readonly #stall = new Stall()

  constructor(runningMax: number, clock: Clock) {
    this.#clock = clock
    this.#runningMax = runningMax
    this.#largeRunningMax = Math.max(1, runningMax - Math.ceil(runningMax / 4))
  }

  /** Operations are under way, and none has ended for a while. */
  get isStalled(): boolean {
    return this.#stall.isNow(this.#clock.monotonicMs())
  }

  /** Starts `operation`, which moves so many bytes, when there is room; it has ended when it calls back. */
  run<T>(operation: (callback: Callback<T>) => void, bytes = 0): Promise<T> {
    const isLarge = bytes > smallBytesMax
    return new Promise<T>((settle, fail) => {
      const start = (): void => {
        this.#stall.began(this.#clock.monotonicMs())
        this.#running += 1
        if (isLarge) this.#largeRunning += 1
        try {
          operation((error, value) => {
            this.#leave(isLarge)
            if (error) fail(error)
            else settle(value)
          })
        } catch (error) {
          // Node throws at once for what no system call could take, such as a path with a zero byte.
          this.#leave(isLarge)
          fail(error)
        }
      }
      if (this.#running < this.#runningMax && (!isLarge || this.#largeRunning < this.#largeRunningMax)) start()
      else if (isLarge) this.#largeWaiting.push(start)
      else this.#waiting.push(start)
    })
  }

  #leave(wasLarge: boolean): void {
    this.#stall.ended(this.#clock.monotonicMs())
    this.#running -= 1
    if (wasLarge) this.#largeRunning -= 1
    if (this.#waiting.length > 0) this.#waiting.shift()!()
    else if (this.#largeRunning < this.#largeRunningMax) this.#largeWaiting.shift()?.()
  }
}
