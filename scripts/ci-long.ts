/**
 * `npm run ci:long`: what CI runs, with budgets that CI has no time for. For a night, or before a release.
 *
 *   npm run ci:long                   an hour of simulation, an hour of fuzzing, 200 kills, the benchmarks in full
 *   npm run ci:long -- --minutes 5    that much simulation, and fuzzing and kills in proportion
 *
 * Runs everything, whichever part fails first, and ends with exit code 1 if one did. Each part prints the seeds that repeat it.
 */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' }, seed: { type: 'string' } } })
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new Error('--minutes takes a number above 0')
const seed = values.seed ?? String(randomInt(2 ** 31))

const parts: readonly (readonly [script: string, ...args: string[]])[] = [
  ['check'],
  ['test', '--timeout-ms', '1200000'],
  ['protocol:check'],
  ['sim', '--minutes', String(minutes)],
  ['planted'],
  ['soak', '--seconds', String(Math.max(60, Math.round(minutes * 10))), '--seed', seed],
  // Half of it at the decoder, half at a broker.
  ['fuzz', '--minutes', String(minutes / 2), '--seed', seed],
  ['interop', '--rounds', String(Math.max(20, Math.round(minutes * (200 / 60)))), '--seed', seed],
  ['pack:check'],
  ['bench:codec'],
  ['bench'],
]

// Tests that have a long form take it.
process.env['OTTLA_TEST_LONG'] = '1'

const failed: string[] = []
console.log(`seed ${seed}`)
for (const [script, ...args] of parts) {
  console.log(`\n── npm run ${script} ${args.join(' ')} ──`)
  const command = ['run', '--silent', script, ...(args.length > 0 ? ['--', ...args] : [])]
  const { status } = spawnSync('npm', command, { stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) failed.push(script)
}
console.log(failed.length === 0 ? '\nall passed' : `\nfailed: ${failed.join(', ')}`)
if (failed.length > 0) process.exitCode = 1
