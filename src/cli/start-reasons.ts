/** What the processes of `ottla start` have in common in how they end, and how they say why. */

/** A graceful end takes less; what is not done by then is done by recovery at the next start. */
export const stopLimitMs = 5000
export const tooLate = `it did not stop within ${stopLimitMs / 1000} s; the next start will check the logs`

/** The message of an error and of what caused it. */
export function reasonsOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${reasonsOf(error.cause)}` : error.message
}
