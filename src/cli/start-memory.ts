/** Gives back the memory that opening thousands of logs took and having them does not, once the broker has been ready for a moment. */

import type { Broker } from '../broker/broker.ts'

/** With fewer logs there is less of it than a collection is worth. */
const logsLeast = 1000
const afterMs = 1000

export function returnMemoryOfStart({ logs, io }: Broker): void {
  let count = 0
  for (const _log of logs.all()) count += 1
  if (count < logsLeast) return
  // Loaded only then: every other start does without.
  io.clock.setTimer(afterMs, () => void import('../io/node-memory.ts').then(memory => memory.returnFreeMemory()))
}
