/**
 * `npm run sim`: runs scenarios in the simulator, with new seeds for as long as one likes, or one seed again.
 *
 *   npm run sim                                   every scenario, a minute in all
 *   npm run sim -- --scenario io --minutes 10     one scenario, ten minutes of new seeds
 *   npm run sim -- --scenario io --seeds 50       fifty new seeds
 *   npm run sim -- --scenario io --seeds 50 --from 1      the same fifty each time
 *   npm run sim -- --scenario io --seed 4711      the seed that failed; add --trace FILE for all that happened
 *   npm run sim -- --scenario log --seed 4711 --steps 0-3,7   a part of it
 *   npm run sim -- --list                         what there is
 *
 * Stops at the first failure with its seed, the end of its trace and the command that repeats it; exit code 1. Where the scenario can tell a part of a story, the shortest
 * part that fails is looked for, for a minute at most (not with --no-shrink). Also fails when a kind of
 * event that a scenario promises never came up in as many seeds as it takes (20, unless the scenario says otherwise).
 */
import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Counts, Scenario } from '../src/sim/scenario.ts'
import { formatSteps, parseSteps, shrink } from '../src/sim/shrink.ts'
import { scenarios } from '../src/sim/scenarios.ts'
import { Simulator } from '../src/sim/simulator.ts'

