/**
 * Shares the event loop among connections when serving them takes long: a client whose requests are heavy (bombs that decompress to a hundred megabytes, lists of
 * everything) must not keep those waiting whose requests are light, however many it has sent ahead.
 *
 * Requests start as they come until a turn of the loop has lasted for a while. From then on connections wait in two lines, and between two turns the loop looks at
 * its sockets. Heavy is who has been served for long of late: heavy ones have at most half of the time while light ones want it. After a single stretch that was very
 * long the loop is left to the others for a moment even when none of them waits, since what they do takes several turns. With nothing heavy about, nobody waits.
 *
 * Lifecycle: one for all connections of a broker; a connection that closes `leave`s.
 */

import type { Clock } from '../io/io.ts'

/** A connection, as far as its turn goes. */
export interface TurnTaker {
  /** Milliseconds for which it has been served of late, as of `servedAtMs`. Both are kept by `ServingTurns`. */
  servedMs: number
  servedAtMs: number
  /** It may start requests, as long as `mayStart` says so. */
  goOn(): void
}

/** After so long, other connections, and new bytes, are looked at. What else there is to do in a turn of the loop (reading, appending, answering) comes to about as much. */
const turnMs = 8
/** Who has been served for longer than this of late is heavy. */
const heavyMs = 50
/** Time that was used so long ago counts half. */
const halfLifeMs = 1000
/** After a stretch of at least this, heavy ones rest for a share of it, needed or not. */
const longStretchMs = 100
const restShare = 0.25

export class ServingTurns {
  readonly #clock: Clock
  /** `undefined` between turns. */
  #turnBeganMs: number | undefined
  #handingOut = false
  /** The turn began with handing out, behind the loop's look at its sockets. */
  #wasHandedOut = false
  /** Who is being served, and since when. */
  #current: TurnTaker | undefined
  #currentSinceMs = 0
  readonly #light = new Set<TurnTaker>()
  readonly #heavy = new Set<TurnTaker>()
  /** Until then light ones come first. */
  #lightFirstUntilMs = 0
  /** Until then no heavy one goes on. */
  #restUntilMs = 0
  #isRestTimed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many connections wait for their turn. */
  get waitingCount(): number {
    return this.#light.size + this.#heavy.size
  }

  /** When the one that is being served was allowed to start, on the monotonic clock: for those who need not know more exactly, since asking the clock costs more than what they do. */
  get startedMs(): number {
    return this.#currentSinceMs
  }

  /** Whether `taker` may start one request now. Where it may not, its `goOn` is called later. */
  mayStart(taker: TurnTaker): boolean {
    const nowMs = this.#clock.monotonicMs()
    this.#charge(nowMs)
    if (this.#turnBeganMs === undefined) this.#beginTurn(nowMs)
    const isOver = nowMs - this.#turnBeganMs! > turnMs
    const isTaken = !this.#handingOut && (this.#light.size > 0 || (this.#heavy.size > 0 && nowMs >= this.#restUntilMs))
    const isHeavy = taker.servedMs > heavyMs && recentMs(taker, nowMs) > heavyMs
    if (isOver || isTaken || (isHeavy && nowMs < this.#restUntilMs)) {
      const line = isHeavy ? this.#heavy : this.#light
      line.add(taker)
      return false
    }
    this.#current = taker
    this.#currentSinceMs = nowMs
    return true
  }

  leave(taker: TurnTaker): void {
    this.#light.delete(taker)
    this.#heavy.delete(taker)
    if (this.#current === taker) this.#current = undefined
  }

  #beginTurn(nowMs: number, isHandedOut = false): void {
    this.#turnBeganMs = nowMs
    this.#wasHandedOut = isHandedOut
    this.#clock.defer(this.#endTurn)
  }

  /** Made once: there are as many turns as requests where each comes by itself. */
  readonly #endTurn = (): void => this.#turnEnds()

  #turnEnds(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#charge(nowMs)
    const isUsedUp = !this.#wasHandedOut && nowMs - this.#turnBeganMs! > turnMs
    if (this.waitingCount === 0) this.#turnBeganMs = undefined
    else if (isUsedUp) {
      // The sockets have had the time of this turn of the loop; a second helping would double it.
      this.#wasHandedOut = true
      this.#clock.defer(this.#endTurn)
    } else {
      this.#turnBeganMs = undefined
      this.#handOut(nowMs)
    }
  }

  #handOut(beganMs: number): void {
    let nowMs = beganMs
    this.#handingOut = true
    try {
      while (nowMs - beganMs <= turnMs) {
        const taker = this.#next(nowMs)
        if (taker === undefined) break
        if (this.#turnBeganMs === undefined) this.#beginTurn(beganMs, true)
        this.leave(taker)
        taker.goOn()
        nowMs = this.#clock.monotonicMs()
        this.#charge(nowMs)
      }
    } finally {
      this.#handingOut = false
    }
    if (this.#turnBeganMs === undefined && this.#heavy.size > 0) this.#timeRest(nowMs)
  }

  /** Whose turn it is, if anybody's. */
  #next(nowMs: number): TurnTaker | undefined {
    const mayBeHeavy = this.#heavy.size > 0 && nowMs >= this.#restUntilMs
    const line = mayBeHeavy && (this.#light.size === 0 || nowMs >= this.#lightFirstUntilMs) ? this.#heavy : this.#light
    for (const taker of line) return taker
    return undefined
  }

  /** Heavy ones wait and nothing else happens: the end of their rest does. */
  #timeRest(nowMs: number): void {
    if (this.#isRestTimed) return
    this.#isRestTimed = true
    this.#clock.setTimer(Math.max(1, this.#restUntilMs - nowMs), () => {
      this.#isRestTimed = false
      if (this.#turnBeganMs === undefined) this.#turnEnds()
    })
  }

  /** Puts the time since it was let down to who was served last: what follows in the same turn of the loop is of its making. */
  #charge(nowMs: number): void {
    const taker = this.#current
    if (taker === undefined) return
    this.#current = undefined
    const usedMs = nowMs - this.#currentSinceMs
    // Most take next to nothing: no need to reckon.
    if (usedMs < 0.1 && taker.servedMs < 1) return
    taker.servedMs = recentMs(taker, nowMs) + usedMs
    taker.servedAtMs = nowMs
    if (taker.servedMs > heavyMs) this.#lightFirstUntilMs = nowMs + usedMs
    if (usedMs > longStretchMs) this.#restUntilMs = nowMs + usedMs * restShare
  }
}

function recentMs(taker: TurnTaker, nowMs: number): number {
  return taker.servedMs === 0 ? 0 : taker.servedMs * 0.5 ** ((nowMs - taker.servedAtMs) / halfLifeMs)
}
