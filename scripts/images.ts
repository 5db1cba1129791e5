/**
 * `npm run images`: crashes logs at every change that they make to the disk, in every way in which a disk loses what was not synced, and starts again from what is left.
 *
 *   npm run images                                1,000 images of a new seed, which is printed
 *   npm run images -- --images 5000 --seed 4711   five thousand, of that seed
 *   npm run images -- --operation retention       of one operation only; --list says which there are
 *   npm run images -- --seed 4711 --only 17       the one that failed, again
 *
 * Each image is of an operation, a change within it, and a kind of crash; half of the starts from them are crashed in their turn. Prints how often each came up, and fails when
 * one that is planned did not.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { ImageRun } from '../src/sim/images/image-run.ts'
import { stories } from '../src/sim/images/stories.ts'

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '1000' },
    seed: { type: 'string' },
    operation: { type: 'string', multiple: true, default: [] },
    only: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
})

function numberOf(option: 'images' | 'seed' | 'only', text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${option} ${text} is not a whole number`)
  return number
}

async function main(): Promise<boolean> {
  if (values.list) {
    for (const { operation, events } of stories) console.log(`${operation.padEnd(20)} ${events.join(', ')}`)
    return true
  }
  const unknown = values.operation.filter(name => !stories.some(({ operation }) => operation === name))
  if (unknown.length > 0) throw new Error(`there is no operation ${unknown.join(', ')}; see --list`)
  const seed = values.seed === undefined ? randomInt(2 ** 32) : numberOf('seed', values.seed)
  const chosen =
    values.operation.length === 0 ? stories : stories.filter(each => values.operation.includes(each.operation))
  const run = new ImageRun(chosen, seed, numberOf('images', values.images))
  const only = values.only === undefined ? undefined : numberOf('only', values.only)
  console.log(`seed ${seed}`)
  const startMs = performance.now()
  const failure = await run.run(only)
  if (failure !== undefined) {
    const operations = values.operation.map(name => ` --operation "${name}"`).join('')
    console.error(`\n✖ image ${failure.image}: ${failure.what}`)
    console.error(failure.error)
    console.error(
      `\nagain: npm run images -- --images ${values.images} --seed ${seed}${operations} --only ${failure.image}`,
    )
    return false
  }
  for (const line of run.report()) console.log(line)
  console.log(`${run.count} images in ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
  const missing = only === undefined ? run.missing() : []
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
