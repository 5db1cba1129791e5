/**
 * `npm run interop`: clients that this project did not write, against a fresh broker.
 *
 * Builds the client programs, starts a broker on a free port, runs the programs, looks at the disk for what they claim
 * to have written, lets another client read it, stops the broker, lets Kafka's DumpLogSegments read every file it left.
 * Progress goes to standard error; standard output gets the failures and the totals, or JSON lines with `--json`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBroker, useBroker, type Broker } from './runner/broker.ts'
import { build } from './runner/builds.ts'
import { checkCodecs, crossRead } from './runner/afterwards.ts'
import { dumpLogs } from './runner/dump.ts'
import { inTurns } from './runner/in-turns.ts'
import { killAll, run } from './runner/process.ts'
import { parseOptions, usage, type Options } from './runner/options.ts'
import { readProgram, summaryLine, type Result, type Wrote } from './runner/results.ts'
import { selectSuites, suites, type Suite } from './runner/suites.ts'
import { makeVectors, writeVectors } from './runner/vectors.ts'
import { differentialSuite } from './differential/suite.ts'
import { exactlyOnceTest } from './exactly-once/exactly-once.ts'
import { streamsTest } from './streams/streams.ts'
import { groupSuites, runGroups } from './groups/groups.ts'
import { foreignRecordsTest } from './foreign-records/suite.ts'
import { kafkaFilesSuite } from './kafka-files/suite.ts'
import { killTest } from './kill/kill.ts'
import { moveTest } from './kill/move.ts'

/** Suites that start brokers of their own. */
const byThemselves = new Set<string>([
  'differential',
  'kill',
  'exactly-once',
  'streams',
  'kafka-files',
  'foreign-records',
  'move',
  ...groupSuites,
])

const startedMs = performance.now()

