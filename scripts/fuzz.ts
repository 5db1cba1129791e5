/**
 * `npm run fuzz`: mutated requests at the decoder and at a live broker, beside which a good client must notice nothing.
 *
 *   npm run fuzz                                  both targets, a minute each, with a new seed
 *   npm run fuzz -- --target broker --minutes 30  half an hour of new frames at a broker
 *   npm run fuzz -- --frames 1000000              so many at each target
 *   npm run fuzz -- --seed 4711 --frames 5000     the same frames again, but for the ids that a broker gives its topics
 *   npm run fuzz -- --target broker --valid       requests of neighbours who behave, to compare with what the good client keeps beside them
 *   npm run fuzz -- --replay FILE                 what was sent before something failed
 *   npm run fuzz -- --budget ci                   what CI runs: less than a minute in all
 *   npm run fuzz -- --json                        the report as JSON, the progress not at all
 *
 * Prints what became of the frames by API and by kind of mutation, the good client's throughput and the broker's memory. What fails is written to a
 * file with the bytes that were sent before, whose name is printed; exit code 1. The last line counts targets.
 */
import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runBroker } from '../test/fuzz/broker-run.ts'
import type { BrokerReport } from '../test/fuzz/broker-run.ts'
import { runDecoder } from '../test/fuzz/decoder-run.ts'
import type { DecoderReport } from '../test/fuzz/decoder-run.ts'
import { replayDecoder } from '../test/fuzz/decoder-target.ts'
import type { FuzzFailure } from '../test/fuzz/failure.ts'
import type { ThroughputRule } from '../test/fuzz/measures.ts'
import { percent } from '../test/fuzz/tally.ts'

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: 'both' },
    seed: { type: 'string' },
    frames: { type: 'string' },
    minutes: { type: 'string' },
    lanes: { type: 'string', default: '2' },
    budget: { type: 'string' },
    replay: { type: 'string' },
    valid: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

type Target = 'decoder' | 'broker'

interface Budget {
  readonly frames: number
  readonly minutes: number
  /** Of the good client's phases at the broker. */
  readonly quietMs: number
  readonly busyMs: number
  readonly warmMs: number
  readonly throughputRule: ThroughputRule
  readonly memoryGrowthMax: number
}

/** Half, over long phases. A CI machine does other things as well, so that there only a client that is all but shut out is a failure. */
const throughputRule: ThroughputRule = { ratioMin: 0.5, phases: 3 }
const ciThroughputRule: ThroughputRule = { ratioMin: 0.1, phases: 5 }

/** What the goal is, of a broker that is warm; seconds after its start it still grows with all that it does for the first time. */
const memoryGrowthMax = 64 * 1024 * 1024
const ciMemoryGrowthMax = 2 * memoryGrowthMax

/** Short turns, so that there are enough of them for a median. */
const ciBudgets: Readonly<Record<Target, Budget>> = {
  decoder: {
    frames: Infinity,
    minutes: 5 / 60,
    quietMs: 0,
    busyMs: 0,
    warmMs: 0,
    throughputRule: ciThroughputRule,
    memoryGrowthMax,
  },
  broker: {
    frames: Infinity,
    minutes: 16 / 60,
    quietMs: 700,
    busyMs: 1800,
    warmMs: 6000,
    throughputRule: ciThroughputRule,
    memoryGrowthMax: ciMemoryGrowthMax,
  },
}

const progressEveryMs = 1000

async function main(): Promise<boolean> {
  const targets = chosenTargets()
  if (values.replay !== undefined) return replay(values.replay)
  const seed = numberOf('seed') ?? randomInt(2 ** 32)
  say(`seed ${seed}`)
  let passed = 0
  for (const target of targets) if (finish(target, seed, await run(target, seed, budgetOf(target)))) passed += 1
  say(`\n${passed} passed, ${targets.length - passed} failed, 0 skipped`)
  return passed === targets.length
}

function run(target: Target, seed: number, budget: Budget): Promise<DecoderReport | BrokerReport> {
  const onProgress = progressLine(target)
  if (target === 'decoder') return runDecoder({ seed, ...budget, onProgress })
  return runBroker({ seed, ...budget, lanes: numberOf('lanes')!, valid: values.valid, onProgress })
}

