/** A world for coordinators: a clock that the test moves, and a log in memory that commits, refuses and forgets when the test says so. */

import * as header from '../../protocol/records/batch-header.ts'
import type { ErrorName } from '../../protocol/errors.ts'
import { Heap } from '../../std/heap.ts'
import type { CoordinatorClock, CoordinatorLog, LogAppendOutcome, LogReadOutcome, TopicsView } from './coordinator.ts'

interface Timer {
  dueMs: number
  order: number
  heapIndex: number
  callback: () => void
}

export class TestClock implements CoordinatorClock {
  wallMs = 1_700_000_000_000
  #monotonicMs = 0
  #order = 0
  readonly #timers = new Heap<Timer>((a, b) => (a.dueMs === b.dueMs ? a.order < b.order : a.dueMs < b.dueMs))
  #deferred: (() => void)[] = []

  nowMs(): number {
    return this.wallMs
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  setTimer(delayMs: number, callback: () => void): { cancel(): void } {
    const timer = { dueMs: this.#monotonicMs + delayMs, order: (this.#order += 1), heapIndex: -1, callback }
    this.#timers.push(timer)
    return { cancel: () => void this.#timers.remove(timer) }
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback)
  }

  get timerCount(): number {
    return this.#timers.size
  }

  /** Runs what this turn has put off, and what that puts off. */
  turn(): void {
    while (this.#deferred.length > 0) {
      const deferred = this.#deferred
      this.#deferred = []
      for (const callback of deferred) callback()
    }
  }

  /** Lets time pass, with every timer at its instant. */
  pass(durationMs: number): void {
    const endMs = this.#monotonicMs + durationMs
    this.turn()
    for (let first = this.#timers.peek(); first !== undefined && first.dueMs <= endMs; first = this.#timers.peek()) {
      this.#timers.pop()
      this.#advanceTo(first.dueMs)
      first.callback()
      this.turn()
    }
    this.#advanceTo(endMs)
  }

  #advanceTo(ms: number): void {
    this.wallMs += ms - this.#monotonicMs
    this.#monotonicMs = ms
  }
}

export class TestLog implements CoordinatorLog {
  readonly batches: Uint8Array[] = []
  readonly startOffset = 0
  batchBytesMax = 1_000_000
  highWatermark = 0
  endOffset = 0
  /** What the next appends are refused with. */
  refusal: ErrorName | undefined

  append(bytes: Uint8Array): LogAppendOutcome {
    if (this.refusal !== undefined) return { kind: 'rejected', error: this.refusal, message: 'as the test wants it' }
    const firstOffset = this.endOffset
    header.stampBaseOffset(bytes, 0, firstOffset)
    this.endOffset = header.nextOffset(bytes, 0)
    this.batches.push(bytes)
    return { kind: 'appended', firstOffset, lastOffset: this.endOffset - 1 }
  }

  read(offset: number, _maxBytes: number, done: (outcome: LogReadOutcome) => void): void {
    const batch = this.batches.find(each => header.nextOffset(each, 0) > offset)
    if (batch === undefined) done({ kind: 'ok', batches: [], nextOffset: offset })
    else done({ kind: 'ok', batches: [batch], nextOffset: header.nextOffset(batch, 0) })
  }

  /** The same batches under another leader, who has what was committed. */
  committedCopy(): TestLog {
    const copy = new TestLog()
    for (const batch of this.batches) {
      if (header.nextOffset(batch, 0) > this.highWatermark) break
      copy.batches.push(batch.slice())
    }
    copy.endOffset = this.highWatermark
    copy.highWatermark = this.highWatermark
    return copy
  }
}

export const noTopics: TopicsView = { version: 0, byName: () => undefined, byId: () => undefined, names: () => [] }

/** Ids that differ, in order. */
export function countingUuids(): () => string {
  let count = 0
  return () => {
    count += 1
    return `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`
  }
}
