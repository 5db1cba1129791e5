/**
 * The long poll of a fetch: waits until the partitions that it asks for have `minBytes` between them, one of them has something else to
 * say, or `maxWaitMs` is over. It asks nobody while it waits: partitions tell their watchers when they change, and only what
 * changed is looked at again.
 */

import type { Clock, Timer } from '../io/io.ts'
import type { Partition, PartitionWatcher } from '../replication/partition.ts'

/** How many bytes a partition would give now, or that it has news (an error, a divergence) that is worth an answer at once. */
export type Readiness = number | 'answer-now'

export interface WaitingFetchOptions {
  readonly clock: Clock
  readonly maxWaitMs: number
  readonly minBytes: number
  /** What each partition had when the wait began. */
  readonly availableBytes: ReadonlyMap<Partition, number>
  /** Looks at one partition that has changed. */
  readonly readinessOf: (partition: Partition) => Readiness
}

export class WaitingFetch implements PartitionWatcher {
  /** Settles when the fetch should be answered, never rejects. */
  readonly over: Promise<void>
  #resolve!: () => void
  readonly #options: WaitingFetchOptions
  readonly #timer: Timer
  /** What each partition contributes to the sum. */
  readonly #bytesOf: Map<Partition, number>
  #availableBytes = 0
  #isOver = false

  constructor(options: WaitingFetchOptions) {
    this.#options = options
    this.#bytesOf = new Map(options.availableBytes)
    for (const bytes of this.#bytesOf.values()) this.#availableBytes += bytes
    this.over = new Promise(resolve => {
      this.#resolve = resolve
    })
    this.#timer = options.clock.setTimer(options.maxWaitMs, () => this.end())
    for (const partition of this.#bytesOf.keys()) partition.watch(this)
  }

  partitionChanged(partition: Partition): void {
    if (this.#isOver) return
    const readiness = this.#options.readinessOf(partition)
    if (readiness === 'answer-now') {
      this.end()
      return
    }
    this.#availableBytes += readiness - (this.#bytesOf.get(partition) ?? 0)
    this.#bytesOf.set(partition, readiness)
    if (this.#availableBytes >= this.#options.minBytes) this.end()
  }

  /** Ends the wait now: time is up, the connection closed, or the broker stops. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#timer.cancel()
    for (const partition of this.#bytesOf.keys()) partition.unwatch(this)
    this.#resolve()
  }
}
