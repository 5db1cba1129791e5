/**
 * A value that comes later, told at once when it comes: a promise without the turns of the microtask queue that each step of one takes, for
 * paths that are gone a hundred thousand times a second. One listener, which must not throw.
 */
import { assert } from './assert.ts'

type Outcome<T> = { readonly value: T } | { readonly error: unknown }

export class Later<T> {
  #outcome: Outcome<T> | undefined
  #onValue: ((value: T) => void) | undefined
  #onError: ((error: unknown) => void) | undefined

  settle(value: T): void {
    assert(this.#outcome === undefined, 'a value comes once')
    this.#outcome = { value }
    this.#onValue?.(value)
  }

  fail(error: unknown): void {
    assert(this.#outcome === undefined, 'a value comes once')
    this.#outcome = { error }
    this.#onError?.(error)
  }

  /** Calls one of the two, at once when it is known already. */
  whenSettled(onValue: (value: T) => void, onError: (error: unknown) => void): void {
    assert(this.#onValue === undefined, 'one listens')
    this.#onValue = onValue
    this.#onError = onError
    if (this.#outcome === undefined) return
    if ('value' in this.#outcome) onValue(this.#outcome.value)
    else onError(this.#outcome.error)
  }

  /** What `change` makes of the value; its failure when it throws. */
  map<U>(change: (value: T) => U): Later<U> {
    const changed = new Later<U>()
    this.whenSettled(
      value => {
        let next: U
        try {
          next = change(value)
        } catch (error) {
          changed.fail(error)
          return
        }
        changed.settle(next)
      },
      error => changed.fail(error),
    )
    return changed
  }

  toPromise(): Promise<T> {
    return new Promise((resolve, reject) => this.whenSettled(resolve, reject))
  }
}
