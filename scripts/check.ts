/**
 * `npm run check`: everything that can be said of the code without running the product. Types, lint, format, the tidy rules and
 * generated documents; all of them run, whichever fails first, and the output of those that fail is shown.
 */
import { spawn } from 'node:child_process'

interface Step {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

const steps: readonly Step[] = [
  { name: 'types', command: 'tsc', args: ['--project', '.'] },
  { name: 'lint', command: 'oxlint', args: [] },
  { name: 'format', command: 'oxfmt', args: ['--check', '.'] },
  { name: 'tidy', command: 'node', args: ['--test', 'test/tidy.test.ts'] },
  { name: 'docs', command: 'node', args: ['scripts/docs-protocol.ts', '--check'] },
]

interface Outcome {
  readonly step: Step
  readonly ok: boolean
  readonly output: string
  readonly durationMs: number
}

function runStep(step: Step): Promise<Outcome> {
  const startedMs = performance.now()
  return new Promise(resolve => {
    // On Windows npm's commands are batch files, which only a shell runs; the arguments are constants of this file.
    const child = spawn(step.command, step.args, {
      shell: process.platform === 'win32',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const add = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    child.stdout.on('data', add)
    child.stderr.on('data', add)
    const done = (ok: boolean): void => resolve({ step, ok, output, durationMs: performance.now() - startedMs })
    child.on('error', error => {
      output += `${step.command}: ${error.message}; run this through npm (npm run check), which knows where the tools are\n`
      done(false)
    })
    child.on('close', code => done(code === 0))
  })
}

const outcomes = await Promise.all(steps.map(runStep))
for (const outcome of outcomes) {
  if (!outcome.ok) console.log(`\n── ${outcome.step.name} ──\n${outcome.output.trim()}`)
}
console.log()
for (const { step, ok, durationMs } of outcomes) {
  console.log(`${ok ? '✔' : '✖'} ${step.name.padEnd(8)} ${(durationMs / 1000).toFixed(1)} s`)
}
if (outcomes.some(outcome => !outcome.ok)) process.exitCode = 1
