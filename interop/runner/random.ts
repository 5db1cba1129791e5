/** A small generator, so that a seed gives the same waiting times again. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

export function between(random: () => number, { least, most }: { least: number; most: number }): number {
  return least + random() * (most - least)
}
