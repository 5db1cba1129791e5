/**
 * Bounds what all connections of a broker hold together: requests that are received or served (`queued.max.request.bytes`), and responses that their
 * clients do not take.
 *
 * While requests hold more than the budget, large ones come in one at a time, whose connection has the turn: so that always one can be finished. Small ones come in
 * as before, up to a reserve above the budget; beyond it nothing is read but what has the turn. Who holds up everybody then is closed: the one whose turn it is when it
 * sends nothing, and those whose requests wait because they do not take their answers. Responses are bounded where they are made: a fetch gets no more bytes than there is
 * room for, and one whole batch in any case. Other responses, such as descriptions of all topics, are as large as they are: where clients leave more of them than the budget, those
 * that take nothing for a second are closed, the largest first, and beyond twice the budget also those that take some.
 */

import type { Clock, Timer } from '../io/io.ts'
import { assert } from '../std/assert.ts'

/** A connection, as far as memory goes. */
export interface MemoryUser {
  /** A request has arrived in part. */
  readonly isMidRequest: boolean
  /** And it takes memory of its own. */
  readonly isMidLargeRequest: boolean
  /** Requests of it wait for it to take its answers. */
  readonly isHeldUpByItself: boolean
  /** Another number whenever it has sent or taken something. */
  readonly progress: number
  /** Of its responses, what it has not taken, and what it has. */
  readonly unsentBytes: number
  readonly takenBytes: number
  /** Whether it may be read from may have changed. */
  memoryChanged(): void
  /** It does not do its part, and others wait for it. */
  stalled(): void
  /** It leaves its responses, and there is no room for more. */
  leavesResponses(): void
}

export interface MemoryBudgets {
  readonly requestBytes: number
  readonly responseBytes: number
}

/** Who may be read from: everybody; everybody but those with large requests under way; nobody. The turn goes before. */
type Level = 'open' | 'tight' | 'full'

/** Of the budget: so much is kept for small requests while large ones have taken the rest. */
const reserveShare = 0.25
/** All are read from again below this share of the budget, so that it does not begin anew at once. */
const reopenShare = 0.75
/** Of the budget for responses: beyond it nobody may leave what it has. */
const responsesShareMax = 2
/** How long others wait, under pressure, for a client that sends and takes nothing. */
const stallMs = 1000

export class ConnectionMemory {
  readonly #clock: Clock
  readonly #budgets: () => MemoryBudgets
  readonly #users: Iterable<MemoryUser>
  #requestBytes = 0
  #responseBytes = 0
  #level: Level = 'open'
  #turn: MemoryUser | undefined
  #stallTimer: Timer | undefined
  #responseTimer: Timer | undefined
  /** How far those were that others wait for, at the last look. */
  #suspects = new Map<MemoryUser, number>()

  constructor(clock: Clock, budgets: () => MemoryBudgets, users: Iterable<MemoryUser>) {
    this.#clock = clock
    this.#budgets = budgets
    this.#users = users
  }

  get requestBytes(): number {
    return this.#requestBytes
  }

  get responseBytes(): number {
    return this.#responseBytes
  }

