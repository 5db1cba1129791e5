/**
 * Between handlers, which return an answer or a promise of one, and coordinators, which call back: at once more often than not, and then no promise is made.
 */

import type { CoordinatorResult, TransactionalProducer } from '../../coordinator/runtime/coordinator.ts'
import type { WriteRequest } from '../../coordinator/runtime/shard-runner.ts'
import type { ErrorName } from '../../protocol/errors.ts'

/** Only the first answer counts: who has been told of a failure is not told again. */
export function answered<T>(ask: (answer: (value: T) => void) => void): T | Promise<T> {
  let isAnswered = false
  let value: T | undefined
  let resolve: ((value: T) => void) | undefined
  ask(answer => {
    if (isAnswered) return
    isAnswered = true
    if (resolve === undefined) value = answer
    else resolve(answer)
  })
  if (isAnswered) return value as T
  return new Promise<T>(done => {
    resolve = done
  })
}

/** The same for a write of a coordinator, which is one object where `answered` makes several: heartbeats come by the thousand. */
export class AnsweredWrite<S, R, T, E> implements WriteRequest<S, R, T, E> {
  readonly operation: (shard: S) => CoordinatorResult<R, T, E>
  readonly failed: (error: ErrorName) => T
  readonly producer: TransactionalProducer | undefined
  #isAnswered = false
  #value: T | undefined
  #resolve: ((value: T) => void) | undefined

  constructor(
    operation: (shard: S) => CoordinatorResult<R, T, E>,
    failed: (error: ErrorName) => T,
    producer: TransactionalProducer | undefined,
  ) {
    this.operation = operation
    this.failed = failed
    this.producer = producer
  }

  reply(value: T): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    if (this.#resolve === undefined) this.#value = value
    else this.#resolve(value)
  }

  /** Asked once, when the write has been begun. */
  answer(): T | Promise<T> {
    if (this.#isAnswered) return this.#value as T
    return new Promise<T>(resolve => {
      this.#resolve = resolve
    })
  }
}

/** All of them, as a promise only where one is. */
export function all<T>(answers: readonly (T | Promise<T>)[]): readonly T[] | Promise<T[]> {
  return answers.some(answer => answer instanceof Promise) ? Promise.all(answers) : (answers as readonly T[])
}

export function mapAnswer<T, U>(answer: T | Promise<T>, map: (value: T) => U | Promise<U>): U | Promise<U> {
  return answer instanceof Promise ? answer.then(map) : map(answer)
}
