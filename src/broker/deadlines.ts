/**
 * Many waits that end by themselves after a time, and of which nearly all end before: one timer for all of them, so that beginning and ending a wait
 * costs a few stores.
 *
 * The timer is for the earliest deadline there was when it was set. When it fires, all that wait are looked at.
 */
import type { Clock, Timer } from '../io/io.ts'
import { assert } from '../std/assert.ts'

export class Deadline {
  readonly #expired: () => void
  dueMs = 0
  /** Whom it waits with, and its neighbours there. */
  list: Deadlines | undefined
  earlier: Deadline | undefined
  later: Deadline | undefined

  constructor(expired: () => void) {
    this.#expired = expired
  }

  /** Only for `Deadlines`. */
  expire(): void {
    this.#expired()
  }

  /** The wait is over. Nothing happens when it was before. */
  cancel(): void {
    this.list?.remove(this)
  }
}

export class Deadlines {
  readonly #clock: Clock
  #first: Deadline | undefined
  #last: Deadline | undefined
  #timer: Timer | undefined
  #timerDueMs = Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `delayMs` after `nowMs`, which is now or a moment ago. */
  add(deadline: Deadline, delayMs: number, nowMs: number): void {
    assert(deadline.list === undefined, 'a deadline waits once')
    deadline.dueMs = nowMs + delayMs
    deadline.list = this
    deadline.earlier = this.#last
    if (this.#last === undefined) this.#first = deadline
    else this.#last.later = deadline
    this.#last = deadline
    if (deadline.dueMs < this.#timerDueMs) this.#arm(deadline.dueMs, delayMs)
  }

  /** Only for `Deadline`. */
  remove(deadline: Deadline): void {
    const { earlier, later } = deadline
    if (earlier === undefined) this.#first = later
    else earlier.later = later
    if (later === undefined) this.#last = earlier
    else later.earlier = earlier
    deadline.list = undefined
    deadline.earlier = undefined
    deadline.later = undefined
  }

  #arm(dueMs: number, delayMs: number): void {
    this.#timer?.cancel()
    this.#timerDueMs = dueMs
    this.#timer = this.#clock.setTimer(delayMs, () => this.#look())
  }

  #look(): void {
    this.#timer = undefined
    this.#timerDueMs = Infinity
    const nowMs = this.#clock.monotonicMs()
    const expired: Deadline[] = []
    let nextMs = Infinity
    for (let deadline = this.#first; deadline !== undefined; deadline = deadline.later) {
      if (deadline.dueMs <= nowMs) expired.push(deadline)
      else nextMs = Math.min(nextMs, deadline.dueMs)
    }
    if (nextMs < Infinity) this.#arm(nextMs, nextMs - nowMs)
    for (const deadline of expired) {
      // One that expired before it may have ended this one.
      if (deadline.list === undefined) continue
      this.remove(deadline)
      deadline.expire()
    }
  }
}