  /** Whether it may be read from now. */
  mayRead(user: MemoryUser): boolean {
    if (this.#level === 'open' || this.#turn === user) return true
    return this.#level === 'tight' && !user.isMidLargeRequest
  }

  /** How many bytes a response may have; never negative, and 0 means that there is room for what must be sent in any case. */
  get responseRoomBytes(): number {
    return Math.max(0, this.#budgets().responseBytes - this.#responseBytes)
  }

  responseBytesChanged(deltaBytes: number): void {
    this.#responseBytes += deltaBytes
    assert(this.#responseBytes >= 0, () => `responses hold ${this.#responseBytes} bytes`)
    if (deltaBytes > 0) this.#watchResponses()
  }

  /** What a connection holds of requests has changed, and perhaps whether one is under way. */
  requestBytesChanged(user: MemoryUser, deltaBytes: number): void {
    this.#requestBytes += deltaBytes
    assert(this.#requestBytes >= 0, () => `requests hold ${this.#requestBytes} bytes`)
    const level = this.#levelNow()
    if (level !== this.#level) this.#enter(level)
    else if (level !== 'open' && (this.#turn === undefined || (this.#turn === user && !user.isMidRequest)))
      this.#passTurn()
  }

  /** It has closed, and holds nothing any more. */
  left(user: MemoryUser): void {
    if (this.#turn === user) this.#passTurn(user)
  }

  #levelNow(): Level {
    const { requestBytes: budget } = this.#budgets()
    const held = this.#requestBytes
    if (held > budget * (1 + reserveShare) || (this.#level === 'full' && held > budget)) return 'full'
    return held > budget || (this.#level !== 'open' && held > budget * reopenShare) ? 'tight' : 'open'
  }

  #enter(level: Level): void {
    const wasOpen = this.#level === 'open'
    this.#level = level
    if (level === 'open') {
      this.#turn = undefined
      this.#stallTimer?.cancel()
      this.#suspects.clear()
    } else {
      this.#passTurn()
      if (wasOpen) this.#watch()
    }
    for (const user of this.#users) {
      // What one of them sends when it is resumed may have changed the level again, and everybody been told.
      if (this.#level !== level) return
      user.memoryChanged()
    }
  }

  #passTurn(gone?: MemoryUser): void {
    const before = this.#turn
    this.#turn = undefined
    for (const user of this.#users) {
      if (user === gone || !user.isMidRequest) continue
      this.#turn = user
      break
    }
    if (before !== this.#turn) this.#watch()
    if (before !== this.#turn && before !== gone) before?.memoryChanged()
    this.#turn?.memoryChanged()
  }

  /** From now on anew: whoever gets the turn has the whole time. */
  #watch(): void {
    this.#stallTimer?.cancel()
    for (const user of this.#suspects.keys()) if (!this.#isAwaited(user)) this.#suspects.delete(user)
    if (this.#turn !== undefined) this.#suspects.set(this.#turn, this.#turn.progress)
    this.#stallTimer = this.#clock.setTimer(stallMs, () => this.#look())
  }

  #look(): void {
    const before = this.#suspects
    this.#suspects = new Map()
    for (const user of this.#users) if (this.#isAwaited(user)) this.#suspects.set(user, user.progress)
    this.#watch()
    for (const [user, progress] of [...this.#suspects]) if (before.get(user) === progress) user.stalled()
  }

  #watchResponses(): void {
    if (this.#responseTimer !== undefined || this.#responseBytes <= this.#budgets().responseBytes) return
    const takenBytes = new Map<MemoryUser, number>()
    for (const user of this.#users) if (user.unsentBytes > 0) takenBytes.set(user, user.takenBytes)
    this.#responseTimer = this.#clock.setTimer(stallMs, () => {
      this.#responseTimer = undefined
      this.#makeResponseRoom(takenBytes)
      this.#watchResponses()
    })
  }

  /** `takenBytes`: what each of those who had responses had taken of them before. */
  #makeResponseRoom(takenBytes: ReadonlyMap<MemoryUser, number>): void {
    const { responseBytes: budget } = this.#budgets()
    let heldBytes = this.#responseBytes
    const holders = [...this.#users].filter(({ unsentBytes }) => unsentBytes > 0)
    for (const user of holders.toSorted((a, b) => b.unsentBytes - a.unsentBytes)) {
      if (heldBytes <= budget) return
      const takesNothing = takenBytes.get(user) === user.takenBytes
      if (!takesNothing && heldBytes <= budget * responsesShareMax) continue
      heldBytes -= user.unsentBytes
      user.leavesResponses()
    }
  }

  #isAwaited(user: MemoryUser): boolean {
    return user === this.#turn || user.isHeldUpByItself
  }
}
