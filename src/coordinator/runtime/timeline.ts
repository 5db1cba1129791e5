/**
 * State with a past: the newest values, what of them is committed, and the way back.
 *
 * Every change is journalled with the offset of the record that made it. `commit` lets go of the oldest entries, which is when readers of
 * committed state see them; `revert` undoes the newest ones, after an append that failed. Both cost as much as there were changes. What has no
 * change under way costs nothing besides its value. Values themselves must never be changed in place.
 *
 * A structure inside another one (the offsets of one group) is made with the same timeline, and is simply dropped with the entry that holds it.
 */

import { assert } from '../../std/assert.ts'
import { Journal } from './journal.ts'
import type { Change } from './journal.ts'

/** The journal of one shard, and the offset at which its state stands. */
export class Timeline {
  readonly #journal = new Journal()
  #offset = 0

  /** Changes are committed as they are made: while records are loaded that are committed already. */
  isSettled = false

  /** Where what changes now is filed: the offset of the record that is replayed, or that the next one will get. */
  get offset(): number {
    return this.#offset
  }

  /** Changes that are neither committed nor undone. */
  get pendingCount(): number {
    return this.#journal.length
  }

  moveTo(offset: number): void {
    const isForward = offset >= this.#offset
    // Here and below: a function for the message would be made for every record.
    if (!isForward) assert(isForward, `the timeline goes from ${this.#offset} back to ${offset}`)
    this.#offset = offset
  }

  /** Everything below `endOffset` is committed. */
  commit(endOffset: number): void {
    const journal = this.#journal
    for (let first = journal.first; first !== undefined && first.offset < endOffset; first = journal.first) {
      journal.dropFirst()
      first.commit()
    }
  }

  /** Undoes what records at `offset` and above have changed, newest first, and stands there again. */
  revert(offset: number): void {
    const journal = this.#journal
    for (let last = journal.last; last !== undefined && last.offset >= offset; last = journal.last) {
      journal.dropLast()
      last.revert()
    }
    this.#offset = offset
  }

  /** Undoes the newest changes until `pendingCount` is down to `count`: those of an operation that came to nothing. */
  revertToCount(count: number): void {
    const journal = this.#journal
    while (journal.length > count) {
      const last = journal.last!
      journal.dropLast()
      last.revert()
    }
  }

  /** For the structures below. */
  record(change: Change): void {
    this.#journal.push(change)
  }
}

/** In the place of a value whose key has changes that are not committed. */
class Pending<V> {
  latest: V | undefined
  committed: V | undefined
  changes = 0

  constructor(value: V | undefined) {
    this.latest = value
    this.committed = value
  }
}

/** A map. `undefined` stands for absence and cannot be a value. Iterating while it changes is as with a `Map`. */
export class TimelineMap<K, V> {
  readonly #timeline: Timeline
  readonly #entries = new Map<K, V | Pending<V>>()
  #size = 0
  #committedSize = 0

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  get size(): number {
    return this.#size
  }

  get committedSize(): number {
    return this.#committedSize
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key)
    return entry instanceof Pending ? entry.latest : entry
  }

  has(key: K): boolean {
    return this.get(key) !== undefined
  }

  getCommitted(key: K): V | undefined {
    const entry = this.#entries.get(key)
    return entry instanceof Pending ? entry.committed : entry
  }

  *keys(): Generator<K> {
    for (const [key] of this.entries()) yield key
  }

  *values(): Generator<V> {
    for (const [, value] of this.entries()) yield value
  }

  *entries(): Generator<[K, V]> {
    for (const [key, entry] of this.#entries) {
      const value = entry instanceof Pending ? entry.latest : entry
      if (value !== undefined) yield [key, value]
    }
  }

  *committedEntries(): Generator<[K, V]> {
    for (const [key, entry] of this.#entries) {
      const value = entry instanceof Pending ? entry.committed : entry
      if (value !== undefined) yield [key, value]
    }
  }

  set(key: K, value: V): void {
    const isValue = value !== undefined
    if (!isValue) assert(isValue, `undefined as the value of ${String(key)}`)
    this.#change(key, value)
  }

  /** Whether it was there. */
  delete(key: K): boolean {
    if (!this.has(key)) return false
    this.#change(key, undefined)
    return true
  }

  #change(key: K, after: V | undefined): void {
    const entry = this.#entries.get(key)
    const before = entry instanceof Pending ? entry.latest : entry
    this.#size += difference(before, after)
    if (this.#timeline.isSettled) {
      const isSettled = !(entry instanceof Pending)
      if (!isSettled) assert(isSettled, `${String(key)} is settled with changes under way`)
      this.#committedSize += difference(before, after)
      this.#settle(key, after)
      return
    }
    const pending = entry instanceof Pending ? entry : new Pending<V>(entry)
    if (pending !== entry) this.#entries.set(key, pending)
    pending.latest = after
    pending.changes += 1
    this.#timeline.record(new MapChange(this.#timeline.offset, this, key, pending, before, after))
  }

  /** For its changes only: the oldest of the key's is committed. */
  commitChange(key: K, pending: Pending<V>, after: V | undefined): void {
    this.#committedSize += difference(pending.committed, after)
    pending.committed = after
    this.#finishChange(key, pending)
  }

  /** For its changes only: the newest of the key's is undone. */
  revertChange(key: K, pending: Pending<V>, before: V | undefined): void {
    this.#size += difference(pending.latest, before)
    pending.latest = before
    this.#finishChange(key, pending)
  }

  #finishChange(key: K, pending: Pending<V>): void {
    pending.changes -= 1
    if (pending.changes === 0) this.#settle(key, pending.latest)
  }

  #settle(key: K, value: V | undefined): void {
    if (value === undefined) this.#entries.delete(key)
    else this.#entries.set(key, value)
  }
}

class MapChange<K, V> implements Change {
  readonly offset: number
  readonly #map: TimelineMap<K, V>
  readonly #key: K
  readonly #pending: Pending<V>
  readonly #before: V | undefined
  readonly #after: V | undefined

  constructor(
    offset: number,
    map: TimelineMap<K, V>,
    key: K,
    pending: Pending<V>,
    before: V | undefined,
    after: V | undefined,
  ) {
    this.offset = offset
    this.#map = map
    this.#key = key
    this.#pending = pending
    this.#before = before
    this.#after = after
  }

  commit(): void {
    this.#map.commitChange(this.#key, this.#pending, this.#after)
  }

  revert(): void {
    this.#map.revertChange(this.#key, this.#pending, this.#before)
  }
}

function difference(before: unknown, after: unknown): number {
  return (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
}

/** A single value. */
export class TimelineValue<T> {
  readonly #timeline: Timeline
  #latest: T
  #committed: T

  constructor(timeline: Timeline, initial: T) {
    this.#timeline = timeline
    this.#latest = initial
    this.#committed = initial
  }

  get(): T {
    return this.#latest
  }

  getCommitted(): T {
    return this.#committed
  }

  set(after: T): void {
    const before = this.#latest
    this.#latest = after
    if (this.#timeline.isSettled) {
      this.#committed = after
      return
    }
    this.#timeline.record({
      offset: this.#timeline.offset,
      commit: () => {
        this.#committed = after
      },
      revert: () => {
        this.#latest = before
      },
    })
  }
}
