/**
 * The known name that somebody most likely meant, for error messages.
 */

/** Longer names are not compared: what a client sends must not cost more than it is worth. */
const nameLengthMax = 200

/** The nearest by edit distance, where it is near enough to be a slip: at most a third of the name, and at most five edits. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  if (name.length > nameLengthMax) return undefined
  let nearest: string | undefined
  let distance = Math.min(5, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= distance) continue
    const found = editDistance(name.toLowerCase(), candidate, distance)
    if (found < distance) {
      distance = found
      nearest = candidate
    }
  }
  return nearest
}

/** Insertions, deletions, replacements and swaps of neighbours that make one text of the other; `limit` where there are at least so many. */
export function editDistance(from: string, to: string, limit = Infinity): number {
  let before: number[] = []
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const line = [row]
    for (let column = 1; column <= to.length; column++) {
      const replaced = above[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1)
      let least = Math.min(replaced, above[column]! + 1, line[column - 1]! + 1)
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (swapped) least = Math.min(least, before[column - 2]! + 1)
      line.push(least)
    }
    if (Math.min(...line) >= limit) return limit
    before = above
    above = line
  }
  return Math.min(above[to.length]!, limit)
}
