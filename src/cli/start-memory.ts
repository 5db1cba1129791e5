/**
 * Gives memory back to the system when a busy time is over: the engine grows its room for new objects while there is much to do, keeps it for as long as nothing happens,
 * and so does the allocator below with what large requests went through. After a start with thousands of logs, and after a load, that is more than what is in use.
 * And bounds the room that it grows to meanwhile.
 */

import type { Broker } from '../broker/broker.ts'
import { memoryPool } from '../std/memory-pool.ts'

/** A start with fewer logs takes less than a collection is worth. */
const logsLeast = 1000
const lookMs = 1000
const boundAfterMs = 500
/** Of a core, from one look to the next: more is a busy time, less than the other a quiet one. What is between neither begins nor ends one. */
const busyShare = 0.25
const quietShare = 0.02

/** What it needs to know of a broker. */
type QuietBroker = Pick<Broker, 'io'> & { readonly logs: { all(): Iterable<unknown> } }

/** Looks once a second; a collection, some tens of milliseconds, is made once for each busy time, when there is next to nothing to do. */
export function returnMemoryWhenQuiet(
  { logs, io: { clock } }: QuietBroker,
  cpuMs: () => number,
  collect: () => unknown = collectNow,
): void {
  let wasBusy = [...logs.all()].length >= logsLeast
  let usedMs = cpuMs()
  let lookedAtMs = clock.monotonicMs()
  const look = (): void => {
    const nowMs = clock.monotonicMs()
    const nowUsedMs = cpuMs()
    const share = (nowUsedMs - usedMs) / Math.max(1, nowMs - lookedAtMs)
    usedMs = nowUsedMs
    lookedAtMs = nowMs
    if (share > busyShare) wasBusy = true
    else if (wasBusy && share < quietShare) {
      wasBusy = false
      collect()
    }
    clock.setTimer(lookMs, look)
  }
  clock.setTimer(lookMs, look)
}

/** Once the broker has been ready for a moment: loaded only then, for the sake of the start, which takes more for a short time than what comes after. */
export function boundHeapSoon({ io }: Pick<Broker, 'io'>): void {
  io.clock.setTimer(boundAfterMs, () => void import('../io/node-memory.ts').then(memory => memory.boundHeap()))
}

async function collectNow(): Promise<void> {
  memoryPool.clear()
  // Loaded only then: who never has a busy time does without.
  const { returnFreeMemory } = await import('../io/node-memory.ts')
  returnFreeMemory()
}
