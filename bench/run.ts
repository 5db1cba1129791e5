/**
 * `npm run bench`: Ottla, the yardstick in C and real Kafka in turns, on this machine, now.
 *
 *   npm run bench                       every suite, 5 pairs each
 *   npm run bench -- startup produce    these suites
 *   npm run bench -- --pairs 9 fetch    more pairs
 *   npm run bench -- --without kafka    only against the yardstick, which is much quicker
 *   npm run bench -- --json             the results as JSON, one object a line
 *   npm run bench -- --smoke            everything once and briefly, to see that it runs
 *   npm run bench -- --list
 *
 * Measures the built package: builds it first. Needs cc, and for Kafka also Java 17 and Maven (its jars are kept in .cache/).
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from '../interop/runner/builds.ts'
import { markdown, measure } from './harness.ts'
import type { Contender, Result, Suite } from './harness.ts'
import { startup } from './suites/startup.ts'
import { fetch, javaProducer, produce } from './suites/throughput.ts'

const suites: readonly Suite[] = [startup, produce, fetch, javaProducer]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    without: { type: 'string', multiple: true, default: [] },
  },
})

const pairs = values.smoke ? 1 : Number(values.pairs)
const everybody: readonly Contender[] = ['ottla', 'yardstick', 'kafka']
const taking = everybody.filter(contender => !values.without.includes(contender))
const unknown = positionals.filter(name => !suites.some(suite => suite.name === name))
if (values.list) {
  for (const { name, what } of suites) console.log(`${name.padEnd(14)} ${what}`)
} else if (unknown.length > 0 || !Number.isInteger(pairs) || pairs < 1) {
  console.error(
    unknown.length > 0 ? `no suite is called ${unknown.join(', ')}; see --list` : '--pairs takes a whole number from 1',
  )
  process.exitCode = 1
} else {
  const results = await runSuites(suites.filter(({ name }) => positionals.length === 0 || positionals.includes(name)))
  // The figures of a smoke run mean nothing; that there are some is what it is for.
  if (values.smoke) console.log(`${results.length} passed, 0 failed, 0 skipped`)
  else if (!values.json) console.log(`\n${markdown(results, taking)}`)
}

async function runSuites(selected: readonly Suite[]): Promise<Result[]> {
  const built = spawnSync('npm', ['run', '--silent', 'build'], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (built.status !== 0) throw new Error('the build failed')
  if (taking.includes('kafka')) await build('kafka-tools')
  const folder = mkdtempSync(join(tmpdir(), 'ottla-bench-'))
  const results: Result[] = []
  try {
    for (const suite of selected) {
      const contenders = suite.contenders.filter(contender => taking.includes(contender))
      const { rows, close } = await suite.open({ smoke: values.smoke, folder: join(folder, suite.name), contenders })
      try {
        for (const row of rows) {
          for (const result of await measure(suite.name, row, contenders, pairs)) {
            results.push(result)
            report(result)
          }
        }
      } finally {
        await close()
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return results
}

function report(result: Result): void {
  if (values.json) {
    console.log(JSON.stringify(result))
    return
  }
  const { row, metric, unit, medians, ratios, digits } = result
  const numbers = Object.entries(medians).map(([contender, value]) => `${contender} ${value.toFixed(digits)}`)
  const quotients = Object.entries(ratios).map(([rival, ratio]) => `÷ ${rival} ${ratio.median.toFixed(2)}`)
  console.error(`${row}: ${metric}, ${unit}: ${[...numbers, ...quotients].join(', ')}`)
}
