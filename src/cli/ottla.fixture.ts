/** Runs the command from the sources as a process of its own, for tests. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

const main = join(import.meta.dirname, 'main.ts')

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly pid: number
  /** Resolves with the first line on standard output; rejects when there never is one. */
  readonly firstLine: Promise<string>
  readonly ended: Promise<Ended>
  kill(signal: NodeJS.Signals): void
}

/** A folder that is removed after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-cli-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** Starts `ottla` with these arguments; it is killed after the test if it still runs then. Variables that begin like ours are not inherited. */
export function ottla(t: TestContext, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(OTTLA|KAFKA|NODE_TEST)_/.test(name))
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  const line = Promise.withResolvers<string>()
  child.stdout.on('data', chunk => {
    stdout += String(chunk)
    if (stdout.includes('\n')) line.resolve(stdout.slice(0, stdout.indexOf('\n')))
  })
  child.stderr.on('data', chunk => {
    stderr += String(chunk)
  })
  const ended = new Promise<Ended>(resolve => {
    child.once('close', (code, signal) => {
      line.reject(new Error(`ottla ended with ${code ?? signal} before it was ready:\n${stderr}`))
      resolve({ code, signal, stdout, stderr })
    })
  })
  // Whoever only waits for the end has no use for the line.
  line.promise.catch(() => {})
  return { pid: child.pid!, firstLine: line.promise, ended, kill: signal => child.kill(signal) }
}

export interface Ready {
  readonly event: 'ready'
  readonly host: string
  readonly port: number
  readonly addresses: readonly string[]
  readonly data: readonly string[] | null
  readonly readyMs: number
  readonly pid: number
}

/** Starts a broker with `--json` and gives what its ready line says. */
export async function startedBroker(
  t: TestContext,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<Running & { ready: Ready }> {
  const running = ottla(t, ['start', '--json', ...args], env)
  return { ...running, ready: JSON.parse(await running.firstLine) as Ready }
}
