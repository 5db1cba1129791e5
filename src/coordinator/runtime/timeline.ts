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
    assert(offset >= this.#offset, () => `the timeline goes from ${this.#offset} back to ${offset}`)
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

/** What was committed of an entry that has changed since; `pending` counts the changes. */
interface Committed<V> {
  value: V | undefined
  pending: number
}

/** A map. `undefined` stands for absence and cannot be a value. */
export class TimelineMap<K, V> {
  readonly #timeline: Timeline
  readonly #latest = new Map<K, V>()
  /** Of the keys with changes under way only; there is none while nothing is written. */
  #committed: Map<K, Committed<V>> | undefined
  #committedSize = 0

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  get size(): number {
    return this.#latest.size
  }

  get committedSize(): number {
    return this.#committedSize
  }

  get(key: K): V | undefined {
    return this.#latest.get(key)
  }

  has(key: K): boolean {
    return this.#latest.has(key)
  }

  getCommitted(key: K): V | undefined {
    const changed = this.#committed?.get(key)
    return changed === undefined ? this.#latest.get(key) : changed.value
  }

  keys(): IterableIterator<K> {
    return this.#latest.keys()
  }

  values(): IterableIterator<V> {
    return this.#latest.values()
  }

  entries(): IterableIterator<[K, V]> {
    return this.#latest.entries()
  }

  *committedEntries(): Generator<[K, V]> {
    const committed = this.#committed
    if (committed === undefined) {
      yield* this.#latest
      return
    }
    for (const entry of this.#latest) if (!committed.has(entry[0])) yield entry
    for (const [key, { value }] of committed) if (value !== undefined) yield [key, value]
  }

  set(key: K, value: V): void {
    assert(value !== undefined, () => `undefined as the value of ${String(key)}`)
    this.#change(key, value)
  }

  /** Whether it was there. */
  delete(key: K): boolean {
    if (!this.#latest.has(key)) return false
    this.#change(key, undefined)
    return true
  }

  #change(key: K, after: V | undefined): void {
    const before = this.#latest.get(key)
    this.#put(key, after)
    if (this.#timeline.isSettled) {
      assert(this.#committed?.has(key) !== true, () => `${String(key)} is settled with changes under way`)
      this.#committedSize += difference(before, after)
      return
    }
    this.#committed ??= new Map()
    const entry = this.#committed.get(key)
    if (entry === undefined) this.#committed.set(key, { value: before, pending: 1 })
    else entry.pending += 1
    this.#timeline.record({
      offset: this.#timeline.offset,
      commit: () => this.#commit(key, after),
      revert: () => this.#revert(key, before),
    })
  }

  #commit(key: K, after: V | undefined): void {
    const entry = this.#committed!.get(key)!
    this.#committedSize += difference(entry.value, after)
    entry.value = after
    this.#finish(key, entry)
  }

  #revert(key: K, before: V | undefined): void {
    this.#put(key, before)
    this.#finish(key, this.#committed!.get(key)!)
  }

  #put(key: K, value: V | undefined): void {
    if (value === undefined) this.#latest.delete(key)
    else this.#latest.set(key, value)
  }

  #finish(key: K, entry: Committed<V>): void {
    entry.pending -= 1
    if (entry.pending > 0) return
    this.#committed!.delete(key)
    if (this.#committed!.size === 0) this.#committed = undefined
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
