/**
 * `npm run planted`: does the simulator find what it is for? Takes bugs that others have had, one after another, puts each into a copy of the sources, and runs the simulation that has to
 * find it, with new seeds. Whether a seldom one is found is a matter of luck with new ones; a gate takes the same seeds each time.
 *
 *   npm run planted                              all of test/planted/*.patch, two at a time
 *   npm run planted -- --only lso,decision       those with one of these words in their name
 *   npm run planted -- --scenario groups         those of one scenario
 *   npm run planted -- --seconds 60 --jobs 1     how long each may take, how many at once
 *   npm run planted -- --from 1                   with the same seeds each time, from this one on
 *   npm run planted -- --list
 *
 * A patch begins with lines that say what it is: `Scenario:`, the name of the simulation; `Finds:`, a regular expression for the sentence that the failure has to have; `About:`, what is
 * wrong and who had it. Exit code 1 when one is not found, or does not apply any more.
 */
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    scenario: { type: 'string', default: '' },
    seconds: { type: 'string', default: '60' },
    jobs: { type: 'string', default: '2' },
    from: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
})

const firstSeed = values.from === undefined ? undefined : Number(values.from)
if (firstSeed !== undefined && !Number.isSafeInteger(firstSeed))
  throw new Error(`--from ${values.from} is not a whole number`)

const root = fileURLToPath(new URL('..', import.meta.url))
const patches = join(root, 'test/planted')

interface Planted {
  readonly name: string
  readonly path: string
  readonly scenario: string
  readonly finds: RegExp
  readonly about: string
}

function readPlanted(file: string): Planted {
  const path = join(patches, file)
  const [head = ''] = readFileSync(path, 'utf8').split(/^diff /m)
  const field = (name: string): string => {
    const found = new RegExp(`^${name}: (.+)$`, 'm').exec(head)?.[1]
    if (found === undefined) throw new Error(`${file} has no line that begins with ${name}:`)
    return found
  }
  const name = file.replace(/\.patch$/, '')
  return { name, path, scenario: field('Scenario'), finds: new RegExp(field('Finds')), about: field('About') }
}

/** A copy of the sources with the bug in it; a sentence when the patch does not apply. */
function plant({ path }: Planted): { readonly folder: string } | string {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-planted-'))
  for (const part of ['src', 'scripts', 'package.json'])
    cpSync(join(root, part), join(folder, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  // Nothing of the repository that the copy may lie in is to be looked at.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() }
  const applied = spawnSync('git', ['apply', '--whitespace=nowarn', path], { cwd: folder, env, encoding: 'utf8' })
  if (applied.status === 0) return { folder }
  rmSync(folder, { recursive: true, force: true })
  return `does not apply: ${applied.stderr.trim()}`
}

/** Without `why` it was found. */
interface Outcome {
  readonly why?: string
  readonly said: string
  /** The one that failed. */
  readonly seed?: number
}

/** Seeds from one on, or new ones. */
async function search(planted: Planted, folder: string, seconds: number, from: number | undefined): Promise<Outcome> {
  const simulation = ['scripts/sim.ts', '--scenario', planted.scenario, '--minutes', String(seconds / 60)]
  if (from !== undefined) simulation.push('--from', String(from))
  const child = spawn(process.execPath, simulation, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let failure: string | undefined
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      failure ??= /^\w*Error\b.*\n/m.exec(output)?.[0].trimEnd()
      // Whatever the simulation would do about it, to make it shorter or to explain it.
      if (failure !== undefined) child.kill('SIGKILL')
    })
  }
  // One that hangs the simulation has not been found by it.
  const timer = setTimeout(() => child.kill('SIGKILL'), (seconds + 20) * 1000)
  await new Promise(resolve => child.once('close', resolve))
  clearTimeout(timer)
  if (failure === undefined) return { why: `not found in ${seconds.toFixed(0)} s`, said: output.slice(-300) }
  const seed = Number(/, seed (\d+),/.exec(output)?.[1])
  if (planted.finds.test(failure)) return { said: failure, seed }
  return { why: `found something else than ${planted.finds.source}`, said: failure, seed }
}

async function tryOne(planted: Planted, seconds: number): Promise<boolean> {
  const copy = plant(planted)
  if (typeof copy === 'string') {
    console.log(`✖ ${planted.name} ${copy}`)
    return false
  }
  const began = performance.now()
  try {
    const leftS = (): number => seconds - (performance.now() - began) / 1000
    let outcome: Outcome
    let from = firstSeed
    // What it found first may have nothing to do with the bug: it has the rest of its time to find that.
    do {
      outcome = await search(planted, copy.folder, leftS(), from)
      if (from !== undefined && outcome.seed !== undefined) from = outcome.seed + 1
    } while (outcome.why !== undefined && leftS() >= 1)
    const { why, said } = outcome
    const tookS = ((performance.now() - began) / 1000).toFixed(1)
    if (why === undefined) console.log(`✔ ${planted.name} in ${tookS} s, seed ${outcome.seed}: ${said.slice(0, 160)}`)
    else console.log(`✖ ${planted.name} (${planted.about}) after ${tookS} s: ${why}\n    ${said.slice(0, 300)}`)
    return why === undefined
  } finally {
    rmSync(copy.folder, { recursive: true, force: true })
  }
}

const words = values.only.split(',').filter(word => word !== '')
const chosen = readdirSync(patches)
  .filter(file => file.endsWith('.patch'))
  .toSorted()
  .map(readPlanted)
  .filter(({ name }) => words.length === 0 || words.some(word => name.includes(word)))
  .filter(({ scenario }) => values.scenario === '' || scenario === values.scenario)

if (values.list) {
  for (const { name, scenario, about } of chosen) console.log(`${name.padEnd(32)} ${scenario.padEnd(8)} ${about}`)
} else {
  const waiting = [...chosen]
  let found = 0
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      if (await tryOne(next, Number(values.seconds))) found += 1
  }
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker))
  console.log(`${found} passed, ${chosen.length - found} failed`)
  if (found < chosen.length || chosen.length === 0) process.exitCode = 1
}
