/**
 * One term of one controller: takes changes one after the other, writes what they stage, and answers when it is written.
 *
 * A change is judged at once, on everything that was decided before it, and does not wait for that to be written; what is decided while a write is
 * under way goes out with the next one. Answers come in the order of the changes, those that changed nothing among them, since they rest on
 * what came before. When a write is refused or its outcome is unknown, the term is over, and all who wait are told so (M2).
 */

import { assert } from '../std/assert.ts'
import { Fifo } from '../std/fifo.ts'
import type { Logger } from '../std/logger.ts'
import type { Delta } from '../metadata/delta.ts'
import { WriteRefusedError } from '../metadata/metadata-writer.ts'
import type { MetadataWriter } from '../metadata/metadata-writer.ts'
import type { ControlState } from './control-state.ts'

interface Pending {
  readonly deltas: readonly Delta[]
  readonly settle: (cause: Error | undefined) => void
}

/** How many deltas are written as one change at most, unless a single request has more. */
const DELTAS_PER_WRITE_MAX = 5000

export class Office {
  readonly state: ControlState
  readonly #writer: MetadataWriter
  readonly #logger: Logger
  readonly #pending = new Fifo<Pending>()
  #writing: Promise<void> | undefined
  #snapshotting: Promise<void> | undefined
  #ending: { readonly cause: Error } | undefined
  readonly #ended = Promise.withResolvers<Error>()

  constructor(state: ControlState, writer: MetadataWriter, logger: Logger) {
    assert(
      state.nextNumber === writer.nextNumber,
      () => `delta ${state.nextNumber} is decided next, ${writer.nextNumber} is written`,
    )
    this.state = state
    this.#writer = writer
    this.#logger = logger
  }

  /** Resolves with the reason when the term is over. */
  get ended(): Promise<Error> {
    return this.#ended.promise
  }

  /** Carries out `change` and gives what it returned when it is durable and on this broker's image; `onLost` makes the answer when that fails. */
  submit<R>(change: (state: ControlState) => R, onLost: (cause: Error) => R): Promise<R> {
    if (this.#ending !== undefined) return Promise.resolve(onLost(this.#ending.cause))
    let result: R
    try {
      result = change(this.state)
    } catch (error) {
      // Half a change may be staged: nothing of it may ever be written.
      this.end(error as Error)
      throw error
    }
    return new Promise(resolve => {
      this.#pending.push({
        deltas: this.state.take(),
        settle: cause => resolve(cause === undefined ? result : onLost(cause)),
      })
      this.#writing ??= this.#write()
    })
  }

  /** Ends the term. Whatever is not written yet is never written. */
  end(cause: Error): void {
    if (this.#ending !== undefined) return
    this.#ending = { cause }
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) next.settle(cause)
    this.#ended.resolve(cause)
  }

  /** Waits for what is under way, then ends the term. */
  async close(): Promise<void> {
    await this.#writing
    await this.#snapshotting
    this.end(new Error('the controller is shutting down'))
  }

  async #write(): Promise<void> {
    // Lets the changes of this turn gather.
    await Promise.resolve()
    while (this.#ending === undefined && this.#pending.length > 0) {
      const batch = this.#takeBatch()
      const cause = await this.#append(batch.flatMap(({ deltas }) => deltas))
      for (const { settle } of batch) settle(cause)
      if (cause !== undefined) this.end(cause)
      else if (this.#writer.isSnapshotDue) this.#snapshotting ??= this.#snapshot()
    }
    this.#writing = undefined
  }

  #takeBatch(): Pending[] {
    const batch: Pending[] = []
    let deltaCount = 0
    for (let next = this.#pending.peek(); next !== undefined; next = this.#pending.peek()) {
      deltaCount += next.deltas.length
      if (batch.length > 0 && deltaCount > DELTAS_PER_WRITE_MAX) break
      batch.push(next)
      this.#pending.shift()
    }
    return batch
  }

  async #append(deltas: readonly Delta[]): Promise<Error | undefined> {
    if (deltas.length === 0) return undefined
    try {
      await this.#writer.append(deltas)
      return undefined
    } catch (error) {
      return error as Error
    }
  }

  async #snapshot(): Promise<void> {
    try {
      await this.#writer.snapshot()
    } catch (error) {
      this.#logger.warn('a snapshot of the metadata log could not be written', { cause: (error as Error).message })
      if (error instanceof WriteRefusedError) this.end(error)
    } finally {
      this.#snapshotting = undefined
    }
  }
}
