/**
 * Assertions for bugs: always on, in production too, because a broker that goes on after its own state is wrong loses data.
 * Expected failures (bad input, a full disk) are values, never assertions.
 */

export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Throws when `condition` is false. Put the values into `message`; pass a function where building it costs something. */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new AssertionError(typeof message === 'string' ? message : message())
}

/** An offset, timestamp or producer id: a whole number that a double holds exactly. */
export function assertSafeInteger(value: number, what: string): void {
  if (!Number.isSafeInteger(value)) throw new AssertionError(`${what} is not a safe integer: ${value}`)
}

/** For a place that no value can reach, such as the end of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`)
}
