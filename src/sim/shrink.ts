/** Makes a failing story short: leaves out steps as long as what is left still fails (delta debugging, A. Zeller and R. Hildebrandt 2002). */

/**
 * The smallest part of `steps`, in their order, that is found to fail; leaving out any single one of it does not fail any more, unless
 * `mayGoOn` ended the search before.
 */
export async function shrink(
  steps: readonly number[],
  fails: (steps: readonly number[]) => Promise<boolean>,
  mayGoOn: () => boolean = () => true,
): Promise<readonly number[]> {
  let shortest = steps
  let size = Math.max(1, Math.floor(shortest.length / 2))
  while (shortest.length > 0 && mayGoOn()) {
    let isShorter = false
    // From the end: what comes after the failure is of no use at all.
    for (let end = shortest.length; end > 0 && mayGoOn(); end -= size) {
      const start = Math.max(0, end - size)
      const rest = [...shortest.slice(0, start), ...shortest.slice(end)]
      if (!(await fails(rest))) continue
      shortest = rest
      isShorter = true
    }
    if (size === 1 && !isShorter) break
    size = Math.max(1, Math.floor(size / 2))
  }
  return shortest
}

/** Numbers as a person writes them: `0-3,7`. */
export function formatSteps(steps: readonly number[]): string {
  const parts: string[] = []
  for (let index = 0; index < steps.length;) {
    let last = index
    while (steps[last + 1] === steps[last]! + 1) last++
    parts.push(last === index ? `${steps[index]}` : `${steps[index]}-${steps[last]}`)
    index = last + 1
  }
  return parts.join()
}

/** What `formatSteps` wrote; undefined for anything else. */
export function parseSteps(text: string): number[] | undefined {
  const steps: number[] = []
  if (text === '') return steps
  for (const part of text.split(',')) {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part)
    if (match === null) return undefined
    const first = Number(match[1])
    const last = Number(match[2] ?? match[1])
    if (last - first > 100_000) return undefined
    for (let step = first; step <= last; step++) steps.push(step)
  }
  return steps
}
