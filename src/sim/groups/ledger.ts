/**
 * What must be committed of one group, whose only clients are those that tell this: a model of offsets, of those that transactions have pending, and of their expiry. Values in, values out.
 *
 * Of two commits of a partition the later one counts, whenever their transactions are decided. A deletion takes pending ones with it. What has an end of its own is there before, gone some
 * time after, and may be either in between.
 */

/** Virtual time. What was asked for before it was answered took effect in between. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** At any time. */
export const endless: Span = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY }

interface Entry {
  readonly offset: number
  /** Later ones have higher numbers. */
  readonly order: number
  /** When its retention ends; undefined: not while this goes on. */
  readonly expiry: Span | undefined
  /** It may have expired before a transaction came that would have kept it. */
  readonly isUncertain?: boolean
}

/** −1: nothing. `mayBeGone`: it may have expired. `mustBeGone`: and not just now. */
export interface Expected {
  readonly offset: number
  readonly mayBeGone: boolean
  readonly mustBeGone: boolean
}

export class Ledger {
  /** How late the broker may be with what has expired. */
  readonly #latenessMs: number
  readonly #committed = new Map<number, Entry>()
  /** By the name of the producer. */
  readonly #pending = new Map<string, Map<number, Entry>>()
  /** Transactions on them have ended, and may not have been seen to have. */
  readonly #settling = new Set<number>()
  /** Nobody can say what is there, until something new is. */
  readonly #unknown = new Set<number>()
  #order = 0

  constructor(latenessMs: number) {
    this.#latenessMs = latenessMs
  }

  /** There is a transaction that has an offset for it, and is not decided. */
  isPending(partition: number): boolean {
    for (const offsets of this.#pending.values()) if (offsets.has(partition)) return true
    return false
  }

  /** Readers may be told that it is about to change, though nobody is about to. */
  isSettling(partition: number): boolean {
    return this.#settling.has(partition)
  }

  /** Nothing follows from what readers are told of it. */
  isUnknown(partition: number): boolean {
    return this.#unknown.has(partition)
  }

  get hasOpenTransactions(): boolean {
    for (const offsets of this.#pending.values()) if (offsets.size > 0) return true
    return false
  }

  /** Surely there is something of the group. */
  exists(nowMs: number): boolean {
    if (this.hasOpenTransactions) return true
    for (const partition of this.#committed.keys()) {
      const { offset, mayBeGone } = this.expected(partition, nowMs)
      if (offset >= 0 && !mayBeGone) return true
    }
    return false
  }

  commit(partition: number, offset: number, expiry?: Span): void {
    this.#unknown.delete(partition)
    this.#committed.set(partition, { offset, order: this.#order++, expiry })
  }

  /** As part of a transaction. */
  commitPending(producer: string, partition: number, offset: number, nowMs: number): void {
    const there = this.#committed.get(partition)
    if (there !== undefined && this.expected(partition, nowMs).mayBeGone)
      this.#committed.set(partition, { ...there, isUncertain: true })
    const offsets = this.#pending.get(producer) ?? new Map<number, Entry>()
    this.#pending.set(producer, offsets)
    offsets.set(partition, { offset, order: this.#order++, expiry: undefined })
  }

  end(producer: string, result: 'COMMIT' | 'ABORT'): void {
    for (const [partition, entry] of this.#pending.get(producer) ?? []) {
      this.#settling.add(partition)
      if (result === 'ABORT') continue
      const there = this.#committed.get(partition)
      if (there === undefined || there.order < entry.order) this.#committed.set(partition, entry)
    }
    this.#pending.delete(producer)
  }

  /** It has been decided, one way or the other. */
  endUnknown(producer: string): void {
    for (const partition of this.#pending.get(producer)?.keys() ?? []) this.#unknown.add(partition)
    this.end(producer, 'ABORT')
  }

  delete(partition: number): void {
    this.#unknown.delete(partition)
    this.#committed.delete(partition)
    for (const offsets of this.#pending.values()) offsets.delete(partition)
  }

  deleteAll(): void {
    this.#unknown.clear()
    this.#committed.clear()
    for (const offsets of this.#pending.values()) offsets.clear()
  }

  /** Readers are not told any more that it is about to change. */
  settled(partition: number): void {
    this.#settling.delete(partition)
  }

  /** What a reader of what is committed has to be told. */
  expected(partition: number, nowMs: number): Expected {
    const entry = this.#committed.get(partition)
    if (entry === undefined) return { offset: -1, mayBeGone: false, mustBeGone: false }
    const { offset, expiry, isUncertain = false } = entry
    if (isUncertain) return { offset, mayBeGone: true, mustBeGone: false }
    // A transaction that has it pending keeps what is there.
    if (expiry === undefined || this.isPending(partition)) return { offset, mayBeGone: false, mustBeGone: false }
    return { offset, mayBeGone: nowMs >= expiry.fromMs, mustBeGone: nowMs > expiry.toMs + this.#latenessMs }
  }

  /** It has expired. */
  gone(partition: number): void {
    this.#committed.delete(partition)
  }

  /** The broker's clock was set: nothing that ends by itself is known to be there, or not to be. */
  clockJumped(): void {
    for (const [partition, entry] of this.#committed)
      if (entry.expiry !== undefined) this.#committed.set(partition, { ...entry, expiry: endless })
  }
}
