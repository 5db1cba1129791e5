/** What `npm run sim` runs: a story with seeded parts, told to the end, with everything that must hold checked on the way. */

import type { Simulator } from './simulator.ts'

/** How often each kind of event and fault came up, so that one that never does is noticed. */
export type Counts = Record<string, number>

export interface Scenario {
  readonly name: string
  /** One line for the list of scenarios. */
  readonly summary: string
  /** Every kind of event and fault that is to come up within some seeds. */
  readonly kinds: readonly string[]
  /** Tells the story of the simulator's seed. Fails when something is not as it must be. */
  readonly run: (simulator: Simulator) => Promise<Counts>
}

/** Adds one to a count. */
export function count(counts: Counts, kind: string): void {
  counts[kind] = (counts[kind] ?? 0) + 1
}
