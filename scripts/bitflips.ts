/**
 * `npm run bitflips`: flips single bits in the files of a log directory, and looks at what readers and producers see of it.
 *
 *   npm run bitflips                               500 flips of a new seed, which is printed
 *   npm run bitflips -- --flips 5000 --seed 4711   five thousand, of that seed
 *   npm run bitflips -- --file .index --file .log  in files of these kinds only
 *   npm run bitflips -- --seed 4711 --only 17      the one that failed, again
 *
 * Every kind of file, at every moment in the life of a broker. Prints how often each came up and what came of it, and fails when one that is planned did not.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { flipMoments, flippedFileKinds, tryFlip } from '../src/sim/images/bit-flips.ts'
import { SeededRandom } from '../src/std/random.ts'

const { values } = parseArgs({
  options: {
    flips: { type: 'string', default: '500' },
    seed: { type: 'string' },
    file: { type: 'string', multiple: true, default: [] },
    only: { type: 'string' },
  },
})

function numberOf(option: 'flips' | 'seed' | 'only', text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${option} ${text} is not a whole number`)
  return number
}

/** There is no mark of a clean shutdown while a broker runs, or after it was killed. */
function isPlanned(kind: string, moment: string): boolean {
  return kind !== '.kafka_cleanshutdown' || moment === 'closed in order'
}

async function main(): Promise<boolean> {
  const seed = values.seed === undefined ? randomInt(2 ** 32) : numberOf('seed', values.seed)
  const flips = numberOf('flips', values.flips)
  const only = values.only === undefined ? undefined : numberOf('only', values.only)
  console.log(`seed ${seed}`)
  const startMs = performance.now()
  const counts = new Map<string, Map<string, number>>()
  const seen = new Set<string>()
  // Data is most of what there is to be spoiled.
  const all = [...flippedFileKinds, '.log', '.log', '.log', '.log'] as const
  const kinds = values.file.length === 0 ? all : all.filter(kind => values.file.includes(kind))
  if (kinds.length === 0) throw new Error(`there are files ${flippedFileKinds.join(', ')}`)
  let count = 0
  for (let flip = 0; flip < flips; flip++) {
    const kind = kinds[flip % kinds.length]!
    const planned = flipMoments.filter(moment => isPlanned(kind, moment))
    const moment = planned[Math.floor(flip / kinds.length) % planned.length]!
    if (only !== undefined && only !== flip) continue
    const random = new SeededRandom(seed).fork(`flip ${flip}`)
    try {
      let outcome
      while (outcome === undefined) outcome = await tryFlip(random.below(2 ** 32), kind, moment, random)
      const verdicts = counts.get(kind) ?? new Map<string, number>()
      verdicts.set(outcome.verdict, (verdicts.get(outcome.verdict) ?? 0) + 1)
      counts.set(kind, verdicts)
      seen.add(`${kind}, ${moment}`)
      count += 1
    } catch (error) {
      const files = values.file.map(file => ` --file ${file}`).join('')
      console.error(`\n✖ flip ${flip}: ${(error as Error).message}`)
      console.error((error as Error).cause)
      console.error(`\nagain: npm run bitflips -- --flips ${flips} --seed ${seed}${files} --only ${flip}`)
      return false
    }
  }
  for (const kind of flippedFileKinds) {
    const verdicts = [...(counts.get(kind) ?? [])].map(([verdict, times]) => `${times} ${verdict}`)
    console.log(`  ${kind.padEnd(34)} ${verdicts.toSorted().join(', ')}`)
  }
  console.log(`${count} flipped bits in ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
  if (only !== undefined || flips < kinds.length * flipMoments.length) return true
  const missing = flippedFileKinds.flatMap(kind =>
    flipMoments
      .filter(moment => isPlanned(kind, moment) && !seen.has(`${kind}, ${moment}`))
      .map(moment => `${kind}, ${moment}`),
  )
  if (missing.length === 0) return true
  console.error(`✖ never came up: ${missing.join('; ')}`)
  return false
}

try {
  if (!(await main())) process.exitCode = 1
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
