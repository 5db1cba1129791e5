/**
 * Shares the event loop among connections when serving them takes long: a client whose requests are heavy (bombs that decompress to a hundred megabytes, lists of
 * everything) or come without end must not keep those waiting who ask for little, however many it has sent ahead.
 *
 * Requests start as they come, until a connection has been served for a while without a pause, or a turn of the loop has lasted. From then on whoever has more stands in
 * line, and between two looks at the sockets those in line are served as long as they take next to nothing, and one that takes longer. First comes who has had the least: start-time fair queuing (Goyal, Vin and Cheng,
 * 1996), by which each that wants more than its share gets its share, and who wants less waits for hardly more than the request that is being served. Nobody saves up
 * what it did not use, and a new connection has no advantage over one that has been there for long.
 *
 * A request cannot be interrupted. After one that took very long the loop is left to the others for a moment even when none of them waits, since what they do takes
 * several turns. With nothing heavy about, nobody waits.
 *
 * Lifecycle: one for all connections of a broker; a connection that closes `leave`s.
 */

import type { Clock } from '../io/io.ts'
import { Heap } from '../std/heap.ts'
import type { HeapItem } from '../std/heap.ts'

/** A connection's place among the others. Everything but `goOn` is kept by `ServingTurns`. */
export class Turn implements HeapItem {
  heapIndex = -1
  /** Where it stands in what all are served: as long after the others as it has had more. */
  startMs = 0
  /** When it came into the line, among those that stand at the same place. */
  arrival = 0
  /** How long it was served the last time. */
  servedMs = 0
  /** It may start requests, as long as `mayStart` says so. */
  readonly goOn: () => void

  constructor(goOn: () => void) {
    this.goOn = goOn
  }
}

/** After so long, nobody starts a request any more before the loop has looked at its sockets. */
const turnMs = 8
/** After so long, a connection lets others go first. What a client that is quick sends at once takes less. */
const stretchMs = 1
/** So long one of those in line is served at a time. Who needs longer is the last for which the sockets wait. */
const pieceMs = 0.1
/** After a request of at least this, those whose requests are so long rest for a share of it, needed or not. */
const longMs = 100
const restShare = 0.25

export class ServingTurns {
  readonly #clock: Clock
  /** `undefined` between turns. */
  #turnBeganMs: number | undefined
  /** Since when one of those in line is being served. */
  #pieceBeganMs: number | undefined
  /** Those in line were served in the turn before: what they asked for is written and answered before more is begun. */
  #wasHandedOut = false
  /** Who is being served, and since when. */
  #current: Turn | undefined
  #currentSinceMs = 0
  /** Who was served last in this turn, and since when without a pause. */
  #last: Turn | undefined
  #stretchBeganMs = 0
  /** Where one stands who comes now. */
  #virtualMs = 0
  #arrivals = 0
  readonly #line = new Heap<Turn>((a, b) => a.startMs < b.startMs || (a.startMs === b.startMs && a.arrival < b.arrival))
  readonly #resting = new Set<Turn>()
  #restUntilMs = 0
  #isRestTimed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many connections wait for their turn. */
  get waitingCount(): number {
    return this.#line.size + this.#resting.size
  }

  /** When the one that is being served was allowed to start, on the monotonic clock: for those who need not know more exactly, since asking the clock costs more than what they do. */
  get startedMs(): number {
    return this.#currentSinceMs
  }

  /** Whether a connection may start one request now. Where it may not, its `goOn` is called later. */
  mayStart(turn: Turn): boolean {
    if (turn.heapIndex !== -1) return false
    const nowMs = this.#clock.monotonicMs()
    this.#charge(nowMs)
    this.#beginTurn(nowMs)
    if (turn.startMs < this.#virtualMs) turn.startMs = this.#virtualMs
    if (this.#rests(turn, nowMs)) {
      this.#resting.add(turn)
      return false
    }
    if (this.#resting.size > 0) this.#resting.delete(turn)
    if (this.#isOver(turn, nowMs)) {
      turn.arrival = this.#arrivals++
      this.#line.push(turn)
      return false
    }
    this.#current = turn
    this.#currentSinceMs = nowMs
    return true
  }

  leave(turn: Turn): void {
    this.#line.remove(turn)
    this.#resting.delete(turn)
    if (this.#current === turn) this.#current = undefined
    if (this.#last === turn) this.#last = undefined
  }

  /** Whether somebody else has to be looked at first. */
  #isOver(turn: Turn, nowMs: number): boolean {
    if (this.#pieceBeganMs !== undefined) return nowMs - this.#pieceBeganMs > pieceMs
    if (this.#line.size > 0 || nowMs - this.#turnBeganMs! > turnMs) return true
    if (turn === this.#last) return nowMs - this.#stretchBeganMs > stretchMs
    this.#last = turn
    this.#stretchBeganMs = nowMs
    return false
  }

  #rests({ servedMs }: Turn, nowMs: number): boolean {
    return servedMs > longMs && nowMs < this.#restUntilMs
  }

  #beginTurn(nowMs: number): void {
    if (this.#turnBeganMs !== undefined) return
    this.#turnBeganMs = nowMs
    this.#last = undefined
    this.#clock.defer(() => this.#turnEnds())
  }

  #turnEnds(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#charge(nowMs)
    this.#turnBeganMs = undefined
    if (this.#wasHandedOut) this.#wasHandedOut = false
    else if (this.waitingCount > 0) this.#handOut(nowMs)
    if (this.#line.size > 0) this.#beginTurn(nowMs)
    else if (this.#turnBeganMs === undefined && this.#resting.size > 0) this.#timeRest(nowMs)
  }

  /** To as many as take next to nothing each, and one that takes longer. */
  #handOut(beganMs: number): void {
    let nowMs = beganMs
    let tookMs = 0
    while (tookMs <= pieceMs && nowMs - beganMs <= turnMs) {
      const turn = this.#next(nowMs)
      if (turn === undefined) break
      this.#wasHandedOut = true
      this.#pieceBeganMs = nowMs
      try {
        turn.goOn()
      } finally {
        this.#pieceBeganMs = undefined
      }
      const afterMs = this.#clock.monotonicMs()
      this.#charge(afterMs)
      tookMs = afterMs - nowMs
      nowMs = afterMs
    }
  }

  /** Whose turn it is, if anybody's, who then stands in line no more. */
  #next(nowMs: number): Turn | undefined {
    if (nowMs >= this.#restUntilMs) {
      for (const turn of this.#resting) this.#line.push(turn)
      this.#resting.clear()
    }
    for (let turn = this.#line.pop(); turn !== undefined; turn = this.#line.pop()) {
      if (!this.#rests(turn, nowMs)) return turn
      this.#resting.add(turn)
    }
    return undefined
  }

  /** Some rest and nothing else happens: the end of their rest does. */
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
    const turn = this.#current
    if (turn === undefined) return
    this.#current = undefined
    turn.servedMs = nowMs - this.#currentSinceMs
    turn.startMs += turn.servedMs
    // Who comes goes before one that is being served without having to wait, and otherwise before nobody who has waited for as little.
    const first = this.#line.peek()
    const newcomerMs = first === undefined ? turn.startMs - stretchMs : Math.min(turn.startMs, first.startMs)
    if (newcomerMs > this.#virtualMs) this.#virtualMs = newcomerMs
    if (turn.servedMs > longMs) this.#restUntilMs = nowMs + turn.servedMs * restShare
  }
}