process.exitCode = await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<number> {
  let options: Options
  let selected: Suite[]
  try {
    options = parseOptions(argv)
    selected = selectSuites(options.only, options.skip)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`)
    return 2
  }
  if (options.help || options.list) {
    process.stdout.write(options.help ? usage : suites.map(listLine).join(''))
    return 0
  }
  const dir = mkdtempSync(join(tmpdir(), 'ottla-interop-'))
  process.once('exit', killAll)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  try {
    const builds = buildAll(selected, options)
    if (options.buildOnly) return (await builds).length > 0 ? 1 : 0
    const results = [...(await builds), ...(await runAll(selected, options, dir).catch(brokerFailure))]
    return report(results, options)
  } finally {
    killAll()
    if (options.keep) progress(`kept: ${dir}`)
    else rmSync(dir, { recursive: true, force: true })
  }
}

/** Builds what the suites need; a build that fails is a failed test of each suite that needed it. */
async function buildAll(selected: Suite[], options: Options): Promise<Result[]> {
  const names = new Set(selected.flatMap(suite => suite.builds))
  if (options.against.kind === 'kafka') names.add('kafka-tools')
  const results: Result[] = []
  // Rust takes longest by far, so it begins first.
  const inOrder = [...names].sort((one, other) => Number(other === 'rust') - Number(one === 'rust'))
  await inTurns(inOrder, options.jobs, async name => {
    const beganMs = performance.now()
    try {
      if (await build(name)) progress(`built ${name} in ${seconds(performance.now() - beganMs)}`)
    } catch (error) {
      const why = (error as Error).message
      progress(`building ${name} failed: ${why}`)
      for (const suite of selected.filter(candidate => candidate.builds.includes(name))) {
        results.push({ suite: suite.name, test: `build ${name}`, outcome: 'failed', why })
      }
      selected.splice(0, selected.length, ...selected.filter(suite => !suite.builds.includes(name)))
    }
  })
  return results
}

async function runAll(selected: readonly Suite[], options: Options, dir: string): Promise<Result[]> {
  const results: Result[] = []
  const add = (more: readonly Result[], elapsedMs: number) => {
    if (more.length > 0) progress(`${more[0]!.suite}: ${summaryLine(more)} in ${seconds(elapsedMs)}`)
    for (const result of more) {
      if (result.outcome === 'failed') progress(`  not ok ${result.test}: ${result.why ?? ''}`)
    }
    results.push(...more)
  }
  const timed = async (job: () => Promise<Result[]>) => {
    const beganMs = performance.now()
    const bySuite = Map.groupBy(await job(), result => result.suite)
    for (const more of bySuite.values()) add(more, performance.now() - beganMs)
  }
  const has = (name: string) => selected.some(suite => suite.name === name)

  if (selected.some(suite => !byThemselves.has(suite.name))) {
    const broker = await openBroker(options, join(dir, 'broker'))
    progress(`${options.against.kind} on ${broker.address}`)
    const wrote = await runPrograms(selected, options, broker, dir, add)
    if (has('cross')) await timed(() => crossRead(broker.address, wrote, join(dir, 'vectors.tsv'), dir))
    const problems = await broker.stop()
    add(brokerResults(problems), 0)
    if (has('dump')) await timed(() => dumpLogs('dump', broker.dataDir))
  }
  if (has('differential')) await timed(() => differentialSuite(join(dir, 'differential'), options.record))
  const groups = groupSuites.filter(has)
  if (groups.length > 0) await timed(() => runGroups(groups, options, join(dir, 'groups'), progress))
  if (has('exactly-once')) await timed(() => exactlyOnceTest(options, join(dir, 'exactly-once'), progress))
  if (has('streams')) await timed(() => streamsTest(options, join(dir, 'streams'), progress))
  if (has('kafka-files')) await timed(() => kafkaFilesSuite(join(dir, 'kafka-files'), progress))
  if (has('foreign-records')) await timed(() => foreignRecordsTest(options, join(dir, 'foreign-records')))
  if (has('move')) await timed(() => moveTest(options, join(dir, 'move'), progress))
  if (has('kill')) await timed(() => killTest(options, join(dir, 'kill'), progress))
  return results
}

async function runPrograms(
  selected: readonly Suite[],
  options: Options,
  broker: Broker,
  dir: string,
  add: (results: readonly Result[], elapsedMs: number) => void,
): Promise<Wrote[]> {
  const vectorsPath = join(dir, 'vectors.tsv')
  writeVectors(vectorsPath, makeVectors(Date.now()))
  const everything: Wrote[] = []
  const run1 = `i${Date.now().toString(36)}`
  const runProgram = async (suite: Suite) => {
    if (suite.command === undefined) return
    const topicPrefix = `${run1}-${suite.name}`
    const command = suite.command({ address: broker.address, vectorsPath, topicPrefix })
    const finished = await run(command, suite.timeLimitMs)
    const { results, wrote } = readProgram(suite.name, finished)
    add([...results, ...checkCodecs(suite.name, wrote, broker.dataDir)], finished.elapsedMs)
    everything.push(...wrote)
  }
  // Kafka's tools change settings of the whole broker, so they are by themselves.
  const alone = selected.filter(suite => suite.family === 'kafka-tools')
  const others = selected.filter(suite => !alone.includes(suite))
  await inTurns(others, options.jobs, runProgram)
  await inTurns(alone, 1, runProgram)
  return everything
}

function openBroker({ against }: Options, dir: string): Promise<Broker> {
  return against.kind === 'address' ? useBroker(against.address) : startBroker(against.kind, { dir })
}

/** A broker that does not start, or a fault of the runner's own. */
function brokerFailure(error: unknown): Result[] {
  return [{ suite: 'broker', test: 'the run as a whole', outcome: 'failed', why: (error as Error).message }]
}

function brokerResults(problems: readonly string[]): Result[] {
  const test = 'runs without an error and stops at once on SIGTERM'
  if (problems.length === 0) return [{ suite: 'broker', test, outcome: 'passed' }]
  return problems.map(why => ({ suite: 'broker', test, outcome: 'failed', why }))
}

function report(results: readonly Result[], options: Options): number {
  const failed = results.filter(result => result.outcome === 'failed')
  if (options.json) {
    for (const result of results) process.stdout.write(`${JSON.stringify(result)}\n`)
  } else {
    for (const { suite, test, why } of failed) process.stdout.write(`not ok ${suite}, ${test}: ${why ?? ''}\n`)
  }
  progress(`done in ${seconds(performance.now() - startedMs)}`)
  process.stdout.write(`${summaryLine(results)}\n`)
  return failed.length > 0 || results.length === 0 ? 1 : 0
}

function listLine({ name, family, about }: Suite): string {
  return `${name.padEnd(16)} ${family.padEnd(12)} ${about}\n`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function progress(line: string): void {
  process.stderr.write(`[${seconds(performance.now() - startedMs).padStart(7)}] ${line}\n`)
}
