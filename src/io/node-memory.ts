/** What only the engine below can do for memory. */

import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Collects garbage and gives the system back the room that it took: after a start with thousands of logs, or a load, twice as much as what is left lies idle, and the engine keeps it for
 * as long as nothing happens. Takes some tens of milliseconds, in which nothing else is done.
 */
export function returnFreeMemory(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => void
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}

/** Both halves of it. The engine lets it grow to four times this, and does not make it smaller as long as there is anything to do. */
const youngBytesMax = 32 * 1024 * 1024
/** Old objects may become so much more, in percent of those alive, before dead ones are looked for. The engine allows up to four times as many on machines with much memory. */
const oldGrowthPercent = 100
const lookEveryMs = 1000

/**
 * Keeps the heap near what is alive in it: what a broker has for a request is garbage when that is answered, and room for more of it makes nothing faster. Where whoever
 * started the process has chosen sizes (`NODE_OPTIONS=--max-semi-space-size=64`), these are theirs to choose.
 *
 * The size of the young generation is given to the engine before anything runs. By how much it grows can be told at any time: by none, once it is large enough.
 */
export function boundHeap(): void {
  const options = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ').replaceAll('_', '-')
  if (options.includes('semi-space') || options.includes('heap-growing')) return
  setFlagsFromString(`--heap-growing-percent=${oldGrowthPercent}`)
  let mayGrow = true
  const look = (): void => {
    const young = getHeapSpaceStatistics().find(space => space.space_name === 'new_space')
    // After a quiet time the engine has made it smaller, and it may grow again.
    const isSmall = young === undefined || young.space_size < youngBytesMax
    if (isSmall === mayGrow) return
    mayGrow = isSmall
    setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`)
  }
  look()
  setInterval(look, lookEveryMs).unref()
}