const { values } = parseArgs({
  allowNegative: true,
  options: {
    scenario: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    from: { type: 'string' },
    steps: { type: 'string' },
    shrink: { type: 'boolean', default: true },
    trace: { type: 'string' },
    guard: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
})

const seedsForKinds = 20
/** How long a failure is cut down at most. */
const shrinkMsMax = 60_000

interface Tally {
  readonly scenario: Scenario
  readonly counts: Counts
  seeds: number
  virtualMs: number
  events: number
}

interface Run {
  readonly simulator: Simulator
  /** Undefined when it went well. */
  readonly failure: unknown
  readonly counts: Counts
}

/** What promises that nobody waited for were rejected with. */
let unheard: unknown
process.on('unhandledRejection', error => {
  unheard ??= error
})

async function run({ scenario }: Tally, seed: number, steps: readonly number[] | undefined): Promise<Run> {
  const traceLinesMax = values.trace === undefined ? 1000 : Number.POSITIVE_INFINITY
  // Under the guard a run is slower; every tenth is enough to notice.
  const guardAsync = values.guard || seed % 10 === 0
  const simulator = new Simulator({ seed, traceLinesMax, guardAsync })
  unheard = undefined
  let counts: Counts = {}
  let failure: unknown
  try {
    counts = await scenario.run(simulator, steps)
  } catch (error) {
    failure = error
  }
  return { simulator, failure: unheard ?? failure, counts }
}

/** Runs one seed, or some steps of it; false when it failed, after saying so. */
async function runSeed(tally: Tally, seed: number, steps?: readonly number[]): Promise<boolean> {
  const { simulator, failure, counts } = await run(tally, seed, steps)
  for (const [kind, times] of Object.entries(counts)) tally.counts[kind] = (tally.counts[kind] ?? 0) + times
  tally.seeds += 1
  tally.virtualMs += simulator.world.nowMs
  tally.events += simulator.trace.count
  if (values.trace !== undefined) writeFileSync(values.trace, `${simulator.trace.lines.join('\n')}\n`)
  if (failure === undefined) return true
  const { scenario } = tally
  console.error(`\n✖ ${scenario.name}, seed ${seed}, after ${simulator.trace.count} events:`)
  console.error(simulator.trace.lines.slice(-30).join('\n'))
  console.error(failure)
  const lines = scenario.planOf?.(seed)
  const told = steps ?? lines?.map((_, index) => index)
  if (lines === undefined || told === undefined || !values.shrink) {
    console.error(`\nagain: npm run sim -- --scenario ${scenario.name} --seed ${seed}`)
    return false
  }
  const shortest = await shortestFailure(tally, seed, told, failure)
  console.error(`\n${shortest.length} of ${told.length} steps are enough:`)
  for (const step of shortest) console.error(`  ${step} ${lines[step]}`)
  const { failure: last } = await run(tally, seed, shortest)
  console.error(last)
  console.error(`\nagain: npm run sim -- --scenario ${scenario.name} --seed ${seed} --steps "${formatSteps(shortest)}"`)
  return false
}

/** Another failure than the one that was found is another story. */
function shortestFailure(
  tally: Tally,
  seed: number,
  steps: readonly number[],
  failure: unknown,
): Promise<readonly number[]> {
  const kindOf = (error: unknown): string => String(error).split(' ', 2).join(' ')
  const endMs = performance.now() + shrinkMsMax
  return shrink(
    steps,
    async part => {
      const { failure: found } = await run(tally, seed, part)
      return found !== undefined && kindOf(found) === kindOf(failure)
    },
    () => performance.now() < endMs,
  )
}

function report(tally: Tally): boolean {
  const { scenario, counts, seeds, virtualMs, events } = tally
  console.log(
    `✔ ${scenario.name}: ${seeds} seeds, ${(virtualMs / 3_600_000).toFixed(2)} simulated hours, ${events} events`,
  )
  for (const kind of Object.keys(counts).toSorted()) console.log(`    ${String(counts[kind]).padStart(9)} ${kind}`)
  const missing = scenario.kinds.filter(kind => (counts[kind] ?? 0) === 0)
  if (missing.length === 0 || seeds < (scenario.seedsForKinds ?? seedsForKinds)) return true
  console.error(`✖ ${scenario.name}: never came up: ${missing.join(', ')}`)
  return false
}

function chosenScenarios(): readonly Scenario[] {
  const unknown = values.scenario.filter(name => !scenarios.some(scenario => scenario.name === name))
  if (unknown.length > 0) {
    throw new Error(
      `there is no scenario ${unknown.join(', ')}; there are: ${scenarios.map(({ name }) => name).join(', ')}`,
    )
  }
  return values.scenario.length === 0 ? scenarios : scenarios.filter(({ name }) => values.scenario.includes(name))
}

function numberOf(option: 'seed' | 'from' | 'seeds' | 'minutes', fallback: number): number {
  const text = values[option]
  const number = text === undefined ? fallback : Number(text)
  if (Number.isNaN(number) || number < 0) throw new Error(`--${option} ${text} is not a number`)
  return number
}

function chosenSteps(): readonly number[] | undefined {
  if (values.steps === undefined) return undefined
  const steps = parseSteps(values.steps)
  if (steps === undefined) throw new Error(`--steps ${values.steps} is not a list of numbers such as 0-3,7`)
  return steps
}

async function main(): Promise<boolean> {
  if (values.list) {
    for (const { name, summary } of scenarios) console.log(`${name.padEnd(12)} ${summary}`)
    return true
  }
  const tallies = chosenScenarios().map((scenario): Tally => ({
    scenario,
    counts: {},
    seeds: 0,
    virtualMs: 0,
    events: 0,
  }))
  if (values.seed !== undefined) {
    const seed = numberOf('seed', 0)
    for (const tally of tallies) if (!(await runSeed(tally, seed, chosenSteps()))) return false
    return tallies.map(report).every(Boolean)
  }
  const seedsMax = numberOf('seeds', Number.POSITIVE_INFINITY)
  const endMs =
    performance.now() + numberOf('minutes', values.seeds === undefined ? 1 : Number.POSITIVE_INFINITY) * 60_000
  let seed = values.from === undefined ? randomInt(2 ** 32) : numberOf('from', 0)
  console.log(`seeds from ${seed}`)
  for (let count = 0; count < seedsMax && (count === 0 || performance.now() < endMs); count++) {
    for (const tally of tallies) if (!(await runSeed(tally, seed))) return false
    seed += 1
  }
  return tallies.map(report).every(Boolean)
}

try {
  if (!(await main())) process.exitCode = 1
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
