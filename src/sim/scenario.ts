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
  /** So many seeds it takes to see all of them; 20 by default. */
  readonly seedsForKinds?: number
  /** A line for each step of a seed's story, for a scenario whose stories can be told in part: those that fail are cut down to what it takes. */
  readonly planOf?: (seed: number) => readonly string[]
  /** Tells the story of the simulator's seed, or of its steps those with these numbers. Fails when something is not as it must be. */
  readonly run: (simulator: Simulator, steps?: readonly number[]) => Promise<Counts>
}

/** Adds one to a count. */
export function count(counts: Counts, kind: string): void {
  counts[kind] = (counts[kind] ?? 0) + 1
}
