/**
 * Keyed timers of shards: virtual, so that thousands of session timeouts cost one real timer.
 *
 * A heartbeat that puts a session's end further off is the common case: it only notes the later deadline, and the timer goes back into the heap when its
 * earlier turn comes. `TimerQueue` holds the timers of all shards of one runtime; `ShardTimers` is what one shard has of it.
 */

import { Heap } from '../../std/heap.ts'
import type { CoordinatorClock, CoordinatorResult } from './coordinator.ts'

/** A timer's work is a write like any other. */
export type TimerOperation<R, E> = () => CoordinatorResult<R, void, E>

export interface CoordinatorTimers<R, E> {
  /** Runs `operation` after `delayMs`, unless the key is scheduled anew or cancelled before. When its records cannot be written it is tried again a little later. */
  schedule(key: string, delayMs: number, operation: TimerOperation<R, E>): ScheduledTimer
  /** Does nothing where something is scheduled under the key. */
  scheduleIfAbsent(key: string, delayMs: number, operation: TimerOperation<R, E>): void
  cancel(key: string): void
  has(key: string): boolean
}

/** What is scheduled under a key, for those who put it off so often that finding it by its key would be what they mostly do. */
export interface ScheduledTimer {
  /** Due in `delayMs` from now, as if scheduled anew with the same operation. False: it is not scheduled any more. */
  postpone(delayMs: number): boolean
}

/** Between a timer whose write failed and its next turn, as in Kafka. */
export const timerRetryMs = 500

interface QueuedTimer {
  /** Its place in the heap goes by this; at most `deadlineMs`. */
  queuedMs: number
  deadlineMs: number
  /** Timers of one instant run in the order in which they were scheduled. */
  sequence: number
  heapIndex: number
  fire(): void
}

/** Between two looks at the time when many timers are due at once: how long they may hold up everything else. */
const sliceMsMax = 5

export class TimerQueue {
  readonly #clock: CoordinatorClock
  readonly #heap = new Heap<QueuedTimer>((a, b) =>
    a.queuedMs === b.queuedMs ? a.sequence < b.sequence : a.queuedMs < b.queuedMs,
  )
  #sequence = 0
  /** The one real timer, and when it goes off. */
  #armed: { cancel(): void } | undefined
  #armedMs = Infinity

  constructor(clock: CoordinatorClock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#heap.size
  }

  nowMs(): number {
    return this.#clock.monotonicMs()
  }

  add(timer: QueuedTimer): void {
    this.#sequence += 1
    timer.sequence = this.#sequence
    timer.queuedMs = timer.deadlineMs
    this.#heap.push(timer)
    if (timer.deadlineMs < this.#armedMs) this.#arm()
  }

  /** After `deadlineMs` of a timer in the queue has changed. */
  moved(timer: QueuedTimer): void {
    if (timer.deadlineMs >= timer.queuedMs) return
    timer.queuedMs = timer.deadlineMs
    this.#heap.update(timer)
    if (timer.deadlineMs < this.#armedMs) this.#arm()
  }

  remove(timer: QueuedTimer): void {
    this.#heap.remove(timer)
  }

  #arm(delayMsMin = 0): void {
    this.#armed?.cancel()
    const first = this.#heap.peek()
    this.#armed = undefined
    this.#armedMs = Infinity
    if (first === undefined) return
    const nowMs = this.#clock.monotonicMs()
    const delayMs = Math.max(delayMsMin, first.queuedMs - nowMs)
    this.#armedMs = nowMs + delayMs
    this.#armed = this.#clock.setTimer(delayMs, () => this.#run())
  }

  #run(): void {
    this.#armed = undefined
    // Nothing arms while timers run; what they schedule is seen below.
    this.#armedMs = -Infinity
    const startedMs = this.#clock.monotonicMs()
    let nowMs = startedMs
    for (let first = this.#heap.peek(); first !== undefined && first.queuedMs <= nowMs; first = this.#heap.peek()) {
      if (first.deadlineMs > nowMs) {
        first.queuedMs = first.deadlineMs
        this.#heap.update(first)
      } else {
        this.#heap.pop()
        first.fire()
      }
      const lateMs = this.#clock.monotonicMs()
      if (lateMs - startedMs >= sliceMsMax) break
      nowMs = Math.max(nowMs, lateMs)
    }
    this.#arm()
  }
}

class ShardTimer<R, E> implements QueuedTimer, ScheduledTimer {
  queuedMs = 0
  deadlineMs: number
  sequence = 0
  heapIndex = -1
  operation: TimerOperation<R, E>
  readonly #queue: TimerQueue
  readonly #key: string
  readonly #onDue: (key: string, operation: TimerOperation<R, E>) => void

  constructor(
    queue: TimerQueue,
    key: string,
    operation: TimerOperation<R, E>,
    onDue: (key: string, operation: TimerOperation<R, E>) => void,
  ) {
    this.#queue = queue
    this.#key = key
    this.deadlineMs = Infinity
    this.operation = operation
    this.#onDue = onDue
  }

  /** It has the key as long as it is in the queue. */
  postpone(delayMs: number): boolean {
    if (this.heapIndex === -1) return false
    this.deadlineMs = this.#queue.nowMs() + delayMs
    this.#queue.moved(this)
    return true
  }

  fire(): void {
    this.#onDue(this.#key, this.operation)
  }
}

export class ShardTimers<R, E> implements CoordinatorTimers<R, E> {
  readonly #queue: TimerQueue
  readonly #timers = new Map<string, ShardTimer<R, E>>()
  readonly #onDue: (key: string, operation: TimerOperation<R, E>) => void

  /** `run` gets a timer that is due; the key is free by then. */
  constructor(queue: TimerQueue, run: (key: string, operation: TimerOperation<R, E>) => void) {
    this.#queue = queue
    this.#onDue = (key, operation) => {
      this.#timers.delete(key)
      run(key, operation)
    }
  }

  get size(): number {
    return this.#timers.size
  }

  schedule(key: string, delayMs: number, operation: TimerOperation<R, E>): ScheduledTimer {
    const timer = this.#timers.get(key)
    if (timer !== undefined) {
      timer.operation = operation
      timer.postpone(delayMs)
      return timer
    }
    const added = new ShardTimer(this.#queue, key, operation, this.#onDue)
    added.deadlineMs = this.#queue.nowMs() + delayMs
    this.#timers.set(key, added)
    this.#queue.add(added)
    return added
  }

  scheduleIfAbsent(key: string, delayMs: number, operation: TimerOperation<R, E>): void {
    if (!this.#timers.has(key)) this.schedule(key, delayMs, operation)
  }

  cancel(key: string): void {
    const timer = this.#timers.get(key)
    if (timer === undefined) return
    this.#timers.delete(key)
    this.#queue.remove(timer)
  }

  has(key: string): boolean {
    return this.#timers.has(key)
  }

  cancelAll(): void {
    for (const timer of this.#timers.values()) this.#queue.remove(timer)
    this.#timers.clear()
  }
}
