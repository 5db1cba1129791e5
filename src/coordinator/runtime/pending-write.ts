/** A write whose records are not committed yet: what to do when they are, or when that will not happen. */

import type { ErrorName } from '../../protocol/errors.ts'
import { coordinatorErrorOf } from './append-errors.ts'

export interface PendingCalls {
  /** Performs effects. */
  readonly onCommitted?: (() => void) | undefined
  /** The operation's own, whatever became of its records. */
  readonly onCompleted?: ((error: ErrorName | undefined) => void) | undefined
  /** Called once: when the write is committed or has failed, or when it has taken too long, which says nothing about what will become of it. */
  readonly answer: (error: ErrorName | undefined) => void
}

export class PendingWrite {
  /** It is committed when the high watermark has reached this. */
  readonly endOffset: number
  readonly deadlineMs: number
  readonly #calls: PendingCalls
  #isAnswered = false

  constructor(endOffset: number, deadlineMs: number, calls: PendingCalls) {
    this.endOffset = endOffset
    this.deadlineMs = deadlineMs
    this.#calls = calls
  }

  commit(): void {
    this.#calls.onCompleted?.(undefined)
    this.#calls.onCommitted?.()
    this.#reply(undefined)
  }

  fail(error: ErrorName): void {
    this.#calls.onCompleted?.(error)
    this.#reply(error)
  }

  timeOut(): void {
    this.#reply(coordinatorErrorOf('REQUEST_TIMED_OUT'))
  }

  #reply(error: ErrorName | undefined): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    this.#calls.answer(error)
  }
}