/** Says what came of it, in sentences or as JSON; false when it failed. */
function finish(target: Target, seed: number, report: DecoderReport | BrokerReport): boolean {
  const { tally, frames, elapsedMs, failures } = report
  endProgress()
  if (values.json) {
    const { byApi, byMutation } = tally
    const measured =
      'memory' in report
        ? {
            throughput: report.throughput,
            ratio: report.throughput.ratio,
            memoryGrowthBytes: report.memory.growthBytes,
          }
        : { memoryGrowthBytes: report.memoryGrowthBytes }
    const messages = failures.map(({ message }) => message)
    console.log(JSON.stringify({ target, seed, frames, elapsedMs, byApi, byMutation, ...measured, failures: messages }))
  } else {
    console.log(`\n── ${target} ──`)
    console.log(tally.text())
    console.log(
      `\n${frames} frames in ${(elapsedMs / 1000).toFixed(1)} s, ${percent(tally.reached / Math.max(1, tally.frames))} of them reached ${target === 'broker' ? 'a handler' : 'the end of the decoder'}`,
    )
    console.log(measurements(report))
  }
  for (const failure of failures) show(failure, seed)
  return failures.length === 0
}

function measurements(report: DecoderReport | BrokerReport): string {
  if ('memoryGrowthBytes' in report) {
    const { memoryGrowthBytes, residentGrowthBytes } = report
    const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`
    return `memory: ${mebibytes(memoryGrowthBytes)} more are alive than when it was warm, ${mebibytes(residentGrowthBytes)} more resident`
  }
  const { throughput, memory, cost, verifiedRecords, topicsDeleted } = report
  return [
    throughput.text(),
    cost.text(),
    memory.text(),
    `after a restart ${verifiedRecords} records of the good client were read back; ${topicsDeleted} topics that requests had made were deleted`,
  ].join('\n')
}

function show(failure: FuzzFailure, seed: number): void {
  console.error(`\n✖ ${failure.message}`)
  if (failure.sent.length > 0) {
    const file = join(mkdtempSync(join(tmpdir(), 'ottla-fuzz-failure-')), `${failure.target}-${seed}.json`)
    writeFileSync(file, `${JSON.stringify({ seed, ...failure }, undefined, 1)}\n`)
    console.error(`what was sent last: npm run fuzz -- --replay ${file}`)
  }
  console.error(`from the start: npm run fuzz -- --target ${failure.target} --seed ${seed}`)
}

async function replay(path: string): Promise<boolean> {
  const failure = JSON.parse(readFileSync(path, 'utf8')) as FuzzFailure & { seed: number }
  const bytes = failure.sent.map(sent => Buffer.from(sent.base64, 'base64'))
  if (failure.target === 'decoder') {
    replayDecoder(bytes)
    say(`${bytes.length} frames were decoded, and nothing was wrong`)
    return true
  }
  const report = await runBroker({ ...ciBudgets.broker, seed: failure.seed, frames: 0, replay: bytes, lanes: 1 })
  return finish('broker', failure.seed, report)
}

function chosenTargets(): readonly Target[] {
  const { target } = values
  if (target === 'both') return ['decoder', 'broker']
  if (target === 'decoder' || target === 'broker') return [target]
  throw new Error(`--target is decoder, broker or both, not ${target}`)
}

function budgetOf(target: Target): Budget {
  if (values.budget === 'ci') return ciBudgets[target]
  if (values.budget !== undefined) throw new Error(`there is no budget ${values.budget}, only ci`)
  const frames = numberOf('frames') ?? Infinity
  const minutes = numberOf('minutes') ?? (frames === Infinity ? 1 : Infinity)
  // With the frames of an hour there is time to see everything for the first time; a short run has to begin to count sooner.
  const warmMs = minutes > 2 && frames > 100_000 ? 60_000 : 20_000
  return { frames, minutes, quietMs: 1000, busyMs: 4000, warmMs, throughputRule, memoryGrowthMax }
}

function numberOf(option: 'seed' | 'frames' | 'minutes' | 'lanes'): number | undefined {
  const text = values[option]
  if (text === undefined) return undefined
  const number = Number(text)
  if (!(number >= 0)) throw new Error(`--${option} ${text} is not a number`)
  return number
}

let shownMs = 0
let isShown = false

/** On a terminal one line that is written over; nothing where the output goes to a file. */
function progressLine(target: Target): (frames: number) => void {
  return frames => {
    if (values.json || !process.stderr.isTTY || performance.now() - shownMs < progressEveryMs) return
    shownMs = performance.now()
    isShown = true
    process.stderr.write(`\r${target}: ${frames} frames, ${(shownMs / 1000).toFixed(0)} s `)
  }
}

function endProgress(): void {
  if (isShown) process.stderr.write('\n')
  isShown = false
}

function say(text: string): void {
  if (!values.json) console.log(text)
}

let passed = false
try {
  passed = await main()
} catch (error) {
  console.error((error as Error).message)
}
// Connections that a broker was killed with, and limits that were not needed, would hold it up.
// oxlint-disable-next-line unicorn/no-process-exit
process.exit(passed ? 0 : 1)
