/**
 * Loading one shard: reads its partition from the start and replays it, never for longer than a slice at a time. What the partition's end was when it
 * became ours is the end of the load, for nothing is appended before.
 */

import type { CoordinatorClock, CoordinatorLog } from './coordinator.ts'
import { Replay, ReplayError } from './replay-batches.ts'
import type { PassedOver, ReplayTarget } from './replay-batches.ts'

export interface LoadResult {
  readonly records: number
  readonly bytes: number
  readonly tookMs: number
  /** Undefined: nothing. */
  readonly passedOver: PassedOver | undefined
}

export interface LoadOptions {
  readonly log: CoordinatorLog
  readonly clock: CoordinatorClock
  /** Bytes read at a time. */
  readonly bufferBytes: number
  readonly onDone: (result: LoadResult | Error) => void
}

/** How long one turn of the event loop may be spent on a load. */
const sliceMsMax = 8

export class ShardLoading<R> {
  readonly #options: LoadOptions
  readonly #replaying: Replay<R>
  readonly #endOffset: number
  readonly #startedMs: number
  #offset: number
  #records = 0
  #bytes = 0
  #isCancelled = false

  constructor(target: ReplayTarget<R>, options: LoadOptions) {
    this.#replaying = new Replay(target)
    this.#options = options
    this.#offset = options.log.startOffset
    this.#endOffset = options.log.endOffset
    this.#startedMs = options.clock.monotonicMs()
  }

  start(): void {
    this.#readOn()
  }

  /** `onDone` is not called after this. */
  cancel(): void {
    this.#isCancelled = true
  }

  #readOn(): void {
    if (this.#offset >= this.#endOffset) {
      const tookMs = this.#options.clock.monotonicMs() - this.#startedMs
      const { passedOver } = this.#replaying
      this.#options.onDone({ records: this.#records, bytes: this.#bytes, tookMs, passedOver })
      return
    }
    this.#options.log.read(this.#offset, this.#options.bufferBytes, outcome => {
      if (this.#isCancelled) return
      if (outcome.kind === 'failed')
        this.#fail(new Error(`cannot read from offset ${this.#offset}: ${outcome.message}`))
      else if (outcome.nextOffset <= this.#offset)
        this.#fail(new Error(`nothing to read from offset ${this.#offset}, before the end at ${this.#endOffset}`))
      else this.#drive(this.#replay(outcome.batches, outcome.nextOffset))
    })
  }

  *#replay(batches: readonly Uint8Array[], nextOffset: number): Generator<undefined, void> {
    for (const bytes of batches) {
      this.#records += yield* this.#replaying.batches(bytes, this.#offset)
      this.#bytes += bytes.length
    }
    this.#offset = nextOffset
  }

  /** Goes on with what was read until it is done or the slice is over. */
  #drive(steps: Generator<undefined, void>): void {
    if (this.#isCancelled) return
    const { clock } = this.#options
    const endMs = clock.monotonicMs() + sliceMsMax
    try {
      while (steps.next().done !== true) {
        if (clock.monotonicMs() < endMs) continue
        clock.defer(() => this.#drive(steps))
        return
      }
    } catch (error) {
      if (!(error instanceof ReplayError)) throw error
      this.#fail(error)
      return
    }
    // A read that is answered from memory comes at once; a deep partition must not become a deep stack, nor one long turn.
    clock.defer(() => {
      if (!this.#isCancelled) this.#readOn()
    })
  }

  #fail(error: Error): void {
    this.#options.onDone(error)
  }
}
