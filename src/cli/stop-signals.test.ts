import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

/** A process that takes for ever to stop, or as long as it is told. */
function slowProcess(
  t: TestContext,
  limitMs: number,
): { ready: Promise<void>; ended: Promise<NodeJS.Signals | null>; kill(signal: NodeJS.Signals): void; text(): string } {
  const program = `
    import { StopSignals } from ${JSON.stringify(join(import.meta.dirname, 'stop-signals.ts'))}
    const signals = new StopSignals()
    setInterval(() => {}, 1000)
    console.log('ready')
    console.log('stopping on ' + await signals.first)
    signals.endWithin(${limitMs}, () => console.log('late'))`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let text = ''
  const ready = new Promise<void>(resolve => {
    child.stdout.on('data', chunk => {
      text += String(chunk)
      resolve()
    })
  })
  const ended = new Promise<NodeJS.Signals | null>(resolve => child.once('close', (_code, signal) => resolve(signal)))
  return { ready, ended, kill: signal => child.kill(signal), text: () => text }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setTimeout(resolve, 5))
}

test('the second signal ends the process at once, by that signal', async t => {
  const slow = slowProcess(t, 3_600_000)
  await slow.ready
  slow.kill('SIGINT')
  await until(() => slow.text().includes('stopping on SIGINT'))
  slow.kill('SIGTERM')
  assert.equal(await slow.ended, 'SIGTERM')
})

test('an end that takes too long is made short, by the signal that asked for it', async t => {
  const slow = slowProcess(t, 20)
  await slow.ready
  slow.kill('SIGINT')
  assert.equal(await slow.ended, 'SIGINT')
  assert.match(slow.text(), /late/)
})
